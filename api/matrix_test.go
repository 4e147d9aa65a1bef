package api_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"cairn/api"
	"cairn/client"
	"cairn/consent"
	"cairn/node/identity"
	"cairn/node/identity/dpop"
	"cairn/node/keys"
	"cairn/node/peer"
	"cairn/wallet"
	"cairn/wallet/kit"
)

// open are the routes that answer who has not signed in, each with the reason. A
// route that is not here refuses everybody unnamed.
var open = map[string]string{
	"GET /fhir/metadata":                          "what the server can do; no record (FHIR R4 3.1.0.4)",
	"GET /fhir/.well-known/smart-configuration":   "where to sign in",
	"GET /.well-known/smart-configuration":        "where to sign in",
	"GET /.well-known/openid-configuration":       "where to sign in",
	"GET /.well-known/oauth-authorization-server": "where to sign in",
	"GET /auth/jwks":                              "public keys",
	"POST /auth/token":                            "this is the sign-in: the assertion is signed",
	"POST /auth/register":                         "a member's key signs the statement",
	"OPTIONS /auth/token":                         "what browsers ask before an app's page calls",
	"OPTIONS /auth/revoke":                        "what browsers ask before an app's page calls",
	"GET /auth/authorize":                         "a page that has people sign in; who comes without an app's question sees an error",
	"POST /auth/authorize":                        "as by GET",
	"GET /auth/start":                             "a page that has people sign in",
	"GET /signin":                                 "the sign-in page",
	"GET /signin/register":                        "the page that takes a one-time code",
	"POST /signin":                                "this is the sign-in: the passkey signs",
	"POST /signin/options":                        "a fresh challenge, the same for everybody",
	"POST /signout":                               "ends the caller's own session; nobody has none",
	"POST /portal/signin":                         "this is the sign-in: the passkey signs",
	"POST /portal/signin/options":                 "a fresh challenge, the same for everybody",
	"POST /portal/passkeys":                       "the challenge is bound to a one-time code",
	"POST /portal/consents":                       "the slip is signed by the patient's passkey",
	"GET /portal/guardian":                        "a public key of the hospital",
	"POST /portal/recovery":                       "needs the secret of a deposit",
	"POST /portal/recovery/options":               "needs the secret of a deposit",
	"POST /portal/safes":                          "needs a handle of a sealed wallet",
	"POST /portal/pleas":                          "who lost everything asks guardians; it names nobody",
	"POST /portal/pleas/fetch":                    "needs the random id of the plea",
	"POST /portal/pleas/shares":                   "needs the random id of the plea",
	"POST /marks":                                 "marks stop; who has a secret may use it anywhere",
	"POST /calendar/cosign":                       "signs only what this node's own replica holds",
	"GET /calendar/checkpoint":                    "public",
	"GET /network.json":                           "public keys",
	"GET /healthz":                                "whether the node works",
	"GET /metrics":                                "the figures of healthz",
	"GET /emergencies":                            "how often the glass was broken: numbers without patients",
	"GET /log/":                                   "tiles of blinded leaves",
	"POST /acknowledgements":                      "the member signs what it acknowledges",
	"GET /web/":                                   "style and scripts of pages",
	"GET /signin/provider":                        "sends a browser to the hospital's OpenID provider",
}

// herself are the routes that a signed-in person uses on what is her own: they
// name nobody else.
var herself = map[string]string{
	"PUT /portal/safe":              "her own sealed wallet",
	"DELETE /portal/safe":           "her own sealed wallet",
	"DELETE /portal/recovery":       "recoveries of her own sign-in",
	"POST /portal/passkeys/options": "options for a passkey of her own",
	"POST /portal/locators":         "where she says that her own records are",
	"POST /portal/mandates":         "a proxy for herself",
}

// victim is who is attacked, with what there is of hers.
type victim struct {
	patient, lab, event, commitment, session, passkey, invitation, code, subscription, mandate, app string
	emergency, alert, order                                                                         string
	cookie, access                                                                                  string
}

