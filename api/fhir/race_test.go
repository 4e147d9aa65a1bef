package fhir_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// together sends n requests at once and counts the answers by status.
func together(t *testing.T, n int, one func(i int) answer) map[int]int {
	t.Helper()
	var mu sync.Mutex
	var wait sync.WaitGroup
	start := make(chan struct{})
	got := make(map[int]int)
	for i := range n {
		wait.Go(func() {
			<-start
			a := one(i)
			mu.Lock()
			got[a.status]++
			mu.Unlock()
		})
	}
	close(start)
	wait.Wait()
	return got
}

// TestConditionalCreateOnce: of fifty that create the same at once, exactly one
// creates and the others are answered with what it created.
func TestConditionalCreateOnce(t *testing.T) {
	access := token(t, physician(t))
	for round := range 4 {
		value := fmt.Sprintf("once-%d-%d", round, time.Now().UnixNano())
		body := `{"resourceType":"Patient","identifier":[{"system":"http://h.example","value":"` + value + `"}]}`
		got := together(t, 50, func(int) answer {
			return send(t, access, "POST", "Patient", body, "If-None-Exist: identifier=http://h.example|"+value)
		})
		if got[http.StatusCreated] != 1 || got[http.StatusOK] != 49 {
			t.Errorf("answers by status: %v", got)
		}
		found := ask(t, "GET", "Patient?identifier=http://h.example|"+value, "")
		if n := found.get(t, "entry.1.resource.id"); n != "" {
			t.Error("several were created")
		}
	}
}

// TestConditionalUpdateOnce: conditional updates at once make one record with a
// version for each.
func TestConditionalUpdateOnce(t *testing.T) {
	access := token(t, physician(t))
	value := fmt.Sprintf("upd-%d", time.Now().UnixNano())
	got := together(t, 30, func(i int) answer {
		body := fmt.Sprintf(`{"resourceType":"Organization","name":"%d","identifier":[{"system":"http://h.example","value":%q}]}`, i, value)
		return send(t, access, "PUT", "Organization?identifier=http://h.example|"+value, body)
	})
	if got[http.StatusCreated] != 1 || got[http.StatusOK] != 29 {
		t.Errorf("answers by status: %v", got)
	}
	found := ask(t, "GET", "Organization?identifier=http://h.example|"+value, "")
	if v := found.get(t, "entry.0.resource.meta.versionId"); v != "30" || found.get(t, "entry.1.resource.id") != "" {
		t.Errorf("the record is at version %s", v)
	}
}

// TestIfMatchOnce: of twenty that change the same version, one does.
func TestIfMatchOnce(t *testing.T) {
	access := token(t, physician(t))
	id := ask(t, "POST", "Organization", `{"resourceType":"Organization","name":"Ward"}`).get(t, "id")
	got := together(t, 20, func(i int) answer {
		switch i % 3 {
		case 0:
			return send(t, access, "PATCH", "Organization/"+id, `[{"op":"replace","path":"/name","value":"patched"}]`,
				`If-Match: W/"1"`, "Content-Type: application/json-patch+json")
		case 1:
			body := `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"PUT","url":"Organization/` + id +
				`","ifMatch":"W/\"1\""},"resource":{"resourceType":"Organization","id":"` + id + `","name":"in a bundle"}}]}`
			return send(t, access, "POST", "", body)
		}
		return send(t, access, "PUT", "Organization/"+id, `{"resourceType":"Organization","id":"`+id+`","name":"put"}`, `If-Match: W/"1"`)
	})
	if got[http.StatusOK] != 1 || got[http.StatusPreconditionFailed] != 19 {
		t.Errorf("answers by status: %v", got)
	}
	if v := ask(t, "GET", "Organization/"+id, "").get(t, "meta.versionId"); v != "2" {
		t.Errorf("the record is at version %s", v)
	}
}

