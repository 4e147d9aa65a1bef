package network_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/demo"
	"cairn/ledger/member"
	"cairn/node/identity"
	"cairn/node/identity/dpop"
	"cairn/node/keys"
	"cairn/node/peer"
	"cairn/proof"
	"cairn/wallet"
)

// colleague is a hospital that speaks to others by hand, with its own keys: who
// captures what it sends has what a thief has.
type colleague struct {
	t    *testing.T
	home *demo.Hospital
	key  *ecdsa.PrivateKey
	net  [32]byte
	*peer.Client
}

// Client is what a peer.Pen gives; the height is asked of the hospital's node.
func (c *colleague) pen() peer.Pen { return penOf{c} }

type penOf struct{ *colleague }

func (p penOf) Client() (*ecdsa.PrivateKey, uint64, error) { return p.key, heightOf(p.t, p.home), nil }

func heightOf(t *testing.T, h *demo.Hospital) uint64 {
	t.Helper()
	res, err := town.Client().Get(h.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var s struct{ Height uint64 }
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return max(1, s.Height)
}

func newColleague(t *testing.T, h *demo.Hospital) *colleague {
	t.Helper()
	key, err := keys.ReadClient(filepath.Join(h.Dir, "keys", "client.pem"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(h.Dir, "network.json"))
	if err != nil {
		t.Fatal(err)
	}
	trust, err := proof.DecodeTrust(raw)
	if err != nil {
		t.Fatal(err)
	}
	c := &colleague{t: t, home: h, key: key, net: trust.ID}
	if c.Client, err = peer.New(h.ID, trust.ID, c.pen(), town.Client()); err != nil {
		t.Fatal(err)
	}
	return c
}

func at(h *demo.Hospital) member.Member { return member.Member{ID: h.ID, URL: h.URL} }

var colleagueOf = peer.Person{ID: "p-1", Name: "Dr. Test", Role: "physician", Unit: "ward 3", Purpose: "TREAT"}

// prepare makes a good request, and its answer's status is what sent returns.
func (c *colleague) prepare(ctx context.Context, to *demo.Hospital, who peer.Person, method, path string, body []byte) *http.Request {
	c.t.Helper()
	req, err := c.Prepare(ctx, at(to), who, method, path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req
}

// sent sends a request and returns the answer's status, code and header.
func sent(t *testing.T, req *http.Request) (status int, code string, header http.Header) {
	t.Helper()
	res, err := town.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var outcome struct {
		Issue []struct {
			Details struct{ Coding []struct{ Code string } }
		}
	}
	if json.Unmarshal(body, &outcome) == nil && len(outcome.Issue) > 0 && len(outcome.Issue[0].Details.Coding) > 0 {
		code = outcome.Issue[0].Details.Coding[0].Code
	}
	return res.StatusCode, code, res.Header
}

// copied is a captured request, sent again to a path of a hospital.
func copied(ctx context.Context, t *testing.T, captured *http.Request, method string, h *demo.Hospital, target string, body []byte) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, h.URL+target, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, captured.Header)
	return req
}

// TestCaptured lets a thief who read everything on the wire try what he can with
// it: nothing that he sends is answered with records.
func TestCaptured(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	s.grant(ctx, t)
	c := newColleague(t, s.grantee)
	target := "Observation?patient=" + s.ids[s.custodian]
	form := []byte("patient=" + s.ids[s.custodian])
	get := func() *http.Request { return c.prepare(ctx, s.custodian, colleagueOf, "GET", target, nil) }
	search := func() *http.Request {
		return c.prepare(ctx, s.custodian, colleagueOf, "POST", "Observation/_search", form)
	}
	for name, good := range map[string]*http.Request{"get": get(), "search": search()} {
		if status, code, _ := sent(t, good); status != http.StatusOK {
			t.Fatalf("%s: a good request: %d %s", name, status, code)
		}
	}
	// used has been answered; fresh was captured before it arrived, so only what it says protects it.
	used, fresh, fill := get(), get(), search()
	if status, _, _ := sent(t, used); status != http.StatusOK {
		t.Fatal(status)
	}
	mine, err := dpop.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimPrefix(fresh.Header.Get("Authorization"), "DPoP ")
	url := s.custodian.URL + "/fhir/Observation"
	prove := func(key *dpop.Key, method, address, access string, at time.Time) string {
		out, err := key.Prove(method, address, access, "", at)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	with := func(req *http.Request, name, value string) *http.Request {
		if req.Header.Set(name, value); value == "" {
			req.Header.Del(name)
		}
		return req
	}
	again := func(captured *http.Request) *http.Request {
		return copied(ctx, t, captured, "GET", s.custodian, "/fhir/"+target, nil)
	}
	now := time.Now()
	for name, req := range map[string]*http.Request{
		"the same again":             again(used),
		"as another method":          copied(ctx, t, fresh, "DELETE", s.custodian, "/fhir/"+target, nil),
		"at another hospital":        copied(ctx, t, fresh, "GET", s.second, "/fhir/"+target, nil),
		"for another path":           copied(ctx, t, fresh, "GET", s.custodian, "/fhir/Observation/"+s.lab, nil),
		"for another query":          copied(ctx, t, fresh, "GET", s.custodian, "/fhir/"+target+"&code=4548-4", nil),
		"for another patient":        copied(ctx, t, fresh, "GET", s.custodian, "/fhir/Observation?patient=x", nil),
		"with an edited body":        copied(ctx, t, fill, "POST", s.custodian, "/fhir/Observation/_search", append(form, "&_count=1"...)),
		"without its body":           copied(ctx, t, fill, "POST", s.custodian, "/fhir/Observation/_search", nil),
		"without its proof":          with(again(fresh), "DPoP", ""),
		"as a bearer token":          with(again(fresh), "Authorization", "Bearer "+token),
		"another key's proof":        with(again(fresh), "DPoP", prove(mine, "GET", url, token, now)),
		"another key's for a minute": with(again(fresh), "DPoP", prove(mine, "GET", url, token, now.Add(-2*time.Minute))),
		"without what was signed":    with(again(fresh), identity.RequestHeader, ""),
		"with what another signed":   with(again(fresh), identity.RequestHeader, used.Header.Get(identity.RequestHeader)),
		"with an altered signature":  with(again(fresh), identity.RequestHeader, altered(fresh.Header.Get(identity.RequestHeader))),
	} {
		if status, code, _ := sent(t, req); status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, status, code)
		}
	}
}

