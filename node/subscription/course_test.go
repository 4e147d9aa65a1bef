package subscription_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cairn/node"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/test/postgres"
)

// TestDownAndUp: an endpoint that is down loses nothing, over a restart of the
// node too; what was perhaps sent bears its number when it is sent again.
func TestDownAndUp(t *testing.T) { downAndUp(t, nil) }

// TestOnPostgres is TestDownAndUp with the hospital's records in PostgreSQL.
func TestOnPostgres(t *testing.T) {
	server, err := postgres.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	url, err := server.Fresh()
	if err != nil {
		t.Fatal(err)
	}
	downAndUp(t, func(c *node.Config) { c.Store = url })
}

func downAndUp(t *testing.T, edit func(*node.Config)) {
	h := found(t, edit)
	doctor := h.doctor()
	patient := h.patient(doctor)
	r := receive(t)
	id := h.subscribe(doctor, wish{url: r.server.URL, channel: number("max-count", 3)}).ID
	h.until(doctor, id, "active")
	var want []string
	write := func(n int) {
		for range n {
			want = append(want, "Observation/"+h.create(doctor, "Observation", observation(patient, "4548-4", 1)).ID)
		}
	}
	write(2)
	eventually(t, "two came", func() bool { return len(r.numbers()) == 2 })
	refused := make(chan []string, 100)
	r.answers(func(n notification) int {
		select {
		case refused <- n.numbers:
		default:
		}
		return http.StatusServiceUnavailable
	})
	write(2)
	for range 3 { // tries
		if n := <-refused; n[0] != "3" {
			t.Errorf("what was not taken bears the numbers %v", n)
		}
	}
	address := r.address()
	r.server.Close()
	write(5)
	h.restart()
	doctor = h.doctor()
	write(3)
	r.answers(nil)
	r.at(address)
	eventually(t, "all came", func() bool { return len(r.numbers()) >= len(want) })
	if !slices.Equal(r.focus(), want) || !slices.Equal(r.numbers(), upTo(len(want))) {
		t.Errorf("numbers %v, focus %v, not %v", r.numbers(), r.focus(), want)
	}
	for _, n := range r.events() {
		if len(n.numbers) > 3 {
			t.Errorf("%d events at once", len(n.numbers))
		}
		if last := n.numbers[len(n.numbers)-1]; n.count != last {
			t.Errorf("event %s, and %s since the start", last, n.count)
		}
	}
	if status, text := h.status(doctor, id); status != "active" || text != "" {
		t.Errorf("at the end: %s %q", status, text)
	}
}