// TestTransactionsOnce: transactions at once that create on the same condition
// create once, and all refer to what was created.
func TestTransactionsOnce(t *testing.T) {
	access := token(t, physician(t))
	value := fmt.Sprintf("tra-%d", time.Now().UnixNano())
	var mu sync.Mutex
	var stored []string
	got := together(t, 20, func(int) answer {
		a := send(t, access, "POST", "", `{"resourceType":"Bundle","type":"transaction","entry":[
{"fullUrl":"urn:uuid:6f1c2d3e-0001-4000-8000-000000000001","request":{"method":"POST","url":"Practitioner","ifNoneExist":"identifier=http://h.example|`+value+`"},
"resource":{"resourceType":"Practitioner","identifier":[{"system":"http://h.example","value":"`+value+`"}]}},
{"request":{"method":"POST","url":"PractitionerRole"},"resource":{"resourceType":"PractitionerRole","practitioner":{"reference":"urn:uuid:6f1c2d3e-0001-4000-8000-000000000001"}}}]}`,
			"Prefer: return=representation")
		mu.Lock()
		defer mu.Unlock()
		stored = append(stored, a.get(t, "entry.1.resource.practitioner.reference"))
		return a
	})
	if got[http.StatusOK] != 20 {
		t.Errorf("answers by status: %v", got)
	}
	for _, s := range stored {
		if s == "" || s != stored[0] {
			t.Fatalf("they refer to %q and %q", s, stored[0])
		}
	}
}

// TestHistoryWhileOthersWrite pages through a type's history while others
// write: every version that was there at the start comes once, and none twice.
func TestHistoryWhileOthersWrite(t *testing.T) {
	access := token(t, physician(t))
	want := make(map[string]bool)
	for range 30 {
		a := send(t, access, "POST", "Endpoint", `{"resourceType":"Endpoint","status":"active","connectionType":{"code":"x"},"payloadType":[{"text":"x"}],"address":"http://a.example"}`)
		if a.status != http.StatusCreated {
			t.Fatalf("status %d %s", a.status, a.body)
		}
		want[a.get(t, "id")] = true
	}
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					send(t, access, "POST", "Endpoint", `{"resourceType":"Endpoint","status":"active","connectionType":{"code":"x"},"payloadType":[{"text":"x"}],"address":"http://a.example"}`)
				}
			}
		})
	}
	seen := make(map[string]int)
	for path := "Endpoint/_history?_count=7"; path != ""; {
		a := send(t, access, "GET", path, "")
		for i := 0; a.get(t, fmt.Sprintf("entry.%d.fullUrl", i)) != ""; i++ {
			seen[a.get(t, fmt.Sprintf("entry.%d.resource.id", i))]++
		}
		path = ""
		if a.get(t, "link.1.relation") == "next" {
			path = a.get(t, "link.1.url")[len(hospital.url)+len("/fhir/"):]
		}
	}
	close(stop)
	wait.Wait()
	for id := range want {
		if seen[id] != 1 {
			t.Errorf("a version came %d times", seen[id])
		}
	}
	for _, n := range seen {
		if n != 1 {
			t.Errorf("a version came %d times", n)
		}
	}
}

// TestCreateOnceUnderAKey: of twenty that create the same under the same key, one
// creates, and all are answered with the same record.
func TestCreateOnceUnderAKey(t *testing.T) {
	access := token(t, physician(t))
	key := fmt.Sprintf("key-%d", time.Now().UnixNano())
	var ids sync.Map
	got := together(t, 20, func(int) answer {
		a := send(t, access, "POST", "Organization", `{"resourceType":"Organization","name":"`+key+`"}`, "Idempotency-Key: "+key)
		ids.Store(a.get(t, "id"), true)
		return a
	})
	different := 0
	ids.Range(func(any, any) bool { different++; return true })
	if got[http.StatusCreated] != 1 || got[http.StatusOK] != 19 || different != 1 {
		t.Errorf("answers by status: %v, of %d records", got, different)
	}
}
