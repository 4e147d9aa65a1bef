package network_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"cairn/client"
	"cairn/consent"
	"cairn/demo"
	"cairn/wallet"
)

// entered has the hospital enter a parent's or a guardian's mandate, and
// registers the related person with the code.
func entered(ctx context.Context, t *testing.T, h *demo.Hospital, body map[string]any) (*wallet.Wallet, string) {
	t.Helper()
	raw, _ := json.Marshal(body)
	a, err := h.EHR.Expect(ctx, http.StatusCreated, http.MethodPost, "/portal/mandates", raw)
	if err != nil {
		t.Fatal(err)
	}
	var out struct{ ID, Code string }
	if err := json.Unmarshal(a.Body, &out); err != nil {
		t.Fatal(err)
	}
	return related(ctx, t, h, out.Code), out.ID
}

// related registers somebody who is no patient.
func related(ctx context.Context, t *testing.T, h *demo.Hospital, code string) *wallet.Wallet {
	t.Helper()
	trust, err := h.EHR.Expect(ctx, http.StatusOK, http.MethodGet, "/network.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	network, _ := networkOf(t, trust.Body)
	w := wallet.New(network, http.DefaultClient)
	if err := w.Register(ctx, wallet.Home{ID: h.ID, Name: h.Name, URL: h.URL}, code); err != nil {
		t.Fatal(err)
	}
	return w
}

// shows returns how many observations a search shows, or the code of its refusal.
func shows(ctx context.Context, t *testing.T, a *wallet.Acting, patient string) (n int, refused string) {
	t.Helper()
	raw, err := a.Get(ctx, "/fhir/Observation?patient="+patient)
	var no *wallet.Refused
	if errors.As(err, &no) {
		code, _ := (client.Answer{Body: []byte(no.Problem)}).Refusal()
		return 0, code
	}
	if err != nil {
		t.Fatal(err)
	}
	var b struct{ Entry []json.RawMessage }
	if err := json.Unmarshal(raw, &b); err != nil {
		t.Fatal(err)
	}
	return len(b.Entry), ""
}

func refusal(err error) string {
	var no *wallet.Refused
	if errors.As(err, &no) {
		return no.Code()
	}
	return fmt.Sprint(err)
}

// TestParents: a parent of a small child sees and decides; of an older one sees
// less; of one of age nothing. Nobody clicks anything between.
func TestParents(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("north")
	year := time.Now().Year()
	for _, c := range []struct {
		says  string
		born  string
		sees  int
		rule  string
		watch bool
	}{
		{"of a child of five", fmt.Sprintf("%d-01-01", year-5), 2, "mandate.parent", true},
		{"of a child of fourteen, whose records nobody has labelled", fmt.Sprintf("%d-01-01", year-14), 0, "mandate.parent-shared", true},
	} {
		child, _, _ := newPatient(ctx, t, h)
		parent, _ := entered(ctx, t, h, map[string]any{"kind": "parent", "patient": child, "name": "Mother", "basis": "birth certificate", "born": c.born})
		as, err := parent.ActFor(ctx, h.ID, child)
		if err != nil {
			t.Fatalf("%s: %v", c.says, err)
		}
		if n, refused := shows(ctx, t, as, child); n != c.sees {
			t.Errorf("a parent %s sees %d %s", c.says, n, refused)
		}
		list, err := parent.Mandates(ctx, h.ID)
		if err != nil || len(list) != 1 || list[0].Rule != c.rule {
			t.Errorf("%s: %+v, %v", c.says, list, err)
		}
		if raw, err := as.Get(ctx, "/portal/log"); err != nil || c.watch != strings.Contains(string(raw), `"kind":"representative"`) {
			t.Errorf("%s: the log says %.300s, %v", c.says, raw, err)
		}
		draft := labsFor(town.Find("south"))
		draft.Patient = child
		g, err := parent.Grant(ctx, draft, h.ID)
		if decides := c.rule == "mandate.parent"; decides != (err == nil) {
			t.Errorf("a parent %s signs a consent: %v", c.says, err)
		}
		if err == nil {
			if raw, err := as.Get(ctx, "/portal/consents"); err != nil || !strings.Contains(string(raw), `"grantee":"south"`) {
				t.Errorf("the parent is shown %.300s, %v", raw, err)
			}
			if _, err := parent.Stop(ctx, h.URL, g); err != nil {
				t.Errorf("the parent cannot stop it: %v", err)
			}
		}
		other, _, _ := newPatient(ctx, t, h)
		draft.Patient = other
		if _, err := parent.Grant(ctx, draft, h.ID); refusal(err) != "slip-subject" {
			t.Errorf("a parent signs for another child: %v", err)
		}
		if n, code := shows(ctx, t, as, other); n != 0 || code == "" {
			t.Errorf("a parent sees another child: %d %s", n, code)
		}
		if _, err := parent.ActFor(ctx, h.ID, other); refusal(err) != "mandate.none" {
			t.Errorf("a parent acts for another child: %v", err)
		}
		if _, err := as.Get(ctx, "/fhir/Patient/"+other); err == nil {
			t.Error("a parent reads another child")
		}
	}
	adult, _, _ := newPatient(ctx, t, h)
	parent, _ := entered(ctx, t, h, map[string]any{"kind": "parent", "patient": adult, "name": "Father", "basis": "birth certificate", "born": fmt.Sprintf("%d-01-01", year-19)})
	if _, err := parent.ActFor(ctx, h.ID, adult); refusal(err) != "mandate.none" {
		t.Errorf("a parent of a child of age acts: %v", err)
	}
}

// TestProxy: the patient names who sees her laboratory results, sees that, closes
// something from everybody, and ends it; it bites at the next read.
func TestProxy(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("north")
	id, _, _ := newPatient(ctx, t, h)
	w := person(t, map[*demo.Hospital]string{h: id})
	mandateID, code, err := w.Appoint(ctx, h.ID, wallet.Proxy{Name: "Son", Powers: []string{"see"}, Types: []string{"Observation"}, Categories: []string{"laboratory"}})
	if err != nil {
		t.Fatal(err)
	}
	son := related(ctx, t, h, code)
	as, err := son.ActFor(ctx, h.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	if n, refused := shows(ctx, t, as, id); n != 1 {
		t.Errorf("the proxy sees %d, not the one laboratory result: %s", n, refused)
	}
	if _, err := as.Get(ctx, "/fhir/Patient/"+id); err == nil {
		t.Error("the proxy sees more than was chosen")
	}
	if _, err := as.Get(ctx, "/portal/log"); refusal(err) != "mandate.proxy" {
		t.Errorf("the proxy sees who looked: %v", err)
	}
	if list, err := w.Mandates(ctx, h.ID); err != nil || len(list) != 1 || list[0].ID != mandateID || list[0].Mine {
		t.Errorf("the patient is shown %+v, %v", list, err)
	}
	if !logged(ctx, t, w, h.ID, "mandate.given") {
		t.Error("her log does not say that she named a proxy")
	}
	closed := consent.Draft{Signed: time.Now().UnixMilli(), Deny: true, Types: []string{"Observation"}, Period: consent.Span{Lo: time.Now().UnixMilli() - 60_000, Hi: time.Now().UnixMilli() + 3_600_000}}
	g, err := w.Grant(ctx, closed, h.ID)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := shows(ctx, t, as, id); n != 0 {
		t.Errorf("what she closed is shown to a proxy: %d", n)
	}
	if _, err := w.Stop(ctx, h.URL, g); err != nil {
		t.Fatal(err)
	}
	if n, refused := shows(ctx, t, as, id); n != 1 {
		t.Errorf("after the closure ended the proxy sees %d %s", n, refused)
	}
	stranger := related(ctx, t, h, func() string {
		_, code, err := w.Appoint(ctx, h.ID, wallet.Proxy{Name: "Other", Powers: []string{"watch"}})
		if err != nil {
			t.Fatal(err)
		}
		return code
	}())
	if err := stranger.Dismiss(ctx, h.ID, mandateID); refusal(err) != "not-found" {
		t.Errorf("somebody else ended it: %v", err)
	}
	if err := w.Dismiss(ctx, h.ID, mandateID); err != nil {
		t.Fatal(err)
	}
	if n, code := shows(ctx, t, as, id); n != 0 || code != "mandate.ended" {
		t.Errorf("after its end the proxy sees %d, %s", n, code)
	}
	if _, err := son.ActFor(ctx, h.ID, id); err == nil {
		t.Error("after its end the proxy acts")
	}
}

// TestSomebodyRemains: the only one who decides for a patient cannot be taken away
// before somebody else is there.
func TestSomebodyRemains(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("north")
	child, _, _ := newPatient(ctx, t, h)
	born := fmt.Sprintf("%d-01-01", time.Now().Year()-3)
	mother, first := entered(ctx, t, h, map[string]any{"kind": "parent", "patient": child, "name": "Mother", "basis": "birth certificate", "born": born})
	if err := mother.Dismiss(ctx, h.ID, first); refusal(err) != "mandate-last" {
		t.Errorf("the only parent left: %v", err)
	}
	entered(ctx, t, h, map[string]any{"kind": "parent", "patient": child, "name": "Father", "basis": "birth certificate", "born": born})
	if err := mother.Dismiss(ctx, h.ID, first); err != nil {
		t.Errorf("one of two parents cannot leave: %v", err)
	}
	for says, body := range map[string]map[string]any{
		"a guardian without an end": {"kind": "guardian", "patient": child, "name": "G", "basis": "order 7", "powers": []string{"see"}},
		"a proxy by the hospital":   {"kind": "proxy", "patient": child, "name": "G", "powers": []string{"see"}},
		"nobody's parent":           {"kind": "parent", "patient": "nobody", "name": "G", "basis": "x", "born": born},
	} {
		raw, _ := json.Marshal(body)
		if a, err := h.EHR.Do(ctx, http.MethodPost, "/portal/mandates", raw); err != nil || a.Status < 400 || a.Status >= 500 {
			t.Errorf("%s: %d %v", says, a.Status, err)
		}
	}
	raw, _ := json.Marshal(map[string]any{"kind": "parent", "patient": child, "name": "G", "basis": "x", "born": born})
	if a, err := h.Operator.Do(ctx, http.MethodPost, "/portal/mandates", raw); err != nil || a.Status != http.StatusForbidden {
		t.Errorf("the operator enters a parent: %d %v", a.Status, err)
	}
}
