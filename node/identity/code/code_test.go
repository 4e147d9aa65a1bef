package code

import (
	"testing"
)

// TestCode: every wrong character and every pair of neighbours that changed
// places is noticed, but for 0 and Z.
func TestCode(t *testing.T) {
	for range 20 {
		code := New()
		plain, ok := Read(code)
		if !ok || len(plain) != Length {
			t.Fatal(code)
		}
		for i := range plain {
			for _, c := range []byte(crockford) {
				if c != plain[i] {
					if _, ok := Read(plain[:i] + string(c) + plain[i+1:]); ok {
						t.Errorf("%s with %c at %d", plain, c, i)
					}
				}
			}
			if i > 0 && plain[i-1] != plain[i] && !(plain[i-1] == '0' && plain[i] == 'Z') && !(plain[i-1] == 'Z' && plain[i] == '0') {
				if _, ok := Read(plain[:i-1] + string(plain[i]) + string(plain[i-1]) + plain[i+1:]); ok {
					t.Errorf("%s with %d and %d exchanged", plain, i-1, i)
				}
			}
		}
	}
	if got, ok := Read(" oilo-0000-0000-000" + string(crockford[checkDigit([]byte{0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})])); !ok || got[:4] != "0110" {
		t.Errorf("%q %v", got, ok)
	}
}

func FuzzReadCode(f *testing.F) {
	f.Add("0000-0000-0000-0000")
	f.Add(New())
	f.Fuzz(func(t *testing.T, typed string) {
		code, ok := Read(typed)
		if !ok {
			return
		}
		if again, ok := Read(code); !ok || again != code || len(code) != Length {
			t.Errorf("%q is read as %q, and that as %q", typed, code, again)
		}
	})
}
