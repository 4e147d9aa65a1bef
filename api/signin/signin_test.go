package signin_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"cairn/api/signin"
)

// TestPatient registers with a code, signs in without naming herself, sees what
// was done, adds a passkey, removes the first one, and ends her other session.
func TestPatient(t *testing.T) {
	b, _ := person(t)
	if kinds := b.events(); len(kinds) < 4 || !slices.Equal(kinds[:3], []string{"signin", "passkey.registered", "invitation.issued"}) {
		t.Errorf("her log: %v", kinds)
	}
	first := b.list("passkeys")
	if len(first) != 1 || first[0]["name"] != "laptop" || first[0]["synced"] != true || first[0]["backed_up"] != true || first[0]["used"] == nil {
		t.Errorf("%v", first)
	}
	only := first[0]["id"].(string)
	if a := b.send(http.MethodDelete, "/portal/passkeys/"+only, ""); a.status != http.StatusConflict || a.code() != "last-passkey" {
		t.Errorf("the last passkey was removed: %d %s", a.status, a.body)
	}
	if a := b.add(); a.status != http.StatusNoContent {
		t.Fatalf("adding: %d %s", a.status, a.body)
	}
	if a := b.send(http.MethodPut, "/portal/passkeys/"+only, `{"name":"old\u0007 laptop"}`); a.status != http.StatusNoContent {
		t.Errorf("renaming: %d %s", a.status, a.body)
	}
	other := newBrowser(t, true)
	other.device, other.key = b.device, b.key
	if a := other.signIn(); a.status != http.StatusOK {
		t.Fatalf("with the added one: %d %s", a.status, a.body)
	}
	sessions := b.list("sessions")
	if len(sessions) != 2 || sessions[0]["own"] != false || sessions[1]["own"] != true || sessions[1]["device"] != "Firefox on Linux" || sessions[1]["level"] != "synced-passkey" {
		t.Errorf("%v", sessions)
	}
	if a := b.send(http.MethodDelete, "/portal/sessions/"+sessions[0]["id"].(string), ""); a.status != http.StatusNoContent {
		t.Errorf("ending the other session: %d %s", a.status, a.body)
	}
	if a := other.send(http.MethodGet, "/portal/log", ""); a.status != http.StatusUnauthorized {
		t.Errorf("the ended session reads on: %d", a.status)
	}
	if a := other.signIn(); a.status != http.StatusOK {
		t.Fatalf("again: %d %s", a.status, a.body)
	}
	if a := b.send(http.MethodDelete, "/portal/sessions", ""); a.status != http.StatusNoContent {
		t.Errorf("ending all others: %d %s", a.status, a.body)
	}
	if a := other.send(http.MethodGet, "/portal/log", ""); a.status != http.StatusUnauthorized {
		t.Errorf("ended with all others, it reads on: %d", a.status)
	}
	if a := b.send(http.MethodDelete, "/portal/passkeys/"+only, ""); a.status != http.StatusNoContent {
		t.Errorf("removing: %d %s", a.status, a.body)
	}
	if left := b.list("passkeys"); len(left) != 1 || left[0]["name"] != "another" {
		t.Errorf("%v", left)
	}
	if kinds := b.events(); !slices.Equal(kinds[:5], []string{"passkey.removed", "session.ended", "signin", "session.ended", "signin"}) {
		t.Errorf("her log: %v", kinds)
	}
	if a := b.send(http.MethodPost, "/signout", `{}`); a.status != http.StatusOK || !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") || a.header.Get("Clear-Site-Data") != `"cache", "storage"` {
		t.Errorf("signing out: %d %v", a.status, a.header)
	}
	if a := b.send(http.MethodGet, "/portal/log", ""); a.status != http.StatusUnauthorized {
		t.Errorf("signed out: %d", a.status)
	}
}

