package network_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/client"
	"cairn/consent"
	"cairn/proof"
)

// judged is one record with what consents say of it to each asker.
type judged struct {
	name, id, code string
	encounter      string // that it belongs to, and nothing else does
	shown          map[string]bool
}

// world is a patient with records that fare differently, and those who ask.
type world struct {
	*scene
	patient string
	records []judged
	report  string // names all of them
	askers  map[string]*client.Client
}

// newWorld makes the records. What each asker may see of them follows from the
// consents that decide gives:
//
//	PERMIT         the south may see laboratory results, reports and visits
//	NOT_PERMITTED  a vital sign is not among these
//	DENY           one result is closed to everyone
//	NO_CONSENT     nothing is said to the west, nor to the own staff
func newWorld(ctx context.Context, t *testing.T) *world {
	t.Helper()
	w := &world{scene: newScene(ctx, t)}
	w.patient = w.ids[w.custodian]
	var results []string
	for _, r := range []judged{
		{name: "permitted", code: "7001-1", shown: map[string]bool{"staff": true, "south": true}},
		{name: "not permitted", code: "7002-2", shown: map[string]bool{"staff": true}},
		{name: "denied", code: "7003-3"},
	} {
		r.encounter, _ = post(ctx, t, w.custodian, "Encounter", fmt.Sprintf(`{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/%s"}}`, w.patient))
		category := map[bool]string{true: "vital-signs", false: "laboratory"}[r.name == "not permitted"]
		body := strings.TrimSuffix(observation(w.patient, category, r.code), "}") + `,"encounter":{"reference":"Encounter/` + r.encounter + `"}}`
		r.id, _ = post(ctx, t, w.custodian, "Observation", body)
		w.records, results = append(w.records, r), append(results, `{"reference":"Observation/`+r.id+`"}`)
	}
	w.report, _ = post(ctx, t, w.custodian, "DiagnosticReport", fmt.Sprintf(`{"resourceType":"DiagnosticReport","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/%s"},"result":[%s]}`,
		w.patient, strings.Join(results, ",")))
	w.askers = map[string]*client.Client{"staff": physician(w.custodian), "south": asPeer(t, w.grantee, w.custodian), "west": asPeer(t, town.Find("west"), w.custodian)}
	return w
}

