package api_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

const appBack = "https://app.example/back"

var (
	appTicket  = regexp.MustCompile(`name="ticket" value="([^"]*)"`)
	appOffered = regexp.MustCompile(`name="scope" value="([^"]*)"`)
)

// app registers an app that may do everything a patient may.
func (h house) app(t *testing.T) (id string) {
	t.Helper()
	a, err := h.software(t, "operator").Expect(t.Context(), http.StatusCreated, http.MethodPost, "/admin/apps",
		[]byte(`{"client_name":"Diary","redirect_uris":["`+appBack+`"],"scope":"patient/*.cruds launch/patient offline_access","token_endpoint_auth_method":"none"}`))
	if err != nil {
		t.Fatal(err)
	}
	return mustJSON(t, a.Body)["client_id"].(string)
}

// lets has a patient allow an app everything in her browser, and returns the
// app's access token.
func (h house) lets(t *testing.T, cookie, app string) string {
	t.Helper()
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	send := func(method, path string, form url.Values, more func(http.Header)) (*http.Response, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, h.url()+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		more(r.Header)
		res, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(body)
	}
	inBrowser := func(h http.Header) { h.Set("Cookie", cookie); h.Set("Sec-Fetch-Site", "same-origin") }
	verifier := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	_, page := send(http.MethodGet, "/auth/authorize?"+url.Values{
		"response_type": {"code"}, "client_id": {app}, "redirect_uri": {appBack}, "scope": {"patient/*.cruds launch/patient offline_access"}, "state": {rand.Text()},
		"aud": {h.url() + "/fhir"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}.Encode(), nil, inBrowser)
	found := appTicket.FindStringSubmatch(page)
	if found == nil {
		t.Fatal(page)
	}
	answer := url.Values{"ticket": {html.UnescapeString(found[1])}, "decision": {"allow"}}
	for _, s := range appOffered.FindAllStringSubmatch(page, -1) {
		answer.Add("scope", html.UnescapeString(s[1]))
	}
	res, page := send(http.MethodPost, "/auth/decision", answer, inBrowser)
	back, err := url.Parse(res.Header.Get("Location"))
	if err != nil || back.Query().Get("code") == "" {
		t.Fatalf("%d %s", res.StatusCode, page)
	}
	_, body := send(http.MethodPost, "/auth/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {app}, "code": {back.Query().Get("code")}, "redirect_uri": {appBack}, "code_verifier": {verifier},
	}, func(http.Header) {})
	return mustJSON(t, []byte(body))["access_token"].(string)
}
