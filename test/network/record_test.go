package network_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cairn/client"
	"cairn/proof"
)

// TestSearchOverSeveralPatients finds records of two patients that were stored
// in turns: each entry is the record that its id names.
func TestSearchOverSeveralPatients(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("south")
	want := make(map[string]bool)
	a, _ := post(ctx, t, h, "Patient", `{"resourceType":"Patient"}`)
	b, _ := post(ctx, t, h, "Patient", `{"resourceType":"Patient"}`)
	for _, patient := range []string{a, b, a, b} {
		id, _ := post(ctx, t, h, "Observation", observation(patient, "laboratory", "99999-1"))
		want[id] = true
	}
	answer, err := physician(h).Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/Observation?code=99999-1", nil)
	if err != nil {
		t.Fatal(err)
	}
	var bundle struct {
		Total *int
		Entry []struct {
			FullURL  string
			Resource struct{ ID string }
		}
	}
	if err := json.Unmarshal(answer.Body, &bundle); err != nil {
		t.Fatal(err)
	}
	for _, e := range bundle.Entry {
		if !want[e.Resource.ID] || !strings.HasSuffix(e.FullURL, e.Resource.ID) {
			t.Errorf("an entry is not what its fullUrl names")
		}
	}
	if len(bundle.Entry) != 4 || bundle.Total != nil {
		t.Errorf("%d entries; a total that no patient's log has: %v", len(bundle.Entry), bundle.Total)
	}
	if a, err := physician(h).Do(ctx, http.MethodGet, "/fhir/Observation?code=99999-1&_summary=count", nil); err != nil || a.Status == http.StatusOK {
		t.Errorf("patients were counted without a trace: %d %v", a.Status, err)
	}
}