// altered turns one character of a signature.
func altered(text string) string {
	i := len(text) - 20
	other := byte('A')
	if text[i] == other {
		other = 'B'
	}
	return text[:i] + string(other) + text[i+1:]
}

// TestProofsOfOneself: whoever has token and key must still prove the very
// request, within the minute, for that token.
func TestProofsOfOneself(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("north")
	key, err := dpop.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	ehr, err := keys.ReadClient(filepath.Join(h.Dir, "keys", "ehr.pem"))
	if err != nil {
		t.Fatal(err)
	}
	signIn := func(root string) string {
		signed, err := identity.SignAssertion(ehr, claims(h))
		if err != nil {
			t.Fatal(err)
		}
		token, err := peer.SignIn(ctx, town.Client(), root, signed, key)
		if err != nil {
			t.Fatal(err)
		}
		return token.Access
	}
	one, two := signIn(h.URL), signIn(h.URL)
	url, now := h.URL+"/fhir/Observation", time.Now()
	try := func(method, address, access string, at time.Time) int {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := key.Sign(req, one); err != nil { // with the nonce that a young node asks for
			t.Fatal(err)
		}
		p, err := dpop.Check(req.Header.Get("DPoP"), "GET", url, one, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		raw, err := key.Prove(method, address, access, p.Nonce, at)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("DPoP", raw)
		status, _, _ := sent(t, req)
		return status
	}
	if status := try("GET", url, one, now); status != http.StatusOK {
		t.Fatalf("a good proof: %d", status)
	}
	for name, status := range map[string]int{
		"another method":           try("POST", url, one, now),
		"another address":          try("GET", h.URL+"/fhir/Patient", one, now),
		"another hospital":         try("GET", town.Find("east").URL+"/fhir/Observation", one, now),
		"another token's hash":     try("GET", url, two, now),
		"no token's hash":          try("GET", url, "", now),
		"a day later":              try("GET", url, one, now.Add(-24*time.Hour)),
		"two minutes later":        try("GET", url, one, now.Add(-2*time.Minute)),
		"milliseconds for seconds": try("GET", url, one, time.Unix(now.UnixMilli(), 0)),
	} {
		if status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, status)
		}
	}
}