// TestError: too many failures in a row put a subscription in error, its owner
// sees why and starts it again, and nothing is lost.
func TestError(t *testing.T) {
	h := found(t, func(c *node.Config) { c.SubscriptionTries = 3 })
	doctor := h.doctor()
	patient := h.patient(doctor)
	r := receive(t)
	w := wish{url: r.server.URL}
	w.id = h.subscribe(doctor, w).ID
	h.until(doctor, w.id, "active")
	r.answers(func(notification) int { return http.StatusInternalServerError })
	h.create(doctor, "Observation", observation(patient, "4548-4", 1))
	if text := h.until(doctor, w.id, "error"); !strings.Contains(text, "500") {
		t.Errorf("the owner reads %q", text)
	}
	raw, err := h.Subscriptions.StatusOf(t.Context(), doctor, w.id)
	if err != nil || !strings.Contains(string(raw), `"valueCode":"error"`) || !strings.Contains(string(raw), "subscription.error-response") {
		t.Errorf("$status: %s, %v", raw, err)
	}
	h.create(doctor, "Observation", observation(patient, "4548-4", 2))
	if _, err := h.Subscriptions.Put(t.Context(), doctor, w.id, []byte(w.body()), 0); err != nil {
		t.Fatal(err)
	}
	h.until(doctor, w.id, "error") // the handshake fails
	r.answers(nil)
	if _, err := h.Subscriptions.Put(t.Context(), doctor, w.id, []byte(w.body()), 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both came", func() bool { return len(r.numbers()) == 2 })
	if !slices.Equal(r.numbers(), upTo(2)) {
		t.Errorf("numbers %v", r.numbers())
	}
	h.until(doctor, w.id, "active")
}

// TestHandshakeFails: without a handshake there is no subscription.
func TestHandshakeFails(t *testing.T) {
	h := found(t, nil)
	doctor := h.doctor()
	r := receive(t)
	r.answers(func(n notification) int {
		if n.kind == "handshake" {
			return http.StatusFound
		}
		return http.StatusOK
	})
	id := h.subscribe(doctor, wish{url: r.server.URL}).ID
	if text := h.until(doctor, id, "error"); !strings.Contains(text, "302") {
		t.Errorf("the owner reads %q", text)
	}
	h.create(doctor, "Observation", observation(h.patient(doctor), "4548-4", 1))
	time.Sleep(50 * time.Millisecond) // for what must not come
	if len(r.kinds()) > 0 {
		t.Errorf("sent all the same: %v", r.kinds())
	}
	gone := h.subscribe(doctor, wish{url: "http://127.0.0.1:1/"}).ID
	if text := h.until(doctor, gone, "error"); strings.Contains(text, "127.0.0.1") {
		t.Errorf("the owner reads %q", text)
	}
}

// TestOwner: nobody but the software that made it sees a subscription.
func TestOwner(t *testing.T) {
	h := found(t, func(c *node.Config) {
		lab := c.Clients[0]
		for _, one := range c.Clients {
			if one.ID == "ehr" {
				lab = one
			}
		}
		lab.ID = "lab"
		c.Clients = append(c.Clients, lab)
	})
	ctx, doctor, other := t.Context(), h.doctor(), h.as("lab", h.key, "TREAT")
	r := receive(t)
	w := wish{url: r.server.URL}
	w.id = h.subscribe(doctor, w).ID
	h.until(doctor, w.id, "active")
	if _, err := h.Subscriptions.Read(ctx, other, w.id); !fault.Is(err, fault.NotFound) {
		t.Errorf("read: %v", err)
	}
	if _, err := h.Subscriptions.StatusOf(ctx, other, w.id); !fault.Is(err, fault.NotFound) {
		t.Errorf("$status: %v", err)
	}
	if raw, err := h.Subscriptions.Status(ctx, other, nil, nil); err != nil || strings.Contains(string(raw), w.id) {
		t.Errorf("$status of all: %s, %v", raw, err)
	}
	if _, _, err := h.Subscriptions.Events(ctx, other, w.id, 0, 99, ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("$events: %v", err)
	}
	if page, err := h.Subscriptions.Search(ctx, other, nil); err != nil || page.Total != 0 {
		t.Errorf("search: %d, %v", page.Total, err)
	}
	if _, err := h.Subscriptions.Put(ctx, other, w.id, []byte(w.body()), 0); !fault.Is(err, fault.Conflict) {
		t.Errorf("put: %v", err)
	}
	if _, err := h.Subscriptions.Delete(ctx, other, w.id, 0); err != nil {
		t.Errorf("delete: %v", err)
	}
	if status, _ := h.status(doctor, w.id); status != "active" {
		t.Errorf("after all that it is %s", status)
	}
	if page, err := h.Subscriptions.Search(ctx, doctor, nil); err != nil || page.Total != 1 || len(page.List) != 1 {
		t.Errorf("its owner's search: %+v, %v", page, err)
	}
}

// TestStanding: with the software's registration, or its right, the
// notifications end.
func TestStanding(t *testing.T) {
	for name, edit := range map[string]func(c *identity.Client){
		"the software is gone": func(c *identity.Client) { c.ID = "ehr-2" },
		"its right is gone":    func(c *identity.Client) { c.Rights = []identity.Right{identity.RightInvite} },
	} {
		t.Run(name, func(t *testing.T) {
			h := found(t, nil)
			doctor := h.doctor()
			patient := h.patient(doctor)
			r := receive(t)
			id := h.subscribe(doctor, wish{url: r.server.URL}).ID
			h.until(doctor, id, "active")
			var answering atomic.Bool
			r.answers(func(notification) int {
				if answering.Load() {
					return http.StatusOK
				}
				return http.StatusServiceUnavailable
			})
			h.create(doctor, "Observation", observation(patient, "4548-4", 1))
			h.stop()
			for i := range h.cfg.Clients {
				if h.cfg.Clients[i].ID == "ehr" {
					edit(&h.cfg.Clients[i])
				}
			}
			answering.Store(true)
			h.start()
			time.Sleep(200 * time.Millisecond) // for what must not come
			if n := r.numbers(); len(n) > 0 {
				t.Errorf("events %v were told", n)
			}
		})
	}
}

// TestEnd: a subscription ends when its time has come, when it is put off, and
// when it is deleted.
func TestEnd(t *testing.T) {
	h := found(t, nil)
	ctx, doctor := t.Context(), h.doctor()
	patient := h.patient(doctor)
	r := receive(t)
	soon := h.subscribe(doctor, wish{url: r.server.URL, extra: `"end":"` + time.Now().Add(time.Second).UTC().Format("2006-01-02T15:04:05.000Z") + `",`}).ID
	w := wish{url: r.server.URL}
	w.id = h.subscribe(doctor, w).ID
	gone := h.subscribe(doctor, w).ID
	h.until(doctor, soon, "off")
	h.until(doctor, w.id, "active")
	h.until(doctor, gone, "active")
	far := h.subscribe(doctor, wish{url: r.server.URL, status: "off", extra: `"end":"2999-01-01T00:00:00Z",`})
	if s := statusOf(t, far.Raw); s != "off" || strings.Contains(string(far.Raw), "2999") {
		t.Errorf("an end in a thousand years: %s", far.Raw)
	}
	w.status = "off"
	if _, err := h.Subscriptions.Put(ctx, doctor, w.id, []byte(w.body()), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Subscriptions.Delete(ctx, doctor, gone, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Subscriptions.Read(ctx, doctor, gone); !fault.Is(err, fault.Gone) {
		t.Errorf("reading a deleted one: %v", err)
	}
	h.create(doctor, "Observation", observation(patient, "4548-4", 1)) // of which nobody is told
	w.status = "active"
	if _, err := h.Subscriptions.Put(ctx, doctor, w.id, []byte(w.body()), 0); err != nil {
		t.Fatal(err)
	}
	h.until(doctor, w.id, "active")
	last := h.create(doctor, "Observation", observation(patient, "4548-4", 2)).ID
	eventually(t, "one came", func() bool { return len(r.focus()) > 0 })
	if !slices.Equal(r.focus(), []string{"Observation/" + last}) || !slices.Equal(r.numbers(), upTo(1)) {
		t.Errorf("after off: %v %v", r.focus(), r.numbers())
	}
}

// TestHeartbeat: when nothing is sent, heartbeats are.
func TestHeartbeat(t *testing.T) {
	h := found(t, nil)
	doctor := h.doctor()
	r := receive(t)
	h.until(doctor, h.subscribe(doctor, wish{url: r.server.URL, channel: number("heartbeat-period", 1)}).ID, "active")
	eventually(t, "two heartbeats came", func() bool { return len(r.kinds()) >= 3 })
	if k := r.kinds()[:3]; !slices.Equal(k, []string{"handshake", "heartbeat", "heartbeat"}) {
		t.Errorf("%v", k)
	}
}

// TestEvents: what was told can be asked for again, through the gate.
func TestEvents(t *testing.T) {
	h := found(t, nil)
	ctx, doctor := t.Context(), h.doctor()
	patient := h.patient(doctor)
	r := receive(t)
	id := h.subscribe(doctor, wish{url: r.server.URL, content: "empty"}).ID
	h.until(doctor, id, "active")
	var stored []string
	for range 4 {
		stored = append(stored, string(h.create(doctor, "Observation", observation(patient, "4548-4", 1)).Raw))
	}
	eventually(t, "four came", func() bool { return len(r.numbers()) == 4 })
	raw, receipts, err := h.Subscriptions.Events(ctx, doctor, id, 2, 3, "full-resource")
	if err != nil || len(receipts) != 1 {
		t.Fatalf("%v, %v", receipts, err)
	}
	n := understand(t, raw)
	if !slices.Equal(n.numbers, []string{"2", "3"}) || n.kind != "query-event" || len(n.records) != 2 || string(n.records[0]) != stored[1] || string(n.records[1]) != stored[2] {
		t.Errorf("%s", raw)
	}
	raw, receipts, err = h.Subscriptions.Events(ctx, doctor, id, 9, 99, "")
	if err != nil || len(receipts) != 0 || len(understand(t, raw).numbers) != 0 {
		t.Errorf("%s, %v", raw, err)
	}
	raw, _, err = h.Subscriptions.Events(ctx, h.as("ehr", h.key, "HRESCH"), id, 0, 99, "full-resource")
	if err != nil || len(understand(t, raw).numbers) != 0 || strings.Contains(string(raw), "4548-4") {
		t.Errorf("for research: %s, %v", raw, err)
	}
}

// TestSearch finds subscriptions by what they say and how they are.
func TestSearch(t *testing.T) {
	h := found(t, nil)
	ctx, doctor := t.Context(), h.doctor()
	r := receive(t)
	var ids []string
	for _, content := range []string{"empty", "id-only", "full-resource"} {
		id := h.subscribe(doctor, wish{url: r.server.URL + "/" + content, content: content}).ID
		ids = append(ids, id)
		h.until(doctor, id, "active")
	}
	slices.Sort(ids)
	var got []string
	values := url.Values{"_count": {"2"}}
	for range 3 {
		page, err := h.Subscriptions.Search(ctx, doctor, values)
		if err != nil || page.Total != 3 {
			t.Fatalf("%d, %v", page.Total, err)
		}
		for _, s := range page.List {
			got = append(got, s.ID)
		}
		if page.Next == "" {
			break
		}
		values.Set("cursor", page.Next)
	}
	if !slices.Equal(got, ids) {
		t.Errorf("pages: %v, not %v", got, ids)
	}
	for query, want := range map[string]int{"_id=" + ids[0]: 1, "_id=nobody": 0} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if page, err := h.Subscriptions.Search(ctx, doctor, values); err != nil || page.Total != want {
			t.Errorf("%s: %d, %v", query, page.Total, err)
		}
	}
	raw, err := h.Subscriptions.Status(ctx, doctor, []string{ids[0], ids[1], "x"}, []string{"active", "error"})
	if err != nil || strings.Count(string(raw), "query-status") != 2 {
		t.Errorf("$status: %s, %v", raw, err)
	}
	raw, err = h.Subscriptions.Status(ctx, doctor, nil, []string{"off"})
	if err != nil || strings.Contains(string(raw), "query-status") {
		t.Errorf("$status of what is off: %s, %v", raw, err)
	}
}

// TestManySlow: many subscriptions, half of which never answer. The
// others are told everything all the same.
func TestManySlow(t *testing.T) {
	h := found(t, nil)
	doctor := h.doctor()
	patient := h.patient(doctor)
	stuck := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil && !strings.Contains(string(body), `"handshake"`) {
			<-stuck
		}
	}))
	t.Cleanup(silent.Close)
	t.Cleanup(func() { close(stuck) })
	const many = 90
	var receivers []*receiver
	for i := range 2 * many {
		w := wish{url: silent.URL}
		if i%2 == 0 {
			r := receive(t)
			receivers = append(receivers, r)
			w.url = r.server.URL
		}
		h.until(doctor, h.subscribe(doctor, w).ID, "active")
	}
	const writes = 5
	for range writes {
		h.create(doctor, "Observation", observation(patient, "4548-4", 1))
	}
	for _, r := range receivers {
		eventually(t, "everybody who answers is told", func() bool { return len(r.numbers()) == writes })
	}
}

