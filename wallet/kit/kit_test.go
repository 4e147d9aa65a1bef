package kit_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cairn/wallet/kit"
)

func TestACodeReadsBackAsPeopleTypeIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := kit.Code{Kind: rapid.SampledFrom([]kit.Kind{kit.Stop, kit.Recovery}).Draw(t, "kind")}
		copy(c.Secret[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret"))
		text := c.String()
		sloppy := strings.NewReplacer("-", " ", "0", "o", "1", rapid.SampledFrom([]string{"l", "I", "i"}).Draw(t, "one")).Replace(text)
		for _, typed := range []string{text, strings.ToLower(text), strings.ReplaceAll(text, "-", ""), sloppy, text + "\n"} {
			if back, err := kit.Parse(typed); err != nil || back != c {
				t.Fatalf("%q: %v", typed, err)
			}
		}
	})
}

// One wrong symbol, two neighbours swapped inside a group and two groups swapped
// are always noticed, and the group is named.
func TestSlipsOfThePenAreNoticed(t *testing.T) {
	const symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(kit.New(kit.Recovery).String())
		at := rapid.IntRange(0, len(text)-1).Filter(func(i int) bool { return text[i] != '-' }).Draw(t, "at")
		group := "group " + string(rune('0'+(at/6+1)%10))
		if at/6+1 >= 10 {
			group = "group 1" + string(rune('0'+(at/6+1)%10))
		}
		wrong := append([]byte(nil), text...)
		wrong[at] = rapid.SampledFrom([]byte(symbols)).Filter(func(b byte) bool { return b != text[at] }).Draw(t, "wrong")
		if _, err := kit.Parse(string(wrong)); !errors.Is(err, kit.ErrCode) || !strings.Contains(err.Error(), group) {
			t.Fatalf("%s for %s: %v", wrong, text, err)
		}
		if at%6 < 4 && text[at] != text[at+1] {
			swapped := append([]byte(nil), text...)
			swapped[at], swapped[at+1] = text[at+1], text[at]
			if _, err := kit.Parse(string(swapped)); !errors.Is(err, kit.ErrCode) {
				t.Fatalf("%s for %s was taken", swapped, text)
			}
		}
		parts := strings.Split(string(text), "-")
		i, j := rapid.IntRange(0, 12).Draw(t, "i"), rapid.IntRange(0, 12).Draw(t, "j")
		if i != j {
			parts[i], parts[j] = parts[j], parts[i]
			if _, err := kit.Parse(strings.Join(parts, "-")); !errors.Is(err, kit.ErrCode) {
				t.Fatal("two groups swapped were taken")
			}
		}
	})
}

func TestWhatIsNoCode(t *testing.T) {
	good := kit.New(kit.Stop).String()
	for _, text := range []string{"", "U", good + "0", good[:len(good)-1], strings.Repeat("0", 65), strings.Repeat("é", 65), strings.Repeat("A", 1<<16)} {
		if _, err := kit.Parse(text); !errors.Is(err, kit.ErrCode) {
			t.Errorf("%.20q was taken: %v", text, err)
		}
	}
}

func TestEachCodeIsForOneThing(t *testing.T) {
	stop, recovery := kit.New(kit.Stop), kit.New(kit.Recovery)
	if _, err := recovery.Mark([32]byte{1}, "north"); !errors.Is(err, kit.ErrKind) {
		t.Error("the recovery code stops")
	}
	if _, err := stop.WalletKey(); !errors.Is(err, kit.ErrKind) {
		t.Error("the stop code opens the wallet")
	}
	if _, err := stop.Handle("north"); !errors.Is(err, kit.ErrKind) {
		t.Error("the stop code fetches the wallet")
	}
	key, _ := recovery.WalletKey()
	north, _ := recovery.Handle("north")
	south, err := recovery.Handle("south")
	if err != nil || len(map[[32]byte]bool{key: true, north: true, south: true, recovery.Secret: true}) != 4 {
		t.Error("the key and the handles must all differ", err)
	}
	seen := map[[32]byte]bool{}
	for _, network := range [][32]byte{{1}, {2}} {
		for _, member := range []string{"north", "south", "northsouth"} {
			m, err := stop.Mark(network, member)
			if err != nil || seen[m] {
				t.Error("marks of two members or networks are one", err)
			}
			seen[m] = true
			if again, _ := stop.Mark(network, member); again != m {
				t.Error("a mark changes")
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(kit.New(kit.Stop).String())
	f.Add("lo1i-")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := kit.Parse(text); err == nil {
			if again, err := kit.Parse(c.String()); err != nil || again != c {
				t.Fatal("a code does not read back")
			}
		}
	})
}
