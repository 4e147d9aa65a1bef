package signin_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// operate asks as the operator's software.
func operate(t *testing.T, method, path, body string) answer {
	t.Helper()
	var data []byte
	header := http.Header{}
	if body != "" {
		data = []byte(body)
		header.Set("Content-Type", "application/json")
	}
	a, err := software(t, "operator").With(t.Context(), method, path, header, data)
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: a.Status, body: a.Body}
}

// employ makes an account and returns a browser with a passkey of it, signed in.
func employ(t *testing.T, id, roles string, synced bool) *browser {
	t.Helper()
	if a := operate(t, http.MethodPut, "/admin/staff/"+id, `{"name":"Dr. `+id+`","roles":`+roles+`,"units":["Organization/ward-`+id+`"],"practitioner":["Practitioner/`+id+`"]}`); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	b := newBrowser(t, synced)
	b.staffKey(id)
	if a := b.signIn(); a.status != http.StatusOK {
		t.Fatalf("%s signs in: %d %s", id, a.status, a.body)
	}
	return b
}

// staffKey registers the browser's passkey with a code for an account.
func (b *browser) staffKey(id string) {
	b.t.Helper()
	code := value(b.t, operate(b.t, http.MethodPost, "/admin/staff/"+id+"/code", "").body, "code")
	if a := b.register(code); a.status != http.StatusCreated || value(b.t, a.body, "patient") != "" {
		b.t.Fatalf("%d %s", a.status, a.body)
	}
}

// TestStaff: a nurse signs in, sees her passkeys and sessions, and nothing of the
// operator's or of patients' portals; when she is disabled she is out at once.
func TestStaff(t *testing.T) {
	b := employ(t, "nurse", `["nurse"]`, true)
	if keys := b.list("passkeys"); len(keys) != 1 {
		t.Errorf("%v", keys)
	}
	for _, route := range []string{"GET /portal/log", "GET /portal/consents", "POST /portal/locators", "POST /portal/invitations", "GET /admin/status", "GET /admin/staff",
		"PUT /admin/staff/nurse", "POST /admin/staff/nurse/code", "DELETE /admin/staff/nurse/passkeys", "DELETE /portal/patients/x/passkeys"} {
		method, path, _ := strings.Cut(route, " ")
		body := map[bool]string{true: `{}`}[method == http.MethodPost || method == http.MethodPut]
		if strings.HasSuffix(path, "locators") {
			body = `[]`
		}
		if a := b.send(method, path, body); a.status != http.StatusForbidden {
			t.Errorf("a nurse: %s: %d %s", route, a.status, a.body)
		}
	}
	if a := b.send(http.MethodGet, "/fhir/Patient", ""); a.status != http.StatusUnauthorized {
		t.Errorf("her session at the FHIR face: %d", a.status)
	}
	if a := b.send(http.MethodGet, "/signin", ""); a.status != http.StatusOK || !strings.Contains(string(a.body), "Dr. nurse, Nurse") || !strings.Contains(string(a.body), "15 minutes") {
		t.Errorf("%d %s", a.status, a.body)
	}
	var list struct {
		Staff []map[string]any
	}
	if err := json.Unmarshal(operate(t, http.MethodGet, "/admin/staff?after=nurrr", "").body, &list); err != nil || len(list.Staff) == 0 || list.Staff[0]["id"] != "nurse" {
		t.Fatalf("%v %v", list, err)
	}
	acc := list.Staff[0]
	delete(acc, "passkeys")
	acc["disabled"] = true
	body, _ := json.Marshal(acc)
	if a := operate(t, http.MethodPut, "/admin/staff/nurse", string(body)); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := operate(t, http.MethodPut, "/admin/staff/nurse", string(body)); a.status != http.StatusPreconditionFailed {
		t.Errorf("changed as it was before: %d %s", a.status, a.body)
	}
	if a := b.send(http.MethodGet, "/portal/sessions", ""); a.status != http.StatusUnauthorized {
		t.Errorf("disabled, and her session goes on: %d", a.status)
	}
	stranger := newBrowser(t, true)
	if a, want := b.signIn(), stranger.signIn(); a.status != http.StatusUnauthorized || string(a.body) != string(want.body) {
		t.Errorf("disabled: %d %s, and a stranger %s", a.status, a.body, want.body)
	}
}

// TestAdministrator: what an administrator may do needs a passkey that is bound to
// its device, and her own account is not hers to change.
func TestAdministrator(t *testing.T) {
	b := employ(t, "chief", `["administrator","physician"]`, true)
	if a := b.send(http.MethodGet, "/admin/staff", ""); a.status != http.StatusForbidden || a.code() != "step-up" || !strings.Contains(string(a.body), "security key") {
		t.Errorf("a synced passkey operates: %d %s", a.status, a.body)
	}
	b.device.Options.BackupEligible, b.device.Options.BackupState = false, false
	if a := b.add(); a.status != http.StatusForbidden || a.code() != "step-up" {
		t.Errorf("a synced passkey adds a bound one: %d %s", a.status, a.body)
	}
	b.newKey()
	b.staffKey("chief")
	if a := b.signIn(); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := b.send(http.MethodGet, "/admin/staff", ""); a.status != http.StatusOK {
		t.Errorf("a bound passkey: %d %s", a.status, a.body)
	}
	if a := b.send(http.MethodPut, "/admin/staff/chief", `{"name":"Chief","roles":["administrator"],"changed":1}`); a.status != http.StatusForbidden || a.code() != "policy.own-account" {
		t.Errorf("her own account: %d %s", a.status, a.body)
	}
	if a := b.send(http.MethodPut, "/admin/staff/made", `{"name":"Made","roles":["nurse"]}`); a.status != http.StatusOK {
		t.Errorf("another: %d %s", a.status, a.body)
	}
	if a := b.send(http.MethodPut, "/admin/staff/made2", `{"name":"Made","roles":["nurse"]}`, "Sec-Fetch-Site: cross-site", "Origin: https://evil.example"); a.status != http.StatusForbidden || a.code() != "cross-origin" {
		t.Errorf("from another site: %d %s", a.status, a.body)
	}
	nonce, assertion := b.challenge()
	if a := b.send(http.MethodPost, "/signin", `{"nonce":"`+nonce+`","assertion":`+assertion+`,"role":"physician"}`); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := b.send(http.MethodGet, "/admin/staff", ""); a.status != http.StatusForbidden || a.code() != "policy.operate" {
		t.Errorf("as a physician she operates: %d %s", a.status, a.body)
	}
	if a := b.send(http.MethodPost, "/portal/signin", `{"nonce":"x"}`); a.status == http.StatusOK {
		t.Error("staff get a token at the patients' portal")
	}
}
