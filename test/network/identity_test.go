package network_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"cairn/demo"
	"cairn/node/identity"
	"cairn/node/keys"
	"cairn/node/peer"
	"cairn/wallet"
)

// claims are those of a good assertion of north's EHR at north.
func claims(h *demo.Hospital) identity.Claims {
	now := time.Now()
	return identity.Claims{
		Issuer: "ehr", Subject: "ehr", Audience: jwt.Audience{h.URL + "/auth/token"},
		Expiry: jwt.NewNumericDate(now.Add(time.Minute)), IssuedAt: jwt.NewNumericDate(now), ID: uuid.NewString(),
	}
}

// TestAssertions alters a good client assertion in every way that matters.
func TestAssertions(t *testing.T) {
	ctx := within(t, time.Minute)
	h, other := town.Find("north"), town.Find("east")
	key, err := keys.ReadClient(filepath.Join(h.Dir, "keys", "ehr.pem"))
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	try := func(k *ecdsa.PrivateKey, c identity.Claims, root string) error {
		signed, err := identity.SignAssertion(k, c)
		if err != nil {
			t.Fatal(err)
		}
		_, err = peer.SignIn(ctx, town.Client(), root, signed, nil)
		return err
	}
	good := claims(h)
	if err := try(key, good, h.URL); err != nil {
		t.Fatalf("a good assertion: %v", err)
	}
	if err := try(key, good, h.URL); err == nil {
		t.Error("an assertion was taken twice")
	}
	for name, alter := range map[string]func(c *identity.Claims){
		"other audience":  func(c *identity.Claims) { c.Audience = jwt.Audience{other.URL + "/auth/token"} },
		"two audiences":   func(c *identity.Claims) { c.Audience = append(c.Audience, "x") },
		"expired":         func(c *identity.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(-time.Hour)) },
		"lives too long":  func(c *identity.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(time.Hour)) },
		"no expiry":       func(c *identity.Claims) { c.Expiry = nil },
		"no jti":          func(c *identity.Claims) { c.ID = "" },
		"signed tomorrow": func(c *identity.Claims) { c.IssuedAt = jwt.NewNumericDate(time.Now().Add(24 * time.Hour)) },
		"before start":    func(c *identity.Claims) { c.IssuedAt = jwt.NewNumericDate(time.Now().Add(-24 * time.Hour)) },
		"other subject":   func(c *identity.Claims) { c.Subject = "operator" },
		"other client":    func(c *identity.Claims) { c.Issuer, c.Subject = "operator", "operator" },
		"a member":        func(c *identity.Claims) { c.Issuer, c.Subject = "east", "east" },
		"itself":          func(c *identity.Claims) { c.Issuer, c.Subject = "north", "north" },
		"other organisation": func(c *identity.Claims) {
			c.Extensions.B2B = &identity.B2B{Version: "1", OrganizationID: "east", PurposeOfUse: []string{"TREAT"}}
		},
		"unknown purpose": func(c *identity.Claims) {
			c.Extensions.B2B = &identity.B2B{Version: "1", OrganizationID: "north", PurposeOfUse: []string{"CURIOSITY"}}
		},
	} {
		c := claims(h)
		alter(&c)
		if err := try(key, c, h.URL); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := try(stranger, claims(h), h.URL); err == nil {
		t.Error("another key was accepted")
	}
}

