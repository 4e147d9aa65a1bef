package safe_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"cairn/wallet/circle"
	"cairn/wallet/safe"
)

func opener(b byte) [32]byte { return [32]byte(bytes.Repeat([]byte{b}, 32)) }

// world is a wallet with every kind of lock.
type world struct {
	opened    *safe.Opened
	guardians []circle.Key
}

func newWorld(t testing.TB) world {
	t.Helper()
	w := world{opened: safe.New([]byte("what must not be lost"))}
	var circleOf []safe.Guardian
	for _, name := range []string{"aunt", "north", "friend"} {
		key, err := circle.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		w.guardians = append(w.guardians, key)
		circleOf = append(circleOf, safe.Guardian{Name: name, Public: key.Public()})
	}
	for _, err := range []error{
		w.opened.LockDevice("north", []byte("credential-n"), []byte("salt"), opener(1)),
		w.opened.LockDevice("south", []byte("credential-s"), []byte("salt"), opener(2)),
		w.opened.LockKit(opener(3)),
		w.opened.LockCircle(2, circleOf),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w world) seal(t testing.TB, member string) *safe.Safe {
	t.Helper()
	s, err := w.opened.Seal(member)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := safe.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

func TestEachLockOpens(t *testing.T) {
	w := newWorld(t)
	north := w.seal(t, "north")
	for _, c := range []struct {
		kind   string
		opener [32]byte
		opens  bool
	}{
		{safe.Device, opener(1), true}, {safe.Device, opener(2), false}, {safe.Kit, opener(3), true},
		{safe.Kit, opener(1), false}, {safe.Device, opener(3), false}, {safe.Circle, opener(3), false}, {"other", opener(1), false},
	} {
		got, err := north.Open(c.kind, c.opener)
		if c.opens && (err != nil || string(got.State) != "what must not be lost") {
			t.Errorf("%s: %v", c.kind, err)
		}
		if !c.opens && !errors.Is(err, safe.ErrClosed) {
			t.Errorf("%s opened with what is for another lock: %v", c.kind, err)
		}
	}
}

func TestTheCircleOpensAFreshDevice(t *testing.T) {
	w := newWorld(t)
	s := w.seal(t, "north")
	device, err := circle.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	var released [][]byte
	for i, at := range []int{0, 2} {
		for _, l := range s.Locks {
			if l.Kind != safe.Circle {
				continue
			}
			r, err := safe.Release(w.guardians[at], l.Shares[at].Share, device.Public())
			if err != nil {
				t.Fatal(err)
			}
			released = append(released, r)
		}
		opener, err := safe.Join(device, released)
		if i == 0 {
			if !errors.Is(err, circle.ErrFew) {
				t.Fatalf("one guardian of two: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Open(safe.Circle, opener); err != nil || string(got.State) != "what must not be lost" {
			t.Fatal(err)
		}
	}
	if _, err := safe.Release(w.guardians[1], s.Locks[len(s.Locks)-1].Shares[0].Share, device.Public()); err == nil {
		t.Error("a guardian opened another's share")
	}
	thief, _ := circle.NewKey()
	if _, err := safe.Join(thief, released); err == nil {
		t.Error("another device joined what was released to this one")
	}
}

// A removed device and an older kit open nothing that is sealed later, though
// both once had the key.
func TestWhatWasRemovedOpensNothing(t *testing.T) {
	w := newWorld(t)
	before := w.seal(t, "north")
	w.opened.Sealed()
	w.opened.Unlock([]byte("credential-n"))
	if err := w.opened.LockKit(opener(9)); err != nil {
		t.Fatal(err)
	}
	after := w.seal(t, "north")
	if after.Version != before.Version+1 {
		t.Error("the version did not grow")
	}
	for kind, o := range map[string][32]byte{safe.Device: opener(1), safe.Kit: opener(3)} {
		if _, err := before.Open(kind, o); err != nil {
			t.Error(err)
		}
		if _, err := after.Open(kind, o); !errors.Is(err, safe.ErrClosed) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if _, err := after.Open(safe.Kit, opener(9)); err != nil {
		t.Error(err)
	}
}

// Two hospitals that compare their safes find no run of bytes in common that
// tells of one wallet.
func TestSafesOfTwoHospitalsHaveNothingInCommon(t *testing.T) {
	w := newWorld(t)
	north, south := w.seal(t, "north"), w.seal(t, "south")
	parts := func(s *safe.Safe) (out [][]byte) {
		out = append(out, s.Sealed)
		for _, l := range s.Locks {
			out = append(out, l.Wrapped)
			if l.Kind == safe.Device {
				out = append(out, l.About)
			}
			for _, g := range l.Shares {
				out = append(out, g.Share)
			}
		}
		return out
	}
	for _, a := range parts(north) {
		for _, b := range parts(south) {
			for i := 0; i+12 <= len(a); i++ {
				if bytes.Contains(b, a[i:min(i+12, len(a))]) && len(a) >= 12 {
					t.Fatal("a run of 12 bytes is in both")
				}
			}
		}
	}
}

func TestTheSizeIsHidden(t *testing.T) {
	size := func(state string) int {
		o := safe.New([]byte(state))
		if err := o.LockKit(opener(1)); err != nil {
			t.Fatal(err)
		}
		s, err := o.Seal("north")
		if err != nil {
			t.Fatal(err)
		}
		return len(s.Sealed)
	}
	if a, b := size(""), size(strings.Repeat("x", 800)); a != b {
		t.Errorf("%d and %d bytes", a, b)
	}
}

// Whatever byte a hospital alters, the safe does not open, or opens to the same.
func TestAnAlteredSafeDoesNotOpen(t *testing.T) {
	w := newWorld(t)
	s := w.seal(t, "north")
	raw, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	step := len(raw)/400 + 1
	for i := 0; i < len(raw); i += step {
		altered := bytes.Clone(raw)
		altered[i] ^= 2
		got, err := safe.Decode(altered)
		if err != nil {
			continue
		}
		if o, err := got.Open(safe.Kit, opener(3)); err == nil {
			a, _ := json.Marshal(got)
			b, _ := json.Marshal(s)
			if !bytes.Equal(a, b) {
				t.Fatalf("opened with byte %d altered: %q", i, o.State)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	o := safe.New(make([]byte, safe.MaxState+1))
	if _, err := safe.New(nil).Seal("north"); !errors.Is(err, safe.ErrLarge) {
		t.Error("sealed for nobody")
	}
	if err := o.LockKit(opener(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Seal("north"); !errors.Is(err, safe.ErrLarge) {
		t.Error("a state above the limit was sealed")
	}
	if err := o.LockCircle(1, make([]safe.Guardian, 3)); !errors.Is(err, circle.ErrSize) {
		t.Error("a circle of which one is enough")
	}
	for _, raw := range []string{"", "{}", `{"format":"cairn/safe/v1","version":1,"locks":[],"sealed":""}`, `{"format":"cairn/safe/v1","version":1,"locks":[{"kind":"x","wrapped":""}],"sealed":""}`,
		`{"format":"cairn/safe/v1","version":1,"locks":[{"kind":"kit","wrapped":""}],"sealed":""} x`, strings.Repeat(" ", safe.MaxSize+1)} {
		if _, err := safe.Decode([]byte(raw)); !errors.Is(err, safe.ErrForm) {
			t.Errorf("%.60s was taken", raw)
		}
	}
}

func FuzzDecode(f *testing.F) {
	w := newWorld(f)
	raw, _ := w.seal(f, "north").Encode()
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if s, err := safe.Decode(raw); err == nil {
			s.Open(safe.Kit, opener(3))
			s.Open(safe.Circle, opener(3))
		}
	})
}
