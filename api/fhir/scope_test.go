package fhir_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"cairn/api/fhir"
)

// family is a patient with a laboratory result and a vital sign that was
// something else before. Marks stand in the records that scopes hide.
type family struct{ patient, lab, vital string }

const hiddenMark = "a-weight-that-scopes-hide"

func observation(id, patient, category, status, mark string) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":%q,"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":%q}]}],`+
		`"code":{"text":%q},"subject":{"reference":"Patient/%s"},"effectiveDateTime":"2024-05-06"}`, id, status, category, mark, patient)
}

func newFamily(t *testing.T, name string) family {
	t.Helper()
	f := family{name, name + "-lab", name + "-vital"}
	put(t, "Patient/"+f.patient, `{"resourceType":"Patient","id":"`+f.patient+`","name":[{"family":"Scope-`+name+`"}]}`)
	put(t, "Observation/"+f.lab, observation(f.lab, f.patient, "laboratory", "final", "a result"))
	put(t, "Observation/"+f.vital, observation(f.vital, f.patient, "laboratory", "preliminary", "before it became "+hiddenMark))
	put(t, "Observation/"+f.vital, observation(f.vital, f.patient, "vital-signs", "final", hiddenMark))
	return f
}

// scoped signs the physician in for scopes.
func scoped(t *testing.T, scopes string) string {
	t.Helper()
	return token(t, physician(t).For(scopes))
}

// shapes fills in what a route's shape stands for.
func (f family) path(shape, typ string) string {
	id := map[string]string{"Patient": f.patient, "Observation": f.lab}[typ]
	if id == "" {
		id = "none"
	}
	if shape == "$export-file/{id}/{version}" {
		return "$export-file/none/0"
	}
	return strings.NewReplacer("{type}", typ, "{id}", id, "{version}", "1", "{within}", "Observation").Replace(shape)
}

// own are the routes that show and write no record of their own, so that no
// scope is asked for: bundles (each entry is asked on its own, see below), what
// an export has made (for who started it, with the same scopes), terminology
// (what is stored passes the gate), what is in the request itself, and consents
// that members pass on.
var own = []string{"metadata", "$export-status/{id}", "$export-file/{id}/{version}", "", "$expand", "$validate-code", "$lookup", "$subsumes", "$validate", "$topics", "$pass-on"}

