package face_test

import (
	"net/http"
	"testing"

	"cairn/api/face"
)

func TestOneAddressIsBoundedAndNoOther(t *testing.T) {
	limit := face.Limit{PerSecond: 1e-9, Burst: 2}
	from := func(remote string) *http.Request { return &http.Request{RemoteAddr: remote} }
	for i, c := range []struct {
		remote string
		n      int
		want   bool
	}{
		{"192.0.2.1:1000", 1, true}, {"192.0.2.1:2000", 1, true}, {"192.0.2.1:3000", 1, false},
		{"[::ffff:192.0.2.1]:5", 1, false}, {"192.0.2.2:1000", 3, false}, {"192.0.2.2:1000", 2, true},
		{"[2001:db8:1:2::1]:5", 2, true}, {"[2001:db8:1:2:3::9%eth0]:5", 1, false}, {"[2001:db8:1:3::1]:5", 1, true},
		{"", 1, false}, {"pipe", 1, false},
	} {
		if got := limit.Allows(from(c.remote), c.n); got != c.want {
			t.Errorf("%d: %q for %d: %t", i, c.remote, c.n, got)
		}
	}
}

// TestReturn: what was given back can be taken once more, and no more than that.
func TestReturn(t *testing.T) {
	limit := face.Limit{PerSecond: 1e-9, Burst: 2}
	r := &http.Request{RemoteAddr: "192.0.2.1:1000"}
	for i, want := range []bool{true, true, false} {
		if limit.Allows(r, 1) != want {
			t.Errorf("%d: %t", i, !want)
		}
	}
	limit.Return(r, 1)
	if !limit.Allows(r, 1) || limit.Allows(r, 1) {
		t.Error("not what was given back")
	}
	limit.Return(r, 2)
	limit.Return(r, 2)
	if limit.Allows(r, 3) || !limit.Allows(r, 2) || limit.Allows(r, 1) {
		t.Error("more than a full bucket")
	}
}