// secretName stands in the victim's records and nowhere else.
const secretName = "Unmentionable"

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
		{"who broke the glass for another patient, in her browser", with(14, "Cookie", doctorCookie+"="+doctorValue), "", map[string]string{"POST /portal/passkeys/options": "options for a passkey of her own"}},
		{"who carries out an order about another patient", with(15, "Authorization", "Bearer "+ordered), "", nil},
		{"another hospital", member(t, 5, north, east), "", nil},
		{"software without rights", with(6, "Authorization", token(north.software(t, "laboratory"))), "", nil},
		{"the operator", with(7, "Authorization", token(north.software(t, "operator"))), "/admin/", nil},
		{"an app whose scope is something else", with(8, "Authorization", token(ehr.As("p-1", "Dr. Test", "physician", "", "TREAT").For("system/Basic.r"))), "", nil},
		{"staff without the right", with(9, "Cookie", staffCookie+"="+staffValue), "", map[string]string{"POST /portal/passkeys/options": "options for a passkey of her own"}},
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

// newVictim is a patient with records, a consent, sessions, a sealed wallet, a
// child whose invitation waits, and a subscription of the hospital about her.
func newVictim(t *testing.T, north house) *victim {
	t.Helper()
	id, w := north.person(t, secretName)
	v := &victim{patient: id}
	v.lab = north.ehr(t, http.StatusCreated, http.MethodPost, "/fhir/Observation", v.observation(secretName))["id"].(string)
	now := time.Now().UnixMilli()
	if _, err := w.Grant(t.Context(), consent.Draft{Signed: now, Grantee: "east", GranteeName: "east", Actions: []consent.Action{consent.Access}, Purposes: []string{"TREAT"},
		Types: []string{"Observation"}, Categories: []string{"vital-signs"}, Period: consent.Span{Lo: now - 60_000, Hi: now + 3_600_000}}, "north"); err != nil {
		t.Fatal(err)
	}
	if err := w.Protect(t.Context(), wallet.Protection{Recovery: kit.New(kit.Recovery)}); err != nil {
		t.Fatal(err)
	}
	v.subscription = north.physician(t, http.StatusCreated, http.MethodPost, "/fhir/Subscription", `{"resourceType":"Subscription","status":"requested","reason":"results","criteria":"urn:cairn:topic:Observation","_criteria":{"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-filter-criteria","valueString":"Observation?patient=Patient/`+id+
		`"}]},"channel":{"type":"rest-hook","endpoint":"https://receiver.example/hook","payload":"application/fhir+json","_payload":{"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content","valueCode":"id-only"}]}}}`)["id"].(string)
	child := north.ehr(t, http.StatusCreated, http.MethodPost, "/fhir/Patient", `{"resourceType":"Patient","name":[{"family":"`+secretName+`"}]}`)["id"].(string)
	v.mandate = north.ehr(t, http.StatusCreated, http.MethodPost, "/portal/mandates", `{"kind":"parent","patient":"`+child+`","name":"Mother","basis":"birth certificate","holder_patient":"`+id+`","born":"`+toddler()+`"}`)["id"].(string)
	in := north.ehr(t, http.StatusCreated, http.MethodPost, "/portal/invitations", `{"patient":"`+child+`"}`)
	v.invitation, v.code = in["id"].(string), in["code"].(string)
	name, value := cookie(t, w, north)
	v.cookie = name + "=" + value
	v.app = north.app(t)
	north.lets(t, v.cookie, v.app)
	w.Forget(north.id)
	v.access = bearer(t, w, north)
	doctor, pass := cookie(t, north.staff(t, "physician"), north)
	v.emergency, _ = north.breaks(t, doctor+"="+pass, id)
	counsel, sealed := cookie(t, north.staff(t, "counsel"), north)
	v.order = north.orders(t, counsel+"="+sealed, id)
	first := func(path, list, member string) string {
		for _, one := range v.see(t, north, path)[list].([]any) {
			if s, ok := one.(map[string]any)[member]; ok {
				return fmt.Sprint(s)
			}
		}
		t.Fatalf("%s shows no %s", path, member)
		return ""
	}
	v.session, v.passkey = first("/portal/sessions", "sessions", "id"), first("/portal/passkeys", "passkeys", "id")
	v.alert = first("/portal/alerts", "alerts", "id")
	v.commitment, v.event = first("/portal/consents", "consents", "commitment"), first("/portal/log", "entries", "index")
	return v
}