// TestTokensBetweenHospitals tries the token that each hospital gave another at
// all four: only the one that gave it takes it.
func TestTokensBetweenHospitals(t *testing.T) {
	ctx := within(t, time.Minute)
	for i, issuer := range town.Hospitals {
		from := newColleague(t, town.Hospitals[(i+1)%len(town.Hospitals)])
		token := from.prepare(ctx, issuer, colleagueOf, "GET", "Observation?patient=x", nil).Header.Get("Authorization")
		for _, to := range town.Hospitals {
			if to == from.home {
				continue // it asks others, not itself: its own id is no client there
			}
			req := from.prepare(ctx, to, colleagueOf, "GET", "Observation?patient=x", nil) // all but the token is right
			own := req.Header.Get("Authorization")
			if to != issuer {
				req = from.reprove(ctx, req, strings.TrimPrefix(token, "DPoP "))
			}
			status, code, _ := sent(t, req)
			if in := status == http.StatusForbidden && strings.HasPrefix(code, "policy."); in != (to == issuer) || to == issuer && own != token {
				t.Errorf("a token of %s for %s at %s: %d %s", issuer.ID, from.home.ID, to.ID, status, code)
			}
		}
		// At home, where the one that it was given to comes from.
		req := from.prepare(ctx, issuer, colleagueOf, "GET", "Observation?patient=x", nil)
		if status, _, _ := sent(t, copied(ctx, t, req, "GET", from.home, "/fhir/Observation?patient=x", nil)); status != http.StatusUnauthorized {
			t.Errorf("a token of %s at %s itself: %d", issuer.ID, from.home.ID, status)
		}
	}
}

// reprove puts another token on a request, with the proof that it needs.
func (c *colleague) reprove(ctx context.Context, req *http.Request, token string) *http.Request {
	c.t.Helper()
	out := req.Clone(ctx)
	if err := c.Proofs().Sign(out, token); err != nil {
		c.t.Fatal(err)
	}
	return out
}

// TestMistakenPatient: a hospital that names a consent of somebody else, or none
// of this hospital's, has the wrong patient.
func TestMistakenPatient(t *testing.T) {
	ctx := within(t, time.Minute)
	s, other := newScene(ctx, t), newScene(ctx, t)
	hers, err := s.wallet.Grant(ctx, labsFor(s.grantee), s.custodian.ID)
	if err != nil {
		t.Fatal(err)
	}
	others, err := other.wallet.Grant(ctx, labsFor(s.grantee), s.custodian.ID)
	if err != nil {
		t.Fatal(err)
	}
	c := newColleague(t, s.grantee)
	ask := func(commitment string) (int, string) {
		who := colleagueOf
		who.Consent = commitment
		status, code, header := sent(t, c.prepare(ctx, s.custodian, who, "GET", "Observation?patient="+s.ids[s.custodian], nil))
		if header.Get(identity.AnswerHeader) == "" {
			t.Error("the answer is not signed")
		}
		return status, code
	}
	if status, code := ask(fmt.Sprintf("%x", hers.Slips[0].Commitment)); status != http.StatusOK {
		t.Errorf("her own: %d %s", status, code)
	}
	for name, commitment := range map[string]string{"another's": fmt.Sprintf("%x", others.Slips[0].Commitment), "nobody's": strings.Repeat("0", 64)} {
		if status, code := ask(commitment); status != http.StatusForbidden || code != "policy.consent-reference" {
			t.Errorf("%s: %d %s", name, status, code)
		}
	}
	who := colleagueOf
	who.Consent = "no-slip"
	if _, err := c.Prepare(ctx, at(s.custodian), who, "GET", "Observation", nil); err == nil {
		t.Error("a consent that is no slip was taken")
	}
}

