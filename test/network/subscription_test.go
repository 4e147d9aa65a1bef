package network_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cairn/client"
	"cairn/demo"
	"cairn/proof"
)

// allowHooks lets hospitals that do not run yet send notifications to this
// machine, and try again soon.
func allowHooks(c *demo.Consortium) error {
	for _, h := range c.Hospitals {
		config, err := os.ReadFile(h.Config)
		if err != nil {
			return err
		}
		config = append([]byte("subscription_allow = [\"127.0.0.0/8\"]\nsubscription_retry_ms = 20\nsubscription_tries = 1000\n"), config...)
		if err := os.WriteFile(h.Config, config, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// endpoint is a receiver of notifications: what it took, by number, and
// whether it takes any.
type endpoint struct {
	*httptest.Server
	mu     sync.Mutex
	closed bool
	told   map[int]string // event number -> focus
	order  []int          // numbers in the order in which they came first
	bodies bytes.Buffer
	tries  int
	bad    []string
}

func listen(t *testing.T) *endpoint {
	e := &endpoint{told: make(map[int]string)}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	type part struct {
		Name, ValueString string
		ValueReference    struct{ Reference string }
		Part              []struct {
			Name, ValueString string
			ValueReference    struct{ Reference string }
		}
	}
	var b struct {
		Entry []struct{ Resource struct{ Parameter []part } }
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.tries++; json.Unmarshal(body, &b) != nil || len(b.Entry) == 0 {
		e.bad = append(e.bad, "not a notification")
		return
	}
	if e.closed {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	e.bodies.Write(body)
	for _, p := range b.Entry[0].Resource.Parameter {
		if p.Name != "notification-event" {
			continue
		}
		number, focus := 0, ""
		for _, x := range p.Part {
			switch x.Name {
			case "event-number":
				number, _ = strconv.Atoi(x.ValueString)
			case "focus":
				focus = x.ValueReference.Reference
			}
		}
		_, focus, _ = strings.Cut(focus, "/fhir/")
		e.take(number, focus)
	}
}

func (e *endpoint) take(number int, focus string) {
	was, again := e.told[number]
	switch {
	case again && was != focus:
		e.bad = append(e.bad, fmt.Sprintf("number %d is of two events", number))
	case !again && len(e.order) > 0 && number <= e.order[len(e.order)-1]:
		e.bad = append(e.bad, fmt.Sprintf("number %d came after %d", number, e.order[len(e.order)-1]))
	case !again:
		e.told[number], e.order = focus, append(e.order, number)
	}
}

func (e *endpoint) close(yes bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = yes
}

func (e *endpoint) state() (told map[int]string, tries int, bad []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.told), e.tries, slices.Clone(e.bad)
}

func subscription(topic, filter, url, content string) []byte {
	const base = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-"
	criteria := fmt.Sprintf(`"criteria":"urn:cairn:topic:%s"`, topic)
	if filter != "" {
		criteria += fmt.Sprintf(`,"_criteria":{"extension":[{"url":"%sfilter-criteria","valueString":%q}]}`, base, filter)
	}
	return fmt.Appendf(nil, `{"resourceType":"Subscription","status":"requested","reason":"test",%s,"channel":{"type":"rest-hook","endpoint":%q,`+
		`"payload":"application/fhir+json","_payload":{"extension":[{"url":"%spayload-content","valueCode":%q}]}}}`, criteria, url, base, content)
}

// subscribed makes a subscription and waits until it is active.
func subscribed(ctx context.Context, t *testing.T, who *client.Client, body []byte) string {
	t.Helper()
	a, err := who.Expect(ctx, http.StatusCreated, http.MethodPost, "/fhir/Subscription", body)
	if err != nil {
		t.Fatal(err)
	}
	var s struct{ ID, Status, Error string }
	for s.Status != "active" {
		if err := json.Unmarshal(a.Body, &s); err != nil || s.Status == "error" {
			t.Fatalf("%v: %s: %s", err, s.Status, s.Error)
		}
		time.Sleep(5 * time.Millisecond)
		if a, err = who.Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/Subscription/"+s.ID, nil); err != nil {
			t.Fatal(err)
		}
	}
	return s.ID
}

func until(ctx context.Context, t *testing.T, what string, is func() bool) {
	t.Helper()
	for !is() {
		if ctx.Err() != nil {
			t.Fatalf("it does not come about that %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestSubscriptionOfAPeer: another hospital is told what the patient allowed it
// and nothing else. Between an event and its sending she stops, and nothing
// leaves.
func TestSubscriptionOfAPeer(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	s := newScene(ctx, t)
	north, patient := s.custodian, s.ids[s.custodian]
	peer, e := asPeer(t, s.grantee, north), listen(t)
	for name, filter := range map[string]string{"who names nobody": "", "whom she said nothing to": "patient=" + patient} {
		a, err := peer.Do(ctx, http.MethodPost, "/fhir/Subscription", subscription("Observation", filter, e.URL, "full-resource"))
		if err != nil || a.Status != http.StatusForbidden {
			t.Errorf("%s may subscribe: status %d %v", name, a.Status, err)
		}
	}
	g, err := s.wallet.Grant(ctx, labsFor(s.grantee), north.ID)
	if err != nil {
		t.Fatal(err)
	}
	id := subscribed(ctx, t, peer, subscription("Observation", "patient="+patient, e.URL, "full-resource"))
	write := func(category string) string {
		lab, _ := post(ctx, t, north, "Observation", observation(patient, category, "4548-4"))
		return "Observation/" + lab
	}
	first := write("laboratory")
	hidden := write("vital-signs")
	second := write("laboratory")
	until(ctx, t, "two came", func() bool { told, _, _ := e.state(); return len(told) >= 2 })
	told, _, bad := e.state()
	if !maps.Equal(told, map[int]string{1: first, 2: second}) || len(bad) > 0 {
		t.Errorf("told %v, %v; hidden %s", told, bad, hidden)
	}
	if e.mu.Lock(); strings.Contains(e.bodies.String(), hidden[12:]) {
		t.Error("what she did not allow was told")
	}
	e.mu.Unlock()

	e.close(true)
	third := write("laboratory")
	_, before, _ := e.state()
	until(ctx, t, "it was tried", func() bool { _, tries, _ := e.state(); return tries > before })
	if _, err := s.wallet.Stop(ctx, s.grantee.URL, g); err != nil {
		t.Fatal(err)
	}
	until(ctx, t, "the stop is known", func() bool {
		a, err := peer.Do(ctx, http.MethodGet, "/fhir/"+first, nil)
		return err == nil && a.Status == http.StatusNotFound
	})
	e.close(false)
	fourth := write("laboratory")
	time.Sleep(time.Second) // for what must not come
	if told, _, _ := e.state(); len(told) != 2 {
		t.Errorf("after the stop: %v; %s and %s were stored", told, third, fourth)
	}
	a, err := peer.Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/Subscription/"+id+"/$events?content=full-resource", nil)
	if err != nil || strings.Contains(string(a.Body), `"Observation"`) {
		t.Errorf("after the stop $events gives records: %v", err)
	}
	s.toldInLog(ctx, t, first, second)
}

// toldInLog: each notification stands in her log, with what it was about and
// where it went, and so does each that was refused.
func (s *scene) toldInLog(ctx context.Context, t *testing.T, sent ...string) {
	t.Helper()
	entries, _, err := s.wallet.Log(ctx, s.custodian.ID, 200)
	if err != nil {
		t.Fatal(err)
	}
	found, refused, made := make(map[string]bool), 0, 0
	for _, e := range entries {
		ev, err := proof.DecodeEvent(e.Event)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case ev.Kind == proof.KindSubscription:
			made++
		case ev.Action == "notify" && ev.Kind == proof.KindDisclosureSent && strings.Contains(ev.Query, "sent to http://127.0.0.1"):
			for _, r := range ev.Records {
				found[r.Type+"/"+r.ID] = true
			}
		case ev.Action == "notify" && ev.Kind == proof.KindAccessRefused:
			refused++
		}
	}
	for _, record := range sent {
		if !found[record] {
			t.Errorf("her log does not say that %s was told", record)
		}
	}
	if refused == 0 || made != 1 {
		t.Errorf("her log has %d refused notifications and %d subscriptions", refused, made)
	}
}

// TestAlteredIsNotTold: a record whose facets were altered in the database after
// it was numbered is not told; its number goes to nobody else.
func TestAlteredIsNotTold(t *testing.T) {
	ctx := within(t, time.Minute)
	h, e := town.Find("north"), listen(t)
	patient, _, _ := newPatient(ctx, t, h)
	subscribed(ctx, t, physician(h), subscription("Observation", "patient="+patient, e.URL, "full-resource"))
	e.close(true)
	_, before, _ := e.state()
	first, _ := post(ctx, t, h, "Observation", observation(patient, "laboratory", "4548-4"))
	until(ctx, t, "it was tried", func() bool { _, tries, _ := e.state(); return tries > before })
	sabotage(t, h, "UPDATE record SET facets = (SELECT facets FROM record WHERE type = 'Patient' LIMIT 1) WHERE type = 'Observation' AND id = '"+first+"'")
	e.close(false)
	second, _ := post(ctx, t, h, "Observation", observation(patient, "laboratory", "4548-4"))
	until(ctx, t, "the second came", func() bool { told, _, _ := e.state(); return len(told) > 0 })
	if told, _, bad := e.state(); !maps.Equal(told, map[int]string{2: "Observation/" + second}) || len(bad) > 0 {
		t.Errorf("told %v, %v; altered %s", told, bad, first)
	}
}

// TestNoLogNoNotification kills the log's writer, and only that, between an
// event and its sending: nothing leaves until the log is back.
func TestNoLogNoNotification(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("north")
	patient, _, _ := newPatient(ctx, t, h)
	for _, content := range []string{"empty", "id-only", "full-resource"} {
		e := listen(t)
		subscribed(ctx, t, physician(h), subscription("Observation", "patient="+patient, e.URL, content))
		e.close(true)
		post(ctx, t, h, "Observation", observation(patient, "laboratory", "4548-4"))
		until(ctx, t, "it was tried", func() bool { _, tries, _ := e.state(); return tries > 1 })
		sabotage(t, h, "CREATE TRIGGER dead_log BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'the log is dead'); END")
		time.Sleep(100 * time.Millisecond) // for a try that is under way
		e.close(false)
		_, before, _ := e.state()
		time.Sleep(1500 * time.Millisecond) // for what must not come
		if _, tries, _ := e.state(); tries != before {
			t.Errorf("%s: sent %d times with a dead log", content, tries-before)
		}
		sabotage(t, h, "DROP TRIGGER dead_log")
		until(ctx, t, "it came", func() bool { told, _, _ := e.state(); return len(told) == 1 })
	}
}

// TestSubscriptionKilled kills a hospital with SIGKILL in the middle of writes,
// three times: everything that was acknowledged is told, in order, and no number
// is of two events.
func TestSubscriptionKilled(t *testing.T) {
	ctx := within(t, 3*time.Minute)
	c, err := demo.Found(demo.Options{Binary: binary, Dir: filepath.Join(t.TempDir(), "town")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := allowHooks(c); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	h, e := c.Find("north"), listen(t)
	subscribed(ctx, t, physician(h), subscription("Observation", "", e.URL, "id-only"))
	journal := make(map[string]string)
	patient, _ := post(ctx, t, h, "Patient", `{"resourceType":"Patient"}`)
	for range 3 {
		write(ctx, h, patient, journal)
		if err := c.StartOne(h); err != nil {
			t.Fatal(err)
		}
		if err := c.Ready(ctx, h); err != nil {
			t.Fatal(err)
		}
	}
	last, _ := post(ctx, t, h, "Observation", observation(patient, "laboratory", "4548-4"))
	until(ctx, t, "the last one came", func() bool {
		told, _, _ := e.state()
		return slices.Contains(slices.Collect(maps.Values(told)), "Observation/"+last)
	})
	told, _, bad := e.state()
	of := make(map[string]int)
	for number, focus := range told {
		of[focus] = number
	}
	for location := range journal {
		record, _, _ := strings.Cut(location, "/_history")
		if of[record] == 0 {
			t.Errorf("%s was acknowledged and not told", record)
		}
	}
	for n := 1; n <= len(told); n++ {
		if told[n] == "" {
			t.Errorf("there is no event %d", n)
		}
	}
	if len(bad) > 0 || len(journal) < 20 {
		t.Errorf("%v; %d were acknowledged", bad, len(journal))
	}
	t.Logf("%d acknowledged writes, 3 kills, %d events told", len(journal), len(told))
}
