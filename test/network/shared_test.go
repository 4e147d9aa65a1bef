package network_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"cairn/client"
	"cairn/demo"
)

// both are the two processes as the EHR reaches them, the one that leads second:
// what is begun at the first is worked on by the other.
func (p *pair) both(ctx context.Context, t *testing.T) (follows, leads *client.Client) {
	t.Helper()
	comes(ctx, t, "exactly one leads", func() bool { return status(t, p.a).Seals != status(t, p.b).Seals })
	if status(t, p.b).Seals {
		return p.a.EHR, p.ehrB
	}
	return p.ehrB, p.a.EHR
}

// exported waits until an export is done, asking one process and the other in
// turn, and returns the paths of its files.
func (p *pair) exported(ctx context.Context, t *testing.T, status string, at ...func(path string) client.Answer) (files []string) {
	t.Helper()
	for i := 0; ; i++ {
		a := at[i%len(at)](status)
		if a.Status == http.StatusAccepted {
			select {
			case <-time.After(20 * time.Millisecond):
				continue
			case <-ctx.Done():
				t.Fatal("the export did not end")
			}
		}
		var m struct{ Output []struct{ URL string } }
		if err := json.Unmarshal(a.Body, &m); err != nil || a.Status != http.StatusOK {
			t.Fatalf("%d %v %s", a.Status, err, a.Body)
		}
		for _, f := range m.Output {
			files = append(files, strings.TrimPrefix(f.URL, p.a.URL))
		}
		return files
	}
}