// TestHalves: what two hospitals sign to each other is in both logs, whole once
// the asking one has acknowledged; what it never acknowledges is listed to the
// patient and to the privacy officer.
func TestHalves(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	s.grant(ctx, t)
	if n, codes := s.gather(ctx, t, physician(s.grantee), "_type=Observation"); n != 1 || len(codes) != 0 {
		t.Fatalf("%d records, refusals %v", n, codes)
	}
	c := newColleague(t, s.grantee)
	req := c.prepare(ctx, s.custodian, colleagueOf, "GET", "Observation?patient="+s.ids[s.custodian], nil)
	status, _, header := sent(t, req)
	if status != http.StatusOK {
		t.Fatal(status)
	}
	here, there := s.halves(ctx, t, s.custodian), s.halves(ctx, t, s.grantee)
	if len(here) != 2 || len(there) != 1 || here[1].ID != there[0].ID {
		t.Fatalf("%+v\n%+v", here, there)
	}
	if w := here[1]; w.Side != "answered" || w.Other != s.grantee.ID || w.Consent == "" || w.Status != 200 || w.Person != s.grantee.ID+"/p-1" || w.Event == "" {
		t.Errorf("the custodian's half: %+v", w)
	}
	if w := there[0]; w.Side != "asked" || w.Other != s.custodian.ID || w.State != "whole" || w.Status != 200 {
		t.Errorf("the asking hospital's half: %+v", w)
	}
	if here[0].State != "waiting" {
		t.Errorf("what was not acknowledged: %+v", here[0])
	}
	a, err := s.custodian.Operator.Expect(ctx, http.StatusOK, "GET", "/admin/receipts?state=one-sided&late=0s", nil)
	if err != nil || !bytes.Contains(a.Body, []byte(here[0].ID)) || bytes.Contains(a.Body, []byte(here[1].ID)) || bytes.Contains(a.Body, []byte(s.ids[s.custodian])) {
		t.Errorf("the privacy officer sees %s: %v", a.Body, err)
	}
	s.files(ctx, t, here, there[0].ID)
	s.acknowledge(ctx, t, c, req, header)
}

// files takes what hospitals signed to a program that knows the trust file and has
// no network: a whole exchange verifies, from either hospital, and altered it does
// not; one that was not acknowledged is not whole. Nobody else may have it.
func (s *scene) files(ctx context.Context, t *testing.T, here []wallet.Exchange, whole string) {
	t.Helper()
	verify := func(raw []byte, trust bool) string {
		file := filepath.Join(t.TempDir(), "exchange.json")
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"verify", file}
		if trust {
			args = append(args, "--trust", s.second.Trust())
		}
		out, err := exec.CommandContext(ctx, binary, args...).CombinedOutput()
		if ok := strings.HasPrefix(string(out), "OK (ok)"); ok != (err == nil) {
			t.Errorf("exit %v: %s", err, out)
		}
		return string(out)
	}
	var files [][]byte
	for _, h := range []*demo.Hospital{s.custodian, s.grantee} {
		raw, err := s.wallet.ExchangeFile(ctx, h.ID, whole)
		if err != nil {
			t.Fatal(err)
		}
		if said := verify(raw, true); !strings.HasPrefix(said, "OK (ok): "+s.grantee.ID+" asked "+s.custodian.ID) {
			t.Errorf("from %s: %s", h.ID, said)
		}
		files = append(files, raw)
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("the two hospitals have different files of one exchange")
	}
	if said := verify(bytes.Replace(files[0], []byte("status 200"), []byte("status 403"), 1), true); !strings.HasPrefix(said, "FAIL (altered-sentence)") {
		t.Errorf("altered: %s", said)
	}
	if said := verify(files[0], false); !strings.HasPrefix(said, "INCONCLUSIVE (no-trust)") {
		t.Errorf("without a trust file: %s", said)
	}
	a, err := s.custodian.Operator.Expect(ctx, http.StatusOK, "GET", "/admin/receipts/"+here[0].ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	if said := verify(a.Body, true); !strings.HasPrefix(said, "INCONCLUSIVE (one-sided)") {
		t.Errorf("not acknowledged: %s", said)
	}
	other := newScene(ctx, t)
	if _, err := other.wallet.ExchangeFile(ctx, other.custodian.ID, whole); err == nil {
		t.Error("another patient has it")
	}
}