func (v *victim) observation(note string) string {
	return `{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],` +
		`"code":{"text":"` + note + `"},"subject":{"reference":"Patient/` + v.patient + `"},"effectiveDateTime":"2026-01-02"}`
}

// see reads as the victim.
func (v *victim) see(t *testing.T, h house, path string) map[string]any {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+v.access)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s %v", path, res.StatusCode, body, err)
	}
	return mustJSON(t, body)
}

// state is everything of the victim's that somebody could have changed. Of her log
// the entries that tell of a read, or of a refusal, do not count.
func (v *victim) state(t *testing.T, h house) string {
	t.Helper()
	all := map[string]any{}
	for _, path := range []string{"/portal/consents", "/portal/passkeys", "/portal/apps", "/portal/mandates", "/portal/recovery", "/portal/safe", "/portal/alerts", "/portal/emergencies"} {
		all[path] = v.see(t, h, path)
	}
	var sessions []any
	for _, one := range v.see(t, h, "/portal/sessions")["sessions"].([]any) {
		sessions = append(sessions, one.(map[string]any)["id"])
	}
	all["/portal/sessions"] = sessions
	var kinds []any
	for _, one := range v.see(t, h, "/portal/log?limit=500")["entries"].([]any) {
		kind := one.(map[string]any)["event"].(map[string]any)["kind"].(string)
		if !strings.HasPrefix(kind, "access.") {
			kinds = append(kinds, kind)
		}
	}
	all["/portal/log"] = kinds
	all["subscription"] = h.physician(t, http.StatusOK, http.MethodGet, "/fhir/Subscription/"+v.subscription, "")["criteria"]
	for _, path := range []string{"/fhir/Patient/" + v.patient, "/fhir/Observation/" + v.lab, "/fhir/Observation?patient=" + v.patient + "&_elements=id"} {
		seen := h.physician(t, http.StatusOK, http.MethodGet, path, "")
		for _, volatile := range []string{"meta", "id", "link"} { // of a searchset, made anew each time
			if seen["resourceType"] == "Bundle" {
				delete(seen, volatile)
			}
		}
		all[path] = seen
	}
	text, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// paths fills a route's pattern in with what is the victim's. A route with a
// segment that nobody thought of fails.
func (v *victim) paths(t *testing.T, path string) []string {
	t.Helper()
	ids := map[string]string{
		"/portal/invitations/{id}": v.invitation, "/portal/patients/{id}/": v.patient, "/portal/passkeys/{id}": v.passkey, "/portal/sessions/{id}": v.session,
		"/portal/mandates/{id}": v.mandate, "/staff/claims/{id}": "none", "/portal/alerts/{id}": v.alert, "/staff/emergencies/{id}": v.emergency, "/staff/reviews/{id}": v.emergency, "/staff/orders/{id}": v.order, "/portal/consents/{commitment}": v.commitment, "/evidence/{event}": v.event, "/admin/staff/{id}": "researcher", "/admin/apps/{id}": v.app, "/admin/keys/{use}": "seal", "/portal/exchanges/{id}": strings.Repeat("ab", 32), "/admin/receipts/{id}": strings.Repeat("ab", 32), "/portal/apps/{id}": v.app, "/fhir/Patient/{id}": v.patient,
		"/admin/feed/{id}": "1", "/fhir/Subscription/{id}": v.subscription, "/fhir/$export-": "none", "/fhir/Group/{id}": "none", "/fhir/ValueSet/{id}": "none", "/fhir/CodeSystem/{id}": "none",
	}
	out := []string{path}
	if strings.Contains(path, "{type}") {
		out = nil
		for typ, id := range map[string]string{"Patient": v.patient, "Observation": v.lab} {
			out = append(out, strings.NewReplacer("{type}", typ, "{id}", id).Replace(path))
		}
	}
	for i, p := range out {
		for _, shape := range slices.Sorted(maps.Keys(ids)) {
			if strings.Contains(p, shape) {
				p = strings.NewReplacer("{id}", ids[shape], "{commitment}", ids[shape], "{event}", ids[shape], "{use}", ids[shape]).Replace(p)
			}
		}
		out[i] = strings.NewReplacer("{version}", "1", "{within}", "Observation").Replace(p)
		if strings.Contains(out[i], "{") {
			t.Errorf("%s: nothing of the victim's fills this in; say what does", path)
		}
	}
	return out
}

// body is what is sent to a route: what would work for who may.
func (v *victim) body(method, path string) (kind, body string) {
	const js, resource = "application/json", "application/fhir+json"
	patient := `{"resourceType":"Patient","id":"` + v.patient + `","name":[{"family":"Taken"}]}`
	switch {
	case path == "/auth/token":
		return "application/x-www-form-urlencoded", "grant_type=client_credentials"
	case path == "/auth/introspect" || path == "/auth/revoke":
		return "application/x-www-form-urlencoded", "token=" + url.QueryEscape(v.access)
	case path == "/auth/patient" || path == "/auth/decision" || path == "/auth/authorize" || path == "/auth/start":
		return "application/x-www-form-urlencoded", "ticket=none&decision=allow&patient=" + v.patient
	case path == "/auth/launch":
		return js, `{"client_id":"` + v.app + `","patient":"` + v.patient + `"}`
	case path == "/auth/register" || path == "/admin/apps":
		return js, `{"client_name":"Nosy","redirect_uris":["https://nosy.example"],"scope":"patient/*.cruds","token_endpoint_auth_method":"none"}`
	case strings.HasSuffix(path, "/_search"):
		return "application/x-www-form-urlencoded", "_count=5"
	case path == "/fhir":
		return resource, `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + patient + `,"request":{"method":"PUT","url":"Patient/` + v.patient + `"}}]}`
	case path == "/fhir/$import":
		return "application/fhir+ndjson", v.observation("put in")
	case method == http.MethodPatch:
		return "application/json-patch+json", `[{"op":"add","path":"/language","value":"fr"}]`
	case strings.HasPrefix(path, "/fhir/Patient/") && method == http.MethodPut:
		return resource, patient
	case strings.HasPrefix(path, "/fhir/Observation/") && method == http.MethodPut:
		return resource, `{"id":"` + v.lab + `",` + v.observation("put over")[1:]
	case strings.HasPrefix(path, "/fhir/Observation"):
		return resource, v.observation("put in")
	case strings.HasPrefix(path, "/fhir/"):
		return resource, patient
	case path == "/portal/invitations" || path == "/portal/acting":
		return js, `{"patient":"` + v.patient + `"}`
	case path == "/staff/emergencies":
		return js, `{"patient":"` + v.patient + `","reason":"nosy","text":"I would like to know"}`
	case path == "/staff/orders":
		return js, `{"patient":"` + v.patient + `","authority":"nosy","reference":"none","until":"` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `"}`
	case strings.HasPrefix(path, "/staff/orders/"):
		return js, `{"opens":"` + time.Now().Add(48*time.Hour).UTC().Format(time.RFC3339) + `"}`
	case strings.HasPrefix(path, "/staff/emergencies/"):
		return js, `{"text":"I would like to know more"}`
	case strings.HasPrefix(path, "/staff/reviews/"):
		return js, `{"outcome":"justified","text":"I would like it to be so"}`
	case path == "/portal/mandates":
		return js, `{"kind":"parent","patient":"` + v.patient + `","name":"Nosy","basis":"none","born":"2020-01-01"}`
	case path == "/portal/passkeys/options":
		return js, `{}`
	case path == "/portal/locators":
		return js, `[]`
	case strings.HasPrefix(path, "/portal/passkeys/"):
		return js, `{"name":"taken"}`
	case strings.HasPrefix(path, "/admin/staff/"):
		return js, `{"name":"Nosy","roles":["administrator"]}`
	}
	return js, `{}`
}

// reads tells whether a route changes nothing, though it may be a POST.
func reads(method, path string) bool {
	last := path[strings.LastIndexByte(path, '/')+1:]
	return method == http.MethodGet || method == http.MethodHead || last == "_search" || last == "options" || last[0] == '$' && last != "$import"
}

// TestEveryRouteRefusesStrangers calls every route that the routers have, with
// what is a patient's in the place of its ids, as somebody of each kind who has
// nothing to do with her. Nobody changes anything, reads anything of hers, or
// breaks anything, and what is open to who has not signed in is open for a reason.
func TestEveryRouteRefusesStrangers(t *testing.T) {
	north, east := town(t)
	v := newVictim(t, north)
	all := callers(t, north, east)
	routes := api.Routes(north.node)
	if len(routes) < 80 {
		t.Fatalf("only %d routes", len(routes))
	}
	for route := range open {
		if !slices.Contains(routes, route) {
			t.Errorf("%s is open for a reason, and is no route", route)
		}
	}
	before := v.state(t, north)
	slices.SortStableFunc(routes, func(a, b string) int { // the end of a session comes last
		return strings.Compare(fmt.Sprint(a == "POST /signout"), fmt.Sprint(b == "POST /signout"))
	})
	calls := 0
	for _, route := range routes {
		method, path, ok := strings.Cut(route, " ")
		if !ok {
			t.Errorf("%s: a face that does not say its routes; make it with face.NewMux or face.Routed", route)
			continue
		}
		for _, at := range v.paths(t, path) {
			for _, who := range all {
				calls++
				v.attack(t, north, who, route, method, at)
			}
		}
	}
	t.Logf("%d routes, %d kinds of callers, %d calls", len(routes), len(all), calls)
	if after := v.state(t, north); after != before {
		t.Errorf("something of the victim's changed.\nbefore: %s\nafter: %s", before, after)
	}
	if err := north.wallet().Register(t.Context(), north.home(), v.code); err != nil {
		t.Errorf("her invitation: %v", err)
	}
}

// attack makes one call and judges the answer.
func (v *victim) attack(t *testing.T, h house, who caller, route, method, path string) {
	t.Helper()
	if who.job != "" && strings.HasPrefix(path, who.job) {
		return
	}
	var body io.Reader
	kind, text := v.body(method, path)
	if method != http.MethodGet && method != http.MethodHead && method != http.MethodDelete {
		body = bytes.NewReader([]byte(text))
	}
	to := h.url() + path
	if strings.HasPrefix(path, "/fhir/") && method != http.MethodGet && method != http.MethodPost && strings.Count(path, "/") == 2 {
		to += "?_id=" + v.lab
	}
	r, err := http.NewRequestWithContext(t.Context(), method, to, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Prefer", "respond-async")
	if body != nil {
		r.Header.Set("Content-Type", kind)
	}
	res, err := who.send(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if h := res.Header; h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Errorf("%s: %v", route, h)
	}
	said := fmt.Sprintf("%s: %s: %d %.300s", who.name, route, res.StatusCode, answer)
	_, isOpen := open[route]
	_, own := who.may[route]
	switch {
	case res.StatusCode >= 500 && res.StatusCode != http.StatusNotImplemented: // 501 says what is not offered
		t.Errorf("broke: %s", said)
	case bytes.Contains(answer, []byte(secretName)):
		t.Errorf("shows what is hers: %s", said)
	case who.name == "nobody" && (res.StatusCode == http.StatusUnauthorized) == isOpen && !signs[route]:
		t.Errorf("open without a reason, or a reason without being open: %s", said)
	case res.StatusCode < 300 && !reads(method, path) && !isOpen && !own && !silent[route]:
		t.Errorf("changed something: %s", said)
	}
}

// silent are routes that give who may not know the answer that nothing is there to
// change, which is a success. What is there stays as it is.
var silent = map[string]bool{"DELETE /fhir/Subscription/{id}": true}

// signs are open routes whose answer to who proves nothing is the same as to
// nobody, 401.
var signs = map[string]bool{"POST /portal/passkeys": true, "POST /portal/recovery": true, "POST /portal/recovery/options": true}
