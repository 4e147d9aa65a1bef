package life

import (
	"math"
	"testing"
	"time"

	"cairn/sample/dice"
)

// TestFiltration compares with the formula of CKD-EPI 2021 in floating-point numbers.
func TestFiltration(t *testing.T) {
	for _, female := range []bool{false, true} {
		kappa, alpha, sex := 0.9, -0.302, 1.0
		if female {
			kappa, alpha, sex = 0.7, -0.241, 1.012
		}
		for creatinine := 40; creatinine < 600; creatinine += 7 {
			for age := 18; age < 100; age += 3 {
				ratio := float64(creatinine) / 100 / kappa
				want := 142 * math.Pow(min(ratio, 1), alpha) * math.Pow(max(ratio, 1), -1.2) * math.Pow(0.9938, float64(age)) * sex
				if got := filtration(creatinine, age, female); math.Abs(float64(got)-min(want, 140)) > 0.5001 {
					t.Fatalf("creatinine %d, age %d, female %t: %d, want %v", creatinine, age, female, got, want)
				}
			}
		}
	}
}

func TestAge(t *testing.T) {
	on := func(s string) Day {
		at, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return Day(at.Unix() / 86_400)
	}
	for _, c := range []struct {
		birth, at string
		want      int
	}{{"2000-02-29", "2001-02-28", 0}, {"2000-02-29", "2001-03-01", 1}, {"1960-06-15", "2025-06-14", 64}, {"1960-06-15", "2025-06-15", 65}} {
		if got := agedYears(on(c.birth), on(c.at)); got != c.want {
			t.Errorf("born %s, aged %d on %s, want %d", c.birth, got, c.at, c.want)
		}
	}
	if Reference != on("2026-01-01") || coronaSpring != on("2021-04-01") {
		t.Error("a day is not the day that it is said to be")
	}
}

func TestWorkday(t *testing.T) {
	for d := Day(20000); d < 20021; d++ {
		got := workday(d)
		if w := got.date().Weekday(); w == time.Saturday || w == time.Sunday || got < d || got > d+2 {
			t.Errorf("%s for %s", got, d)
		}
	}
}

// TestCulturesAddUp sees that the weights are of a hundred and no stock of names is empty.
func TestCulturesAddUp(t *testing.T) {
	sum := 0
	for _, c := range cultures {
		sum += c.weight
		if len(c.women) < 3 || len(c.men) < 3 || len(c.kins) < 3 {
			t.Errorf("few names for %s", c.Language.Display)
		}
	}
	if sum != 100 {
		t.Errorf("weights of %d", sum)
	}
}

// TestMeasuresAreComplete sees that each measure can be written down and that its normal values are possible.
func TestMeasuresAreComplete(t *testing.T) {
	for m := range measureCount {
		s := m.Scale()
		if s.Name.Text == "" || len(s.Name.Codings) == 0 || s.Category == "" || s.Unit == "" || s.UCUM == "" || s.ceiling <= s.floor {
			t.Errorf("measure %d (%s) is not complete", m, s.Name.Text)
		}
		for sex, curve := range norms[m] {
			for _, p := range curve {
				if p[1] < s.floor || p[1] > s.ceiling {
					t.Errorf("%s of %d at %d months is outside what is possible (sex %d)", s.Name.Text, p[1], p[0], sex)
				}
			}
		}
	}
}

func TestBelowTheEndOfLife(t *testing.T) {
	died := 0
	for i := range 400 {
		l := New(dice.New([]byte{byte(i), byte(i >> 8)}), false)
		if len(l.Visits) == 0 {
			t.Fatalf("life %d has no visit", i)
		}
		last := l.Visits[len(l.Visits)-1]
		if (l.Death != 0) != last.Fatal {
			t.Errorf("life %d: died %t, last visit fatal %t", i, l.Death != 0, last.Fatal)
		}
		if l.Death != 0 {
			died++
		}
	}
	if died < 8 {
		t.Errorf("%d of 400 died", died)
	}
}
