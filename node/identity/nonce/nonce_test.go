package nonce

import (
	"bytes"
	"testing"
	"time"
)

// TestAbout: a nonce is known again by its maker alone, for its purpose, until its
// end, as it was.
func TestAbout(t *testing.T) {
	m, other, now := New(), New(), time.Now()
	made := m.Issue("sign-in", []byte("x"), now)
	if about, ok := m.About("sign-in", made, now.Add(Life-time.Second)); !ok || string(about) != "x" {
		t.Errorf("%q %v", about, ok)
	}
	if bytes.Equal(made, m.Issue("sign-in", []byte("x"), now)) {
		t.Error("two are the same")
	}
	for name, ok := range map[string]bool{
		"another purpose": second(m.About("register", made, now)), "another maker": second(other.About("sign-in", made, now)), "over": second(m.About("sign-in", made, now.Add(Life+time.Millisecond))),
		"cut": second(m.About("sign-in", made[1:], now)), "nothing": second(m.About("sign-in", nil, now)),
	} {
		if ok {
			t.Errorf("%s is known", name)
		}
	}
	for i := range made {
		bad := bytes.Clone(made)
		if bad[i] ^= 1; second(m.About("sign-in", bad, now)) {
			t.Errorf("with another byte at %d", i)
		}
	}
}

func second(_ []byte, ok bool) bool { return ok }