// TestTokensStayAtHome tries each hospital's token at each hospital: only the
// diagonal works.
func TestTokensStayAtHome(t *testing.T) {
	ctx := within(t, time.Minute)
	for _, from := range town.Hospitals {
		key, err := keys.ReadClient(filepath.Join(from.Dir, "keys", "ehr.pem"))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := identity.SignAssertion(key, claims(from))
		if err != nil {
			t.Fatal(err)
		}
		token, err := peer.SignIn(ctx, town.Client(), from.URL, signed, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range town.Hospitals {
			status := get(ctx, t, at.URL+"/fhir/Patient/x", token.Access)
			if at == from && status == http.StatusUnauthorized || at != from && status != http.StatusUnauthorized {
				t.Errorf("a token of %s at %s: status %d", from.ID, at.ID, status)
			}
		}
	}
}

func get(ctx context.Context, t *testing.T, url, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := town.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// TestNobodyUnnamed asks every route without a token; none of the guarded ones
// answers.
func TestNobodyUnnamed(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("south")
	for _, route := range []string{
		"GET /fhir/Patient", "GET /fhir/Patient/1", "GET /fhir/Patient/1/_history/1", "POST /fhir/Patient", "PUT /fhir/Patient/1", "DELETE /fhir/Patient/1",
		"POST /fhir", "POST /fhir/Patient/_search", "GET /fhir/Patient/1/$gather", "GET /fhir/Patient/1/_history/1/$evidence",
		"GET /admin/status", "POST /admin/scrub", "GET /admin/export", "GET /admin/evidence/1",
		"POST /portal/invitations", "GET /portal/consents", "POST /portal/locators", "GET /portal/log", "GET /portal/evidence/1",
	} {
		method, path, _ := strings.Cut(route, " ")
		req, err := http.NewRequestWithContext(ctx, method, h.URL+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := town.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: status %d", route, res.StatusCode)
		}
	}
}

// TestRightsOfClients: the operator sees no record, the EHR operates nothing,
// a physician writes through the EHR only.
func TestRightsOfClients(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("south")
	patient, lab, _ := newPatient(ctx, t, h)
	nosy := h.Operator.As("op-1", "Operator", "operator", "", "TREAT")
	for _, path := range []string{"/fhir/Patient/" + patient, "/fhir/Observation/" + lab, "/fhir/Observation?patient=" + patient} {
		a, err := nosy.Do(ctx, http.MethodGet, path, nil)
		if err != nil || a.Status == http.StatusOK {
			t.Errorf("the operator reads %s: %d %v", path, a.Status, err)
		}
	}
	if a, err := h.EHR.Do(ctx, http.MethodPost, "/admin/scrub", nil); err != nil || a.Status != http.StatusForbidden {
		t.Errorf("the EHR scrubs: %d %v", a.Status, err)
	}
	if a, err := h.Operator.Do(ctx, http.MethodPost, "/fhir/Patient", []byte(`{"resourceType":"Patient"}`)); err != nil || a.Status != http.StatusForbidden {
		t.Errorf("the operator writes: %d %v", a.Status, err)
	}
	if a, err := h.Operator.Do(ctx, http.MethodPost, "/portal/invitations", []byte(`{"patient":"`+patient+`"}`)); err != nil || a.Status != http.StatusForbidden {
		t.Errorf("the operator invites: %d %v", a.Status, err)
	}
}

// TestSignInSignsNoConsent: a hospital that offers the root of slips, or a
// sign-in elsewhere, as its sign-in challenge gets no signature; a signature
// over the nonce alone opens nothing.
func TestSignInSignsNoConsent(t *testing.T) {
	ctx := within(t, time.Minute)
	h, other := town.Find("north"), town.Find("east")
	id, _ := post(ctx, t, h, "Patient", `{"resourceType":"Patient"}`)
	w := person(t, map[*demo.Hospital]string{h: id})
	nonce := make([]byte, 56)
	rand.Read(nonce)
	elsewhere := identity.SignInChallenge(other.ID, nonce)
	for name, challenge := range map[string][]byte{"a root": nonce[:32], "the nonce": nonce, "another hospital's": elsewhere[:]} {
		signed := false
		lying := tap(func(r *http.Request, _ []byte) { signed = signed || strings.HasSuffix(r.URL.Path, "/portal/signin") })
		answers := fixed{path: "/portal/signin/options", next: lying, body: fmt.Sprintf(`{"nonce":%q,"publicKey":{"challenge":%q}}`,
			base64.RawURLEncoding.EncodeToString(nonce), base64.RawURLEncoding.EncodeToString(challenge))}
		if _, _, err := w.Through(&http.Client{Transport: answers}).Log(ctx, h.ID, 1); !errors.Is(err, wallet.ErrChallenge) || signed {
			t.Errorf("%s was signed: %v", name, err)
		}
	}
	own := identity.SignInChallenge(h.ID, nonce) // well-formed, but the nonce is not the hospital's
	answers := fixed{path: "/portal/signin/options", next: http.DefaultTransport, body: fmt.Sprintf(`{"nonce":%q,"publicKey":{"challenge":%q}}`,
		base64.RawURLEncoding.EncodeToString(nonce), base64.RawURLEncoding.EncodeToString(own[:]))}
	var refused *wallet.Refused
	if _, _, err := w.Through(&http.Client{Transport: answers}).Log(ctx, h.ID, 1); !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized {
		t.Errorf("a nonce that the hospital did not make: %v", err)
	}
}

// fixed is a transport that answers one path itself.
type fixed struct {
	path, body string
	next       http.RoundTripper
}

func (f fixed) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, f.path) {
		return f.next.RoundTrip(r)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: make(http.Header), Body: io.NopCloser(strings.NewReader(f.body)), Request: r}, nil
}

