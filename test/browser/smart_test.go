package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"cairn/test/npm"
)

// fhirclient is the SMART client that apps in browsers use.
const fhirclient = "fhirclient@2.6.3"

// chart is an app that nobody here wrote but for these lines: it launches, and
// shows what it gets.
const chart = `<!doctype html><meta charset="utf-8"><title>chart</title><script src="/fhir-client.js"></script><pre id="out"></pre><script>
const out = (x) => { document.getElementById("out").textContent = JSON.stringify(x); };
const said = (e) => ({ error: String(e.message || e) });
if (location.pathname === "/launch") {
  FHIR.oauth2.authorize(%s).catch((e) => out(said(e)));
} else {
  FHIR.oauth2.ready().then(async (client) => {
    const get = (path) => client.request(path).then((r) => r.resourceType === "Bundle" ? (r.entry || []).filter((e) => e.search.mode === "match").length : r.id, said);
    const look = async () => ({
      patient: client.patient.id, user: client.user.fhirUser, read: await get("Patient/" + client.patient.id),
      labs: await get("Observation?patient=" + client.patient.id + "&category=laboratory"), all: await get("Observation?patient=" + client.patient.id),
      conditions: await get("Condition?patient=" + client.patient.id),
      other: await get("Patient/%s"),
    });
    globalThis.again = async () => out(await look());
    await again();
  }).catch((e) => out(said(e)));
}
</script>`

// result is what the app shows.
type result struct {
	Error, Patient, User string
	Read, Labs, All      any
	Conditions, Other    any
}

// serveApp serves the app, which also tries to read another patient, and registers
// it with the hospital.
func serveApp(t *testing.T, name, scope, other string) (root string) {
	t.Helper()
	script, err := os.ReadFile(filepath.Join(npm.Folder(t, fhirclient), "build", "fhir-client.js"))
	if err != nil {
		t.Fatal(err)
	}
	launch := map[string]string{"iss": hospital.url + "/fhir", "scope": scope}
	mux := http.NewServeMux()
	mux.HandleFunc("/fhir-client.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Write(script) //nolint:errcheck // a test
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		text, _ := json.Marshal(launch)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, chart, text, other)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	root = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	body, _ := json.Marshal(map[string]any{"client_name": name, "redirect_uris": []string{root + "/app"}, "initiate_login_uri": root + "/launch",
		"scope": scope, "token_endpoint_auth_method": "none"})
	a, err := hospital.operator.Expect(t.Context(), http.StatusCreated, http.MethodPost, "/admin/apps", body)
	if err != nil {
		t.Fatal(err)
	}
	var made struct {
		ID string `json:"client_id"`
	}
	if err := json.Unmarshal(a.Body, &made); err != nil {
		t.Fatal(err)
	}
	launch["clientId"], launch["redirectUri"] = made.ID, root+"/app"
	return root
}

func observation(t *testing.T, patient, category string) {
	t.Helper()
	body := fmt.Sprintf(`{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":%q}]}],`+
		`"code":{"coding":[{"system":"http://loinc.org","code":"4548-4"}]},"subject":{"reference":"Patient/%s"}}`, category, patient)
	if _, err := hospital.ehr.Expect(t.Context(), http.StatusCreated, http.MethodPost, "/fhir/Observation", []byte(body)); err != nil {
		t.Fatal(err)
	}
}

// TestSMARTStandalone: a patient launches an app in her browser, signs in with her
// passkey, allows what it asks, and it reads that and no more.
func TestSMARTStandalone(t *testing.T) {
	id, code := invite(t)
	observation(t, id, "laboratory")
	observation(t, id, "vital-signs")
	other, _ := invite(t)
	root := serveApp(t, "Growth Chart", "launch/patient openid fhirUser offline_access patient/Patient.rs patient/Observation.rs?category=laboratory", other)
	ctx := tab(t, false)
	do(t, ctx, chromedp.Navigate(hospital.url+"/signin/register"), chromedp.WaitVisible("#code"), chromedp.SendKeys("#code", code),
		chromedp.Click("form[data-register] button"))
	through(t, ctx, chromedp.WaitVisible("form[data-signin] button"))
	through(t, ctx, chromedp.Evaluate[chromedp.Void](fmt.Sprintf("location.assign(%q)", root+"/launch")))
	through(t, ctx, chromedp.Poll[chromedp.Void](`document.title !== "chart" && document.querySelector("form[data-signin] button") !== null && location.search.includes("authorize")`))
	do(t, ctx, chromedp.Click("form[data-signin] button"))
	through(t, ctx, chromedp.WaitVisible("button[value=allow]"))
	picture(t, ctx, "consent")
	if text := see(t, ctx, chromedp.Text("main, body")); !strings.Contains(text, "Growth Chart") || !strings.Contains(strings.ToLower(text), "lab") {
		t.Errorf("the patient is asked: %s", text)
	}
	do(t, ctx, chromedp.Click("button[value=allow]"))
	got := shown(t, ctx)
	if got.Patient != id || got.Read != id || got.User != "Patient/"+id && got.User != hospital.url+"/fhir/Patient/"+id {
		t.Errorf("the app was launched for %s: %+v", id, got)
	}
	got.reads(t, 1, 1, other)
}