// TestTwoDispatchers: two processes that both believe to lead, as may be for
// seconds after a failover, tell things twice at worst: no event is lost, and no
// number is of two events.
func TestTwoDispatchers(t *testing.T) {
	h := found(t, nil)
	doctor := h.doctor()
	patient := h.patient(doctor)
	r := receive(t)
	other, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); h.Subscriptions.Run(other) }()
	t.Cleanup(func() { cancel(); <-done })
	id := h.subscribe(doctor, wish{url: r.server.URL}).ID
	h.until(doctor, id, "active")
	var want []string
	for i := range 40 {
		if i == 20 {
			cancel() // the one that is left must not rely on what the other has changed
		}
		want = append(want, "Observation/"+h.create(doctor, "Observation", observation(patient, "4548-4", 1)).ID)
	}
	told := func() map[string]string {
		events, focus := make(map[string]string), r.focus()
		for i, n := range r.numbers()[:len(focus)] {
			if was, twice := events[n]; twice && was != focus[i] {
				t.Errorf("number %s is of %s and of %s", n, was, focus[i])
			}
			events[n] = focus[i]
		}
		return events
	}
	eventually(t, "all came", func() bool { return len(told()) >= len(want) })
	events := told()
	for i, n := range upTo(len(want)) {
		if events[n] != want[i] {
			t.Errorf("event %s is of %s, not of %s", n, events[n], want[i])
		}
	}
}
