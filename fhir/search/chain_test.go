package search

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// chains writes the chains of a query in short.
func chains(q Query) string {
	var all []string
	for _, c := range q.Chains {
		arrow := c.Param + " -> "
		if c.Reverse {
			arrow = c.Param + " <- "
		}
		var of []string
		for _, in := range c.Of {
			text := in.Type
			for _, id := range in.IDs {
				text += " " + id
			}
			if in.Subject != "" {
				text += " about " + in.Subject
			}
			for _, clause := range in.Clauses {
				text += " " + clause.Param
			}
			if len(in.Chains) > 0 {
				text += " (" + chains(in) + ")"
			}
			of = append(of, text)
		}
		all = append(all, arrow+strings.Join(of, " or "))
	}
	return strings.Join(all, "; ")
}

func TestChains(t *testing.T) {
	for _, c := range []struct{ typ, text, want string }{
		{"Observation", "subject:Patient.name=x", "subject -> Patient name"},
		{"Observation", "patient.name=x", "patient -> Patient name"},
		{"Observation", "subject.name=x", "subject -> Patient name or Location name"},
		{"Observation", "subject.birthdate=2020", "subject -> Patient birthdate"},
		{"Observation", "subject:Patient.family=a&subject:Patient.given=b", "subject -> Patient family; subject -> Patient given"},
		{"Observation", "patient._id=7", "patient -> Patient 7"},
		{"Observation", "patient._lastUpdated=gt2020", "patient -> Patient _lastUpdated"},
		{"Observation", "patient.general-practitioner.name=x", "patient -> Patient (general-practitioner -> Practitioner name or Organization name)"},
		{"Observation", "patient.general-practitioner:Practitioner.name:exact=x", "patient -> Patient (general-practitioner -> Practitioner name)"},
		{"Patient", "_has:Observation:patient:code=1", "patient <- Observation code"},
		{"Patient", "_has:Observation:patient:code:not=1", "patient <- Observation code"},
		{"Patient", "_has:Observation:patient:_has:AuditEvent:entity:agent=x", "patient <- Observation (entity <- AuditEvent agent)"},
		{"Patient", "_has:Observation:patient:encounter.class=AMB", "patient <- Observation (encounter -> Encounter class)"},
		{"Encounter", "subject:Patient._has:Group:member:_id=g", "subject -> Patient (member <- Group g)"},
		{"Patient", "_list=42", "item <- List 42"},
		{"Patient", "_list=List/42,43", "item <- List 42 43"},
		{"Provenance", "target:Observation.patient=p", "target -> Observation about p"},
		{"PractitionerRole", "practitioner.identifier=a|b", "practitioner -> Practitioner identifier"},
	} {
		if got := chains(query(t, c.typ, c.text)); got != c.want {
			t.Errorf("%s?%s: %s, want %s", c.typ, c.text, got, c.want)
		}
	}
}

func TestResolve(t *testing.T) {
	x := extract(t, measured)
	for _, c := range []struct {
		text    string
		targets []string
		want    bool
	}{
		{"patient.name=x", []string{"Patient/z", "Patient/p", "Patient/a"}, true},
		{"patient.name=x", []string{"Patient/q"}, false},
		{"patient.name=x", nil, false},
		{"focus:Device.identifier=x", []string{"Device/7"}, false}, // the record has it as an absolute URL
		{"_has:DiagnosticReport:result:code=x", []string{"z", "o"}, true},
		{"_has:DiagnosticReport:result:code=x", []string{"p"}, false},
		{"_has:DiagnosticReport:result:code=x", nil, false},
	} {
		q := query(t, "Observation", c.text)
		if q.Match(&x) {
			t.Errorf("%s: found before it is resolved", c.text)
		}
		if needs := q.Needs(); len(needs) != 1 || fmt.Sprint(needs[0]) != fmt.Sprint(Need{}) {
			t.Errorf("%s: needs %+v before it is resolved", c.text, needs)
		}
		resolved := q.Resolve(0, c.targets)
		if len(q.Chains) != 1 || len(q.Clauses) != 0 || len(resolved.Chains) != 0 {
			t.Errorf("%s: resolving changes the query", c.text)
		}
		if resolved.Match(&x) != c.want {
			t.Errorf("%s: not %v with %v", c.text, c.want, c.targets)
		}
		p := x.Postings()
		met := !slices.ContainsFunc(resolved.Needs(), func(n Need) bool { return !n.meets(&x, p) })
		if len(resolved.Needs()) != 1 || met != c.want {
			t.Errorf("%s with %v: the needs %+v say %v", c.text, c.targets, resolved.Needs(), met)
		}
	}
	q := query(t, "Observation", "patient.name=x&_has:DiagnosticReport:result:code=x")
	if q = q.Resolve(0, []string{"o"}); q.Match(&x) || len(q.Chains) != 1 {
		t.Error("found with half of the chains resolved")
	}
	if q = q.Resolve(0, []string{"Patient/p"}); !q.Match(&x) {
		t.Error("not found with both chains resolved")
	}
}