// shown waits for what the app shows.
func shown(t *testing.T, ctx context.Context) (got result) {
	t.Helper()
	through(t, ctx, chromedp.Poll[chromedp.Void](`document.getElementById("out") !== null && document.getElementById("out").textContent !== ""`))
	text := see(t, ctx, chromedp.Text("#out"))
	if err := json.Unmarshal([]byte(text), &got); err != nil || got.Error != "" {
		t.Fatalf("%s: %v", text, err)
	}
	return got
}

// reads compares how many laboratory results, and how many results at all, the app
// read; beyond its scopes and its patient it reads nothing.
func (r result) reads(t *testing.T, labs, all any, other string) {
	t.Helper()
	if fmt.Sprint(r.Labs) != fmt.Sprint(labs) || fmt.Sprint(r.All) != fmt.Sprint(all) {
		t.Errorf("of one laboratory result and one vital sign the app sees %v and %v", r.Labs, r.All)
	}
	for what, v := range map[string]any{"conditions": r.Conditions, "another patient": r.Other} {
		if _, read := v.(float64); read || v == other {
			t.Errorf("the app reads %s: %v", what, v)
		}
	}
}

// refused is what the app shows in the place of a number.
func (r result) refused(what any) bool {
	_, said := what.(map[string]any)
	return said
}

// TestSMARTFromTheEHR: a physician who is signed in here opens an app for a patient
// whom she sees because he allowed it. The app gets him in its context, reads what
// its scopes and he allow, and nothing once he has stopped it.
func TestSMARTFromTheEHR(t *testing.T) {
	id, code := inviteAs(t, "Lovelace")
	observation(t, id, "laboratory")
	observation(t, id, "vital-signs")
	other, _ := invite(t)
	phone := newWallet(t)
	if err := phone.Register(t.Context(), home(), code); err != nil {
		t.Fatal(err)
	}
	serveApp(t, "Lab Viewer", "launch openid fhirUser patient/Patient.rs patient/Observation.rs?category=laboratory", other)
	ctx := tab(t, false)
	do(t, ctx, chromedp.EmulateViewport(1280, 900))
	employed(t, ctx, "opener")
	do(t, ctx, chromedp.Navigate(hospital.url+"/signin"), chromedp.WaitVisible(`a[href="/auth/start"]`))
	picture(t, ctx, "staff")
	do(t, ctx, chromedp.Click(`a[href="/auth/start"]`))
	look := func(then string) {
		through(t, ctx, chromedp.WaitVisible("#look"))
		do(t, ctx, chromedp.SendKeys("#look", "Lovelace"), chromedp.Click("form button"))
		through(t, ctx, chromedp.WaitVisible(then))
	}
	look("[role=status]")
	if text := see(t, ctx, chromedp.Text("main")); !strings.Contains(text, "Nobody was found") {
		t.Errorf("before anybody allowed her anything she sees: %s", text)
	}
	given, err := phone.Grant(t.Context(), allowsNorth(), "north")
	if err != nil {
		t.Fatal(err)
	}
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector("#look").value = ""`))
	look("[name=patient]")
	picture(t, ctx, "open-found")
	chosen := "[name=patient][value=\"" + id + "\"]"
	do(t, ctx, chromedp.Click(chosen))
	through(t, ctx, chromedp.WaitVisible("[name=app]"))
	picture(t, ctx, "open-app")
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll("[name=app]")].find((b) => b.textContent.includes("Lab Viewer")).click()`))
	through(t, ctx, chromedp.WaitVisible("button[value=allow]"))
	picture(t, ctx, "open-consent")
	if text := see(t, ctx, chromedp.Text("main")); !strings.Contains(text, "Lovelace") {
		t.Errorf("the physician is asked: %s", text)
	}
	do(t, ctx, chromedp.Click("button[value=allow]"))
	got := shown(t, ctx)
	if got.Patient != id || got.Read != id || !strings.HasSuffix(got.User, "Practitioner/opener") {
		t.Errorf("the app was launched for %s: %+v", id, got)
	}
	got.reads(t, 1, 1, other)
	if _, err := phone.Stop(t.Context(), hospital.url, given); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`again()`, chromedp.EvalAwaitPromise))
	after := shown(t, ctx)
	if !after.refused(after.Labs) && after.Labs != 0.0 || !after.refused(after.All) && after.All != 0.0 || after.Read == id {
		t.Errorf("after his stop the app reads on: %+v", after)
	}
}
