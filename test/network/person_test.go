package network_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"cairn/client"
	"cairn/consent"
	"cairn/demo"
	"cairn/wallet"
)

// physician of a hospital, for treatment.
func physician(h *demo.Hospital) *client.Client {
	return h.EHR.As("p-1", "Dr. Test", "physician", "ward 3", "TREAT")
}

// post stores a resource and returns its id and the acknowledged bytes.
func post(ctx context.Context, t *testing.T, h *demo.Hospital, typ, body string) (id string, raw []byte) {
	t.Helper()
	a, err := h.EHR.Expect(ctx, http.StatusCreated, http.MethodPost, "/fhir/"+typ, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	var r struct{ ID string }
	if err := json.Unmarshal(a.Body, &r); err != nil {
		t.Fatal(err)
	}
	return r.ID, a.Body
}

// newPatient makes a patient with one laboratory result and one vital sign.
func newPatient(ctx context.Context, t *testing.T, h *demo.Hospital) (id, lab, vital string) {
	t.Helper()
	id, _ = post(ctx, t, h, "Patient", `{"resourceType":"Patient","name":[{"family":"Testperson"}]}`)
	lab, _ = post(ctx, t, h, "Observation", observation(id, "laboratory", "4548-4"))
	vital, _ = post(ctx, t, h, "Observation", observation(id, "vital-signs", "8867-4"))
	return id, lab, vital
}

func observation(patient, category, code string) string {
	return fmt.Sprintf(`{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":%q}]}],`+
		`"code":{"coding":[{"system":"http://loinc.org","code":%q}]},"subject":{"reference":"Patient/%s"},"effectiveDateTime":"2026-01-02T03:04:05Z","valueQuantity":{"value":6.10,"unit":"%%"}}`, category, code, patient)
}

// person registers a wallet for patients of several hospitals.
func person(t *testing.T, ids map[*demo.Hospital]string) *wallet.Wallet {
	t.Helper()
	p := demo.Person{IDs: make(map[string]string)}
	var at []*demo.Hospital
	for h, id := range ids {
		p.IDs[h.ID] = id
		at = append(at, h)
	}
	w, err := demo.NewWallet(town, p, at...)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// labsFor is a consent for laboratory results to a hospital, for treatment.
func labsFor(h *demo.Hospital) consent.Draft {
	now := time.Now().UnixMilli()
	return consent.Draft{
		Signed: now, Grantee: h.ID, GranteeName: h.Name, Actions: []consent.Action{consent.Access}, Purposes: []string{"TREAT"},
		Types: []string{"Observation"}, Categories: []string{"laboratory"}, Period: consent.Span{Lo: now - 60_000, Hi: now + 3_600_000},
	}
}