// exports starts an export at one process, reads it at both, and cancels it at
// the one that did not begin it.
func (p *pair) exports(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	follows, leads := p.both(ctx, t)
	follows, leads = follows.As("p-1", "Dr. Test", "physician", "ward 3", "TREAT"), leads.As("p-1", "Dr. Test", "physician", "ward 3", "TREAT")
	id, _ := post(ctx, t, p.a, "Patient", `{"resourceType":"Patient","name":[{"family":"Carried"}]}`)
	get := func(c *client.Client) func(string) client.Answer {
		return func(path string) client.Answer {
			a, err := c.Do(ctx, http.MethodGet, path, nil)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
	}
	for _, order := range [][2]*client.Client{{follows, leads}, {leads, follows}} {
		started, other := order[0], order[1]
		a, err := started.With(ctx, http.MethodGet, "/fhir/Patient/$export?_type=Patient", http.Header{"Prefer": {"respond-async"}}, nil)
		if err != nil || a.Status != http.StatusAccepted {
			t.Fatalf("starting: %d %v %s", a.Status, err, a.Body)
		}
		at := strings.TrimPrefix(a.Header.Get("Content-Location"), p.a.URL)
		files := p.exported(ctx, t, at, get(started), get(other))
		found := 0
		for _, file := range files {
			one, two := get(started)(file), get(other)(file)
			if one.Status != http.StatusOK || two.Status != http.StatusOK || string(one.Body) != string(two.Body) {
				t.Fatalf("a file: %d at one, %d at the other: %s", one.Status, two.Status, two.Body)
			}
			found += strings.Count(string(one.Body), `"id":"`+id+`"`)
		}
		if found != 1 {
			t.Errorf("the patient is in the export %d times", found)
		}
		if a, err = other.Do(ctx, http.MethodDelete, at, nil); err != nil || a.Status != http.StatusAccepted {
			t.Fatalf("cancelling at the other: %d %v %s", a.Status, err, a.Body)
		}
		for _, path := range append(files, at) {
			for _, c := range []*client.Client{started, other} {
				if got := get(c)(path).Status; got != http.StatusNotFound {
					t.Errorf("after it was cancelled: status %d", got)
				}
			}
		}
	}
	if left, err := p.server.Ask("SELECT count(*) FROM t1.chunk"); err != nil || len(left) != 1 || left[0] != "0" {
		t.Errorf("chunks left in the database: %v, %v", left, err)
	}
}

// ownExport has a patient export her own records at the process that does not
// lead, and take them at both.
func (p *pair) ownExport(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	follows, _ := p.both(ctx, t)
	via := map[bool]*http.Client{true: p.town.Client(), false: p.atB}
	id, _, _ := newPatient(ctx, t, p.a)
	token := p.patientToken(ctx, t, id)
	ask := func(c *http.Client) func(string) client.Answer {
		return func(path string) client.Answer { return withToken(ctx, t, c, p.a.URL+path, token) }
	}
	a := ask(via[follows == p.a.EHR])("/fhir/Patient/$export")
	if a.Status != http.StatusAccepted {
		t.Fatalf("starting: %d %s", a.Status, a.Body)
	}
	at := strings.TrimPrefix(a.Header.Get("Content-Location"), p.a.URL)
	files := p.exported(ctx, t, at, ask(via[true]), ask(via[false]))
	if len(files) != 2 { // Patient, Observation
		t.Errorf("%d files", len(files))
	}
	for _, file := range files {
		for _, c := range via {
			if a := ask(c)(file); a.Status != http.StatusOK || !strings.Contains(string(a.Body), id) {
				t.Errorf("a file: %d %s", a.Status, a.Body)
			}
		}
	}
}

// denial has a patient, whose records b has just shown to the hospital's own
// staff and to one whom she allowed it, close them at a: the next read at b is
// refused, and so is the next search. She stops the closure, and it is not.
func (p *pair) denial(t *testing.T) {
	ctx := within(t, time.Minute)
	id, lab, _ := newPatient(ctx, t, p.a)
	south := p.town.Find("south")
	readers := map[string]*client.Client{
		"staff": p.ehrB.As("p-1", "Dr. Test", "physician", "ward 3", "TREAT"), "grantee": peerThrough(t, south, p.a, p.atB),
	}
	read := func(who string) int {
		a, err := readers[who].Do(ctx, http.MethodGet, "/fhir/Observation/"+lab, nil)
		if err != nil {
			t.Fatal(err)
		}
		return a.Status
	}
	w, err := demo.NewWallet(p.town, demo.Person{IDs: map[string]string{p.a.ID: id}}, p.a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Grant(ctx, labsFor(south), p.a.ID); err != nil {
		t.Fatal(err)
	}
	closure := labsFor(south)
	closure.Deny, closure.Grantee, closure.GranteeName, closure.Purposes = true, "", "", nil
	for range 5 {
		for who := range readers {
			comes(ctx, t, who+" reads at b", func() bool { return read(who) == http.StatusOK })
		}
		g, err := w.Grant(ctx, closure, p.a.ID)
		if err != nil {
			t.Fatal(err)
		}
		for who := range readers {
			if got := read(who); got != http.StatusForbidden && got != http.StatusNotFound {
				t.Fatalf("she closed it at a, and b answers %s with %d", who, got)
			}
			a, err := readers[who].Do(ctx, http.MethodGet, "/fhir/Observation?category=laboratory&patient="+id, nil)
			if err != nil || strings.Contains(string(a.Body), lab) {
				t.Fatalf("she closed it at a, and %s finds it at b: %d %v", who, a.Status, err)
			}
		}
		if _, err := w.Stop(ctx, p.a.URL, g); err != nil {
			t.Fatal(err)
		}
	}
}

// patientToken is the access token of a session of a patient at the first
// process.
func (p *pair) patientToken(ctx context.Context, t *testing.T, id string) string {
	t.Helper()
	w, err := demo.NewWallet(p.town, demo.Person{IDs: map[string]string{p.a.ID: id}}, p.a)
	if err != nil {
		t.Fatal(err)
	}
	seen := &listener{}
	if _, _, err := w.Through(&http.Client{Transport: seen}).Log(ctx, p.a.ID, 1); err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(seen.authorization, "Bearer ")
}

// listener remembers with which token a wallet asked last.
type listener struct{ authorization string }

func (l *listener) RoundTrip(r *http.Request) (*http.Response, error) {
	l.authorization = r.Header.Get("Authorization")
	return http.DefaultTransport.RoundTrip(r)
}

// withToken asks with a token that was got elsewhere.
func withToken(ctx context.Context, t *testing.T, c *http.Client, url, token string) (a client.Answer) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Prefer", "respond-async")
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	a.Status, a.Header = res.StatusCode, res.Header
	if a.Body, err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	return a
}