func TestIncludes(t *testing.T) {
	for _, c := range []struct{ typ, text, want string }{
		{"Observation", "_include=Observation:subject", "[{false Observation subject  false}]"},
		{"Observation", "_include=Observation:subject:Patient&_include=Observation:subject:Patient", "[{false Observation subject Patient false}]"},
		{"Observation", "_include=*&_include=Observation:*", "[{false * *  false} {false Observation *  false}]"},
		{"Observation", "_include:iterate=Patient:general-practitioner&_include=Observation:patient", "[{false Observation patient  false} {false Patient general-practitioner  true}]"},
		{"Observation", "_include:recurse=Observation:has-member", "[{false Observation has-member  true}]"},
		{"Patient", "_revinclude=Provenance:target", "[{true Provenance target  false}]"},
		{"Patient", "_revinclude=Observation:patient&_revinclude:iterate=Provenance:target:Observation", "[{true Observation patient  false} {true Provenance target Observation true}]"},
		{"Patient", "_revinclude=*", "[{true * *  false}]"},
	} {
		if got := fmt.Sprint(query(t, c.typ, c.text).Includes); got != c.want {
			t.Errorf("%s?%s: %s, want %s", c.typ, c.text, got, c.want)
		}
	}
	x := extract(t, person)
	if got := x.Targets("general-practitioner"); len(got) != 2 || got[0].Target != "Practitioner/d1" {
		t.Errorf("targets %+v", got)
	}
	if got := len(x.Targets("*")); got != 4 || x.Targets("nothing") != nil {
		t.Errorf("%d targets", got)
	}
}

func TestResultParameters(t *testing.T) {
	q := query(t, "Observation", "_sort=-date,code,_id,-date&_count=1000000000000000000000&_total=accurate&_summary=text&_elements=status,Observation.code,status")
	if got := fmt.Sprintln(q.Sort, q.Count, q.Total, q.Summary, q.Elements, q.CountOnly); got != "[{date true} {code false} {_id false}] 1000 accurate text [status code] false\n" {
		t.Error(got)
	}
	if q := query(t, "Observation", "_sort=_lastUpdated&_sort=-_id&_count=7"); fmt.Sprint(q.Sort, q.Count) != "[{_lastUpdated false} {_id true}] 7" {
		t.Errorf("%+v", q)
	}
}

