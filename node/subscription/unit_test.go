package subscription

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"cairn/fhir/profile"
	"cairn/fhir/resource"
	"cairn/fhir/topic"
	"cairn/node/hook"
	"cairn/node/store"
)

// TestPause: pauses double up to the longest, and chance takes a quarter off
// at most.
func TestPause(t *testing.T) {
	cfg := Config{}
	cfg.fill()
	for failures, want := range map[uint64]time.Duration{
		1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 8: 128 * time.Second, 9: 256 * time.Second, 10: 5 * time.Minute, 1000: 5 * time.Minute,
	} {
		if got := cfg.pause(failures, 0); got != want {
			t.Errorf("after %d failures: %s, not %s", failures, got, want)
		}
		if got := cfg.pause(failures, 1); got != want*3/4 {
			t.Errorf("after %d failures at most early: %s, not %s", failures, got, want*3/4)
		}
	}
}

// TestBundles: every notification is a sound Bundle, whatever it says.
func TestBundles(t *testing.T) {
	events := []event{
		{change: change{typ: "Observation", id: "1", version: 1, interaction: topic.Create, time: 1}, number: 1, status: "201", raw: []byte(`{"resourceType":"Observation","status":"final","code":{"text":"x"}}`)},
		{change: change{typ: "Observation", id: "1", version: 2, interaction: topic.Update, time: 2}, number: 2, status: "410"},
		{change: change{typ: "Observation", id: "1", version: 3, interaction: topic.Delete, time: 3}, number: 3, status: "204"},
	}
	for _, kind := range []string{kindHandshake, kindHeartbeat, kindEvent, kindStatus, kindEvents} {
		for _, content := range []string{contentEmpty, contentIDs, contentFull} {
			n := notification{kind: kind, id: "s", topic: "urn:cairn:topic:Observation", status: active, number: 3, content: content, events: events, code: hook.ErrorResponse + ":503"}
			doc, err := resource.Parse(n.bundle("https://north/fhir", time.UnixMilli(0)), resource.Limits{})
			if err != nil {
				t.Fatalf("%s %s: %v", kind, content, err)
			}
			for _, issue := range profile.Check(doc) {
				t.Errorf("%s %s: %s: %s", kind, content, issue.Expression, issue.Text)
			}
			told := strings.Contains(string(doc.Raw()), "Observation")
			if told == (content == contentEmpty) {
				t.Errorf("%s %s names a record: %v", kind, content, told)
			}
			if got := doc.Root().Get("entry").Len(); got != map[string]int{contentFull: 4}[content] && got != 1 {
				t.Errorf("%s %s has %d entries", kind, content, got)
			}
		}
	}
}

// TestLineThatPanics: what breaks at one subscription ends its line, which is then
// begun anew, and not the hospital.
func TestLineThatPanics(t *testing.T) {
	var log strings.Builder
	desk := &Desk{log: slog.New(slog.NewTextHandler(&log, nil))} // it has no store to read from
	ctx, cancel := context.WithCancel(t.Context())
	l := &line{desk: desk, stop: cancel, done: make(chan struct{}), wake: make(chan struct{}, 1), s: store.Subscription{ID: "s-1"}}
	time.AfterFunc(20*time.Millisecond, cancel)
	l.run(ctx)
	if !l.ended() || !strings.Contains(log.String(), "broke off") {
		t.Errorf("ended: %t, log: %s", l.ended(), log.String())
	}
}

// FuzzRead: what a subscription asks for comes from anybody.
func FuzzRead(f *testing.F) {
	const good = `{"resourceType":"Subscription","status":"requested","reason":"x","end":"2030-01-01T00:00:00Z","criteria":"urn:cairn:topic:Observation",` +
		`"_criteria":{"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-filter-criteria","valueString":"Observation?code=1"}]},` +
		`"channel":{"type":"rest-hook","endpoint":"https://example.org","header":["X: y"],"payload":"application/fhir+json",` +
		`"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-max-count","valuePositiveInt":7}],` +
		`"_payload":{"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content","valueCode":"id-only"}]}}}`
	f.Add([]byte(good))
	f.Add([]byte(strings.Replace(good, "X: y", "Host: x", 1)))
	f.Add([]byte(strings.Replace(good, "code=1", "Observation.code:not=1&interaction=create", 1)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		doc, err := resource.Parse(raw, resource.Limits{})
		if err != nil || doc.Type() != "Subscription" {
			return
		}
		w, err := read(doc)
		if err != nil {
			return
		}
		if w.count < 1 || w.count > maxCount || w.timeout <= 0 || w.timeout > maxTimeout*time.Second || w.heartbeat < 0 || len(w.header) > maxHeaders || w.criteria == nil {
			t.Fatalf("%+v", w)
		}
		for name, values := range w.header {
			for _, v := range append(values, name) {
				if strings.ContainsAny(v, "\r\n\x00") {
					t.Fatalf("the header %q breaks the request", name)
				}
			}
		}
	})
}

// TestTurns: after a quiet time some go at once, then one after the other.
func TestTurns(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	turns := turns{every: 10 * time.Millisecond}
	for i := range burst + 1 {
		if turn := turns.take(now); turn.After(now) {
			t.Fatalf("turn %d is after %s", i, turn.Sub(now))
		}
	}
	for i := 1; i < 5; i++ {
		if got := turns.take(now).Sub(now); got != time.Duration(i)*10*time.Millisecond {
			t.Errorf("turn %d later is after %s", i, got)
		}
	}
	if turn := turns.take(now.Add(time.Second)); turn.After(now.Add(time.Second)) {
		t.Error("a quiet time is forgotten")
	}
}

// TestOnwards: where a subscription goes on when its owner has changed it.
func TestOnwards(t *testing.T) {
	at := store.Progress{Next: 10, Until: 20, Number: 7, Failures: 3, Due: 9, Error: "x"}
	for name, x := range map[string]struct {
		status string
		other  bool
		here   uint64
		want   store.Progress
	}{
		"the same again":            {inError, false, 30, store.Progress{Next: 10, Until: 20, Number: 7}},
		"something else":            {active, true, 30, store.Progress{Next: 10, Until: 10, Number: 7}},
		"after it was off":          {off, false, 30, store.Progress{Next: 30, Until: 30, Number: 7}},
		"after too long":            {inError, false, 10 + maxLag + 1, store.Progress{Next: 10 + maxLag + 1, Until: 10 + maxLag + 1, Number: 8}},
		"after just not too long":   {inError, false, 10 + maxLag, store.Progress{Next: 10, Until: 20, Number: 7}},
		"a position beyond the log": {inError, false, 5, store.Progress{Next: 10, Until: 20, Number: 7}},
	} {
		if got := onwards(&store.Subscription{Status: x.status, Progress: at}, x.other, x.here); got != x.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
