package api_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"cairn/client"
	"cairn/node/identity"
	"cairn/node/identity/dpop"
	"cairn/node/keys"
	"cairn/node/peer"
	"cairn/wallet"
)

func mustJSON(t *testing.T, body []byte) (out map[string]any) {
	t.Helper()
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return out
}

// ehr asks as the hospital's own software.
func (h house) ehr(t *testing.T, status int, method, path, body string) map[string]any {
	t.Helper()
	a, err := h.software(t, "ehr").Expect(t.Context(), status, method, path, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return mustJSON(t, a.Body)
}

// physician asks as somebody for whom the hospital's software vouches.
func (h house) physician(t *testing.T, status int, method, path, body string) map[string]any {
	t.Helper()
	a, err := h.software(t, "ehr").As("p-1", "Dr. Test", "physician", "ward 3", "TREAT").Expect(t.Context(), status, method, path, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return mustJSON(t, a.Body)
}

// person registers a patient with a family name and returns her id and wallet.
func (h house) person(t *testing.T, family string) (string, *wallet.Wallet) {
	t.Helper()
	id := h.ehr(t, http.StatusCreated, http.MethodPost, "/fhir/Patient", `{"resourceType":"Patient","name":[{"family":"`+family+`"}]}`)["id"].(string)
	w := h.wallet()
	if err := w.Register(t.Context(), h.home(), h.ehr(t, http.StatusCreated, http.MethodPost, "/portal/invitations", `{"patient":"`+id+`"}`)["code"].(string)); err != nil {
		t.Fatal(err)
	}
	return id, w
}

// tap sees the requests of a wallet, and may change them.
type tap func(*http.Request)

func (f tap) RoundTrip(r *http.Request) (*http.Response, error) {
	f(r)
	return http.DefaultTransport.RoundTrip(r)
}

// bearer returns an access token of a wallet.
func bearer(t *testing.T, w *wallet.Wallet, h house) (access string) {
	t.Helper()
	look := tap(func(r *http.Request) {
		if _, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
			access = token
		}
	})
	if _, _, err := w.Through(&http.Client{Transport: look}).Log(t.Context(), h.id, 1); err != nil {
		t.Fatal(err)
	}
	return access
}

// cookie signs a wallet's passkey in as a browser would: with the same assertion,
// at the sign-in page.
func cookie(t *testing.T, w *wallet.Wallet, h house) (name, value string) {
	t.Helper()
	w.Forget(h.id)
	sign := &signInPage{}
	w.Through(&http.Client{Transport: sign}).Log(t.Context(), h.id, 1) //nolint:errcheck // the page gives no token
	if sign.cookie == nil {
		t.Fatal("no cookie came")
	}
	return sign.cookie.Name, sign.cookie.Value
}

// signInPage sends what is meant for the portal's sign-in to the page's.
type signInPage struct{ cookie *http.Cookie }

func (s *signInPage) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != "/portal/signin" {
		return http.DefaultTransport.RoundTrip(r)
	}
	r.URL.Path = "/signin"
	res, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && len(res.Cookies()) == 1 {
		s.cookie = res.Cookies()[0]
	}
	return res, err
}

// caller is somebody unrelated to the victim.
type caller struct {
	name string
	send func(*http.Request) (*http.Response, error)
	job  string            // routes below it are the caller's own work
	may  map[string]string // routes that are the caller's own affair, and why
}

// from sends from an address of this machine, so that limits by address hold for
// each caller alone.
func from(n int) *http.Client {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(n))}}
	return &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func with(n int, header, value string) func(*http.Request) (*http.Response, error) {
	c := from(n)
	return func(r *http.Request) (*http.Response, error) {
		if header != "" {
			r.Header.Set(header, value)
		}
		return c.Do(r)
	}
}

