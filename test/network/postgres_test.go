package network_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cairn/client"
	"cairn/demo"
	"cairn/node"
	"cairn/node/identity"
	"cairn/node/keys"
	"cairn/node/peer"
	"cairn/test/postgres"
)

// pair is a consortium of which the first hospital keeps its records in
// PostgreSQL and runs two processes, a and b, for the same URL.
type pair struct {
	town     *demo.Consortium
	server   *postgres.Server
	a, b     *demo.Hospital
	atB      *http.Client // reaches b where others reach a
	ehrB     *client.Client
	operator *client.Client // at b
}

// freePort returns an address of this machine that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func newPair(ctx context.Context, t *testing.T) *pair {
	t.Helper()
	p := &pair{}
	var err error
	if p.server, err = postgres.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.server.Stop(); err != nil {
			t.Error(err)
		}
	})
	url, err := p.server.Fresh()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if p.town, err = demo.Found(demo.Options{Binary: binary, Dir: dir, Store: url}); err != nil {
		t.Fatal(err)
	}
	p.a = p.town.Hospitals[0]
	p.second(ctx, t, filepath.Join(dir, "north-2"))
	t.Cleanup(func() {
		_ = p.town.StopOne(p.b) // it may have been killed
		if err := p.town.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := p.town.Start(ctx); err != nil {
		t.Fatal(err)
	}
	p.start(ctx, t, p.b)
	return p
}

// second makes the second process of the first hospital known to all nodes.
func (p *pair) second(ctx context.Context, t *testing.T, dir string) {
	t.Helper()
	first, err := node.ReadConfig(p.a.Config)
	if err != nil {
		t.Fatal(err)
	}
	listen := freePort(t)
	self, err := node.Beside(ctx, first, dir, listen, freePort(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range p.town.Hospitals {
		if err := node.AddPeer(h.Config, self); err != nil {
			t.Fatal(err)
		}
	}
	p.b = &demo.Hospital{ID: p.a.ID, Name: p.a.Name, Dir: dir, URL: "http://" + listen, Config: filepath.Join(dir, "cairn.toml")}
	p.atB = &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		MaxIdleConnsPerHost: 16, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, listen)
		}}}
	for id, to := range map[string]**client.Client{"ehr": &p.ehrB, "operator": &p.operator} {
		if *to, err = client.New(p.a.URL, p.a.ID, id, filepath.Join(p.a.Dir, "keys", id+".pem"), p.atB); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *pair) start(ctx context.Context, t *testing.T, h *demo.Hospital) {
	t.Helper()
	if err := p.town.StartOne(h); err != nil {
		t.Fatal(err)
	}
	if err := p.town.Ready(ctx, h); err != nil {
		t.Fatal(err)
	}
}

