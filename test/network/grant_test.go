package network_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"cairn/client"
	"cairn/demo"
	"cairn/proof"
	"cairn/wallet"
)

// scene is a patient of two hospitals who may grant a third.
type scene struct {
	custodian, second, grantee *demo.Hospital
	ids                        map[*demo.Hospital]string
	lab, vital                 string // at custodian
	wallet                     *wallet.Wallet
}

func newScene(ctx context.Context, t *testing.T) *scene {
	t.Helper()
	s := &scene{custodian: town.Find("north"), second: town.Find("east"), grantee: town.Find("south"), ids: make(map[*demo.Hospital]string)}
	s.ids[s.custodian], s.lab, s.vital = newPatient(ctx, t, s.custodian)
	s.ids[s.second], _, _ = newPatient(ctx, t, s.second)
	s.ids[s.grantee], _ = post(ctx, t, s.grantee, "Patient", `{"resourceType":"Patient"}`)
	s.wallet = person(t, s.ids)
	return s
}

// gather asks from the grantee and returns how many records came and which
// codes refused.
func (s *scene) gather(ctx context.Context, t *testing.T, who *client.Client, query string) (records int, codes []string) {
	t.Helper()
	a, err := who.Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/Patient/"+s.ids[s.grantee]+"/$gather?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b struct {
		Entry []struct {
			Resource json.RawMessage
			Search   struct{ Mode string }
		}
	}
	if err := json.Unmarshal(a.Body, &b); err != nil {
		t.Fatal(err)
	}
	for _, e := range b.Entry {
		if e.Search.Mode == "match" {
			records++
			continue
		}
		if code, _ := (client.Answer{Body: e.Resource}).Refusal(); code != "gather.answered" {
			codes = append(codes, code)
		}
	}
	return records, codes
}

// TestGrantAndStop is the main job in small, on every exit.
func TestGrantAndStop(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	g, err := s.wallet.Grant(ctx, labsFor(s.grantee), s.custodian.ID, s.second.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.wallet.Locate(ctx, s.grantee.ID, g); err != nil {
		t.Fatal(err)
	}
	who := physician(s.grantee)
	if n, codes := s.gather(ctx, t, who, "_type=Observation"); n != 1 || len(codes) != 0 {
		// The two laboratory results are alike but for their ids, so they are
		// one record with two sources.
		t.Errorf("granted: %d records, refusals %v", n, codes)
	}
	for _, query := range []string{"_type=Observation&category=vital-signs", "_type=Observation&code=8867-4", "_type=Patient", "_type=Observation&_summary=count&category=vital-signs"} {
		if n, _ := s.gather(ctx, t, who, query); n != 0 {
			t.Errorf("%s gives %d records that were not granted", query, n)
		}
	}
	if _, err := s.wallet.Stop(ctx, s.grantee.URL, g); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		n, codes := s.gather(ctx, t, who, "_type=Observation")
		if n == 0 && len(codes) == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("stopped, and yet %d records, refusals %v", n, codes)
		}
	}
	s.stoppedInLog(ctx, t)
}

// stoppedInLog waits for the event of the stop in her log.
func (s *scene) stoppedInLog(ctx context.Context, t *testing.T) {
	t.Helper()
	kinds := make(map[string]int)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline) && kinds[proof.KindConsentStopped] == 0; time.Sleep(50 * time.Millisecond) {
		entries, _, err := s.wallet.Log(ctx, s.custodian.ID, 200)
		if err != nil {
			t.Fatal(err)
		}
		clear(kinds)
		for _, e := range entries {
			ev, err := proof.DecodeEvent(e.Event)
			if err != nil {
				t.Fatal(err)
			}
			kinds[ev.Kind]++
		}
	}
	for _, kind := range []string{proof.KindConsentReceived, proof.KindConsentStopped, proof.KindDisclosureSent, proof.KindAccessRefused, proof.KindPasskeyRegistered, proof.KindInvitationIssued} {
		if kinds[kind] == 0 {
			t.Errorf("her log has no %s", kind)
		}
	}
}

