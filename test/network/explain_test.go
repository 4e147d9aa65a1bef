package network_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"cairn/consent"
)

// TestExplain: the patient is told who can see a record, why, since when and until
// when, and what would change; a clinician is told about herself, the same whether
// or not something is hidden from her.
func TestExplain(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	at, id := s.custodian.ID, s.ids[s.custodian]
	mine := func() string {
		a, err := physician(s.custodian).Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/Patient/"+id+"/$explain", nil)
		if err != nil {
			t.Fatal(err)
		}
		return string(a.Body)
	}
	before := mine()
	draft := labsFor(s.grantee)
	g, err := s.wallet.Grant(ctx, draft, at)
	if err != nil {
		t.Fatal(err)
	}
	closing := consent.Draft{Signed: draft.Signed, Deny: true, Records: []string{"Observation/" + s.vital}}
	if _, err := s.wallet.Grant(ctx, closing, at); err != nil {
		t.Fatal(err)
	}
	if after := mine(); after != before || !strings.Contains(before, "what the staff of this hospital may see") {
		t.Errorf("a physician is told\n%s\nand with a closed record\n%s", before, after)
	}
	ref := hex.EncodeToString(g.Slips[0].Commitment[:])
	type seen struct {
		Who, For, What, Rule, Consent string
		Allowed                       bool
		Since, Until                  int64
	}
	look := func(record string) (out []seen) {
		var in struct{ Seen []seen }
		raw, err := s.wallet.Look(ctx, at, "explain?record="+record)
		if err == nil {
			err = json.Unmarshal(raw, &in)
		}
		if err != nil {
			t.Fatal(err)
		}
		return in.Seen
	}
	find := func(list []seen, who, why string) seen {
		for _, x := range list {
			if strings.Contains(x.Who, who) && strings.Contains(x.For, why) {
				return x
			}
		}
		t.Errorf("nothing is said of %s for %s: %+v", who, why, list)
		return seen{}
	}
	lab, vital := look("Observation/"+s.lab), look("Observation/"+s.vital)
	if x := find(lab, s.grantee.Name, "treatment"); !x.Allowed || x.Consent != ref || x.Since < draft.Signed-60_000 || x.Until != draft.Period.Hi {
		t.Errorf("of the laboratory result to the grantee: %+v", x)
	}
	if x := find(lab, "staff of this hospital", "payment"); !x.Allowed || x.Rule != "policy.own-staff" {
		t.Errorf("of the laboratory result to the own staff: %+v", x)
	}
	if x := find(vital, "staff of this hospital", "treatment"); x.Allowed || !strings.HasPrefix(x.Rule, "consent.deny:") {
		t.Errorf("of the closed record: %+v", x)
	}
	if x := find(look(""), s.grantee.Name, "treatment"); !strings.Contains(x.What, "laboratory results") {
		t.Errorf("of all records: %+v", x)
	}
	if _, err := s.wallet.Look(ctx, at, "explain?record=Observation/nobody-has-this"); err == nil || !strings.Contains(err.Error(), "not-found") {
		t.Errorf("of a record that is not there: %v", err)
	}
	var changed struct {
		Changes []struct {
			Who, Purpose  string
			Before, After seen
		}
	}
	wish := consent.Draft{Patient: id, Custodian: at, Signed: draft.Signed, Grantee: "west", Purposes: []string{"HRESCH"}}
	terms, err := consent.Build(wish)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := s.wallet.Ask(ctx, at, "what-if", map[string]any{"stop": []string{ref}, "give": []string{base64.StdEncoding.EncodeToString(terms)}})
	if err == nil {
		err = json.Unmarshal(raw, &changed)
	}
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]bool)
	for _, c := range changed.Changes {
		got[c.Who[:4]+" "+c.Purpose] = c.After.Allowed && !c.Before.Allowed
	}
	if gains, known := got["west HRESCH"]; !gains || !known || len(changed.Changes) != 3 {
		t.Errorf("what would change: %+v", changed)
	}
}
