package identity

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"cairn/node/fault"
	"cairn/node/identity/dpop"
)

// holder is a client with a key and a token bound to it.
type holder struct {
	t     testing.TB
	door  *Door
	key   *dpop.Key
	token string
}

func newHolder(t testing.TB, d *Door, a Actor) *holder {
	t.Helper()
	key, err := dpop.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	a.key = key.Thumbprint()
	token, err := d.sessions.issue(a, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &holder{t, d, key, token.Access}
}

// request is one that the holder sends, its proof not made yet.
func (h *holder) request(method, path string) *http.Request {
	h.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, "http://x"+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return req
}

// signed is the same with its proof.
func (h *holder) signed(method, path string) *http.Request {
	h.t.Helper()
	req := h.request(method, path)
	if err := h.key.Sign(req, h.token); err != nil {
		h.t.Fatal(err)
	}
	return req
}

// code is how the door answers a request.
func (h *holder) code(req *http.Request) string {
	h.t.Helper()
	a, err := h.door.Actor(req)
	switch {
	case err == nil && a.Key() == h.key.Thumbprint():
		return "in"
	case fault.Is(err, fault.Unauthenticated) && a.Kind() == "":
		return fault.As(err).Code
	}
	h.t.Fatalf("%+v, %v", a, err)
	return ""
}

// grown is a door that was opened long enough ago.
func grown(d *Door) *Door {
	d.started = d.started.Add(-time.Minute)
	return d
}

func TestPossession(t *testing.T) {
	open := doors(t)
	d := grown(open(book{}, Client{ID: "ehr", Name: "EHR", Rights: []Right{RightRecords}}))
	a := Actor{kind: System, organisation: "north", client: "ehr"}
	h, other := newHolder(t, d, a), newHolder(t, d, a)
	if got := h.code(h.signed("GET", "/fhir/Patient/1?x=1")); got != "in" {
		t.Fatalf("a good request: %s", got)
	}
	with := func(req *http.Request, name, value string) *http.Request { req.Header.Set(name, value); return req }
	proofOf := func(req *http.Request) string { return req.Header.Get("DPoP") }
	once := h.signed("GET", "/fhir/Patient/1")
	for _, c := range []struct {
		name string
		req  *http.Request
		want string
	}{
		{"once", once, "in"},
		{"the same again", once, "invalid_dpop_proof"},
		{"no proof", with(h.request("GET", "/fhir/Patient/1"), "Authorization", "DPoP "+h.token), "invalid_dpop_proof"},
		{"as a bearer token", with(h.signed("GET", "/fhir/Patient/1"), "Authorization", "Bearer "+h.token), "invalid_token"},
		{"another method's proof", with(h.signed("POST", "/fhir/Patient/1"), "DPoP", proofOf(h.signed("GET", "/fhir/Patient/1"))), "invalid_dpop_proof"},
		{"another path's proof", with(h.signed("GET", "/fhir/Patient/1"), "DPoP", proofOf(h.signed("GET", "/fhir/Patient/2"))), "invalid_dpop_proof"},
		{"another holder's proof", with(h.signed("GET", "/fhir/Patient/1"), "DPoP", proofOf(other.signed("GET", "/fhir/Patient/1"))), "invalid_dpop_proof"},
		{"another holder's token", with(other.signed("GET", "/fhir/Patient/1"), "Authorization", "DPoP "+h.token), "invalid_dpop_proof"},
	} {
		if got := h.code(c.req); got != c.want {
			t.Errorf("%s: %s instead of %s", c.name, got, c.want)
		}
	}
	stolen := h.request("GET", "/fhir/Patient/1") // a thief proves that he has a key, for the token that he stole
	if err := other.key.Sign(stolen, h.token); err != nil {
		t.Fatal(err)
	}
	if got := h.code(stolen); got != "invalid_token" {
		t.Errorf("a thief's own key: %s", got)
	}
	bearer, err := d.sessions.issue(a, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	req := h.request("GET", "/fhir/Patient/1")
	if err := h.key.Sign(req, bearer.Access); err != nil {
		t.Fatal(err)
	}
	if got := h.code(req); got != "invalid_token" {
		t.Errorf("a bearer token with a proof: %s", got)
	}
}

// TestProofsAfterRestart: a process that has just begun cannot tell a captured
// proof from a fresh one, and asks for its nonce.
func TestProofsAfterRestart(t *testing.T) {
	d := doors(t)(book{}, Client{ID: "ehr", Name: "EHR", Rights: []Right{RightRecords}})
	h := newHolder(t, d, Actor{kind: System, organisation: "north", client: "ehr"})
	for _, want := range []string{"use_dpop_nonce", "in"} {
		req := h.signed("GET", "/fhir/Patient/1")
		_, err := d.Actor(req)
		var refusal *dpop.Refusal
		code := "in"
		if errors.As(err, &refusal) {
			code = refusal.Code()
		}
		if code != want {
			t.Errorf("%s instead of %s: %v", code, want, err)
		}
		if code == "use_dpop_nonce" {
			header := http.Header{}
			dpop.Challenge(header, err)
			if !h.key.Again(&http.Response{StatusCode: http.StatusUnauthorized, Header: header, Request: req}) {
				t.Error("the nonce is not taken up")
			}
		}
	}
}

// TestPeersProve: another member gets no token without a proof, and one for a
// minute with it.
func TestPeersProve(t *testing.T) {
	d := doors(t)(book{"south": {ID: "south", Active: true}})
	a := Actor{kind: Peer, organisation: "south", client: "south"}
	for kind, issued := range map[string]tokens{"memory": &sessions{}, "sealed": sealedTokens{d}} {
		a.key = "thumbprint"
		now := time.Now()
		token, err := issued.issue(a, now)
		if err != nil || token.Expires > time.Minute {
			t.Errorf("%s: %v, %v", kind, token.Expires, err)
		}
		back, _, err := issued.find(t.Context(), token.Access, now)
		if err != nil || !same(back, a) || back.Key() != a.key {
			t.Errorf("%s: %+v, %v", kind, back, err)
		}
		if _, _, err := issued.find(t.Context(), token.Access, now.Add(time.Minute+time.Second)); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: a token outlives its minute: %v", kind, err)
		}
	}
}
