package signin_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cairn/node"
	"cairn/node/identity"
	"cairn/test/npm"
)

// startProvider starts a published OpenID provider that knows a hospital.
func startProvider(t *testing.T, ctx context.Context, issuer, redirect, userinfo string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, "node", "testdata/provider.mjs")
	cmd.Env = append(os.Environ(), "MODULES="+npm.Modules(t, "oidc-provider@9.13.3"), "ISSUER="+issuer, "REDIRECT="+redirect, "USERINFO="+userinfo)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("node is needed: %v", err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() }) //nolint:errcheck // it was killed
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the provider says %q: %v", line, err)
	}
}

// person at a browser follows redirects by hand, as it would show every page.
type visitor struct {
	t   *testing.T
	jar http.CookieJar
}

func newVisitor(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, jar}
}

// visit sends one request and returns where it leads, and the page.
func (v *visitor) visit(method, to string, form url.Values) (status int, location, page string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, to, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	c := http.Client{Jar: v.jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	if to := res.Header.Get("Location"); to != "" {
		at, err := r.URL.Parse(to)
		if err != nil {
			v.t.Fatal(err)
		}
		location = at.String()
	}
	return res.StatusCode, location, string(body)
}

var (
	formAction = regexp.MustCompile(`<form[^>]*action="([^"]+)"`)
	formPrompt = regexp.MustCompile(`name="prompt" value="([^"]+)"`)
)

// signInAt goes from the hospital to the provider, signs in there, agrees, and
// returns with what address the provider sends it back.
func (v *visitor) signInAt(hospital, who string) (back string) {
	v.t.Helper()
	_, to, _ := v.visit(http.MethodGet, hospital+"/signin/provider?return=/portal/sessions", nil)
	for range 12 {
		if strings.HasPrefix(to, hospital) {
			return to
		}
		status, next, page := v.visit(http.MethodGet, to, nil)
		if next != "" {
			to = next
			continue
		}
		action, prompt := formAction.FindStringSubmatch(page), formPrompt.FindStringSubmatch(page)
		if action == nil || prompt == nil {
			v.t.Fatalf("%d: a page without a form: %s", status, page)
		}
		if _, to, _ = v.visit(http.MethodPost, action[1], url.Values{"prompt": {prompt[1]}, "login": {who}, "password": {"x"}}); to == "" {
			v.t.Fatal("the provider's form leads nowhere")
		}
	}
	v.t.Fatal("the provider sends in circles")
	return ""
}

// TestProvider signs in at a published OpenID provider, with claims in the ID token
// and by userinfo, and tries what must not work.
func TestProvider(t *testing.T) {
	for _, userinfo := range []string{"no", "yes"} {
		issuer := "http://" + free()
		ctx, cancel := context.WithCancel(t.Context())
		err := open(func(c *node.Config) {
			secret := filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(secret, []byte("a secret of the test\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			c.Provider = node.ProviderConfig{Issuer: issuer, ClientID: "cairn", ClientSecret: secret, RoleClaim: "groups", Roles: []string{"cardio-doctors=physician"},
				UnitClaim: "dept", Units: []string{"cardio=Organization/cardiology"}, IDClaim: "emp", Practitioner: "fhirUser"}
			startProvider(t, ctx, issuer, c.URL+identity.ProviderReturn, userinfo)
		}, func(h house) { tryProvider(t, h) })
		cancel()
		if err != nil {
			t.Fatal(err)
		}
	}
}

func tryProvider(t *testing.T, h house) {
	v := newVisitor(t)
	if _, _, page := v.visit(http.MethodGet, h.url+"/signin", nil); !strings.Contains(page, "/signin/provider?return=") {
		t.Error("the page offers no sign-in at the provider")
	}
	back := v.signInAt(h.url, "anna")
	if status, _, _ := newVisitor(t).visit(http.MethodGet, back, nil); status != http.StatusUnauthorized {
		t.Errorf("in another browser: %d", status)
	}
	status, to, page := v.visit(http.MethodGet, back, nil)
	if status != http.StatusSeeOther || to != h.url+"/portal/sessions" {
		t.Fatalf("coming back: %d %s %s", status, to, page)
	}
	if status, _, page := v.visit(http.MethodGet, to, nil); status != http.StatusOK || !strings.Contains(page, `"level":"provider"`) {
		t.Errorf("%d %s", status, page)
	}
	if status, _, _ := v.visit(http.MethodGet, back, nil); status != http.StatusUnauthorized {
		t.Errorf("coming back twice: %d", status)
	}
	if _, _, page := v.visit(http.MethodGet, h.url+"/signin", nil); !strings.Contains(page, "Anna Rossi, Physician") {
		t.Errorf("%s", page)
	}
	a, err := h.software(t, "operator").Do(t.Context(), http.MethodGet, "/admin/staff", nil)
	if err != nil || !strings.Contains(string(a.Body), `"id":"a.rossi2"`) || !strings.Contains(string(a.Body), `"units":["Organization/cardiology"]`) || !strings.Contains(string(a.Body), `"practitioner":["Practitioner/anna"]`) {
		t.Errorf("%s %v", a.Body, err)
	}
	put := func(id, body string) {
		t.Helper()
		if _, err := h.software(t, "operator").Expect(t.Context(), http.StatusOK, http.MethodPut, "/admin/staff/"+id, []byte(body)); err != nil {
			t.Error(err)
		}
	}
	put("taken", `{"name":"Taken","roles":["nurse"]}`)
	changed := regexp.MustCompile(`"changed":([0-9]+)`).FindSubmatch(a.Body)
	put("a.rossi2", `{"name":"Anna Rossi","roles":["physician"],"provider":"`+issuerOf(t, a.Body)+`","subject":"anna","disabled":true,"changed":`+string(changed[1])+`}`)
	if status, _, _ := v.visit(http.MethodGet, h.url+"/portal/sessions", nil); status != http.StatusUnauthorized {
		t.Errorf("disabled here, and her session goes on: %d", status)
	}
	want := ""
	for _, who := range []string{"nobody", "clash", "anna"} { // no role, another's id, disabled here
		v := newVisitor(t)
		status, _, page := v.visit(http.MethodGet, v.signInAt(h.url, who), nil)
		if want == "" {
			want = page
		}
		if status != http.StatusUnauthorized || page != want {
			t.Errorf("%s: %d %s", who, status, page)
		}
	}
}

func issuerOf(t *testing.T, body []byte) string {
	t.Helper()
	m := regexp.MustCompile(`"provider":"([^"]+)"`).FindSubmatch(body)
	if m == nil {
		t.Fatalf("%s", body)
	}
	return string(m[1])
}