func TestLenient(t *testing.T) {
	values := url.Values{"x": {"1"}, "colour": {"red"}, "name": {"a"}, "Jürgen": {"1"}}
	q, err := ParseQuery("Practitioner", url.Values{"x": {"1"}, "colour": {"red", "blue"}, "name": {"a"}}, Options{Lenient: true})
	if err != nil || fmt.Sprint(q.Ignored) != "[colour x]" || len(q.Clauses) != 1 {
		t.Errorf("%+v, %v", q, err)
	}
	if _, err := ParseQuery("Practitioner", values, Options{Lenient: true}); err == nil {
		t.Error("a name that cannot be shown is passed over without a word")
	}
	for _, c := range []struct{ typ, text string }{
		{"Patient", "x=1"}, {"Observation", "x=1"}, {"Provenance", "x=1"}, {"Practitioner", "name:sideways=a"}, {"Practitioner", "_has:Observation:performer:x=1"}, {"Practitioner", "_lastUpdated=x"},
	} {
		values, err := url.ParseQuery(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseQuery(c.typ, values, Options{Lenient: true}); err == nil {
			t.Errorf("%s?%s is passed over", c.typ, c.text)
		}
	}
	if !Protected("Patient") || !Protected("Binary") || Protected("Practitioner") || Protected("Nothing") {
		t.Error("other types are protected")
	}
}

// TestUSCore asks what US Core 6.1 lets every server be asked (SHALL in its CapabilityStatement), and the parameters
// and prefixes that its profiles ask for together.
func TestUSCore(t *testing.T) {
	for typ, questions := range map[string]string{
		"AllergyIntolerance":    "patient=1",
		"CarePlan":              "patient=1&category=http://hl7.org/fhir/us/core/CodeSystem/careplan-category|assess-plan",
		"CareTeam":              "patient=1&status=active",
		"Condition":             "patient=1; patient=1&category=problem-list-item; patient=1&clinical-status=http://terminology.hl7.org/CodeSystem/condition-clinical|active; patient=1&code=x; patient=1&onset-date=ge2020; patient=1&asserted-date=ge2020; patient=1&recorded-date=ge2020; patient=1&abatement-date=ge2020; patient=1&encounter=2; patient=1&category=a&clinical-status=b; patient=1&category=a&encounter=2; patient=1&_lastUpdated=gt2020",
		"Coverage":              "patient=1",
		"Device":                "patient=1; patient=1&type=x; patient=1&status=active",
		"DiagnosticReport":      "patient=1; patient=1&category=LAB; patient=1&code=http://loinc.org|1; patient=1&category=LAB&date=ge2020&date=le2021; patient=1&code=1,2&date=gt2020; patient=1&status=final,amended",
		"DocumentReference":     "_id=1; patient=1; patient=1&category=clinical-note; patient=1&category=clinical-note&date=ge2020; patient=1&type=x; patient=1&type=x&period=lt2020; patient=1&status=current,superseded; patient=1&date=2020&period=2020",
		"Encounter":             "_id=1; patient=1; patient=1&date=ge2020&date=lt2021; patient=1&class=AMB; patient=1&type=x; patient=1&status=finished,in-progress; patient=1&location=2; patient=1&discharge-disposition=home; identifier=a|b; date=2020&patient=1",
		"Goal":                  "patient=1; patient=1&lifecycle-status=active,proposed; patient=1&target-date=ge2020; patient=1&description=x",
		"Immunization":          "patient=1; patient=1&date=ge2020; patient=1&status=completed",
		"Location":              "name=a; address=b; address-city=c; address-state=d; address-postalcode=e",
		"MedicationDispense":    "patient=1; patient=1&status=completed,on-hold; patient=1&type=x",
		"MedicationRequest":     "patient=1&intent=order,plan; patient=1&intent=order&status=active,completed; patient=1&intent=order&encounter=2; patient=1&intent=order&authoredon=ge2020; patient=1&intent=order&_include=MedicationRequest:medication",
		"Observation":           "patient=1&category=laboratory; patient=1&code=http://loinc.org|1,http://loinc.org|2; patient=1&category=laboratory&date=ge2020&date=lt2021; patient=1&category=laboratory&status=final,amended; patient=1&code=1&date=gt2020; patient=1&_lastUpdated=ge2020&category=a",
		"Organization":          "name=a; address=b",
		"Patient":               "_id=1; identifier=http://a.example|1; name=x; birthdate=1980&family=x; birthdate=1980-01-01&name=x; gender=male&name=x; family=x&gender=female; death-date=ge2020; race=2106-3; ethnicity=2135-2; gender-identity=x; given=x",
		"Practitioner":          "name=a; identifier=a|b; _id=1",
		"PractitionerRole":      "specialty=a; practitioner=1; practitioner.identifier=a|b; practitioner.name=x; _include=PractitionerRole:endpoint; _include=PractitionerRole:practitioner",
		"Procedure":             "patient=1; patient=1&date=ge2020; patient=1&code=x&date=lt2020; patient=1&status=completed,stopped",
		"Provenance":            "target=Observation/1; _id=1",
		"QuestionnaireResponse": "_id=1; patient=1; patient=1&status=completed; patient=1&authored=ge2020; patient=1&questionnaire=http://a.example/q|1",
		"RelatedPerson":         "_id=1; patient=1; patient=1&name=x",
		"ServiceRequest":        "_id=1; patient=1; patient=1&category=x; patient=1&code=x; patient=1&category=x&authored=ge2020; patient=1&code=x&authored=lt2020; patient=1&status=active",
		"Specimen":              "_id=1; patient=1",
		"ValueSet":              "url=http://a.example/v; identifier=x",
	} {
		for _, question := range strings.Split(questions, "; ") {
			q := query(t, typ, question)
			if strings.Contains(question, "patient=1") && q.Subject != "1" {
				t.Errorf("%s?%s is not about a patient", typ, question)
			}
			if typ != "ValueSet" { // revinclude=Provenance:target is asked for beside every one of them
				query(t, typ, question+"&_revinclude=Provenance:target")
			}
		}
	}
}