func (b *browser) list(what string) []map[string]any {
	b.t.Helper()
	var all map[string][]map[string]any
	a := b.send(http.MethodGet, "/portal/"+what, "")
	if err := json.Unmarshal(a.body, &all); err != nil || a.status != http.StatusOK {
		b.t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return all[what]
}

// TestLostEverything: the hospital ends all her ways in, at once, and only then
// can it invite her again.
func TestLostEverything(t *testing.T) {
	b, id := person(t)
	ehr := software(t, "ehr")
	if a, err := ehr.Do(t.Context(), http.MethodPost, "/portal/invitations", []byte(`{"patient":"`+id+`"}`)); err != nil || a.Status != http.StatusConflict {
		t.Errorf("somebody beside her was invited: %d %v", a.Status, err)
	}
	for _, c := range []struct {
		who    string
		status int
	}{{"operator", http.StatusForbidden}, {"ehr", http.StatusOK}} {
		if a, err := software(t, c.who).Do(t.Context(), http.MethodDelete, "/portal/patients/"+id+"/passkeys", nil); err != nil || a.Status != c.status {
			t.Errorf("%s ends her passkeys: %d %v", c.who, a.Status, err)
		}
	}
	if a := b.send(http.MethodGet, "/portal/log", ""); a.status != http.StatusUnauthorized {
		t.Errorf("her session goes on: %d", a.status)
	}
	if a := b.signIn(); a.status != http.StatusUnauthorized {
		t.Errorf("her passkey signs in: %d", a.status)
	}
	stale, _ := invite(t, id)
	code, _ := invite(t, id)
	b.newKey()
	if a := b.register(code); a.status != http.StatusAccepted {
		t.Fatalf("the new passkey: %d %s", a.status, a.body)
	}
	if a := b.signIn(); a.status != http.StatusUnauthorized {
		t.Errorf("whoever has a code of the hospital is her at once: %d", a.status)
	}
	b.newKey()
	if a := b.register(stale); a.status != http.StatusUnauthorized {
		t.Errorf("the other code, once she has a passkey: %d", a.status)
	}
}

// TestCodes: one is typed in any case, works once however many try at once, and
// not after it was taken back.
func TestCodes(t *testing.T) {
	id := newPatient(t)
	code, name := invite(t, id)
	if !regexp.MustCompile(`^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$`).MatchString(code) {
		t.Errorf("code %s", code)
	}
	typo := []byte(code)
	typo[0] = map[bool]byte{true: 'A', false: 'B'}[typo[0] == 'B']
	if a := newBrowser(t, true).register(string(typo)); a.status != http.StatusUnauthorized || !strings.Contains(string(a.body), "typing") {
		t.Errorf("mistyped: %d %s", a.status, a.body)
	}
	if a, err := software(t, "ehr").Do(t.Context(), http.MethodDelete, "/portal/invitations/"+name, nil); err != nil || a.Status != http.StatusNoContent {
		t.Errorf("taking it back: %d %v", a.Status, err)
	}
	if a := newBrowser(t, true).register(code); a.status != http.StatusUnauthorized {
		t.Errorf("taken back: %d", a.status)
	}
	code, _ = invite(t, id)
	var mu sync.Mutex
	var wg sync.WaitGroup
	in := 0
	for i := range 8 {
		b := newBrowser(t, true)
		wg.Go(func() {
			if a := b.register([]string{code, strings.ToLower(strings.ReplaceAll(code, "-", " "))}[i%2]); a.status == http.StatusCreated {
				mu.Lock()
				in++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if in != 1 {
		t.Errorf("%d got in with one code", in)
	}
}

// TestNobodyIsToldWhoIsHere: a sign-in is refused in the same words, whether the
// passkey is unknown, signed something else, or was made elsewhere.
func TestNobodyIsToldWhoIsHere(t *testing.T) {
	b, _ := person(t)
	stranger := newBrowser(t, true)
	elsewhere := newBrowser(t, true)
	elsewhere.device, elsewhere.key, elsewhere.origin = b.device, b.key, "http://evil.example"
	unverified := newBrowser(t, true)
	unverified.key = b.key
	unverified.device.Options.UserNotVerified = true
	promoted := newBrowser(t, false) // her key, which says that it does not leave its device
	promoted.key = b.key
	replayed := newBrowser(t, true)
	replayed.device, replayed.key = b.device, b.key
	nonce, assertion := replayed.challenge()
	body := `{"nonce":"` + nonce + `","assertion":` + assertion + `}`
	if a := replayed.send(http.MethodPost, "/signin", body); a.status != http.StatusOK {
		t.Fatalf("a good one: %d %s", a.status, a.body)
	}
	other, _ := replayed.challenge()
	answers := map[string]answer{
		"unknown":       stranger.signIn(),
		"other origin":  elsewhere.signIn(),
		"unverified":    unverified.signIn(),
		"promoted":      promoted.signIn(),
		"replayed":      replayed.send(http.MethodPost, "/signin", body),
		"another nonce": replayed.send(http.MethodPost, "/signin", strings.Replace(body, nonce, other, 1)),
		"no nonce":      replayed.send(http.MethodPost, "/signin", strings.Replace(body, nonce, "AAAA", 1)),
		"altered":       replayed.send(http.MethodPost, "/signin", altered(b)),
	}
	want := answers["unknown"]
	for name, a := range answers {
		if a.status != http.StatusUnauthorized || string(a.body) != string(want.body) || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

// altered is a good sign-in of which one bit of the signature is another.
func altered(b *browser) string {
	nonce, assertion := b.challenge()
	var c map[string]any
	json.Unmarshal([]byte(assertion), &c) //nolint:errcheck // it is one
	r := c["response"].(map[string]any)
	sig := []byte(r["signature"].(string))
	sig[len(sig)-5] = map[bool]byte{true: 'A', false: 'B'}[sig[len(sig)-5] == 'B']
	r["signature"] = string(sig)
	out, _ := json.Marshal(map[string]any{"nonce": nonce, "assertion": c})
	return string(out)
}

// TestOtherSites: a page of another site can neither sign anybody in or out, nor
// do anything in her name, and sees nothing of hers.
func TestOtherSites(t *testing.T) {
	b, _ := person(t)
	for _, headers := range [][]string{
		{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"},
		{"Sec-Fetch-Site: same-site", "Origin: http://localhost:1"}, // another port of this machine
		{"Sec-Fetch-Site: ", "Origin: https://evil.example"},        // a browser without Sec-Fetch
		{"Sec-Fetch-Site: ", "Origin: null"},
	} {
		if a := b.signIn(headers...); a.status != http.StatusForbidden || a.code() != "cross-origin" || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%v: signs in: %d %s", headers, a.status, a.body)
		}
		for _, route := range []string{"POST /signout", "POST /portal/locators", "POST /portal/passkeys/options", "PUT /portal/passkeys/x", "DELETE /portal/passkeys/x", "DELETE /portal/sessions/x"} {
			method, path, _ := strings.Cut(route, " ")
			if a := b.send(method, path, `{}`, headers...); a.status != http.StatusForbidden || a.code() != "cross-origin" {
				t.Errorf("%v: %s: %d %s", headers, route, a.status, a.body)
			}
		}
		if a := b.send(http.MethodGet, "/portal/log", "", headers...); a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%v: may read her log", headers)
		}
	}
	if a := b.send(http.MethodGet, "/portal/log", ""); a.status != http.StatusOK {
		t.Errorf("she was signed out: %d", a.status)
	}
}

// TestCookieIsNoToken: the FHIR face does not take the cookie, and nobody takes its
// secret as a token.
func TestCookieIsNoToken(t *testing.T) {
	b, id := person(t)
	secret := ""
	for _, c := range b.cookies() {
		secret = c.Value
	}
	if a := b.send(http.MethodGet, "/admin/status", ""); a.status != http.StatusForbidden {
		t.Errorf("a patient operates: %d", a.status)
	}
	for _, path := range []string{"/fhir/Patient/" + id, "/fhir/Observation?patient=" + id, "/fhir"} {
		for _, headers := range [][]string{nil, {"Authorization: Bearer " + secret}} {
			if a := b.send(http.MethodGet, path, "", headers...); a.status != http.StatusUnauthorized {
				t.Errorf("%s %v: %d", path, headers != nil, a.status)
			}
		}
	}
	if a := b.send(http.MethodGet, "/portal/log", "", "Authorization: Bearer "+secret); a.status != http.StatusUnauthorized {
		t.Errorf("as a token: %d", a.status)
	}
	stranger := newBrowser(t, true)
	if a := stranger.send(http.MethodGet, "/portal/log", "", "Cookie: cairn-north=s."+secret); a.status != http.StatusUnauthorized {
		t.Errorf("altered: %d", a.status)
	}
}

func (b *browser) cookies() []*http.Cookie {
	r, err := http.NewRequest(http.MethodGet, hospital.url, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.jar.Cookies(r.URL)
}

// TestPlanted: a session that was in the browser before a sign-in, whoever's it
// was, is over after it.
func TestPlanted(t *testing.T) {
	attacker, _ := person(t)
	victim, _ := person(t)
	planted := attacker.cookies()[0]
	a := victim.signIn("Cookie: " + planted.Name + "=" + planted.Value)
	if a.status != http.StatusOK || strings.Contains(a.header.Get("Set-Cookie"), planted.Value) {
		t.Fatalf("%d %v", a.status, a.header)
	}
	if a := attacker.send(http.MethodGet, "/portal/log", ""); a.status != http.StatusUnauthorized {
		t.Errorf("the planted session goes on: %d", a.status)
	}
}

// TestPages: strict, without anything from elsewhere, and the way back leads to
// this hospital only.
func TestPages(t *testing.T) {
	b := newBrowser(t, true)
	for _, path := range []string{"/signin", "/signin/register", "/signin?return=/auth/authorize?client_id%3Dx%26a%3Db"} {
		a := b.send(http.MethodGet, path, "")
		page, policy := string(a.body), a.header.Get("Content-Security-Policy")
		if a.status != http.StatusOK || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; style-src 'self'") || strings.Contains(policy, "unsafe") || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", path, a.status, a.header)
		}
		if regexp.MustCompile(`(?i)<script[^>]*>[^<]|\son\w+=|style=|javascript:|https?://`).MatchString(page) {
			t.Errorf("%s has something within itself, or from elsewhere: %s", path, page)
		}
		for _, asset := range regexp.MustCompile(`(?:src|href)="(/web/[^"]+)"`).FindAllStringSubmatch(page, -1) {
			if got := b.send(http.MethodGet, asset[1], ""); got.status != http.StatusOK || !strings.Contains(got.header.Get("Cache-Control"), "immutable") {
				t.Errorf("%s: %d", asset[1], got.status)
			}
		}
	}
	if a := b.send(http.MethodGet, "/web/", ""); a.status != http.StatusNotFound {
		t.Errorf("a listing: %d", a.status)
	}
	in, _ := person(t)
	for path, want := range map[string]string{
		"/signin?return=/portal/log":                     "303 /portal/log",
		"/signin?return=https://evil.example/":           "200 ",
		"/signin?return=//evil.example/":                 "200 ",
		"/signin?return=/portal/log&prompt=login":        "200 ",
		"/signin?return=/portal/log&max_age=0":           "200 ",
		"/signin?return=/portal/log&max_age=60":          "303 /portal/log",
		"/signin?return=/portal/log&level=bound-passkey": "200 ",
	} {
		if a := in.send(http.MethodGet, path, ""); fmt.Sprint(a.status, " ", a.header.Get("Location")) != want {
			t.Errorf("%s: %d %s", path, a.status, a.header.Get("Location"))
		}
	}
}

func TestBack(t *testing.T) {
	for to, want := range map[string]string{
		"/a/b?c=d%26e": "/a/b?c=d%26e", "/": "/", "": "/signin", "a": "/signin", "//evil": "/signin", "/\\evil": "/signin", "\\\\evil": "/signin", "https://evil/": "/signin",
		"https:evil": "/signin", "javascript:alert(1)": "/signin", "/%0d%0aSet-Cookie:x": "/%0d%0aSet-Cookie:x", "/\r\nx": "/signin", "///evil": "/signin", "/a#b": "/a", "http:///x": "/signin", "/%2F%2Fevil": "/signin",
		"/" + strings.Repeat("a", 5000): "/signin", "/%zz": "/signin",
	} {
		if got := signin.Back(to); got != want {
			t.Errorf("%.40q: %q", to, got)
		}
	}
}

// TestGuessing: whoever guesses codes is slowed, and it is his address alone that
// is: she registers with hers from another.
func TestGuessing(t *testing.T) {
	code, _ := invite(t, newPatient(t))
	guesser, her := newBrowser(t, true), newBrowser(t, true)
	guesser.from = "127.0.0.2"
	guess := newCode(t, code)
	slowed := 0
	for range 40 {
		a := guesser.register(guess)
		switch {
		case a.status == http.StatusServiceUnavailable && a.code() == "rate":
			slowed++
		case a.status != http.StatusUnauthorized || a.code() != "invitation":
			t.Fatalf("a wrong code: %d %s", a.status, a.body)
		}
	}
	if slowed < 15 {
		t.Errorf("of forty wrong codes in a row %d were slowed", slowed)
	}
	if a := guesser.register(code); a.status != http.StatusServiceUnavailable {
		t.Errorf("the right one, from there: %d %s", a.status, a.body)
	}
	if a := her.register(code); a.status != http.StatusCreated {
		t.Errorf("the right one, from elsewhere: %d %s", a.status, a.body)
	}
}

// newCode returns a code that is well formed and nobody's: another one with two
// characters changed so that the check fits.
func newCode(t *testing.T, code string) string {
	t.Helper()
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	b := newBrowser(t, true)
	for _, first := range digits {
		for _, last := range digits {
			other := string(first) + code[1:len(code)-1] + string(last)
			if other != code && b.send(http.MethodPost, "/portal/passkeys/options", `{"code":"`+other+`"}`).status == http.StatusOK {
				return other
			}
		}
	}
	t.Fatal("there is no other code")
	return ""
}

// TestFlood: whoever tries her passkey's name with signatures of his own is slowed
// at his address; she signs in from hers meanwhile, and her account is as it was.
func TestFlood(t *testing.T) {
	b, _ := person(t)
	thief := newBrowser(t, true)
	thief.from = "127.0.0.3"
	nonce, forged := thief.challenge()
	var c map[string]any
	if err := json.Unmarshal([]byte(forged), &c); err != nil {
		t.Fatal(err)
	}
	id := base64.RawURLEncoding.EncodeToString(b.key.ID)
	c["id"], c["rawId"] = id, id // hers, with his signature
	body, err := json.Marshal(map[string]any{"nonce": nonce, "assertion": c})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/signin", "/portal/signin"} {
		slowed := 0
		for range 300 {
			switch a := thief.send(http.MethodPost, path, string(body)); {
			case a.status == http.StatusServiceUnavailable && a.code() == "rate":
				slowed++
			case a.status != http.StatusUnauthorized:
				t.Fatalf("%s: %d %s", path, a.status, a.body)
			}
		}
		if slowed == 0 {
			t.Errorf("%s: of three hundred tries in a row none was slowed", path)
		}
	}
	her := newBrowser(t, true)
	her.device, her.key = b.device, b.key
	if a := her.signIn(); a.status != http.StatusOK {
		t.Errorf("she is locked out: %d %s", a.status, a.body)
	}
	if a := b.send(http.MethodGet, "/portal/log", ""); a.status != http.StatusOK {
		t.Errorf("her session: %d", a.status)
	}
}
