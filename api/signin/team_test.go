package signin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"cairn/consent"
	"cairn/node/fault"
	"cairn/wallet"
)

// walletOf registers a wallet of a patient.
func walletOf(t *testing.T, patient string) *wallet.Wallet {
	t.Helper()
	code, _ := invite(t, patient)
	w := wallet.New(hospital.node.Trust().ID, http.DefaultClient)
	if err := w.Register(t.Context(), wallet.Home{ID: "north", Name: "North", URL: hospital.url}, code); err != nil {
		t.Fatal(err)
	}
	return w
}

// forTeam is a consent for a team of this hospital.
func forTeam(team string, deny bool) consent.Draft {
	now := time.Now().UnixMilli()
	return consent.Draft{Signed: now, Deny: deny, Grantee: "north", GranteeName: "North", Team: team, TeamName: "Emergency department", Types: []string{"Observation"},
		Period: consent.Span{Lo: now - 60_000, Hi: now + 3_600_000}}
}

// keepTeam has the hospital's software keep a care team under an id.
func keepTeam(t *testing.T, id, body string) {
	t.Helper()
	a, err := software(t, "ehr").Do(t.Context(), http.MethodPut, "/fhir/CareTeam/"+id, []byte(body))
	if err != nil || a.Status != http.StatusOK && a.Status != http.StatusCreated {
		t.Fatalf("%d %s %v", a.Status, a.Body, err)
	}
}

// TestTeam: what a patient lets a team see its members see, whoever they are at the
// time of the read; nobody makes herself one.
func TestTeam(t *testing.T) {
	doctor := employ(t, "team", `["physician"]`, true).actor() // Practitioner/team, Organization/ward-team
	patient := newPatient(t)
	observation := observationOf(t, patient)
	w := walletOf(t, patient)
	if _, err := w.Grant(t.Context(), forTeam("CareTeam/ed", false), "north"); err != nil {
		t.Fatal(err)
	}
	team := func(more string) {
		keepTeam(t, "ed", `{"resourceType":"CareTeam","id":"ed","name":"Emergency department"`+more+`}`)
	}
	const her, ward = `,"participant":[{"member":{"reference":"Practitioner/team"}}]`, `,"participant":[{"member":{"reference":"Organization/ward-team"}}]`
	if code := reads(t, doctor, observation); code != "policy.relationship" {
		t.Errorf("before there is such a team: %q", code)
	}
	for _, c := range []struct{ name, more, code string }{
		{"a team of others", `,"status":"active","participant":[{"member":{"reference":"Practitioner/other"}}]`, "policy.relationship"},
		{"her ward", `,"status":"active"` + ward, ""},
		{"a team that ended", `,"status":"inactive"` + ward, "policy.relationship"},
		{"she", `,"status":"active"` + her, ""},
		{"a team of last week", `,"status":"active","period":{"start":"` + day(-20) + `","end":"` + day(-7) + `"}` + her, "policy.relationship"},
		{"a team about another", `,"status":"active","subject":{"reference":"Patient/` + newPatient(t) + `"}` + her, "policy.relationship"},
	} {
		if c.name == "a team about another" { // a record stays about whom it is
			if a, err := software(t, "ehr").Do(t.Context(), http.MethodDelete, "/fhir/CareTeam/ed", nil); err != nil || a.Status != http.StatusNoContent {
				t.Fatal(a.Status, err)
			}
			if code := reads(t, doctor, observation); code != "policy.relationship" {
				t.Errorf("a team that is gone: %q", code)
			}
			continue
		}
		if team(c.more); reads(t, doctor, observation) != c.code {
			t.Errorf("%s: %q", c.name, reads(t, doctor, observation))
		}
	}
	other := newPatient(t)
	if _, err := w.Grant(t.Context(), forTeam("CareTeam/theirs", false), "north"); err != nil {
		t.Fatal(err)
	}
	keepTeam(t, "theirs", `{"resourceType":"CareTeam","id":"theirs","status":"active","subject":{"reference":"Patient/`+other+`"}`+her+`}`)
	if code := reads(t, doctor, observation); code != "policy.relationship" {
		t.Errorf("a team about another patient: %q", code)
	}
	team(`,"status":"active"` + ward)
	if _, err := w.Grant(t.Context(), forTeam("CareTeam/ed", true), "north"); err != nil {
		t.Fatal(err)
	}
	if _, err := hospital.node.Records.Read(t.Context(), doctor, "Observation", observation); !fault.Is(err, fault.NotFound) {
		t.Errorf("what she keeps from a team: %v", err)
	}
	if _, err := hospital.node.Records.Create(t.Context(), doctor, "CareTeam", []byte(`{"resourceType":"CareTeam","status":"active"`+her+`}`)); !errors.Is(err, fault.New(fault.Refused, "policy.team", "")) {
		t.Errorf("a physician writes who is in a team: %v", err)
	}
}

