package api_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"cairn/wallet"
)

// refusedAs fails unless an erasure is refused with a code, and returns why.
func refusedAs(t *testing.T, err error, code string) string {
	t.Helper()
	var r *wallet.Refused
	if !errors.As(err, &r) || r.Code() != code {
		t.Fatalf("not refused as %s: %v", code, err)
	}
	return r.Error()
}

// Only the passkey of the patient herself has her erased, at the hospital that it
// is for; grounds to keep her records are shown, and stand in her log; and who was
// erased is not written about again.
func TestErasureIsHerOwnAct(t *testing.T) {
	north, east := townWith(t, "\n[erasure]\nbackup_days = 10\n[[hold]]\npatient = 'held'\nreason = 'A court has asked for these records.'\n")
	for deadline := time.Now().Add(30 * time.Second); north.node.Status().Doubt != "" && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	held := registered(t, north, "held", "")
	_, err := held.Erase(t.Context(), "north")
	if why := refusedAs(t, err, "erasure-held"); !strings.Contains(why, "A court has asked for these records.") {
		t.Errorf("the ground is not shown: %s", why)
	}
	entries, _, err := held.Log(t.Context(), "north", 2)
	if err != nil || len(entries) != 2 || !strings.Contains(string(entries[1].Event), "erasure.refused") {
		t.Errorf("her log does not say it: %d entries, %v", len(entries), err)
	}

	mallory, victim := registered(t, north, "mallory", "victim"), registered(t, north, "victim", "")
	_, err = mallory.Erase(t.Context(), "north") // signs that the victim is to be erased
	refusedAs(t, err, "erasure-subject")
	north.physician(t, http.StatusOK, http.MethodGet, "/fhir/Patient/victim", "")

	e, err := victim.Erase(t.Context(), "north")
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got, err := victim.Erased(t.Context(), e, "north")
		if err == nil && got.Done {
			if day := time.Now().UTC().AddDate(0, 0, 11).Format(time.DateOnly); got.Backups != day {
				t.Errorf("backups until %s, not %s", got.Backups, day)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not end: %v", err)
		}
	}
	north.ehr(t, http.StatusGone, http.MethodPut, "/fhir/Patient/victim", `{"resourceType":"Patient","id":"victim"}`)
	north.ehr(t, http.StatusBadRequest, http.MethodPost, "/fhir/Observation", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/victim"}}`)
	east.ehr(t, http.StatusCreated, http.MethodPut, "/fhir/Patient/victim", `{"resourceType":"Patient","id":"victim"}`) // she is another there
}

// answers changes what a wallet is answered.
type answers func(body string) string

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	a.Body = io.NopCloser(strings.NewReader(f(string(body))))
	return a, err
}

// registered is a patient with an id of the hospital's and her wallet, which takes
// her for another if one is named.
func registered(t *testing.T, h house, id, as string) *wallet.Wallet {
	t.Helper()
	h.ehr(t, http.StatusCreated, http.MethodPut, "/fhir/Patient/"+id, `{"resourceType":"Patient","id":"`+id+`"}`)
	in := h.ehr(t, http.StatusCreated, http.MethodPost, "/portal/invitations", `{"patient":"`+id+`"}`)
	w := h.wallet()
	if as != "" {
		lie := answers(func(body string) string { return strings.ReplaceAll(body, `"patient":"`+id+`"`, `"patient":"`+as+`"`) })
		w = wallet.New(h.node.Trust().ID, &http.Client{Transport: lie})
	}
	if err := w.Register(t.Context(), h.home(), in["code"].(string)); err != nil {
		t.Fatal(err)
	}
	return w
}
