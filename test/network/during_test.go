package network_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestReadsWhileConsentsChange reads in every way while the patient goes on
// granting: whoever is decided about twice is answered once, as if alone.
func TestReadsWhileConsentsChange(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	who, id := physician(s.custodian), s.ids[s.custodian]
	for i := range 60 {
		body := fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","code":{"text":"%d"},"subject":{"reference":"Patient/%s"}}`, s.lab, i, id)
		if _, err := who.Expect(ctx, http.StatusOK, http.MethodPut, "/fhir/Observation/"+s.lab, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	paths := []string{
		"/fhir/Observation/" + s.lab + "/_history?_count=100", "/fhir/Patient/" + id + "/$everything", "/fhir/Observation?patient=" + id + "&_include=*",
		"/fhir/Observation/" + s.lab + "/_history/1",
	}
	var done atomic.Bool
	var wg sync.WaitGroup
	for _, path := range paths {
		wg.Go(func() {
			for !done.Load() && !t.Failed() {
				a, err := who.Do(ctx, http.MethodGet, path, nil)
				if code, _ := a.Refusal(); err != nil || a.Status != http.StatusOK && code != "consents-changing" {
					t.Errorf("status %d (%s): %v", a.Status, code, err)
				}
			}
		})
	}
	for range 12 {
		if _, err := s.wallet.Grant(ctx, labsFor(s.grantee), s.custodian.ID); err != nil {
			t.Error(err)
			break
		}
	}
	done.Store(true)
	wg.Wait()
}

// TestTellsOnceWhileConsentsChange: what is decided about once more is told once.
func TestTellsOnceWhileConsentsChange(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	who, id := physician(s.custodian), s.ids[s.custodian]
	e := listen(t)
	subscribed(ctx, t, who, subscription("Observation", "Observation?patient="+id, e.URL, "full-resource"))
	var done atomic.Bool
	var wg sync.WaitGroup
	made := make([]int, 3)
	for i := range made {
		wg.Go(func() {
			for !done.Load() && !t.Failed() && made[i] < 200 {
				_, err := who.Expect(ctx, http.StatusCreated, http.MethodPost, "/fhir/Observation", []byte(observation(id, "laboratory", "2345-7")))
				if err != nil {
					t.Error(err)
				}
				made[i]++
			}
		})
	}
	for range 30 {
		if _, err := s.wallet.Grant(ctx, labsFor(s.grantee), s.custodian.ID); err != nil {
			t.Error(err)
			break
		}
	}
	done.Store(true)
	wg.Wait()
	want := made[0] + made[1] + made[2]
	until(ctx, t, "all is told", func() bool { told, _, _ := e.state(); return len(told) >= want })
	told, _, bad := e.state()
	times := make(map[string]int)
	for _, focus := range told {
		times[focus]++
	}
	if len(told) != want || len(times) != want || len(bad) > 0 {
		t.Errorf("of %d records %d were told in %d events (%v)", want, len(times), len(told), bad)
	}
}