// TestTeamIsFrozen: the log says what made her a member at the time of the read;
// when she has left the team she sees nothing more.
func TestTeamIsFrozen(t *testing.T) {
	patient := newPatient(t)
	observation, unshared := observationOf(t, patient), observationOf(t, newPatient(t))
	w := walletOf(t, patient)
	if _, err := w.Grant(t.Context(), forTeam("Group/night", false), "north"); err != nil {
		t.Fatal(err)
	}
	b := employ(t, "night", `["physician"]`, true)
	put := func(teams string) {
		var list struct {
			Staff []struct{ Changed int64 }
		}
		if err := json.Unmarshal(operate(t, http.MethodGet, "/admin/staff?after=nighs", "").body, &list); err != nil || len(list.Staff) == 0 {
			t.Fatal(err)
		}
		if a := operate(t, http.MethodPut, "/admin/staff/night", fmt.Sprintf(`{"name":"Dr. night","roles":["physician"],"teams":[%s],"changed":%d}`, teams, list.Staff[0].Changed)); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		b.signIn()
	}
	put(`"Group/night"`)
	if code := reads(t, b.actor(), observation); code != "" {
		t.Errorf("a member by her account: %q", code)
	}
	if list, _, err := w.Log(t.Context(), "north", 2); err != nil || !strings.Contains(string(list[0].Event)+string(list[1].Event), `"detail":"member of Group/night: her account says so"`) {
		t.Errorf("the log: %s %s %v", list[0].Event, list[1].Event, err)
	}
	if code := reads(t, b.actor(), unshared); code != "policy.relationship" {
		t.Errorf("of somebody who gave the team nothing: %q", code)
	}
	put(``)
	if code := reads(t, b.actor(), observation); code != "policy.relationship" {
		t.Errorf("when she has left: %q", code)
	}
	keepTeam(t, "day", `{"resourceType":"CareTeam","id":"day","status":"active","participant":[{"member":{"reference":"Practitioner/night"}}]}`)
	vouched := func(id string) int {
		a, err := software(t, "ehr").As(id, "Dr. Test", "physician", "ward", "TREAT").Do(t.Context(), http.MethodGet, "/fhir/Observation/"+observation, nil)
		if err != nil {
			t.Fatal(err)
		}
		return a.Status
	}
	if before := vouched("p-1"); before != http.StatusOK {
		t.Errorf("before she kept it from a team: %d", before)
	}
	if _, err := w.Grant(t.Context(), forTeam("CareTeam/day", true), "north"); err != nil {
		t.Fatal(err)
	}
	if said, of := vouched("p-1"), vouched("night"); said != http.StatusNotFound || of != http.StatusNotFound {
		t.Errorf("what is kept from a team: who may belong to it %d, who does %d", said, of)
	}
	second := newPatient(t)
	observation, w = observationOf(t, second), walletOf(t, second)
	for _, c := range []struct {
		team   string
		deny   bool
		status int
	}{{"CareTeam/day", false, http.StatusOK}, {"Group/night", true, http.StatusNotFound}} {
		if _, err := w.Grant(t.Context(), forTeam(c.team, c.deny), "north"); err != nil {
			t.Fatal(err)
		}
		if status := vouched("night"); status != c.status { // known to be in the one, and perhaps in the other
			t.Errorf("with what she said of %s: %d", c.team, status)
		}
	}
}
