// Package browser_test opens the pages of a real hospital in a real Chromium, with
// the browser's own virtual authenticator (WebAuthn Level 3, 11).
package browser_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"cairn/client"
	"cairn/consent"
	"cairn/proof"
	"cairn/wallet"
)

// hospital is one that the tests of this package share: a process of its own.
var hospital struct {
	url           string
	ehr, operator *client.Client
}

// recoveryWaits is how long a recovery waits here.
const recoveryWaits = 6 * time.Second

// chromium starts browsers.
var chromium context.Context

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "setting the hospital up:", err)
		code = 1
	}
	os.Exit(code)
}

func setUp(m *testing.M) (int, error) {
	program, err := exec.LookPath("chromium")
	if err != nil {
		return 1, fmt.Errorf("there is no Chromium: run `make tools`: %w", err)
	}
	dir, err := os.MkdirTemp("", "cairn-browser-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	stop, err := serve(dir)
	if err != nil {
		return 1, err
	}
	defer stop()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-gpu", true))
	var end context.CancelFunc
	chromium, end = chromedp.NewExecAllocator(context.Background(), options...)
	defer end()
	return m.Run(), nil
}

// serve founds a hospital and keeps it running until stop.
func serve(dir string) (stop func(), err error) {
	binary := filepath.Join(dir, "cairn")
	if out, err := exec.Command("go", "build", "-o", binary, "cairn/cmd/cairn").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building cairn: %w\n%s", err, out)
	}
	listen, p2p := free(), free()
	home := filepath.Join(dir, "north")
	if out, err := exec.Command(binary, "init", "--dir", home, "--listen", listen, "--p2p", p2p, "--recovery-delay", recoveryWaits.String()).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("founding: %w\n%s", err, out)
	}
	_, port, _ := net.SplitHostPort(listen)
	hospital.url = "http://localhost:" + port
	if hospital.ehr, err = client.New(hospital.url, "north", "ehr", filepath.Join(home, "keys", "ehr.pem"), http.DefaultClient); err != nil {
		return nil, err
	}
	if hospital.operator, err = client.New(hospital.url, "north", "operator", filepath.Join(home, "keys", "operator.pem"), http.DefaultClient); err != nil {
		return nil, err
	}
	process := exec.Command(binary, "serve", "--config", filepath.Join(home, "cairn.toml"))
	process.Stderr = os.Stderr
	if err := process.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		process.Process.Kill() //nolint:errcheck // it may have ended by itself
		process.Wait()         //nolint:errcheck // it was killed
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		res, err := http.Get(hospital.url + "/healthz")
		if err != nil {
			continue
		}
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return stop, nil
		}
	}
	stop()
	return nil, fmt.Errorf("the hospital does not become ready")
}

func free() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// tab opens a browser of a phone's size, with a device. bound tells whether its
// passkeys stay on the device.
func tab(t *testing.T, bound bool) context.Context {
	t.Helper()
	ctx := browser(t)
	device(t, ctx, bound)
	return ctx
}

// browser opens one of a phone's size.
func browser(t testing.TB) context.Context {
	t.Helper()
	first, end := chromedp.NewContext(chromium)
	t.Cleanup(end)
	do(t, first, chromedp.Navigate("about:blank"))
	ctx, cancel := context.WithTimeout(first, 3*time.Minute)
	t.Cleanup(cancel)
	do(t, ctx, chromedp.EmulateViewport(390, 844), func(ctx context.Context, target *chromedp.Target) (none chromedp.Void, err error) {
		if _, err = cdp.Call(ctx, target, webauthn.Enable, webauthn.EnableParams{}); err == nil {
			_, err = cdp.Call(ctx, target, network.ClearBrowserCookies, cdp.Empty{})
		}
		return none, err
	})
	return ctx
}

// device gives a browser an authenticator that verifies its user, and knows secrets
// (PRF).
func device(t testing.TB, ctx context.Context, bound bool) webauthn.AuthenticatorID {
	t.Helper()
	return deviceLike(t, ctx, bound, true)
}

func deviceLike(t testing.TB, ctx context.Context, bound, secrets bool) webauthn.AuthenticatorID {
	t.Helper()
	options := &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true, HasPrf: secrets,
		DefaultBackupEligibility: !bound, DefaultBackupState: !bound,
	}
	return see(t, ctx, func(ctx context.Context, target *chromedp.Target) (webauthn.AuthenticatorID, error) {
		made, err := cdp.Call(ctx, target, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: options})
		if err != nil {
			return "", err
		}
		return made.AuthenticatorID, nil
	})
}

