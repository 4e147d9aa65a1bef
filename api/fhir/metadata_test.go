package fhir_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"cairn/api/fhir"
	"cairn/fhir/profile"
	"cairn/fhir/resource"
)

// claims is what the tests read of a CapabilityStatement.
type claims struct {
	Format, PatchFormat []string
	Rest                []struct {
		Interaction []struct{ Code string }
		Operation   []struct{ Name, Definition string }
		Compartment []string
		Resource    []claim
	}
}

type claim struct {
	Type, Profile, Versioning          string
	Interaction                        []struct{ Code string }
	ReadHistory, UpdateCreate          bool
	ConditionalCreate                  bool
	ConditionalUpdate                  bool
	ConditionalRead, ConditionalDelete string
	SearchInclude, SearchRevInclude    []string
	SearchParam                        []struct{ Name, Type, Definition string }
	SupportedProfile                   []string
	Operation                          []struct{ Name, Definition string }
}

func (c claim) does(code string) bool {
	return slices.ContainsFunc(c.Interaction, func(i struct{ Code string }) bool { return i.Code == code })
}

func stated(t *testing.T) claims {
	t.Helper()
	a := send(t, "", "GET", "metadata", "")
	if a.status != http.StatusOK || a.header.Get("Etag") == "" {
		t.Fatalf("status %d, ETag %q", a.status, a.header.Get("Etag"))
	}
	var c claims
	if err := json.Unmarshal(a.body, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestStatementIsSound: the statement is a valid resource, is not sent again to
// who has it, and is read by anybody.
func TestStatementIsSound(t *testing.T) {
	a := send(t, "", "GET", "metadata?mode=full", "")
	doc, err := resource.Parse(a.body, resource.Limits{Nodes: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	for _, issue := range profile.Check(doc) {
		t.Errorf("%s: %s", issue.Expression, issue.Text)
	}
	if again := send(t, "", "GET", "metadata", "", "If-None-Match: "+a.header.Get("Etag")); again.status != http.StatusNotModified {
		t.Errorf("again: status %d", again.status)
	}
	if xml := send(t, "", "GET", "metadata", "", "Accept: application/fhir+xml"); xml.status != http.StatusOK {
		t.Errorf("as XML: status %d %.300s", xml.status, xml.body)
	}
	if terse := send(t, "", "GET", "metadata?mode=normative", ""); terse.status != http.StatusNotImplemented {
		t.Errorf("another mode: status %d", terse.status)
	}
}

// try sends a request for which there must be a route and an interaction.
func try(t *testing.T, access, method, path, body string, headers ...string) {
	t.Helper()
	a := send(t, access, method, path, body, headers...)
	switch a.status {
	case http.StatusNotImplemented, http.StatusMethodNotAllowed, http.StatusInternalServerError, http.StatusUnsupportedMediaType:
		t.Errorf("%s %s is claimed, and answered with %d: %.400s", method, path, a.status, a.body)
	case http.StatusNotFound:
		if strings.Contains(string(a.body), "nothing under this address") {
			t.Errorf("%s %s is claimed, and is nowhere", method, path)
		}
	}
}

// TestStatementClaimsNoMore walks through the statement and calls each thing
// that it claims.
func TestStatementClaimsNoMore(t *testing.T) {
	c := stated(t)
	access := token(t, physician(t))
	for _, format := range c.Format {
		if a := send(t, access, "GET", "metadata", "", "Accept: "+format); !strings.HasPrefix(a.header.Get("Content-Type"), format) {
			t.Errorf("%s is claimed, and given as %q", format, a.header.Get("Content-Type"))
		}
	}
	for _, format := range c.PatchFormat {
		try(t, access, "PATCH", "Patient/nobody-has-this", `[]`, "Content-Type: "+format)
	}
	server := c.Rest[0]
	for _, i := range server.Interaction {
		try(t, access, system[i.Code].method, system[i.Code].path, system[i.Code].body)
	}
	for _, o := range server.Operation {
		media := "application/fhir+json"
		if o.Name == "import" {
			media = "application/fhir+ndjson"
		}
		try(t, access, "POST", "$"+o.Name, `{"resourceType":"Parameters"}`, "Content-Type: "+media)
	}
	for _, url := range server.Compartment {
		name := url[strings.LastIndex(url, "/")+1:]
		if a := send(t, access, "GET", strings.ToUpper(name[:1])+name[1:]+"/nobody-has-this/*", ""); a.status != http.StatusOK {
			t.Errorf("compartment %s: status %d %.200s", name, a.status, a.body)
		}
	}
	if len(server.Resource) != len(resource.Types()) {
		t.Errorf("%d types", len(server.Resource))
	}
	var group errgroup.Group
	group.SetLimit(16)
	for _, r := range server.Resource {
		group.Go(func() error { walk(t, access, r); return nil })
	}
	group.Wait() //nolint:errcheck // none fails
}

// system are the requests for the interactions of the whole system.
var system = map[string]struct{ method, path, body string }{
	"transaction":    {"POST", "", `{"resourceType":"Bundle","type":"transaction"}`},
	"batch":          {"POST", "", `{"resourceType":"Bundle","type":"batch"}`},
	"history-system": {"GET", "_history?_count=1", ""},
	"search-system":  {"GET", "?_type=Patient,Observation&_count=1", ""},
}

// requests are the requests for the interactions of a type.
var requests = map[string]struct{ method, path, body string }{
	"create": {"POST", "", `{"resourceType":"TYPE"}`}, "search-type": {"GET", "?_count=1", ""}, "history-type": {"GET", "/_history?_count=1", ""},
	"read": {"GET", "/nobody-has-this", ""}, "vread": {"GET", "/nobody-has-this/_history/1", ""}, "history-instance": {"GET", "/nobody-has-this/_history", ""},
	"update": {"PUT", "/nobody-has-this", `{"resourceType":"TYPE","id":"another"}`}, "delete": {"DELETE", "/nobody-has-this", ""},
	"patch": {"PATCH", "/nobody-has-this", `{"resourceType":"Parameters"}`},
}

// walk calls what is claimed of one type.
func walk(t *testing.T, access string, r claim) {
	for _, i := range r.Interaction {
		q, known := requests[i.Code]
		if !known {
			t.Errorf("%s: the test does not know %s", r.Type, i.Code)
		}
		try(t, access, q.method, r.Type+q.path, strings.ReplaceAll(q.body, "TYPE", r.Type))
	}
	if r.ReadHistory {
		try(t, access, "GET", r.Type+"/nobody-has-this/_history/1", "")
	}
	if r.ConditionalCreate {
		try(t, access, "POST", r.Type, `{"resourceType":"`+r.Type+`"}`, "If-None-Exist: _id=x")
	}
	if r.ConditionalUpdate {
		try(t, access, "PUT", r.Type+"?_id=nobody-has-this", `{"resourceType":"`+r.Type+`","language":1}`)
	}
	if r.ConditionalDelete != "not-supported" {
		try(t, access, "DELETE", r.Type+"?_id=nobody-has-this", "")
	}
	for _, o := range r.Operation {
		places := []string{r.Type + "/$" + o.Name, r.Type + "/nobody-has-this/$" + o.Name, r.Type + "/nobody-has-this/_history/1/$" + o.Name}
		if !slices.ContainsFunc(places, func(path string) bool {
			a := send(t, access, "POST", path, `{"resourceType":"Parameters"}`)
			return a.status != http.StatusNotImplemented && a.status != http.StatusMethodNotAllowed
		}) {
			t.Errorf("%s: $%s is claimed, and is nowhere", r.Type, o.Name)
		}
	}
	for _, p := range r.SearchParam {
		var refused answer
		if !slices.ContainsFunc(samples[p.Type], func(value string) bool {
			refused = send(t, access, "GET", r.Type+"?_count=1&"+p.Name+"="+value, "")
			return refused.status == http.StatusOK
		}) {
			t.Errorf("%s of %s is claimed: status %d %.300s", p.Name, r.Type, refused.status, refused.body)
		}
	}
	included(t, access, r)
}

// included asks for includes, many at once.
func included(t *testing.T, access string, r claim) {
	for name, list := range map[string][]string{"_include": r.SearchInclude, "_revinclude": r.SearchRevInclude} {
		for chunk := range slices.Chunk(list, 16) {
			path := r.Type + "?_id=nobody-has-this"
			for _, one := range chunk {
				path += "&" + name + "=" + one
			}
			if a := send(t, access, "GET", path, ""); a.status != http.StatusOK {
				t.Errorf("%s is claimed: status %d %.300s", path, a.status, a.body)
			}
		}
	}
}

// samples are values of the kinds of parameters.
var samples = map[string][]string{
	"token": {"a"}, "string": {"a"}, "date": {"2020-01-01"}, "number": {"1"}, "quantity": {"1"}, "uri": {"http://a.example"},
	"reference": {"http://a.example/Patient/1"}, "special": {"1|1|1|km"}, "composite": {"a$1", "a$1$1", "a$2020-01-01"},
}

// TestStatementClaimsAll: each route and each operation is claimed.
func TestStatementClaimsAll(t *testing.T) {
	c := stated(t)
	server := c.Rest[0]
	for _, row := range fhir.Rows() {
		if row.Code == "" || row.Code == "capabilities" {
			continue
		}
		name, operation := strings.CutPrefix(row.Code, "$")
		claimed := 0
		if row.System {
			for _, i := range server.Interaction {
				if i.Code == row.Code {
					claimed++
				}
			}
			for _, o := range server.Operation {
				if operation && o.Name == name {
					claimed++
				}
			}
		}
		for _, r := range server.Resource {
			if !row.System && (r.does(row.Code) || operation && slices.ContainsFunc(r.Operation, func(o struct{ Name, Definition string }) bool { return o.Name == name })) {
				claimed++
			}
		}
		if want := fmt.Sprint(len(row.Types)); claimed == 0 || operation && !row.System && len(row.Types) > 0 && fmt.Sprint(claimed) < want {
			t.Errorf("%s %s (%s) is claimed %d times", row.Method, row.Shape, row.Code, claimed)
		}
	}
	for _, r := range server.Resource {
		if r.Type == "Patient" && (!r.ConditionalCreate || !r.ConditionalUpdate || r.ConditionalRead != "full-support" || r.ConditionalDelete != "single" || !r.UpdateCreate || !r.ReadHistory) {
			t.Errorf("Patient: %+v", r)
		}
	}
}

// TestStatedProfiles: the statement lists the profiles that are built in, each at the type that it constrains, and a
// resource can be validated against each.
func TestStatedProfiles(t *testing.T) {
	n := 0
	for _, r := range stated(t).Rest[0].Resource {
		if r.Type == "Subscription" {
			continue // it has the profile of the Backport guide
		}
		for _, url := range r.SupportedProfile {
			n++
			if have := found(t, r.Type+"/$validate?profile="+url, `{"resourceType":"`+r.Type+`"}`); strings.HasPrefix(have, "profile") || strings.Contains(have, ", profile") {
				t.Errorf("%s: %s", url, have)
			}
		}
		if r.Type == "Patient" && !slices.Equal(r.SupportedProfile, []string{usCore + "patient"}) {
			t.Errorf("Patient: %v", r.SupportedProfile)
		}
	}
	if n != 92 {
		t.Errorf("%d profiles", n)
	}
}
