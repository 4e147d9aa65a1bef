package unit

import (
	"errors"
	"math/big"
	"strings"
	"testing"
)

func TestConvert(t *testing.T) {
	for _, c := range []struct{ value, from, to, want string }{
		{"1", "kg", "g", "1000"},
		{"1", "L", "mL", "1000"},
		{"1", "dL", "dl", "1"},
		{"100", "[degF]", "Cel", "340/9"},
		{"37", "Cel", "[degF]", "493/5"},
		{"37", "Cel", "K", "31015/100"},
		{"1000", "mCel", "Cel", "1"},
		{"120", "mm[Hg]", "kPa", "1999830/125000"},
		{"1", "mg/dL", "g/L", "1/100"},
		{"5", "mmol/L", "umol/mL", "5"},
		{"1", "[in_i]", "cm", "254/100"},
		{"1", "[lb_av]", "kg", "45359237/100000000"},
		{"7", "10*3/uL", "10*9/L", "7"},
		{"7", "10^3/uL", "10*9/L", "7"},
		{"50", "%", "1", "1/2"},
		{"1", "wk", "d", "7"},
		{"1", "a", "d", "1461/4"},
		{"2", "/min", "Hz", "1/30"},
		{"3", "{beats}/min", "/min", "3"},
		{"4", "10*-2", "%", "4"},
		{"1", "kg.m/s2", "N", "1"},
		{"1", "kg.m.s-2", "N", "1"},
		{"1", "N.m", "J", "1"},
		{"1", "J/(kg.K)", "m2/s2/K", "1"},
		{"1", "(g.m)2", "", ""},
		{"1", "m[H2O]", "kPa", "980665/100000"},
		{"5", "[iU]/mL", "k[iU]/L", "5"},
		{"1", "KiBy", "By", "1024"},
		{"7", "dag", "g", "70"},
		{"1", "kat", "U", "60000000"},
		{"180", "deg", "[pi].rad", "1"},
		{"1", "mg{total}", "ug{free}", "1000"},
		{"1", "m/s/s", "m/s2", "1"},
		{"1", "2.m", "m", "2"},
	} {
		from, err := Parse(c.from)
		if c.to == "" {
			if !errors.Is(err, ErrUnknown) {
				t.Errorf("%s: %v", c.from, err)
			}
			continue
		}
		to, err2 := Parse(c.to)
		if err != nil || err2 != nil {
			t.Errorf("%s, %s: %v, %v", c.from, c.to, err, err2)
			continue
		}
		value, _ := new(big.Rat).SetString(c.value)
		want, _ := new(big.Rat).SetString(c.want)
		if got, err := Convert(value, from, to); err != nil || got.Cmp(want) != 0 {
			t.Errorf("%s %s is %v %s, %v; want %s", c.value, c.from, got, c.to, err, c.want)
		}
	}
}

func TestComparable(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"g", "kg", true}, {"g", "m", false}, {"mmol/L", "mg/dL", false}, {"[iU]", "1", false}, {"[iU]", "m[iU]", true}, {"[iU]", "[arb'U]", false},
		{"[pH]", "mol/L", false}, {"[pH]", "[pH]", true}, {"B[SPL]", "dB[SPL]", true}, {"Cel", "K", true}, {"{a}", "{b}", true}, {"1", "%", true},
		{"rad", "1", false}, {"Cel", "J", false},
	} {
		a, err := Parse(c.a)
		b, err2 := Parse(c.b)
		if err != nil || err2 != nil || a.Comparable(b) != c.want || b.Comparable(a) != c.want {
			t.Errorf("%s and %s: %v, %v", c.a, c.b, err, err2)
		}
		if _, err := Convert(big.NewRat(1, 1), a, b); errors.Is(err, ErrIncomparable) == c.want {
			t.Errorf("%s to %s: %v", c.a, c.b, err)
		}
	}
	if (Unit{}).Comparable(Unit{}) {
		t.Error("no unit is comparable with no unit")
	}
}

func TestBase(t *testing.T) {
	for code, want := range map[string]string{"mg/dL": "g.m-3", "N": "g.m.s-2", "%": "1", "{x}": "1", "k[iU]/mL": "[iU].m-3", "Hz": "s-1", "Cel": "K"} {
		if u, err := Parse(code); err != nil || u.Base() != want {
			t.Errorf("%s: %s, %v", code, u.Base(), err)
		}
	}
	a, _ := Parse("cm")
	b, _ := Parse("m")
	cel, _ := Parse("Cel")
	if u, err := a.Multiply(b); err != nil || u.Base() != "m2" || u.ToBase(big.NewRat(1, 1)).Cmp(big.NewRat(1, 100)) != 0 {
		t.Errorf("cm times m: %s, %v", u.Base(), err)
	}
	if u, err := a.Divide(b); err != nil || u.Base() != "1" {
		t.Errorf("cm by m: %s, %v", u.Base(), err)
	}
	for _, u := range []Unit{cel, {}} {
		if _, err := u.Multiply(a); !errors.Is(err, ErrUnknown) {
			t.Error("a product with what has no ratio scale, or is no unit")
		}
		if _, err := a.Divide(u); !errors.Is(err, ErrUnknown) {
			t.Error("a quotient with what has no ratio scale, or is no unit")
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, code := range []string{
		"", " ", "mmHg", "meter", "mg/", "mg//dL", "mg dL", "(g", "g)", "{x", "x}", "{a{b}", "g-", "g+", "kmin", "m31", "m-31", "m0", "0", "-1", "Cel2",
		"J/Cel", "mg.", ".mg", "10**3", "kkg", "µg", "{ä}", "1e3", "m99999999999999999999", "99999999999999999999",
		strings.Repeat("(", 9) + "g" + strings.Repeat(")", 9), strings.Repeat("m.", 64) + "m", "Ym30.Ym30.Ym30.Ym30.Ym30.Ym30.Ym30.Ym30",
	} {
		if u, err := Parse(code); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v, %v", code, u.Base(), err)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, text := range []string{"a\tplain\n", "a\tplain\ta\t1\n", "a\tplain\tb\t1\nb\tplain\ta\t1\n", "a\tplain\tx\t1\n", "a\tplain\tm\tx\n"} {
		if _, err := load(text); err == nil {
			t.Errorf("%q was loaded", text)
		}
	}
}

// FuzzParse checks that whatever is read converts into its base and back.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"mg/dL", "10*3/uL", "kg.m/s2", "{count}", "m[H2O]", "(a/b).c", "Cel"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, code string) {
		u, err := Parse(code)
		if err != nil {
			return
		}
		base, err := Parse(u.Base())
		if err != nil {
			return // exponents beyond what a code may have
		}
		value := big.NewRat(3, 7)
		there, err := Convert(value, u, base)
		if err != nil {
			t.Fatalf("%q to %s: %v", code, u.Base(), err)
		}
		if back, err := Convert(there, base, u); err != nil || back.Cmp(value) != 0 {
			t.Fatalf("%q: %v came back, %v", code, back, err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("mg/dL"); err != nil {
			b.Fatal(err)
		}
	}
}