// do carries steps out, in order.
func do(t testing.TB, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// through carries a step out again while pages lead on to others.
func through(t testing.TB, ctx context.Context, step chromedp.Action[chromedp.Void]) {
	t.Helper()
	for {
		err := chromedp.Do(ctx, step)
		if err == nil {
			return
		}
		if ctx.Err() != nil || !strings.Contains(err.Error(), "navigated") && !strings.Contains(err.Error(), "context with specified id") {
			t.Fatal(err)
		}
	}
}

// see returns what a step shows.
func see[T any](t testing.TB, ctx context.Context, step chromedp.Action[T]) T {
	t.Helper()
	out, err := chromedp.Run(ctx, step)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// invite stores a patient and returns her id and a one-time code.
func invite(t testing.TB) (id, code string) {
	t.Helper()
	return inviteAs(t, "Testperson")
}

func inviteAs(t testing.TB, family string) (id, code string) {
	t.Helper()
	ask := func(path, body, name string) string {
		a, err := hospital.ehr.Expect(t.Context(), http.StatusCreated, http.MethodPost, path, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]any
		if err := json.Unmarshal(a.Body, &all); err != nil {
			t.Fatal(err)
		}
		s, _ := all[name].(string)
		return s
	}
	id = ask("/fhir/Patient", `{"resourceType":"Patient","name":[{"family":"`+family+`","given":["Ada"]}],"birthDate":"1980-12-31","identifier":[{"value":"A-1815"}]}`, "id")
	return id, ask("/portal/invitations", `{"patient":"`+id+`"}`, "code")
}

// home is the hospital as a wallet knows it.
func home() wallet.Home { return wallet.Home{ID: "north", Name: "North Hospital", URL: hospital.url} }

// newWallet is a phone that is no browser.
func newWallet(t *testing.T) *wallet.Wallet {
	t.Helper()
	a, err := hospital.ehr.Expect(t.Context(), http.StatusOK, http.MethodGet, "/network.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := proof.DecodeTrust(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return wallet.New(trust.ID, http.DefaultClient)
}

// allowsNorth is a consent for the hospital's own people.
func allowsNorth() consent.Draft {
	now := time.Now().UnixMilli()
	return consent.Draft{Signed: now, Grantee: "north", GranteeName: "North Hospital", Actions: []consent.Action{consent.Access}, Purposes: []string{"TREAT"},
		Types: []string{"Patient", "Observation"}, Period: consent.Span{Lo: now - 60_000, Hi: now + 3_600_000}}
}

// employed makes an account of a physician, registers a passkey of it in the
// browser, and signs her in.
func employed(t *testing.T, ctx context.Context, id string) {
	t.Helper()
	for _, step := range [][2]string{{http.MethodPut, "/admin/staff/" + id}, {http.MethodPost, "/admin/staff/" + id + "/code"}} {
		var body []byte
		if step[0] == http.MethodPut {
			body = []byte(`{"name":"Dr. Opener","roles":["physician"],"practitioner":["Practitioner/` + id + `"]}`)
		}
		a, err := hospital.operator.Expect(t.Context(), http.StatusOK, step[0], step[1], body)
		if err != nil {
			t.Fatal(err)
		}
		var out struct{ Code string }
		if err := json.Unmarshal(a.Body, &out); err != nil {
			t.Fatal(err)
		}
		if out.Code != "" {
			enter(t, ctx, out.Code)
		}
	}
}

// enter registers a passkey in the browser with a one-time code, and signs in.
func enter(t testing.TB, ctx context.Context, code string) {
	t.Helper()
	do(t, ctx, chromedp.Navigate(hospital.url+"/signin/register"), chromedp.WaitVisible("#code"), chromedp.SendKeys("#code", code),
		chromedp.Click("form[data-register] button"))
	through(t, ctx, chromedp.WaitVisible("form[data-signin] button"))
	do(t, ctx, chromedp.Click("form[data-signin] button"))
	through(t, ctx, chromedp.WaitVisible("form[data-signout]"))
}

// picture keeps what the page looks like where CAIRN_PICTURES names a folder.
func picture(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("CAIRN_PICTURES")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), see(t, ctx, chromedp.FullScreenshot(100)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// deskPicture is a picture at the width of a desk's screen.
func deskPicture(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	if os.Getenv("CAIRN_PICTURES") == "" {
		return
	}
	do(t, ctx, chromedp.EmulateViewport(1280, 900))
	picture(t, ctx, name)
	do(t, ctx, chromedp.EmulateViewport(390, 844))
}
