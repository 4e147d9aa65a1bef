package network_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"cairn/demo"
	"cairn/node/identity"
	"cairn/proof"
	"cairn/wallet"
)

// TestSignedRequestsThatDoNotFit: a hospital signs what it sends, with its key, a
// good token and a fresh proof; what it signed is of another moment, network,
// hospital or person.
func TestSignedRequestsThatDoNotFit(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	s.grant(ctx, t)
	c := newColleague(t, s.grantee)
	target := "Observation?patient=" + s.ids[s.custodian]
	send := func(change func(r *proof.Request)) (int, string) {
		t.Helper()
		req := c.prepare(ctx, s.custodian, colleagueOf, "GET", target, nil)
		signed, err := proof.ParseRequest(req.Header.Get(identity.RequestHeader))
		if err != nil {
			t.Fatal(err)
		}
		r := signed.Statement
		change(&r)
		if signed, err = r.Sign(c.key); err != nil {
			t.Fatal(err)
		}
		req.Header.Set(identity.RequestHeader, signed.Text)
		status, code, _ := sent(t, req)
		return status, code
	}
	if status, code := send(func(*proof.Request) {}); status != http.StatusOK {
		t.Fatalf("signed again, the same: %d %s", status, code)
	}
	for name, c := range map[string]struct {
		change func(r *proof.Request)
		code   string
	}{
		"a day later":         {func(r *proof.Request) { r.Time -= 86_400_000 }, "request-time"},
		"two minutes later":   {func(r *proof.Request) { r.Time -= 120_000 }, "request-time"},
		"tomorrow's":          {func(r *proof.Request) { r.Time += 86_400_000 }, "request-time"},
		"seconds":             {func(r *proof.Request) { r.Time /= 1000 }, "request-time"},
		"of another network":  {func(r *proof.Request) { r.Network[0] ^= 1 }, "request-parties"},
		"for another":         {func(r *proof.Request) { r.To = "east" }, "request-parties"},
		"in another's name":   {func(r *proof.Request) { r.From, r.Actor.Organisation, r.Actor.Person = "west", "west", "west/p-1" }, "request-parties"},
		"of another method":   {func(r *proof.Request) { r.Method = "HEAD" }, "request-target"},
		"of another query":    {func(r *proof.Request) { r.Target += "&code=x" }, "request-target"},
		"of another person":   {func(r *proof.Request) { r.Actor.Person = "south/p-2" }, "request-person"},
		"in another role":     {func(r *proof.Request) { r.Actor.Role = "nurse" }, "request-person"},
		"for another purpose": {func(r *proof.Request) { r.Purpose = "ETREAT" }, "request-person"},
		"of other content":    {func(r *proof.Request) { r.Body[0] ^= 1 }, "request-body"},
		"of a height to come": {func(r *proof.Request) { r.Height += 1_000_000 }, "ledger-behind"},
	} {
		if status, code := send(c.change); status != http.StatusUnauthorized && status != http.StatusServiceUnavailable || code != c.code {
			t.Errorf("%s: %d %s, want %s", name, status, code, c.code)
		}
	}
}

// TestConsentOfAnotherNetwork: what she signs for a slip of another chain, with
// her passkey here, is no consent here.
func TestConsentOfAnotherNetwork(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("north")
	id, _ := post(ctx, t, h, "Patient", `{"resourceType":"Patient"}`)
	elsewhere := newWallet(t) // of a network that is none
	if err := elsewhere.Register(ctx, home(h), invitation(ctx, t, h, id)); err != nil {
		t.Fatal(err)
	}
	var refused *wallet.Refused
	if _, err := elsewhere.Grant(ctx, labsFor(town.Find("south")), h.ID); !errors.As(err, &refused) || refused.Status != http.StatusBadRequest || refused.Code() != "slip-address" {
		t.Errorf("%v", err)
	}
	id, _ = post(ctx, t, h, "Patient", `{"resourceType":"Patient"}`)
	w := person(t, map[*demo.Hospital]string{h: id})
	if _, err := w.Grant(ctx, labsFor(town.Find("south")), h.ID); err != nil {
		t.Errorf("of this one: %v", err)
	}
}