// TestOldVersionIsJudgedByItself: a grantee who may see laboratory results does
// not see the version that was something else.
func TestOldVersionIsJudgedByItself(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	patient := s.ids[s.custodian]
	was := strings.Replace(observation(patient, "vital-signs", "8867-4"), `{"resourceType"`, `{"id":"`+s.vital+`","resourceType"`, 1)
	is := strings.Replace(was, "vital-signs", "laboratory", 1)
	if _, err := s.custodian.EHR.Expect(ctx, http.StatusOK, http.MethodPut, "/fhir/Observation/"+s.vital, []byte(is)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.wallet.Grant(ctx, labsFor(s.grantee), s.custodian.ID); err != nil {
		t.Fatal(err)
	}
	who := asPeer(t, s.grantee, s.custodian)
	for path, want := range map[string]int{
		"/fhir/Observation/" + s.vital:                           http.StatusOK,
		"/fhir/Observation/" + s.vital + "/_history/2":           http.StatusOK,
		"/fhir/Observation/" + s.vital + "/_history/1":           http.StatusNotFound,
		"/fhir/Observation/" + s.vital + "/_history/1/$evidence": http.StatusNotFound,
		"/fhir/Observation/nobody-has-this":                      http.StatusNotFound,
		"/fhir/Observation/nobody-has-this/_history":             http.StatusNotFound,
		"/fhir/Patient/" + patient + "/_history":                 http.StatusNotFound,
		"/fhir/Observation/_history":                             http.StatusForbidden,
		"/fhir/_history":                                         http.StatusForbidden,
		"/fhir/Patient/" + patient:                               http.StatusNotFound,
	} {
		a, err := who.Do(ctx, http.MethodGet, path, nil)
		if err != nil || a.Status != want {
			t.Errorf("%s: status %d, want %d (%v)", path, a.Status, want, err)
		}
	}
	a, err := who.Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/Observation/"+s.vital+"/_history", nil)
	if err != nil {
		t.Fatal(err)
	}
	var past struct {
		Total int
		Entry []struct {
			Resource struct{ Meta struct{ VersionID string } }
		}
	}
	if err := json.Unmarshal(a.Body, &past); err != nil || past.Total != 1 || len(past.Entry) != 1 || past.Entry[0].Resource.Meta.VersionID != "2" {
		t.Errorf("the history that a grantee sees: %+v %v", past, err)
	}
	if _, err := s.custodian.EHR.Expect(ctx, http.StatusNoContent, http.MethodDelete, "/fhir/Observation/"+s.vital, nil); err != nil {
		t.Fatal(err)
	}
	if a, err := who.Do(ctx, http.MethodGet, "/fhir/Observation/"+s.vital+"/_history", nil); err != nil || a.Status != http.StatusNotFound {
		t.Errorf("the history of a deleted record: status %d %v", a.Status, err)
	}
	if a, err := who.Do(ctx, http.MethodGet, "/fhir/Observation/"+s.vital+"/_history/2", nil); err != nil || a.Status != http.StatusNotFound {
		t.Errorf("a version of a deleted record: status %d %v", a.Status, err)
	}
}

// TestEverythingIsWhatMayBeSeen: $everything follows the references of what its
// reader may see to what he may see, and to nothing else, and each is in the log.
func TestEverythingIsWhatMayBeSeen(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	patient := s.ids[s.custodian]
	var authors []string
	for _, category := range []string{"laboratory", "vital-signs"} {
		author, _ := post(ctx, t, s.custodian, "Practitioner", `{"resourceType":"Practitioner"}`)
		body := observation(patient, category, "4548-4")
		body = strings.TrimSuffix(body, "}") + `,"note":[{"authorReference":{"reference":"Practitioner/` + author + `"},"text":"x"}]}`
		post(ctx, t, s.custodian, "Observation", body)
		authors = append(authors, author)
	}
	other, _ := post(ctx, t, s.custodian, "Patient", `{"resourceType":"Patient"}`)
	post(ctx, t, s.custodian, "Goal", `{"resourceType":"Goal","lifecycleStatus":"active","description":{"text":"x"},"subject":{"reference":"Patient/`+patient+`"},"expressedBy":{"reference":"Patient/`+other+`"}}`)
	if _, err := s.wallet.Grant(ctx, labsFor(s.grantee), s.custodian.ID); err != nil {
		t.Fatal(err)
	}
	for name, one := range map[string]struct {
		who      *client.Client
		included []string
		receipts int // an entry about her and one about nobody for each access that shows something
	}{
		"the custodian": {physician(s.custodian), authors, 3},
		"the grantee":   {asPeer(t, s.grantee, s.custodian), nil, 1},
	} {
		a, err := one.who.Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/Patient/"+patient+"/$everything", nil)
		if err != nil {
			t.Fatal(err)
		}
		var bundle struct {
			Entry []struct {
				Resource struct{ ResourceType, ID string }
				Search   struct{ Mode string }
			}
		}
		if err := json.Unmarshal(a.Body, &bundle); err != nil {
			t.Fatal(err)
		}
		var included []string
		for _, e := range bundle.Entry {
			if e.Search.Mode == "include" {
				included = append(included, e.Resource.ID)
			}
		}
		slices.Sort(included)
		slices.Sort(one.included)
		if !slices.Equal(included, one.included) {
			t.Errorf("%s gets %v besides, want %v", name, included, one.included)
		}
		if got := len(a.Header.Values("Cairn-Receipt")); got != one.receipts {
			t.Errorf("%s: %d entries in the log, want %d", name, got, one.receipts)
		}
	}
}

// TestRefusedReadIsLoggedAsRefused: who may see nothing leaves a refusal, also
// where no patient is named.
func TestRefusedReadIsLoggedAsRefused(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("north")
	org, _ := post(ctx, t, h, "Organization", `{"resourceType":"Organization","name":"Ward"}`)
	nosy := h.EHR.As("r-1", "Dr. Curious", "researcher", "", "HRESCH")
	a, err := nosy.Do(ctx, http.MethodGet, "/fhir/Organization/"+org, nil)
	if err != nil || a.Status == http.StatusOK {
		t.Fatalf("status %d %v", a.Status, err)
	}
	a, err = nosy.Do(ctx, http.MethodGet, "/fhir/Observation?code=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	id := strings.Split(a.Header.Get("Cairn-Receipt"), "/")
	if len(id) != 3 {
		t.Fatalf("receipt %q", a.Header.Get("Cairn-Receipt"))
	}
	bundle, err := h.Operator.Expect(ctx, http.StatusOK, http.MethodGet, "/admin/evidence/"+id[2], nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := proof.Decode(bundle.Body)
	if err != nil || b.Event == nil || b.Event.Content.Allowed || b.Event.Content.Kind != proof.KindAccessRefused {
		t.Errorf("the event of a refused search: %+v, %v", b.Event, err)
	}
}

// TestBelongsToSomebody: a record about a person who is not a patient here is
// refused, not stored as nobody's.
func TestBelongsToSomebody(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("west")
	good := observation("x", "laboratory", "4548-4")
	for _, subject := range []string{
		`{"reference":"https://elsewhere.example/Patient/1"}`, `{"reference":"#p"}`, `{"display":"somebody"}`,
		`{"identifier":{"value":"1"}}`, `{"reference":"urn:uuid:0f6c5a8e-1f7b-4a43-9a57-3a1d6f4d5b10"}`,
	} {
		body := strings.Replace(good, `{"reference":"Patient/x"}`, subject, 1)
		a, err := h.EHR.Do(ctx, http.MethodPost, "/fhir/Observation", []byte(body))
		if err != nil || a.Status != http.StatusBadRequest {
			t.Errorf("%s: status %d %v", subject, a.Status, err)
		}
	}
	body := strings.Replace(good, `"Patient/x"`, `"Group/7"`, 1)
	if a, err := h.EHR.Do(ctx, http.MethodPost, "/fhir/Observation", []byte(body)); err != nil || a.Status != http.StatusCreated {
		t.Errorf("about a group: status %d %v", a.Status, err)
	}
}

// TestAtOnce changes one record from many sides: unconditional writes all
// succeed, of conditional ones exactly one does.
func TestAtOnce(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("east")
	patient, lab, _ := newPatient(ctx, t, h)
	body := strings.Replace(observation(patient, "laboratory", "4548-4"), `{"resourceType"`, `{"id":"`+lab+`","resourceType"`, 1)
	status := func(method, path, body string) map[int]int {
		var mu sync.Mutex
		var wg sync.WaitGroup
		got := make(map[int]int)
		for range 12 {
			wg.Go(func() {
				a, err := h.EHR.Do(ctx, method, path, []byte(body))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				got[a.Status]++
			})
		}
		wg.Wait()
		return got
	}
	if got := status("PUT", "/fhir/Observation/"+lab, body); got[200] != 12 {
		t.Errorf("unconditional updates: %v", got)
	}
	put := fmt.Sprintf(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":%s,"request":{"method":"PUT","url":"Observation/%s"}}]}`, body, lab)
	if got := status("POST", "/fhir", put); got[200] != 12 {
		t.Errorf("transactions: %v", got)
	}
	if got := status("DELETE", "/fhir/Observation/"+lab, ""); got[204] != 12 {
		t.Errorf("deletes: %v", got)
	}
}

// TestManyUnnamedSearches runs more searches over many patients at once than
// the store has connections: none of them waits for another for ever.
func TestManyUnnamedSearches(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("west")
	for range 30 {
		post(ctx, t, h, "Patient", `{"resourceType":"Patient"}`)
	}
	var wg sync.WaitGroup
	for range 60 {
		wg.Go(func() {
			if _, err := physician(h).Expect(context.WithoutCancel(ctx), http.StatusOK, http.MethodGet, "/fhir/Patient?_count=5", nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