// status is what a process says of itself.
func status(t *testing.T, h *demo.Hospital) (s node.Status) {
	t.Helper()
	res, err := http.Get(h.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// comes asks again and again until ok says yes.
func comes(ctx context.Context, t *testing.T, what string, ok func() bool) {
	t.Helper()
	for !ok() {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("it never came that %s", what)
		}
	}
}

func TestTwoProcessesOfOneHospital(t *testing.T) {
	ctx := within(t, 4*time.Minute)
	p := newPair(ctx, t)
	t.Run("one of them seals", func(t *testing.T) {
		comes(ctx, t, "exactly one seals", func() bool { return status(t, p.a).Seals != status(t, p.b).Seals })
	})
	t.Run("a token of one is good at the other", p.tokens)
	t.Run("an assertion is good once at both together", p.replay)
	t.Run("both write at once", p.bothWrite)
	t.Run("a consent accepted at one holds at the other at once", p.consent)
	t.Run("a closure accepted at one holds at the other at once", p.denial)
	t.Run("three uses are three at both together", p.uses)
	t.Run("an export of one is the other's too", p.exports)
	t.Run("a patient's own export too", p.ownExport)
	t.Run("both sign with keys that one of them made", p.keys)
	t.Run("the other seals when the one that does is killed", p.takeover)
	t.Run("both go on after the database server was killed", p.restart)
	t.Run("scrub finds nothing", func(t *testing.T) {
		out, err := exec.CommandContext(ctx, binary, "scrub", "--config", p.a.Config).CombinedOutput() //nolint:gosec // our own program
		if err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
}

func (p *pair) tokens(t *testing.T) {
	ctx := within(t, time.Minute)
	id, _, _ := newPatient(ctx, t, p.a)
	for name, at := range map[string]*http.Client{"a": p.town.Client(), "b": p.atB} {
		signed, err := peer.SignIn(ctx, at, p.a.URL, assertionFor(t, p.a), nil)
		if err != nil {
			t.Fatal(err)
		}
		token := signed.Access
		for other, to := range map[string]*http.Client{"a": p.town.Client(), "b": p.atB} {
			if got := withToken(ctx, t, to, p.a.URL+"/fhir/Patient/"+id, token).Status; got != http.StatusOK {
				t.Errorf("a token of %s at %s: status %d", name, other, got)
			}
			if got := withToken(ctx, t, to, p.a.URL+"/fhir/Patient/"+id, token[:len(token)/2]+string(flip(token[len(token)/2]))+token[len(token)/2+1:]).Status; got != http.StatusUnauthorized {
				t.Errorf("an altered token of %s at %s: status %d", name, other, got)
			}
		}
	}
}

// assertionFor is one of the first hospital's EHR, for a physician.
func assertionFor(t *testing.T, h *demo.Hospital) string {
	t.Helper()
	key, err := keys.ReadClient(filepath.Join(h.Dir, "keys", "ehr.pem"))
	if err != nil {
		t.Fatal(err)
	}
	c := claims(h)
	c.Extensions.B2B = &identity.B2B{Version: "1", SubjectID: "p-1", SubjectName: "Dr. Test", SubjectRole: "physician",
		OrganizationID: h.ID, PurposeOfUse: []string{"TREAT"}}
	signed, err := identity.SignAssertion(key, c)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func (p *pair) replay(t *testing.T) {
	ctx := within(t, time.Minute)
	for i, order := range [][2]*http.Client{{p.town.Client(), p.atB}, {p.atB, p.town.Client()}} {
		assertion := assertionFor(t, p.a)
		if _, err := peer.SignIn(ctx, order[0], p.a.URL, assertion, nil); err != nil {
			t.Fatalf("order %d: the first use: %v", i, err)
		}
		if _, err := peer.SignIn(ctx, order[1], p.a.URL, assertion, nil); err == nil {
			t.Errorf("order %d: the other process took a used assertion", i)
		}
	}
}

// bothWrite has both processes store records of one patient and read those of
// the other; the log must be dense, which scrub and the next seal see to.
func (p *pair) bothWrite(t *testing.T) {
	ctx := within(t, time.Minute)
	id, _ := post(ctx, t, p.a, "Patient", `{"resourceType":"Patient","name":[{"family":"Shared"}]}`)
	before := status(t, p.a).LogSize
	const each = 40
	var wg sync.WaitGroup
	var stored atomic.Int64
	for i := range each {
		for k, ehr := range []*client.Client{p.a.EHR, p.ehrB} {
			wg.Go(func() {
				body := observation(id, "laboratory", fmt.Sprintf("%d-%d", i, k))
				if _, err := ehr.Expect(ctx, http.StatusCreated, http.MethodPost, "/fhir/Observation", []byte(body)); err != nil {
					t.Error(err)
					return
				}
				stored.Add(1)
			})
		}
	}
	wg.Wait()
	for name, ehr := range map[string]*client.Client{"a": p.a.EHR, "b": p.ehrB} {
		answer, err := ehr.As("p-1", "Dr. Test", "physician", "ward 3", "TREAT").Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/Observation?_count=100&patient="+id, nil)
		if err != nil {
			t.Fatal(err)
		}
		var bundle struct{ Total int64 }
		if err := json.Unmarshal(answer.Body, &bundle); err != nil || bundle.Total != stored.Load() {
			t.Errorf("%s finds %d of %d, %v", name, bundle.Total, stored.Load(), err)
		}
	}
	comes(ctx, t, "both know every entry", func() bool {
		a, b := status(t, p.a), status(t, p.b)
		return a.LogSize >= before+2*each && a.LogSize == b.LogSize && a.SealedSize == a.LogSize && b.SealedSize == b.LogSize
	})
}

// consent gives another hospital a part of a patient's records at a, and reads
// at b before, after, and after it was stopped.
func (p *pair) consent(t *testing.T) {
	ctx := within(t, time.Minute)
	id, lab, _ := newPatient(ctx, t, p.a)
	grantee := peerThrough(t, p.town.Find("south"), p.a, p.atB)
	read := func() int {
		answer, err := grantee.Do(ctx, http.MethodGet, "/fhir/Observation/"+lab, nil)
		if err != nil {
			t.Fatal(err)
		}
		return answer.Status
	}
	if got := read(); got != http.StatusNotFound { // b remembers that she has said nothing
		t.Fatalf("before: status %d", got)
	}
	w, err := demo.NewWallet(p.town, demo.Person{IDs: map[string]string{p.a.ID: id}}, p.a)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		g, err := w.Grant(ctx, labsFor(p.town.Find("south")), p.a.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(); got != http.StatusOK {
			t.Fatalf("accepted at a, and b answers %d", got)
		}
		if _, err := w.Stop(ctx, p.a.URL, g); err != nil {
			t.Fatal(err)
		}
		comes(ctx, t, "b refuses after the stop", func() bool { return read() == http.StatusNotFound })
	}
}

// keys has each process make one of the hospital's next keys: what the other one
// signs then is signed with it. The process without the vote makes none that votes.
func (p *pair) keys(t *testing.T) {
	ctx := within(t, time.Minute)
	for _, c := range []struct {
		at        *client.Client
		use, says string
	}{{p.operator, "seal", `"ended":true}`}, {p.a.Operator, "client", `"ended":true}`}, {p.operator, "validator", "has no vote"}} {
		a, err := c.at.With(ctx, http.MethodPost, "/admin/keys/"+c.use, http.Header{"Content-Type": {"application/json"}}, []byte(`{}`))
		if err != nil || a.Status != http.StatusOK || !strings.Contains(string(a.Body), c.says) {
			t.Errorf("%s: %d, %s, %v", c.use, a.Status, a.Body, err)
		}
	}
	for _, h := range []*demo.Hospital{p.a, p.b} {
		if warnings := status(t, h).Warnings; len(warnings) > 0 {
			t.Errorf("%s warns of %q", h.Dir, warnings)
		}
	}
	for _, ehr := range []*client.Client{p.a.EHR, p.ehrB} {
		if _, err := ehr.Expect(ctx, http.StatusCreated, http.MethodPost, "/fhir/Patient", []byte(`{"resourceType":"Patient"}`)); err != nil {
			t.Fatal(err)
		}
	}
	comes(ctx, t, "everything is sealed", func() bool { s := status(t, p.a); return s.SealedSize == s.LogSize })
}

// takeover kills the process that seals and sees the other one do it.
func (p *pair) takeover(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	leader, other, ehr := p.a, p.b, p.ehrB
	if status(t, p.b).Seals {
		leader, other, ehr = p.b, p.a, p.a.EHR
	}
	leader.Kill()
	comes(ctx, t, "the other seals", func() bool { return status(t, other).Seals })
	if _, err := ehr.Expect(ctx, http.StatusCreated, http.MethodPost, "/fhir/Patient", []byte(`{"resourceType":"Patient"}`)); err != nil {
		t.Fatal(err)
	}
	size := status(t, other).LogSize
	comes(ctx, t, "what was written is sealed", func() bool { return status(t, other).SealedSize >= size })
	p.start(ctx, t, leader)
	if status(t, leader).Seals && status(t, other).Seals {
		t.Error("both seal")
	}
}

// restart kills the database server and starts it again: in between requests
// fail, afterwards they do not, and neither process was restarted.
func (p *pair) restart(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	pids := [2]int{p.a.PID(), p.b.PID()}
	if err := p.server.Kill(); err != nil {
		t.Fatal(err)
	}
	answer, err := p.a.EHR.Do(ctx, http.MethodPost, "/fhir/Patient", []byte(`{"resourceType":"Patient"}`))
	if err != nil || answer.Status != http.StatusServiceUnavailable {
		t.Errorf("without a database: status %d, %v", answer.Status, err)
	}
	if strings.Contains(string(answer.Body), "cairn@") || bytes.Contains(answer.Body, []byte(p.server.Dir())) {
		t.Error("the answer says where the database is")
	}
	if err := p.server.Run(); err != nil {
		t.Fatal(err)
	}
	for _, ehr := range []*client.Client{p.a.EHR, p.ehrB} {
		comes(ctx, t, "records can be stored again", func() bool {
			answer, err := ehr.Do(ctx, http.MethodPost, "/fhir/Patient", []byte(`{"resourceType":"Patient"}`))
			return err == nil && answer.Status == http.StatusCreated
		})
	}
	comes(ctx, t, "one seals again", func() bool { return status(t, p.a).Seals != status(t, p.b).Seals })
	comes(ctx, t, "everything is sealed", func() bool { s := status(t, p.a); return s.SealedSize == s.LogSize })
	if pids != [2]int{p.a.PID(), p.b.PID()} {
		t.Error("a process was restarted")
	}
}

// TestMainJobOnPostgreSQL runs the demo's self-test with a hospital whose
// records are on a database server.
func TestMainJobOnPostgreSQL(t *testing.T) {
	server, err := postgres.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}()
	url, err := server.Fresh()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(within(t, 3*time.Minute), binary, "demo", "--check", "--store", url).CombinedOutput() //nolint:gosec // our own program
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
