package identity

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"cairn/node/fault"
)

// TestRememberedTokens: that a token was opened before lets it in no longer than
// it counts, and lets no other in.
func TestRememberedTokens(t *testing.T) {
	d := doors(t)(book{"north": {ID: "north", Active: true}}, Client{ID: "ehr", Name: "EHR", Rights: []Right{RightRecords}})
	a := Actor{kind: System, organisation: "north", client: "ehr", rights: []Right{RightRecords}}
	all, now := sealedTokens{d}, time.Now()
	token, err := all.issue(a, now)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if back, _, err := all.find(t.Context(), token.Access, now); err != nil || !same(back, a) {
			t.Fatalf("comes back as %+v: %v", back, err)
		}
	}
	if _, is := d.opened.open(d.box, token.Access, appBound); is {
		t.Error("it passes for the token of an app")
	}
	other := []byte(token.Access)
	other[40] ^= 1
	refused := map[string]func() (Actor, time.Time, error){
		"altered": func() (Actor, time.Time, error) { return all.find(t.Context(), string(other), now) },
		"over": func() (Actor, time.Time, error) {
			return all.find(t.Context(), token.Access, now.Add(lifetime+time.Second))
		},
		"no token": func() (Actor, time.Time, error) { return all.find(t.Context(), "", now) },
	}
	for what, find := range refused {
		if _, _, err := find(); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := all.forget(t.Context(), token.Access, now.Add(lifetime), now); err != nil {
		t.Fatal(err)
	}
	if _, _, err := all.find(t.Context(), token.Access, now); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("after it was ended: %v", err)
	}
	for range 2 * openedLimit {
		access := base64.RawURLEncoding.EncodeToString(d.box.Seal([]byte("{}"), tokenBound))
		d.opened.open(d.box, access, tokenBound)
	}
	if n := len(d.opened.says); n > openedLimit {
		t.Errorf("%d tokens are remembered", n)
	}
}

// TestOneSpelling: a token that was ended does not come back in another spelling of
// the same bytes.
func TestOneSpelling(t *testing.T) {
	d := doors(t)(book{"north": {ID: "north", Active: true}}, Client{ID: "ehr", Name: "EHR", Rights: []Right{RightRecords}})
	all, now := sealedTokens{d}, time.Now()
	tried := 0
	for i := range 3 { // one length in three leaves no bits over
		token, err := all.issue(Actor{kind: System, organisation: "north", client: "ehr", name: strings.Repeat("x", i)}, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := all.forget(t.Context(), token.Access, now.Add(lifetime), now); err != nil {
			t.Fatal(err)
		}
		raw, err := base64.RawURLEncoding.DecodeString(token.Access)
		if err != nil {
			t.Fatal(err)
		}
		last := len(token.Access) - 1
		twins := []string{token.Access[:9] + "\n" + token.Access[9:], token.Access + "\r\n"}
		for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
			twins = append(twins, token.Access[:last]+string(c))
		}
		for _, twin := range twins {
			if same, err := base64.RawURLEncoding.DecodeString(twin); err != nil || !bytes.Equal(same, raw) {
				continue
			}
			tried++
			if _, _, err := all.find(t.Context(), twin, now); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("%q for %q: %v", twin, token.Access, err)
			}
		}
	}
	if tried < 10 {
		t.Errorf("only %d spellings were tried", tried)
	}
}
