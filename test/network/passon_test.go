package network_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"cairn/client"
	"cairn/consent"
	"cairn/consent/slip"
	"cairn/demo"
)

// onwardSlip is a slip with which one hospital passes on to another what a patient
// allowed it.
func onwardSlip(t *testing.T, s *scene, network, under [32]byte, from, to *demo.Hospital, change func(*consent.Draft)) *slip.Slip {
	t.Helper()
	d := labsFor(to)
	d.Patient, d.Custodian, d.Under, d.By = s.ids[s.custodian], s.custodian.ID, hex.EncodeToString(under[:]), from.ID
	if change != nil {
		change(&d)
	}
	terms, err := consent.Build(d)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := consent.Compile(terms)
	if err != nil {
		t.Fatal(err)
	}
	out := &slip.Slip{
		Network: network, Custodian: d.Custodian, Subject: d.Patient, Grantee: to.ID, Terms: terms,
		TextHash: sha256.Sum256([]byte(slip.Text(compiled))), StopImage: slip.Image([32]byte{1}), IssuedAt: d.Signed,
	}
	rand.Read(out.Salt[:])
	return out
}

func passOn(ctx context.Context, t *testing.T, who *client.Client, s *slip.Slip) client.Answer {
	t.Helper()
	a, err := who.With(ctx, http.MethodPost, "/fhir/Consent/$pass-on", http.Header{"Content-Type": {"application/octet-stream"}}, s.Encode())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestPassedOn: a hospital passes on what a patient allowed it, to another and no
// further than she said; it gives no more than the first, and ends with it.
func TestPassedOn(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	south, west := s.grantee, town.Find("west")
	lab, vital := "/fhir/Observation/"+s.lab, "/fhir/Observation/"+s.vital
	reads := func(path string) int {
		a, err := asPeer(t, west, s.custodian).Do(ctx, http.MethodGet, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return a.Status
	}
	d := labsFor(south)
	d.Onward, d.Period = 1, consent.Span{Lo: d.Period.Lo - 3_600_000, Hi: d.Period.Hi + 3_600_000}
	g, err := s.wallet.Grant(ctx, d, s.custodian.ID)
	if err != nil {
		t.Fatal(err)
	}
	above, bySouth := g.Slips[0].Commitment, asPeer(t, south, s.custodian)
	for name, c := range map[string]struct {
		who    *client.Client
		change func(*consent.Draft)
		code   string
	}{
		"other categories":        {bySouth, func(d *consent.Draft) { d.Categories = []string{"vital-signs"} }, "slip-wide"},
		"any purpose":             {bySouth, func(d *consent.Draft) { d.Purposes = nil }, "slip-wide"},
		"longer":                  {bySouth, func(d *consent.Draft) { d.Period.Hi += 30 * 3_600_000 }, "slip-wide"},
		"further":                 {bySouth, func(d *consent.Draft) { d.Onward = 1 }, "slip-wide"},
		"in another's name":       {asPeer(t, west, s.custodian), nil, "slip-under"},
		"what is not there":       {bySouth, func(d *consent.Draft) { d.Under = strings.Repeat("0", 64) }, "not-found"},
		"by the custodian itself": {physician(s.custodian), nil, "policy.pass-on"},
	} {
		if a := passOn(ctx, t, c.who, onwardSlip(t, s, g.Slips[0].Slip.Network, above, south, west, c.change)); a.Status < 400 || !strings.Contains(string(a.Body), c.code) {
			t.Errorf("%s: status %d: %s", name, a.Status, a.Body)
		}
	}
	if got := reads(lab); got != http.StatusNotFound {
		t.Fatalf("before: status %d", got)
	}
	if a := passOn(ctx, t, bySouth, onwardSlip(t, s, g.Slips[0].Slip.Network, above, south, west, nil)); a.Status != http.StatusCreated {
		t.Fatalf("passing on: status %d: %s", a.Status, a.Body)
	}
	if got := [2]int{reads(lab), reads(vital)}; got != [2]int{http.StatusOK, http.StatusNotFound} {
		t.Errorf("what was passed on gives %v", got)
	}
	list, err := s.wallet.Look(ctx, s.custodian.ID, "consents")
	if err != nil || !strings.Contains(string(list), `"passed_on_by":"south"`) || !strings.Contains(string(list), `"passed_on_from":"`+hex.EncodeToString(above[:])) {
		t.Errorf("she is shown %s %v", list, err)
	}
	if _, err := s.wallet.Stop(ctx, s.second.URL, g); err != nil {
		t.Fatal(err)
	}
	comes(ctx, t, "what was passed on ends with what it was passed on from", func() bool { return reads(lab) == http.StatusNotFound })
	if a := passOn(ctx, t, bySouth, onwardSlip(t, s, g.Slips[0].Slip.Network, above, south, west, nil)); a.Status != http.StatusNotFound {
		t.Errorf("passing on what was stopped: status %d", a.Status)
	}
}