func (w *world) permit(ctx context.Context, t *testing.T) {
	t.Helper()
	labs, visits := labsFor(w.grantee), labsFor(w.grantee)
	visits.Types, visits.Categories = []string{"DiagnosticReport", "Encounter"}, nil
	for _, d := range []consent.Draft{labs, visits} {
		if _, err := w.wallet.Grant(ctx, d, w.custodian.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// shut closes one record to everyone.
func (w *world) shut(ctx context.Context, t *testing.T, id string) func() {
	t.Helper()
	g, err := w.wallet.Grant(ctx, consent.Draft{Signed: time.Now().UnixMilli(), Deny: true, Records: []string{"Observation/" + id}}, w.custodian.ID)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := w.wallet.Stop(ctx, w.custodian.URL, g); err != nil {
			t.Fatal(err)
		}
	}
}

// exit is a way in which records leave: it says what of a record an asker gets.
type exit struct {
	name string
	path func(w *world, r *judged) string
	sees func(w *world, r *judged, a client.Answer) bool
}

func isThere(_ *world, _ *judged, a client.Answer) bool { return a.Status == http.StatusOK }

func named(_ *world, r *judged, a client.Answer) bool {
	return strings.Contains(string(a.Body), `"id":"`+r.id+`"`)
}

// found tells whether a search has an entry, and that its total says the same.
func found(_ *world, _ *judged, a client.Answer) bool {
	var b struct {
		Total *int
		Entry []struct{ Search struct{ Mode string } }
	}
	if json.Unmarshal(a.Body, &b) != nil || a.Status != http.StatusOK {
		return false
	}
	matches := 0
	for _, e := range b.Entry {
		if e.Search.Mode == "match" {
			matches++
		}
	}
	return matches > 0 || b.Total != nil && *b.Total > 0
}

// exitsOf are all of them. Each asks about one record, so that the same answer is
// expected of each.
var exitsOf = []exit{
	{"read", func(_ *world, r *judged) string { return "Observation/" + r.id }, isThere},
	{"vread", func(_ *world, r *judged) string { return "Observation/" + r.id + "/_history/1" }, isThere},
	{"history", func(_ *world, r *judged) string { return "Observation/" + r.id + "/_history" }, isThere},
	{"evidence", func(_ *world, r *judged) string { return "Observation/" + r.id + "/_history/1/$evidence" }, isThere},
	{"search", func(w *world, _ *judged) string { return "Observation?patient=" + w.patient }, named},
	{"search by id", func(w *world, r *judged) string { return "Observation?patient=" + w.patient + "&_id=" + r.id }, found},
	{"search by code", func(w *world, r *judged) string { return "Observation?patient=" + w.patient + "&code=" + r.code }, found},
	{"count", func(w *world, r *judged) string {
		return "Observation?_summary=count&patient=" + w.patient + "&code=" + r.code
	}, found},
	{"_include", func(w *world, _ *judged) string {
		return "DiagnosticReport?_include=DiagnosticReport:result&patient=" + w.patient
	}, named},
	{"_revinclude", func(w *world, _ *judged) string {
		return "Encounter?_revinclude=Observation:encounter&patient=" + w.patient
	}, named},
	{"_has", func(w *world, r *judged) string {
		return "Encounter?patient=" + w.patient + "&_has:Observation:encounter:code=" + r.code
	}, found},
	{"chained", func(w *world, r *judged) string {
		return "DiagnosticReport?patient=" + w.patient + "&result:Observation.code=" + r.code
	}, found},
	{"$everything", func(w *world, _ *judged) string { return "Patient/" + w.patient + "/$everything?_count=100" }, named},
	{"compartment", func(w *world, _ *judged) string { return "Patient/" + w.patient + "/Observation" }, named},
}

// TestMatrix puts every exit, every record and every asker together: each exit
// gives the same answer.
func TestMatrix(t *testing.T) {
	ctx := within(t, 3*time.Minute)
	w := newWorld(ctx, t)
	w.permit(ctx, t)
	w.shut(ctx, t, w.records[2].id)
	for asker, who := range w.askers {
		for _, e := range exitsOf {
			for i := range w.records {
				r := &w.records[i]
				a, err := who.Do(ctx, http.MethodGet, "/fhir/"+e.path(w, r), nil)
				if err != nil {
					t.Fatal(err)
				}
				if got := e.sees(w, r, a); got != r.shown[asker] {
					t.Errorf("%s, asked by %s: what is %s is shown: %v (status %d)", e.name, asker, r.name, got, a.Status)
				}
			}
		}
	}
	t.Run("exchange", w.exchanged)
	t.Run("export", w.exported)
	t.Run("subscription", w.told)
	t.Run("log", w.logged)
}

// exchanged asks through the asking hospital.
func (w *world) exchanged(t *testing.T) {
	ctx := within(t, time.Minute)
	g, err := w.wallet.Grant(ctx, labsFor(w.grantee), w.custodian.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.wallet.Locate(ctx, w.grantee.ID, g); err != nil {
		t.Fatal(err)
	}
	a, err := physician(w.grantee).Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/Patient/"+w.ids[w.grantee]+"/$gather?_type=Observation", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range w.records {
		if r := &w.records[i]; named(w, r, a) != r.shown["south"] {
			t.Errorf("what is %s is shown: %v", r.name, !r.shown["south"])
		}
	}
}

// exported has the own staff export.
func (w *world) exported(t *testing.T) {
	ctx := within(t, time.Minute)
	who := w.askers["staff"]
	a, err := who.With(ctx, http.MethodGet, "/fhir/Patient/$export?_type=Observation", http.Header{"Prefer": {"respond-async"}}, nil)
	if err != nil || a.Status != http.StatusAccepted {
		t.Fatalf("starting: %d %v %s", a.Status, err, a.Body)
	}
	at := strings.TrimPrefix(a.Header.Get("Content-Location"), w.custodian.URL)
	until(ctx, t, "the export ends", func() bool {
		a, err = who.Do(ctx, http.MethodGet, at, nil)
		return err == nil && a.Status == http.StatusOK
	})
	var m struct{ Output []struct{ URL string } }
	if err := json.Unmarshal(a.Body, &m); err != nil {
		t.Fatal(err)
	}
	all := client.Answer{}
	for _, f := range m.Output {
		file, err := who.Expect(ctx, http.StatusOK, http.MethodGet, strings.TrimPrefix(f.URL, w.custodian.URL), nil)
		if err != nil {
			t.Fatal(err)
		}
		all.Body = append(all.Body, file.Body...)
	}
	for i := range w.records {
		if r := &w.records[i]; named(w, r, all) != r.shown["staff"] {
			t.Errorf("what is %s is shown: %v", r.name, !r.shown["staff"])
		}
	}
}

// told changes every record, the one that all who are told may see the last.
func (w *world) told(t *testing.T) {
	ctx := within(t, time.Minute)
	ends := make(map[string]*endpoint)
	for asker, who := range w.askers {
		e := listen(t)
		body := subscription("Observation", "Observation?patient="+w.patient, e.URL, "id-only")
		if asker == "west" {
			if a, err := who.Do(ctx, http.MethodPost, "/fhir/Subscription", body); err != nil || a.Status < 400 {
				t.Errorf("the west may subscribe: %d %v", a.Status, err)
			}
			continue
		}
		subscribed(ctx, t, who, body)
		ends[asker] = e
	}
	for _, i := range []int{1, 2, 0} {
		r := &w.records[i]
		category := map[bool]string{true: "vital-signs", false: "laboratory"}[i == 1]
		body := `{"id":"` + r.id + `",` + strings.TrimPrefix(strings.TrimSuffix(observation(w.patient, category, r.code), "}"), "{") + `,"encounter":{"reference":"Encounter/` + r.encounter + `"}}`
		w.rewrite(ctx, t, r.id, body)
	}
	for asker, e := range ends {
		var told map[int]string
		has := func(id string) bool {
			for _, focus := range told {
				if strings.HasPrefix(focus, "Observation/"+id) {
					return true
				}
			}
			return false
		}
		until(ctx, t, asker+" is told", func() bool { told, _, _ = e.state(); return has(w.records[0].id) })
		for i := range w.records {
			if r := &w.records[i]; has(r.id) != r.shown[asker] {
				t.Errorf("%s is told of what is %s: %v", asker, r.name, !r.shown[asker])
			}
		}
	}
}

// rewrite stores a next version. To the hospital's software what is closed is not
// there, so that cannot be changed.
func (w *world) rewrite(ctx context.Context, t *testing.T, id, body string) {
	t.Helper()
	a, err := w.custodian.EHR.Do(ctx, http.MethodPut, "/fhir/Observation/"+id, []byte(body))
	if err != nil || a.Status != http.StatusOK && a.Status != http.StatusNotFound {
		t.Fatalf("changing a record: %d %v %s", a.Status, err, a.Body)
	}
}

// logged compares what each asker was shown with what the patient's log says.
func (w *world) logged(t *testing.T) {
	ctx := within(t, time.Minute)
	entries, _, err := w.wallet.Log(ctx, w.custodian.ID, 500)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]map[string]bool{"north": {}, "south": {}, "west": {}}
	for _, e := range entries {
		ev, err := proof.DecodeEvent(e.Event)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(ev.Kind, "access.") && !strings.HasPrefix(ev.Kind, "disclosure.") || shown[ev.Actor.Organisation] == nil {
			continue
		}
		for _, r := range ev.Records {
			shown[ev.Actor.Organisation][r.ID] = true
		}
	}
	for asker, member := range map[string]string{"staff": "north", "south": "south", "west": "west"} {
		for _, r := range w.records {
			if shown[member][r.id] != r.shown[asker] {
				t.Errorf("by the log %s was shown what is %s: %v", asker, r.name, !r.shown[asker])
			}
		}
	}
}

// changing are the parts of an answer that differ from one to the next.
var changing = regexp.MustCompile(`"(lastUpdated|id|timestamp|url)":"[^"]*"`)

// TestClosedIsAsIfNotThere: with a record that is closed every exit answers as
// before it was made, in total, entries and links; when it is opened again it is
// there.
func TestClosedIsAsIfNotThere(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	w := &world{scene: newScene(ctx, t)}
	w.patient = w.ids[w.custodian]
	w.askers = map[string]*client.Client{"staff": physician(w.custodian), "south": asPeer(t, w.grantee, w.custodian)}
	w.permit(ctx, t)
	paths := []string{
		"Observation?patient=" + w.patient, "Observation?_summary=count&patient=" + w.patient, "Observation?_count=1&patient=" + w.patient,
		"Patient/" + w.patient + "/$everything", "Patient/" + w.patient + "/Observation?_sort=-date", "Observation?code=7777-7&patient=" + w.patient,
		"Observation/closed-" + w.patient, "Observation/closed-" + w.patient + "/_history", "Observation/closed-" + w.patient + "/_history/1",
	}
	look := func() map[string]string {
		out := make(map[string]string)
		for asker, who := range w.askers {
			for _, p := range paths {
				a, err := who.Do(ctx, http.MethodGet, "/fhir/"+p, nil)
				if err != nil {
					t.Fatal(err)
				}
				out[asker+" "+p] = fmt.Sprint(a.Status, " ", len(a.Header.Values("Cairn-Receipt")), " ", changing.ReplaceAllString(string(a.Body), ""))
			}
		}
		return out
	}
	before := look()
	id := "closed-" + w.patient
	body := `{"id":"` + id + `",` + strings.TrimPrefix(observation(w.patient, "laboratory", "7777-7"), "{")
	if _, err := w.custodian.EHR.Expect(ctx, http.StatusCreated, http.MethodPut, "/fhir/Observation/"+id, []byte(body)); err != nil {
		t.Fatal(err)
	}
	open := look()
	reopen := w.shut(ctx, t, id)
	for what, got := range look() {
		if got != before[what] {
			t.Errorf("%s: closed\n%s\nbefore it was there\n%s", what, got, before[what])
		}
		if open[what] == before[what] && !strings.Contains(what, "_count=1") {
			t.Errorf("%s: nothing is different with the record", what)
		}
	}
	reopen()
	comes(ctx, t, "it is there again", func() bool {
		again := look()
		return !slices.ContainsFunc(paths, func(p string) bool { return again["staff "+p] != open["staff "+p] })
	})
}