// halves returns what she sees of what a hospital and others signed, once the
// oldest is whole.
func (s *scene) halves(ctx context.Context, t *testing.T, h *demo.Hospital) []wallet.Exchange {
	t.Helper()
	for {
		list, err := s.wallet.Exchanges(ctx, h.ID, 10)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(list); n > 0 && list[n-1].State == "whole" {
			return list
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("never whole at %s: %+v", h.ID, list)
		}
	}
}

// acknowledge tries false acknowledgements of an answer, and then the true one.
func (s *scene) acknowledge(ctx context.Context, t *testing.T, c *colleague, req *http.Request, header http.Header) {
	t.Helper()
	request, err := proof.ParseRequest(req.Header.Get(identity.RequestHeader))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := proof.ParseAnswer(header.Get(identity.AnswerHeader))
	if err != nil {
		t.Fatal(err)
	}
	custodian, rival := newColleague(t, s.custodian), newColleague(t, s.second)
	good := proof.Acknowledgement{
		Party:   proof.Party{Network: c.net, From: s.grantee.ID, To: s.custodian.ID, Height: heightOf(t, s.grantee), Time: time.Now().UnixMilli()},
		Request: request.ID, Answer: answer.ID, Entry: proof.Entry{Index: 1, Event: "e"},
	}
	try := func(key *ecdsa.PrivateKey, change func(a *proof.Acknowledgement)) int {
		t.Helper()
		a := good
		if change != nil {
			change(&a)
		}
		signed, err := a.Sign(key)
		if err != nil {
			t.Fatal(err)
		}
		return hand(ctx, t, s.custodian, signed.Text)
	}
	for name, status := range map[string]int{
		"another hospital's":  try(rival.key, func(a *proof.Acknowledgement) { a.From = s.second.ID }),
		"by another's key":    try(rival.key, nil),
		"by the custodian":    try(custodian.key, nil),
		"of another answer":   try(c.key, func(a *proof.Acknowledgement) { a.Answer[0] ^= 1 }),
		"of another request":  try(c.key, func(a *proof.Acknowledgement) { a.Request[0] ^= 1 }),
		"to another":          try(c.key, func(a *proof.Acknowledgement) { a.To = s.second.ID }),
		"in another network":  try(c.key, func(a *proof.Acknowledgement) { a.Network[0] ^= 1 }),
		"of a height to come": try(c.key, func(a *proof.Acknowledgement) { a.Height += 1 << 20 }),
		"an answer":           hand(ctx, t, s.custodian, answer.Text),
		"nonsense":            hand(ctx, t, s.custodian, "x.y.z"),
	} {
		if status < 400 || status >= 500 {
			t.Errorf("an acknowledgement %s: status %d", name, status)
		}
	}
	if list := s.halves(ctx, t, s.custodian); list[0].State != "waiting" {
		t.Errorf("a false acknowledgement counts: %+v", list[0])
	}
	for range 2 {
		if status := try(c.key, nil); status != http.StatusNoContent {
			t.Errorf("the acknowledgement: status %d", status)
		}
	}
	if list := s.halves(ctx, t, s.custodian); list[0].State != "whole" {
		t.Errorf("the acknowledgement does not count: %+v", list[0])
	}
	var kinds []string
	entries, _, err := s.wallet.Log(ctx, s.custodian.ID, 20)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		var ev struct{ Kind, Detail string }
		if err := json.Unmarshal(e.Event, &ev); err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, ev.Kind)
		if ev.Kind == proof.KindDisclosureSent && !strings.Contains(ev.Detail, "request ey") {
			t.Errorf("the log of the custodian does not hold what was signed: %s", ev.Detail)
		}
	}
	if n := len(slices.DeleteFunc(kinds, func(k string) bool { return k != proof.KindConfirmed })); n != 2 {
		t.Errorf("%d acknowledgements are in her log", n)
	}
}

// hand hands an acknowledgement in.
func hand(ctx context.Context, t *testing.T, h *demo.Hospital, text string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL+"/acknowledgements", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/jose")
	status, _, _ := sent(t, req)
	return status
}
