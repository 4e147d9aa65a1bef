package identity

import (
	"net/http/httptest"
	"testing"
	"time"

	"cairn/ledger/member"
	"cairn/node/fault"
)

// later is a ledger at a height; the key that begins at block 50 began some time
// ago.
type later struct {
	book
	height  uint64
	ago     time.Duration
	reached bool
}

func (l later) Height() uint64 { return l.height }
func (l later) Reached(uint64) (int64, bool, error) {
	return time.Now().Add(-l.ago).UnixMilli(), l.reached, nil
}

// TestFollowedKey: a key that another followed is taken for as long as the
// replicas of two hospitals may differ: neither for many blocks nor for long.
func TestFollowedKey(t *testing.T) {
	members := book{"east": {ID: "east", Active: true, Keys: []member.Key{
		{Use: member.UseClient, Public: []byte("old"), Until: 50}, {Use: member.UseClient, Public: []byte("next"), From: 50},
	}}}
	for name, c := range map[string]struct {
		ledger later
		old    bool
	}{
		"before it is followed":      {later{height: 49, ago: 0}, true},
		"just followed":              {later{height: 52, ago: time.Second, reached: true}, true},
		"followed, time not known":   {later{height: 52}, true},
		"followed for minutes":       {later{height: 52, ago: followedFor + time.Second, reached: true}, false},
		"followed for many blocks":   {later{height: 50 + heightSlack, ago: time.Second, reached: true}, false},
		"followed for both, and far": {later{height: 5000, ago: time.Hour, reached: true}, false},
	} {
		c.ledger.book = members
		d := &Door{member: "north", book: c.ledger}
		signsIn := false
		for _, k := range d.memberKeys("east") {
			signsIn = signsIn || string(k.Public) == "old"
		}
		key, err := d.keyAt(httptest.NewRequest("GET", "/", nil), "east", 49)
		if signsIn != c.old || (err == nil) != c.old || err == nil && string(key) != "old" || err != nil && !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: signs in %t, key %q, %v", name, signsIn, key, err)
		}
	}
}