// TestStopWithADeadLog stops a consent while the custodian cannot write its
// log: the node goes on, and the stop is in her log once it can.
func TestStopWithADeadLog(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	g, err := s.wallet.Grant(ctx, labsFor(s.grantee), s.custodian.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.wallet.Locate(ctx, s.grantee.ID, g); err != nil {
		t.Fatal(err)
	}
	s.gather(ctx, t, physician(s.grantee), "_type=Observation")
	sabotage(t, s.custodian, "CREATE TRIGGER dead_log BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'the log is dead'); END")
	_, err = s.wallet.Stop(ctx, s.second.URL, g)
	time.Sleep(2 * time.Second) // the mark is in a block; the custodian has tried
	sabotage(t, s.custodian, "DROP TRIGGER dead_log")
	if err != nil {
		t.Fatal(err)
	}
	s.gather(ctx, t, physician(s.grantee), "_type=Observation") // refused, and logged so
	s.stoppedInLog(ctx, t)
}

// TestForgedConsents hands in what she did not sign.
func TestForgedConsents(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	var body []byte
	record := &http.Client{Transport: tap(func(r *http.Request, sent []byte) {
		if strings.HasSuffix(r.URL.Path, "/portal/consents") && body == nil {
			body = sent
		}
	})}
	s.wallet = s.wallet.Through(record)
	if _, err := s.wallet.Grant(ctx, labsFor(s.grantee), s.custodian.ID, s.second.ID); err != nil {
		t.Fatal(err)
	}
	var good map[string]any
	if err := json.Unmarshal(body, &good); err != nil {
		t.Fatal(err)
	}
	if status := handIn(ctx, t, s.custodian, body); status != http.StatusCreated {
		t.Fatalf("the same consent again: status %d", status)
	}
	if status := handIn(ctx, t, s.second, body); status != http.StatusBadRequest {
		t.Errorf("another custodian took it: status %d", status)
	}
	for _, field := range []string{"slip", "path", "assertion"} {
		raw := append([]byte(nil), body...)
		at := bytes.Index(raw, []byte(`"`+field+`"`)) + len(field) + 60
		raw[at] = flip(raw[at])
		if status := handIn(ctx, t, s.custodian, raw); status < 400 || status >= 500 {
			t.Errorf("an altered %s: status %d", field, status)
		}
	}
}

func flip(b byte) byte {
	if b == 'A' {
		return 'B'
	}
	return 'A'
}

func handIn(ctx context.Context, t *testing.T, h *demo.Hospital, body []byte) int {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL+"/portal/consents", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := town.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// TestMarks: anyone may hand marks in, malformed ones are refused, and a flood
// from one address is slowed.
func TestMarks(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("west")
	post := func(body string) int {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL+"/marks", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := town.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	mark := func() string {
		var m [32]byte
		rand.Read(m[:])
		return hex.EncodeToString(m[:])
	}
	one := `{"marks":["` + mark() + `"]}`
	for range 2 { // the second time is idempotent
		if status := post(one); status != http.StatusOK {
			t.Errorf("a mark: status %d", status)
		}
	}
	for _, bad := range []string{`{}`, `{"marks":[]}`, `{"marks":["abc"]}`, `{"marks":["` + mark() + `"],"extra":1}`, `[]`, ``} {
		if status := post(bad); status != http.StatusBadRequest {
			t.Errorf("%q: status %d", bad, status)
		}
	}
	most := make([]string, 64)
	for i := range most {
		most[i] = `"` + mark() + `"`
	}
	for waited := 0; ; waited++ { // other tests hand marks in from this address too
		status := post(`{"marks":[` + strings.Join(most, ",") + `]}`)
		if status == http.StatusOK {
			break
		}
		if waited == 15 {
			t.Fatalf("64 marks at once: status %d", status)
		}
		time.Sleep(time.Second)
	}
	slowed := false
	for range 12 {
		marks := make([]string, 10)
		for i := range marks {
			marks[i] = `"` + mark() + `"`
		}
		if post(`{"marks":[`+strings.Join(marks, ",")+`]}`) == http.StatusServiceUnavailable {
			slowed = true
		}
	}
	if !slowed {
		t.Error("a flood of marks was not slowed")
	}
}

// tap is a transport that shows each request's body to a function.
type tap func(r *http.Request, body []byte)

func (f tap) RoundTrip(r *http.Request) (*http.Response, error) {
	var buf bytes.Buffer
	if r.Body != nil {
		if _, err := buf.ReadFrom(r.Body); err != nil {
			return nil, err
		}
	}
	f(r, bytes.Clone(buf.Bytes()))
	r.Body = http.NoBody
	if buf.Len() > 0 {
		r.Body = readCloser{&buf}
	}
	return http.DefaultTransport.RoundTrip(r)
}

type readCloser struct{ *bytes.Buffer }

func (readCloser) Close() error { return nil }
