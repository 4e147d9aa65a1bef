package profile_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"cairn/fhir/profile"
	"cairn/fhir/resource"
)

// story is a resource of testdata/check.txt and the lines that it should give.
type story struct{ raw, want string }

func stories(t testing.TB) (out []story) {
	t.Helper()
	text, err := os.ReadFile("testdata/check.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		switch {
		case line[0] == '{':
			out = append(out, story{raw: strings.TrimSpace(line)})
		case line[0] == ' ':
			out[len(out)-1].want += strings.TrimSpace(line) + "\n"
		}
	}
	return out
}

func parse(t testing.TB, raw string) *resource.Doc {
	t.Helper()
	doc, err := resource.Parse([]byte(raw), resource.Limits{})
	if err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return doc
}

func tell(issues []profile.Issue) string {
	var out strings.Builder
	for _, i := range issues {
		out.WriteString(i.Rule + " " + i.Expression + "\n")
	}
	return out.String()
}

func TestCheck(t *testing.T) {
	for _, s := range stories(t) {
		issues := profile.Check(parse(t, s.raw))
		if have := tell(issues); have != s.want {
			t.Errorf("%s\nhave\n%swant\n%s", s.raw, have, s.want)
		}
		for _, i := range issues {
			if i.Severity != profile.Error || i.Code == "" || !strings.HasSuffix(i.Text, ".") {
				t.Errorf("%s: %+v", s.raw, i)
			}
		}
	}
}

// TestTextsHoldNoValues puts a marker into every string of a resource that is wrong all over and looks for it.
func TestTextsHoldNoValues(t *testing.T) {
	const marker = "canary 4711"
	raw := `{"resourceType":"Patient","gender":"M","birthDate":"M","M":"M","name":[{"use":"M","M":1}],"link":[{"type":"M","other":{"reference":"urn:M","type":"M"}}],"text":{"status":"M","div":"M"},"extension":[{"url":"M","valueCode":"M ","valueId":"M"}]}`
	doc := parse(t, strings.NewReplacer(`"M"`, `"`+marker+`"`, "M ", marker+" ", "urn:M", "urn:x").Replace(raw))
	issues := profile.Check(doc)
	if len(issues) < 8 {
		t.Errorf("%d issues", len(issues))
	}
	for _, i := range issues {
		if strings.Contains(i.Text+i.Expression, "canary") {
			t.Errorf("%s: %s", i.Expression, i.Text)
		}
	}
}

// TestCheckStops gives a resource with more mistakes than are told.
func TestCheckStops(t *testing.T) {
	raw := `{"resourceType":"Patient","name":[` + strings.Repeat(`{"use":"x"},`, 5000) + `{"use":"x"}]}`
	if issues := profile.Check(parse(t, raw)); len(issues) != profile.MaxIssues {
		t.Errorf("%d issues, want %d", len(issues), profile.MaxIssues)
	}
}

// typical is an Observation as laboratories send them.
const typical = `{"resourceType":"Observation","id":"glucose","meta":{"profile":["http://hl7.org/fhir/StructureDefinition/Observation"]},
"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p><b>Glucose</b>: 6.3 mmol/l</p></div>"},
"identifier":[{"use":"official","system":"http://www.example.org/ids","value":"6323"}],"status":"final",
"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory","display":"Laboratory"}],"text":"Laboratory"}],
"code":{"coding":[{"system":"http://loinc.org","code":"15074-8","display":"Glucose [Moles/volume] in Blood"}]},
"subject":{"reference":"Patient/f001","display":"P. van de Heuvel"},"encounter":{"reference":"Encounter/f002"},
"effectivePeriod":{"start":"2013-04-02T09:30:10+01:00"},"issued":"2013-04-03T15:30:10+01:00","performer":[{"reference":"Practitioner/f005"}],
"valueQuantity":{"value":6.3,"unit":"mmol/l","system":"http://unitsofmeasure.org","code":"mmol/L"},
"interpretation":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation","code":"H","display":"High"}]}],
"referenceRange":[{"low":{"value":3.1,"unit":"mmol/l","system":"http://unitsofmeasure.org","code":"mmol/L"},"high":{"value":6.2,"unit":"mmol/l","system":"http://unitsofmeasure.org","code":"mmol/L"}}]}`

// compact is the same without escapes.
var compact = strings.ReplaceAll(typical, `\"`, "'")

func TestCheckAllocatesNothing(t *testing.T) {
	doc := parse(t, compact)
	if issues := profile.Check(doc); issues != nil {
		t.Fatal(issues)
	}
	if n := testing.AllocsPerRun(100, func() { profile.Check(doc) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCheck(b *testing.B) {
	doc := parse(b, typical)
	b.SetBytes(int64(len(doc.Raw())))
	b.ReportAllocs()
	for b.Loop() {
		if profile.Check(doc) != nil {
			b.Fatal("refused")
		}
	}
}

// BenchmarkParse is what reading the same Observation costs.
func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		parse(b, typical)
	}
}

// FuzzCheck: no text makes it panic, and what it accepts is accepted again.
func FuzzCheck(f *testing.F) {
	for _, s := range stories(f) {
		f.Add([]byte(s.raw))
	}
	f.Add([]byte(typical))
	f.Fuzz(func(t *testing.T, raw []byte) {
		doc, err := resource.Parse(raw, resource.Limits{})
		if err != nil {
			return
		}
		for _, i := range profile.Check(doc) {
			if i.Rule == "" || i.Text == "" || i.Code == "" {
				t.Errorf("an issue that says nothing: %+v", i)
			}
		}
	})
}

// TestManyContained checks a resource with as many contained ones as fit, each referred to; comparing each with each
// would take minutes.
func TestManyContained(t *testing.T) {
	const many = 14_000
	var inside, to strings.Builder
	for i := range many {
		comma := ","
		if i == 0 {
			comma = ""
		}
		fmt.Fprintf(&inside, `%s{"resourceType":"Patient","id":"p%d"}`, comma, i)
		fmt.Fprintf(&to, `%s{"url":"u","valueReference":{"reference":"#p%d"}}`, comma, i)
	}
	raw := `{"resourceType":"Basic","code":{"text":"a"},"contained":[` + inside.String() + `],"extension":[` + to.String() + `]}`
	if issues := profile.Check(parse(t, raw)); issues != nil {
		t.Error(issues[0])
	}
	raw = strings.Replace(raw, `"#p13999"`, `"#q"`, 1)
	if have := tell(profile.Check(parse(t, raw))); have != "ref-1 Basic.extension[13999].valueReference.reference\ndom-3 Basic.contained[13999]\n" {
		t.Error(have)
	}
}
