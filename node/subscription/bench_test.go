package subscription_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cairn/node"
	"cairn/node/identity"
)

// counter is an endpoint that counts events and is open or not.
type counter struct {
	events, posts atomic.Int64
	closed        atomic.Bool
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if c.closed.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	c.posts.Add(1)
	c.events.Add(int64(strings.Count(string(body), `"event-number"`)))
}

// writeMany stores observations from eight writers.
func writeMany(b *testing.B, h *hospital, doctor identity.Actor, patient string, n int) {
	b.Helper()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for range n/8 + min(1, max(0, n%8-w)) {
				if _, err := h.Records.Create(b.Context(), doctor, "Observation", []byte(observation(patient, "4548-4", 1))); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkBacklog tells what waited while the endpoint was down, in
// notifications of a hundred events, from the first that it takes to the last.
func BenchmarkBacklog(b *testing.B) {
	for _, content := range []string{"empty", "id-only", "full-resource"} {
		b.Run(content, func(b *testing.B) {
			h := found(b, func(c *node.Config) { c.SubscriptionTries = 1000 })
			doctor := h.doctor()
			patient := h.patient(doctor)
			c := &counter{}
			server := httptest.NewServer(c)
			b.Cleanup(server.Close)
			h.until(doctor, h.subscribe(doctor, wish{url: server.URL, content: content, channel: number("max-count", 100)}).ID, "active")
			const waiting = 4000
			var took time.Duration
			rounds := 0
			for b.Loop() {
				c.closed.Store(true)
				already := c.events.Load()
				writeMany(b, h, doctor, patient, waiting)
				c.closed.Store(false)
				for c.events.Load() == already {
					time.Sleep(time.Millisecond)
				}
				start := time.Now()
				for c.events.Load() < already+waiting {
					time.Sleep(time.Millisecond)
				}
				took += time.Since(start)
				rounds++
			}
			b.ReportMetric(float64(rounds*waiting)/took.Seconds(), "events/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkLatency is from the answer to a write until the endpoint has the
// notification, with so many subscriptions of which one is concerned.
func BenchmarkLatency(b *testing.B) {
	for _, others := range []int{0, 300} {
		b.Run(fmt.Sprintf("others=%d", others), func(b *testing.B) {
			h := found(b, nil)
			doctor := h.doctor()
			patient := h.patient(doctor)
			came := make(chan time.Time, 1)
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err == nil && strings.Contains(string(body), `"event-notification"`) {
					came <- time.Now()
				}
			}))
			b.Cleanup(server.Close)
			quiet := httptest.NewServer(&counter{})
			b.Cleanup(quiet.Close)
			for i := range others {
				h.subscribe(doctor, wish{url: quiet.URL, filters: []string{fmt.Sprintf("code=http://loinc.org|other-%d", i)}})
			}
			h.until(doctor, h.subscribe(doctor, wish{url: server.URL, filters: []string{"code=4548-4"}}).ID, "active")
			var took []time.Duration
			for b.Loop() {
				h.create(doctor, "Observation", observation(patient, "4548-4", 1))
				stored := time.Now()
				took = append(took, (<-came).Sub(stored))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// BenchmarkWrites is eight writers beside subscriptions that are told of every
// write, and others that are told of none.
func BenchmarkWrites(b *testing.B) {
	for _, x := range []struct{ told, others int }{{0, 0}, {1, 0}, {0, 300}, {100, 0}} {
		b.Run(fmt.Sprintf("told=%d,others=%d", x.told, x.others), func(b *testing.B) {
			h := found(b, nil)
			doctor := h.doctor()
			patient := h.patient(doctor)
			c := &counter{}
			server := httptest.NewServer(c)
			b.Cleanup(server.Close)
			for i := range x.told + x.others {
				w := wish{url: server.URL, channel: number("max-count", 100)}
				if i >= x.told {
					w.filters = []string{fmt.Sprintf("code=http://loinc.org|other-%d", i)}
				}
				h.until(doctor, h.subscribe(doctor, w).ID, "active")
			}
			start, n := time.Now(), 0
			for b.Loop() {
				writeMany(b, h, doctor, patient, 8)
				n += 8
			}
			writes := float64(n) / time.Since(start).Seconds()
			for c.events.Load() < int64(n*x.told) {
				time.Sleep(time.Millisecond)
			}
			b.ReportMetric(writes, "writes/s")
			b.ReportMetric(float64(c.events.Load())/time.Since(start).Seconds(), "events/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}
