package conformance_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cairn/client"
	"cairn/demo"
	"cairn/node/keys"
)

// redirect is where apps want their answers. Nothing listens there: the stories read
// the address.
const redirect = "http://127.0.0.1:9/back"

func TestOpenIDClient(t *testing.T)   { story(t, "openid-client.mjs", 13, apps(t)...) }
func TestFhirclientApps(t *testing.T) { story(t, "fhirclient-launch.mjs", 6, apps(t)...) }

// registered is an app and what it proves itself with.
type registered struct {
	ID     string           `json:"id"`
	Secret string           `json:"secret,omitempty"`
	JWK    *jose.JSONWebKey `json:"jwk,omitempty"`
}

// apps returns the environment of a story about apps: a patient whose browser is
// signed in, and apps of each kind.
func apps(t *testing.T) []string {
	t.Helper()
	var patient struct{ ID string }
	ask(t, hospital.EHR, http.MethodPost, "/fhir/Patient", map[string]any{"resourceType": "Patient"}, &patient)
	const people = "patient/*.rs openid fhirUser offline_access launch launch/patient"
	story := map[string]any{
		"issuer": hospital.URL, "redirect": redirect, "patient": patient.ID, "statement": statement(t),
		"apps": map[string]any{
			"public": register(t, "none", people).ID, "secret": register(t, "client_secret_basic", people),
			"key":   register(t, "private_key_jwt", people),
			"alone": register(t, "private_key_jwt", "system/*.rs", "grant_types", []string{"client_credentials"}, "cairn_purpose_of_use", "TREAT"),
		},
	}
	var launch struct{ Launch string }
	ask(t, hospital.EHR, http.MethodPost, "/auth/launch", map[string]any{"patient": patient.ID, "need_patient_banner": false}, &launch)
	story["launch"] = launch.Launch
	raw, err := json.Marshal(story)
	if err != nil {
		t.Fatal(err)
	}
	return []string{"CAIRN_APPS=" + string(raw), "CAIRN_COOKIE=" + cookie(t, patient.ID)}
}

// ask makes a request of the hospital's own software that creates something.
func ask(t *testing.T, who *client.Client, method, path string, body, out any) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	a, err := who.Expect(t.Context(), http.StatusCreated, method, path, raw)
	if err == nil {
		err = json.Unmarshal(a.Body, out)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// register registers an app, with a key if it proves itself with one.
func register(t *testing.T, auth, scopes string, more ...any) registered {
	t.Helper()
	app := map[string]any{"client_name": "Diary", "redirect_uris": []string{redirect}, "scope": scopes, "token_endpoint_auth_method": auth}
	for i := 0; i < len(more); i += 2 {
		app[more[i].(string)] = more[i+1]
	}
	if app["grant_types"] != nil {
		delete(app, "redirect_uris")
	}
	var out registered
	if auth == "private_key_jwt" {
		key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		out.JWK = &jose.JSONWebKey{Key: key, KeyID: "diary"}
		app["jwks"] = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{out.JWK.Public()}}
	}
	var made struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	ask(t, hospital.Operator, http.MethodPost, "/admin/apps", app, &made)
	out.ID, out.Secret = made.ID, made.Secret
	return out
}

// statement is a software statement of the hospital itself about an app.
func statement(t *testing.T) string {
	t.Helper()
	key, err := keys.ReadClient(filepath.Join(hospital.Dir, "keys", "client.pem"))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	signed, err := signer.Sign(fmt.Appendf(nil, `{"iss":%q,"sub":"diary","aud":%q,"iat":%d,"exp":%d,"jti":%q,"client_name":"Diary by statement","redirect_uris":[%q],`+
		`"scope":"patient/*.rs openid fhirUser launch/patient offline_access","token_endpoint_auth_method":"none"}`, hospital.ID, hospital.URL+"/auth/register", now, now+240, rand.Text(), redirect))
	if err != nil {
		t.Fatal(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// cookie is that of a browser in which a patient signed in with a passkey.
func cookie(t *testing.T, patient string) string {
	t.Helper()
	w, err := demo.NewWallet(town, demo.Person{IDs: map[string]string{hospital.ID: patient}}, hospital)
	if err != nil {
		t.Fatal(err)
	}
	w.Forget(hospital.ID)
	page := &signInPage{}
	w.Through(&http.Client{Transport: page}).Log(t.Context(), hospital.ID, 1) //nolint:errcheck // the page gives no token
	if page.cookie == "" {
		t.Fatal("no cookie came")
	}
	return page.cookie
}

// signInPage sends what is meant for the portal's sign-in to the page's, as a
// browser would.
type signInPage struct{ cookie string }

func (s *signInPage) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != "/portal/signin" {
		return http.DefaultTransport.RoundTrip(r)
	}
	r.URL.Path = "/signin"
	res, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		for _, c := range res.Cookies() {
			s.cookie, _, _ = strings.Cut(c.String(), ";")
		}
	}
	return res, err
}