// TestSignInOnce hands the same signed sign-in in twice.
func TestSignInOnce(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("north")
	id, _ := post(ctx, t, h, "Patient", `{"resourceType":"Patient"}`)
	w := person(t, map[*demo.Hospital]string{h: id})
	var body []byte
	watch := tap(func(r *http.Request, sent []byte) {
		if strings.HasSuffix(r.URL.Path, "/portal/signin") {
			body = sent
		}
	})
	if _, _, err := w.Through(&http.Client{Transport: watch}).Log(ctx, h.ID, 1); err != nil {
		t.Fatal(err)
	}
	if status := send(ctx, t, h.URL+"/portal/signin", body); status != http.StatusUnauthorized {
		t.Errorf("the same sign-in again: status %d", status)
	}
}

// send posts JSON and returns the status.
func send(ctx context.Context, t *testing.T, url string, body []byte) int {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
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

// invitation returns a fresh code for a patient.
func invitation(ctx context.Context, t *testing.T, h *demo.Hospital, id string) string {
	t.Helper()
	code, _ := invited(ctx, t, h, id)
	return code
}

// invited returns a fresh code for a patient and the key of its row in SQL.
func invited(ctx context.Context, t *testing.T, h *demo.Hospital, id string) (code, row string) {
	t.Helper()
	a, err := h.EHR.Expect(ctx, http.StatusCreated, http.MethodPost, "/portal/invitations", []byte(`{"patient":"`+id+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	var out struct{ Code, ID string }
	if err := json.Unmarshal(a.Body, &out); err != nil {
		t.Fatal(err)
	}
	return out.Code, "x'" + out.ID + "'"
}

func newWallet(t *testing.T) *wallet.Wallet {
	t.Helper()
	return wallet.New([32]byte{1}, town.Client())
}

func home(h *demo.Hospital) wallet.Home { return wallet.Home{ID: h.ID, Name: h.Name, URL: h.URL} }

// TestInvitationOnce uses one invitation on many devices at once: exactly one
// gets in, the others and an unknown code are refused as not proved.
func TestInvitationOnce(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("west")
	id, _ := post(ctx, t, h, "Patient", `{"resourceType":"Patient"}`)
	code := invitation(ctx, t, h, id)
	const devices = 8
	results := make(chan error, devices)
	for range devices {
		w := newWallet(t)
		go func() { results <- w.Register(ctx, home(h), code) }()
	}
	in := 0
	for range devices {
		var refused *wallet.Refused
		switch err := <-results; {
		case err == nil:
			in++
		case !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized:
			t.Errorf("a used invitation: %v", err)
		}
	}
	if in != 1 {
		t.Errorf("%d devices got in with one invitation", in)
	}
	var refused *wallet.Refused
	if err := newWallet(t).Register(ctx, home(h), "no-such-code"); !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized {
		t.Errorf("an unknown invitation: %v", err)
	}
}

// TestCheatingWithPasskeys is the database administrator who wants to be a
// patient: he gives his own passkey's row to her, writes his key in the clear
// beside her, and turns his invitation into hers.
func TestCheatingWithPasskeys(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("east")
	his, _ := post(ctx, t, h, "Patient", `{"resourceType":"Patient"}`)
	hers, _ := post(ctx, t, h, "Patient", `{"resourceType":"Patient"}`)
	moved, copied := person(t, map[*demo.Hospital]string{h: his}), person(t, map[*demo.Hospital]string{h: hers})
	sabotage(t, h, `UPDATE passkey SET subject = '`+hers+`' WHERE subject = '`+his+`'`)
	if _, _, err := moved.Log(ctx, h.ID, 1); err == nil {
		t.Error("a passkey that was given to another patient signs in")
	}
	if _, _, err := copied.Log(ctx, h.ID, 1); err != nil {
		t.Errorf("her own passkey: %v", err)
	}
	plain, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&plain.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	credential := []byte("made by hand " + his)
	sabotage(t, h, fmt.Sprintf(`INSERT INTO passkey (credential, subject, public, name, added, used) VALUES (x'%x', '%s', x'%x', 'mine', 1, 0)`, credential, hers, der))
	if status := signInWith(ctx, t, h, credential, plain); status < 400 {
		t.Errorf("a passkey that was written by hand signs in: status %d", status)
	}
	his, _ = post(ctx, t, h, "Patient", `{"resourceType":"Patient"}`)
	hers, _ = post(ctx, t, h, "Patient", `{"resourceType":"Patient"}`)
	code, row := invited(ctx, t, h, his)
	invitation(ctx, t, h, hers)
	sabotage(t, h, `UPDATE invitation SET subject = (SELECT subject FROM invitation ORDER BY expires DESC LIMIT 1) WHERE hash = `+row)
	if err := newWallet(t).Register(ctx, home(h), code); err == nil {
		t.Error("an invitation that was turned into another patient's registers")
	}
	code, row = invited(ctx, t, h, his)
	sabotage(t, h, `UPDATE invitation SET subject = '`+hers+`' WHERE hash = `+row)
	if err := newWallet(t).Register(ctx, home(h), code); err == nil {
		t.Error("an invitation that was written by hand registers")
	}
}

// signInWith signs in with a key of one's own, by WebAuthn's rules.
func signInWith(ctx context.Context, t *testing.T, h *demo.Hospital, credential []byte, key *ecdsa.PrivateKey) int {
	t.Helper()
	res, err := town.Client().Post(h.URL+"/portal/signin/options", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var options struct {
		Nonce     string
		PublicKey struct{ Challenge string }
	}
	if err := json.NewDecoder(res.Body).Decode(&options); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(h.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := fmt.Appendf(nil, `{"type":"webauthn.get","challenge":%q,"origin":%q}`, options.PublicKey.Challenge, h.URL)
	party, hash := sha256.Sum256([]byte(at.Hostname())), sha256.Sum256(client)
	authenticator := append(party[:], 0x05, 0, 0, 0, 0) // user present and verified
	digest := sha256.Sum256(append(bytes.Clone(authenticator), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	body, err := json.Marshal(map[string]any{"nonce": options.Nonce, "assertion": map[string]any{
		"id": b64(credential), "rawId": b64(credential), "type": "public-key",
		"response": map[string]string{"authenticatorData": b64(authenticator), "clientDataJSON": b64(client), "signature": b64(signature)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return send(ctx, t, h.URL+"/portal/signin", body)
}