// TestEveryRouteAsksForScopes walks all interactions and operations with a
// token whose scope is of another type and of creating only: each refuses and says which scope is
// missing, whether the record is there or not.
func TestEveryRouteAsksForScopes(t *testing.T) {
	f := newFamily(t, "walk")
	other := scoped(t, "system/Basic.c")
	walked := 0
	for _, row := range fhir.Rows() {
		method, shape, typ := row.Method, row.Shape, "Observation"
		if method == "" {
			method = http.MethodPost
		}
		if len(row.Types) > 0 {
			typ = row.Types[0]
		}
		last := shape[strings.LastIndexByte(shape, '/')+1:]
		if shape == "" && row.Code != "search-system" || exempt(shape) || exempt(last) {
			continue
		}
		path, body := f.path(shape, typ), ""
		switch {
		case row.Code == "$export" || row.Code == "$gather":
			method = http.MethodGet
			path += "?_type=Observation"
		case row.Code == "$import":
			body = observation("walk-new", f.patient, "laboratory", "final", "new")
		case row.Code == "search-system":
			path = "?_type=Observation,Condition"
		case method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch:
			body = `{"resourceType":"` + typ + `"}`
		}
		if strings.Contains(shape, "{type}") && (method == http.MethodPut || method == http.MethodPatch || method == http.MethodDelete) && !strings.Contains(shape, "{id}") {
			path += "?identifier=x"
		}
		walked++
		headers := []string{"Prefer: respond-async"}
		if row.Code == "$import" {
			headers = append(headers, "Content-Type: application/fhir+ndjson")
		}
		a := send(t, other, method, path, body, headers...)
		if row.Code == "$import" { // each line is asked on its own
			if a.status != http.StatusForbidden {
				t.Errorf("%s %s: %d %.200s", method, path, a.status, a.body)
			}
			continue
		}
		want := a.header.Get("WWW-Authenticate")
		if a.status != http.StatusForbidden || !strings.Contains(want, `error="insufficient_scope"`) || !strings.Contains(want, `scope="system/`) ||
			!strings.Contains(string(a.body), "scope.missing") {
			t.Errorf("%s %s: %d %q %.200s", method, path, a.status, want, a.body)
		}
	}
	if walked < 30 {
		t.Errorf("only %d routes were walked", walked)
	}
	for _, path := range []string{"Observation/" + f.lab, "Observation/not-there", "Observation/" + f.lab + "/_history/1", "Observation/not-there/_history/1"} {
		if a := send(t, other, http.MethodGet, path, ""); a.status != http.StatusForbidden {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

func exempt(shape string) bool {
	for _, o := range own {
		if shape != "" && shape == o {
			return true
		}
	}
	return false
}

// TestScopesFilterEveryRead: what a filter hides is nowhere, and nothing tells
// that it is.
func TestScopesFilterEveryRead(t *testing.T) {
	f := newFamily(t, "filter")
	const category = "category=http://terminology.hl7.org/CodeSystem/observation-category|"
	for _, filter := range []string{category + "laboratory", category + "laboratory&status=final", "code:text=result", "_id=" + f.lab} {
		access := scoped(t, "system/Patient.rs system/Observation.rs?"+filter)
		get := func(path string) answer { return send(t, access, http.MethodGet, path, "") }
		for path, want := range map[string]int{
			"Observation/" + f.lab: http.StatusOK, "Observation/" + f.lab + "/_history": http.StatusOK, "Observation/" + f.lab + "/_history/1": http.StatusOK,
			"Observation/" + f.vital: http.StatusNotFound, "Observation/" + f.vital + "/_history": http.StatusNotFound,
			"Observation/" + f.vital + "/_history/1": http.StatusNotFound, "Observation/" + f.vital + "/_history/2": http.StatusNotFound,
			"Observation/" + f.vital + "/_history/2/$evidence": http.StatusNotFound, "Observation/" + f.vital + "/$validate": http.StatusNotFound,
		} {
			if strings.Contains(filter, "status") || strings.HasPrefix(filter, "code") {
				if path == "Observation/"+f.lab+"/_history/1" {
					continue // it is the current one here; older ones are tried below
				}
			}
			if a := get(path); a.status != want || strings.Contains(string(a.body), hiddenMark) {
				t.Errorf("%s: %s: %d, want %d: %.300s", filter, path, a.status, want, a.body)
			}
		}
		for path, total := range map[string]string{
			"Observation?patient=" + f.patient: "1", "Observation?patient=" + f.patient + "&_summary=count": "1", "Observation?_id=" + f.vital + "&patient=" + f.patient: "0",
			"Patient?_id=" + f.patient + "&_has:Observation:patient:code:text=a-weight": "0", "Patient/" + f.patient + "/Observation": "1",
			"Patient?_id=" + f.patient + "&_has:Observation:patient:code:text=result": "1",
			"Observation?patient=" + f.patient + "&_total=accurate&_count=1":          "1", "Patient?_id=" + f.patient + "&_revinclude=Observation:patient": "1",
			"?_type=Observation,Patient&_id=" + f.patient + "," + f.lab + "," + f.vital: "", "Patient/" + f.patient + "/$everything": "",
			"Observation/_history?_count=50": "", "_history?_count=50": "",
		} {
			a := get(path)
			if a.status != http.StatusOK || strings.Contains(string(a.body), hiddenMark) || strings.Contains(string(a.body), `"id":"`+f.vital+`"`) {
				t.Errorf("%s: %s: %d %.500s", filter, path, a.status, a.body)
			}
			if total != "" && a.get(t, "total") != total {
				t.Errorf("%s: %s counts %s, want %s", filter, path, a.get(t, "total"), total)
			}
			if strings.Contains(path, "_count=1") && strings.Contains(string(a.body), `"next"`) {
				t.Errorf("%s: %s has a next page", filter, path)
			}
		}
		batch := `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Observation/` + f.vital + `"}},{"request":{"method":"GET","url":"Condition?patient=` + f.patient + `"}},{"request":{"method":"GET","url":"Observation/` + f.lab + `"}}]}`
		a := send(t, access, http.MethodPost, "", batch)
		if a.get(t, "entry.0.response.status") != "404 Not Found" || a.get(t, "entry.1.response.status") != "403 Forbidden" || a.get(t, "entry.2.response.status") != "200 OK" {
			t.Errorf("%s: batch: %s", filter, a.body)
		}
	}
	// Of an older version no more than its facets is kept, so a filter by
	// anything else hides it.
	put(t, "Observation/"+f.lab, observation(f.lab, f.patient, "laboratory", "amended", "a result"))
	for filter, want := range map[string]int{category + "laboratory": http.StatusOK, "status=amended": http.StatusNotFound} {
		access := scoped(t, "system/Observation.rs?"+filter)
		if a := send(t, access, http.MethodGet, "Observation/"+f.lab, ""); a.status != http.StatusOK {
			t.Errorf("%s: %d", filter, a.status)
		}
		if a := send(t, access, http.MethodGet, "Observation/"+f.lab+"/_history/1", ""); a.status != want {
			t.Errorf("%s of an older version: %d, want %d", filter, a.status, want)
		}
	}
}

// TestScopesFilterExports: an export holds what its scopes let through, and
// belongs to who started it with those scopes.
func TestScopesFilterExports(t *testing.T) {
	f := newFamily(t, "leave")
	access := scoped(t, "system/Observation.rs?category=laboratory system/Patient.rs")
	a := send(t, access, http.MethodGet, "Patient/$export?_type=Observation,Patient", "", "Prefer: respond-async")
	at := strings.TrimPrefix(a.header.Get("Content-Location"), hospital.url+"/fhir/")
	if a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	lines := finishAs(t, access, at)
	if !has(lines["Observation"], f.lab) || has(lines["Observation"], f.vital) || !has(lines["Patient"], f.patient) {
		t.Error("the export is not what the scopes let through")
	}
	if a := ask(t, http.MethodGet, at, ""); a.status != http.StatusNotFound {
		t.Errorf("with other scopes it is there: %d", a.status)
	}
}

// TestScopesOfWrites: each write needs its letter, and both what a record is and
// what it becomes must be within the filter.
func TestScopesOfWrites(t *testing.T) {
	f := newFamily(t, "write")
	lab := func(id string) string { return observation(id, f.patient, "laboratory", "final", "a result") }
	vital := func(id string) string { return observation(id, f.patient, "vital-signs", "final", "a weight") }
	transaction := func(method, url, body string) string {
		return `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + body + `,"request":{"method":"` + method + `","url":"` + url + `"}}]}`
	}
	const all = "system/Observation.cruds?category=laboratory"
	for _, c := range []struct {
		scopes, method, path, body string
		want                       int
	}{
		{"system/Observation.rs", "POST", "Observation", lab(""), 403},
		{"system/Observation.c", "PUT", "Observation/" + f.lab, lab(f.lab), 403},
		{"system/Observation.u", "POST", "Observation", strings.Replace(lab("x"), `"id":"x",`, "", 1), 403},
		{"system/Observation.u", "PUT", "Observation/write-new", lab("write-new"), 403},
		{"system/Observation.cru", "DELETE", "Observation/" + f.lab, "", 403},
		{"system/Observation.c", "POST", "Observation", strings.Replace(lab("x"), `"id":"x",`, "", 1), 201},
		{"system/Observation.u", "PUT", "Observation/" + f.lab, lab(f.lab), 200},
		{all, "PUT", "Observation/" + f.lab, vital(f.lab), 403},
		{all, "PUT", "Observation/" + f.vital, lab(f.vital), 409},
		{all, "PUT", "Observation/" + f.vital, vital(f.vital), 403},
		{all, "PUT", "Observation/write-vital", vital("write-vital"), 403},
		{all, "PUT", "Observation/write-other", lab("write-other"), 201},
		{all, "DELETE", "Observation/" + f.vital, "", 204},
		{all, "DELETE", "Observation/write-other", "", 204},
		{all, "DELETE", "Observation?_id=" + f.vital, "", 204},
		{all, "PUT", "Observation?_id=" + f.vital, lab(f.vital), 409},
		{all, "POST", "", transaction("PUT", "Observation/"+f.lab, vital(f.lab)), 403},
		{all, "POST", "", transaction("PUT", "Observation/"+f.lab, lab(f.lab)), 200},
		{all, "POST", "", transaction("POST", "Condition", `{"resourceType":"Condition","subject":{"reference":"Patient/`+f.patient+`"}}`), 403},
		{all, "POST", "$import", vital("write-line"), 403},
		{"system/Observation.u?category=laboratory", "PUT", "Observation/" + f.vital, lab(f.vital), 403},
		{"system/Observation.cu", "PUT", "Observation?_id=" + f.lab, lab(f.lab), 403},
	} {
		headers := []string{}
		if c.path == "$import" {
			headers = append(headers, "Content-Type: application/fhir+ndjson")
		}
		a := send(t, scoped(t, c.scopes), c.method, c.path, c.body, headers...)
		if a.status != c.want {
			t.Errorf("%s: %s %s: %d, want %d: %.300s", c.scopes, c.method, c.path, a.status, c.want, a.body)
		}
	}
	if a := ask(t, http.MethodGet, "Observation/"+f.vital, ""); a.status != http.StatusOK || a.get(t, "meta.versionId") != "2" {
		t.Errorf("what scopes hide was written: %d %s", a.status, a.body)
	}
	// A hidden record, to who could not make it either, is one that is not there.
	update := scoped(t, "system/Observation.u?category=laboratory")
	there := send(t, update, http.MethodPut, "Observation/"+f.vital, lab(f.vital))
	not := send(t, update, http.MethodPut, "Observation/write-never", lab("write-never"))
	if there.status != not.status || string(there.body) != string(not.body) {
		t.Errorf("a hidden record is told from one that is not there:\n%s\n%s", there.body, not.body)
	}
}

// TestScopesThatCannotBeHad are refused where they are asked for.
func TestScopesThatCannotBeHad(t *testing.T) {
	for _, scopes := range []string{"patient/Observation.rs", "user/*.cruds", "openid", "system/Observation.rs?colour=red", "system/Nothing.rs", "system/Observation.sr"} {
		if _, err := physician(t).For(scopes).Token(t.Context()); err == nil {
			t.Errorf("%s was given", scopes)
		}
	}
	for _, path := range []string{"/portal/invitations", "/admin/status"} {
		c := ehr(t).For("system/Patient.rs")
		if a, err := c.Do(t.Context(), http.MethodPost, path, []byte(`{"patient":"x"}`)); err != nil || a.Status != http.StatusForbidden && a.Status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d %v", path, a.Status, err)
		}
	}
}