// member sends with a token of another hospital, which is bound to a key.
func member(t *testing.T, n int, at, of house) func(*http.Request) (*http.Response, error) {
	t.Helper()
	key, err := keys.ReadClient(filepath.Join(of.dir, "keys", "client.pem"))
	if err != nil {
		t.Fatal(err)
	}
	proofs, err := dpop.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	assertion, err := identity.SignAssertion(key, identity.Claims{
		Issuer: of.id, Subject: of.id, Audience: jwt.Audience{at.url() + "/auth/token"}, Expiry: jwt.NewNumericDate(now.Add(time.Minute)), IssuedAt: jwt.NewNumericDate(now), ID: uuid.NewString(),
		Extensions: identity.Extensions{B2B: &identity.B2B{Version: "1", OrganizationID: of.id, SubjectID: "p-9", SubjectName: "Dr. East", SubjectRole: "physician", PurposeOfUse: []string{"TREAT"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := from(n)
	token, err := peer.SignIn(t.Context(), c, at.url(), assertion, proofs)
	if err != nil {
		t.Fatal(err)
	}
	return func(r *http.Request) (*http.Response, error) { return peer.Send(c, r, proofs, token.Access) }
}

// callers returns one of each kind.
func callers(t *testing.T, north, east house) []caller {
	t.Helper()
	token := func(c *client.Client) string {
		t.Helper()
		access, err := c.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + access
	}
	_, other := north.person(t, "Other")
	otherCookie, otherValue := cookie(t, other, north)
	other.Forget(north.id)
	otherToken := bearer(t, other, north)
	researcher := north.staff(t, "researcher")
	staffCookie, staffValue := cookie(t, researcher, north)
	ehr := north.software(t, "ehr")
	doctor := north.staff(t, "clinician")
	doctorCookie, doctorValue := cookie(t, doctor, north)
	elsewhere, _ := north.person(t, "Elsewhere")
	_, glass := north.breaks(t, doctorCookie+"="+doctorValue, elsewhere)
	ordered := north.carriesOut(t, elsewhere)
	otherApp := north.lets(t, otherCookie+"="+otherValue, north.app(t))
	return []caller{
		{"nobody", with(1, "", ""), "", nil},
		{"a token that nobody gave", with(2, "Authorization", "Bearer "+base64.RawURLEncoding.EncodeToString(make([]byte, 32))), "", nil},
		{"another patient", with(3, "Authorization", "Bearer "+otherToken), "", herself},
		{"another patient in a browser", with(4, "Cookie", otherCookie+"="+otherValue), "", herself},
		{"somebody who acts for another patient", with(11, "Authorization", "Bearer "+north.parent(t)), "", herself},
		{"an app of another patient", with(12, "Authorization", "Bearer "+otherApp), "", nil},
		{"who broke the glass for another patient", with(13, "Authorization", "Bearer "+glass), "", nil},
		{"who broke the glass for another patient, in her browser", with(14, "Cookie", doctorCookie+"="+doctorValue), "", map[string]string{"POST /portal/passkeys/options": "options for a passkey of her own", "DELETE /portal/sessions": "her own other sessions"}},
		{"who carries out an order about another patient", with(15, "Authorization", "Bearer "+ordered), "", nil},
		{"another hospital", member(t, 5, north, east), "", nil},
		{"software without rights", with(6, "Authorization", token(north.software(t, "laboratory"))), "", nil},
		{"the operator", with(7, "Authorization", token(north.software(t, "operator"))), "/admin/", nil},
		{"an app whose scope is something else", with(8, "Authorization", token(ehr.As("p-1", "Dr. Test", "physician", "", "TREAT").For("system/Basic.r"))), "", nil},
		{"staff without the right", with(9, "Cookie", staffCookie+"="+staffValue), "", map[string]string{"POST /portal/passkeys/options": "options for a passkey of her own", "DELETE /portal/sessions": "her own other sessions"}},
		{"staff without the right, vouched for", with(10, "Authorization", token(north.software(t, "laboratory").As("p-2", "Nosy", "physician", "", "TREAT"))), "", nil},
	}
}

// staff makes an account with a role and returns a wallet with a passkey of it.
func (h house) staff(t *testing.T, role string) *wallet.Wallet { return h.employs(t, role, role) }

func (h house) employs(t *testing.T, id, role string) *wallet.Wallet {
	t.Helper()
	operator := h.software(t, "operator")
	if _, err := operator.Expect(t.Context(), http.StatusOK, http.MethodPut, "/admin/staff/"+id, []byte(`{"name":"Dr. Nosy","roles":["`+role+`"]}`)); err != nil {
		t.Fatal(err)
	}
	a, err := operator.Expect(t.Context(), http.StatusOK, http.MethodPost, "/admin/staff/"+id+"/code", nil)
	if err != nil {
		t.Fatal(err)
	}
	w := h.wallet()
	if err := w.Register(t.Context(), h.home(), mustJSON(t, a.Body)["code"].(string)); err != nil {
		t.Fatal(err)
	}
	return w
}

// breaks breaks the glass for a patient as who has a session, and returns the
// emergency and the token that came with it.
func (h house) breaks(t *testing.T, session, patient string) (id, access string) {
	t.Helper()
	out := h.asStaff(t, session, http.StatusCreated, "/staff/emergencies", `{"patient":"`+patient+`","reason":"unresponsive","text":"found unconscious in the hall"}`)
	return out["id"].(string), out["access_token"].(string)
}

// orders enters a legal order about a patient.
func (h house) orders(t *testing.T, session, patient string) string {
	t.Helper()
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	return h.asStaff(t, session, http.StatusCreated, "/staff/orders", `{"patient":"`+patient+`","authority":"Court","reference":"1/26","until":"`+until+`","opens":"`+until+`"}`)["id"].(string)
}

// carriesOut returns the token of an order about a patient that two have approved.
func (h house) carriesOut(t *testing.T, patient string) string {
	t.Helper()
	var id, session string
	for i, role := range []string{"counsel", "privacy-officer"} {
		name, value := cookie(t, h.employs(t, role+"-"+patient, role), h)
		if session = name + "=" + value; i == 0 {
			id = h.orders(t, session, patient)
		}
		h.asStaff(t, session, http.StatusOK, "/staff/orders/"+id+"/approvals", "{}")
	}
	return h.asStaff(t, session, http.StatusOK, "/staff/orders/"+id+"/token", "{}")["access_token"].(string)
}

// asStaff posts something in a browser's session, and returns what came.
func (h house) asStaff(t *testing.T, session string, status int, path, body string) map[string]any {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", session)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	made, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status {
		t.Fatalf("%d %s %v", res.StatusCode, made, err)
	}
	return mustJSON(t, made)
}

// toddler is when somebody was born who is two years old.
func toddler() string { return time.Now().AddDate(-2, 0, 0).Format(time.DateOnly) }

// parent returns an access token of a parent who acts for a child of others.
func (h house) parent(t *testing.T) (access string) {
	t.Helper()
	child := h.ehr(t, http.StatusCreated, http.MethodPost, "/fhir/Patient", `{"resourceType":"Patient","name":[{"family":"Other"}]}`)["id"].(string)
	given := h.ehr(t, http.StatusCreated, http.MethodPost, "/portal/mandates", `{"kind":"parent","patient":"`+child+`","name":"Parent","basis":"birth certificate","born":"`+toddler()+`"}`)
	w := h.wallet()
	if err := w.Register(t.Context(), h.home(), given["code"].(string)); err != nil {
		t.Fatal(err)
	}
	look := tap(func(r *http.Request) {
		if _, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
			access = token
		}
	})
	acting, err := w.Through(&http.Client{Transport: look}).ActFor(t.Context(), h.id, child)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := acting.Get(t.Context(), "/fhir/Patient/"+child); err != nil {
		t.Fatal(err)
	}
	return access
}
