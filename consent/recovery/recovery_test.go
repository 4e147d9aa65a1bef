package recovery_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"cairn/consent/recovery"
)

func deposit() recovery.Deposit {
	return recovery.Deposit{
		Network: [32]byte{1}, Custodian: "north", Subject: "p-17", Open: [32]byte{2}, Cancel: [32]byte{3},
		Delay: recovery.DefaultDelay, IssuedAt: 1_700_000_000_000,
	}
}

func TestStates(t *testing.T) {
	const opened, delay = 1_000_000, recovery.DefaultDelay
	end := int64(opened + delay)
	for _, c := range []struct {
		says  string
		facts recovery.Facts
		want  recovery.State
		until int64
	}{
		{"nobody opened it", recovery.Facts{Now: end}, recovery.Quiet, 0},
		{"it was opened in this block", recovery.Facts{Opened: opened, Now: opened}, recovery.Waiting, end},
		{"a millisecond before its end it waits", recovery.Facts{Opened: opened, Now: end - 1}, recovery.Waiting, end},
		{"at its end it takes effect", recovery.Facts{Opened: opened, Now: end}, recovery.Effective, end},
		{"cancelled while it waits", recovery.Facts{Opened: opened, Cancelled: opened + 1, Now: end - 1}, recovery.Cancelled, 0},
		{"cancelled stays cancelled after the delay", recovery.Facts{Opened: opened, Cancelled: opened + 1, Now: end + delay}, recovery.Cancelled, 0},
		{"cancelled before anybody opened it", recovery.Facts{Opened: opened, Cancelled: 1, Now: end}, recovery.Cancelled, 0},
		{"cancelled though nobody opened it", recovery.Facts{Cancelled: 1, Now: 2}, recovery.Cancelled, 0},
		{"cancelled in the block that ends the delay", recovery.Facts{Opened: opened, Cancelled: end, Now: end}, recovery.Cancelled, 0},
		{"cancelled when it had taken effect", recovery.Facts{Opened: opened, Cancelled: end + 1, Now: end + 2}, recovery.Effective, end},
		{"blocks stand still and time with them", recovery.Facts{Opened: opened, Now: 0}, recovery.Waiting, end},
	} {
		d := deposit()
		if got, until := d.State(c.facts); got != c.want || until != c.until {
			t.Errorf("%s: %s until %d, want %s until %d", c.says, got, until, c.want, c.until)
		}
	}
}

func TestDepositReadsBack(t *testing.T) {
	d := deposit()
	back, err := recovery.Decode(d.Encode())
	if err != nil || *back != d {
		t.Fatalf("%+v, %v", back, err)
	}
	raw := d.Encode()
	seen := map[[32]byte]bool{d.Challenge(): true}
	for i := range raw {
		altered := bytes.Clone(raw)
		altered[i] ^= 1
		if o, err := recovery.Decode(altered); err == nil {
			if seen[o.Challenge()] {
				t.Fatalf("byte %d is not signed", i)
			}
			seen[o.Challenge()] = true
		}
	}
	for _, raw := range [][]byte{nil, raw[:len(raw)-1], append(bytes.Clone(raw), 0), raw[:30]} {
		if _, err := recovery.Decode(raw); !errors.Is(err, recovery.ErrForm) {
			t.Errorf("%d bytes were taken", len(raw))
		}
	}
}

func TestDepositsThatAreRefused(t *testing.T) {
	for says, change := range map[string]func(*recovery.Deposit){
		"no hospital":      func(d *recovery.Deposit) { d.Custodian = "" },
		"no patient":       func(d *recovery.Deposit) { d.Subject = "" },
		"a long patient":   func(d *recovery.Deposit) { d.Subject = strings.Repeat("x", 129) },
		"one secret":       func(d *recovery.Deposit) { d.Cancel = d.Open },
		"no open secret":   func(d *recovery.Deposit) { d.Open = [32]byte{} },
		"no delay":         func(d *recovery.Deposit) { d.Delay = 0 },
		"a delay for ever": func(d *recovery.Deposit) { d.Delay = recovery.MaxDelay + 1 },
		"a negative time":  func(d *recovery.Deposit) { d.IssuedAt = -1 },
	} {
		d := deposit()
		change(&d)
		if _, err := recovery.Decode(d.Encode()); !errors.Is(err, recovery.ErrForm) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	d := deposit()
	f.Add(d.Encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if d, err := recovery.Decode(raw); err == nil && !bytes.Equal(d.Encode(), raw) {
			t.Fatal("two encodings of one deposit")
		}
	})
}
