package api_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"cairn/api"
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
	"GET /home/consents":                          "a page that has people sign in; her script reads what is hers from the portal",
	"GET /home/kit":                               "as above",
	"GET /recover":                                "a page for who has lost her devices; its script needs the code of a kit",
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
	"POST /portal/erasures":                       "the request is signed by the patient's passkey",
	"GET /portal/erasures/{id}":                   "needs the salted hash of the request; it says nothing about anyone",
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
	"DELETE /portal/sessions":       "her own other sessions",
	"DELETE /portal/safe":           "her own sealed wallet",
	"DELETE /portal/recovery":       "recoveries of her own sign-in",
	"POST /portal/passkeys/options": "options for a passkey of her own",
	"POST /portal/locators":         "where she says that her own records are",
	"POST /portal/mandates":         "a proxy for herself",
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
	if c := res.Header.Get("Cache-Control"); c != "no-store" && !cached[route] {
		t.Errorf("%s may be kept by caches: %q", route, c)
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

// cached are routes whose answers are public, so that a cache may keep them.
var cached = map[string]bool{"GET /web/": true, "GET /log/": true, "GET /auth/jwks": true}

// silent are routes that give who may not know the answer that nothing is there to
// change, which is a success. What is there stays as it is.
var silent = map[string]bool{"DELETE /fhir/Subscription/{id}": true}

// signs are open routes whose answer to who proves nothing is the same as to
// nobody, 401.
var signs = map[string]bool{"POST /portal/passkeys": true, "POST /portal/recovery": true, "POST /portal/recovery/options": true}
