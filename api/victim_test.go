package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/consent"
	"cairn/wallet"
	"cairn/wallet/kit"
)

// victim is who is attacked, with what there is of hers.
type victim struct {
	patient, lab, event, commitment, session, passkey, invitation, code, subscription, mandate, app string
	emergency, alert, order                                                                         string
	cookie, access                                                                                  string
}

// secretName stands in the victim's records and nowhere else.
const secretName = "Unmentionable"

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
		"/portal/mandates/{id}": v.mandate, "/staff/claims/{id}": "none", "/portal/erasures/{id}": v.commitment, "/portal/alerts/{id}": v.alert, "/staff/emergencies/{id}": v.emergency, "/staff/reviews/{id}": v.emergency, "/staff/orders/{id}": v.order, "/portal/consents/{commitment}": v.commitment, "/evidence/{event}": v.event, "/admin/staff/{id}": "researcher", "/admin/apps/{id}": v.app, "/admin/keys/{use}": "seal", "/portal/exchanges/{id}": strings.Repeat("ab", 32), "/admin/receipts/{id}": strings.Repeat("ab", 32), "/portal/apps/{id}": v.app, "/fhir/Patient/{id}": v.patient,
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
