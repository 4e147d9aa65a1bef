package search

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"cairn/fhir/resource"
	"cairn/fhir/term"
)

// terms answers with the code systems and value sets of R4.
type terms struct{}

func (terms) Expand(url string) ([]Coding, error) {
	set, err := term.FindSet(term.Builtin(), url)
	if err != nil {
		return nil, refusal(err)
	}
	all, err := term.Expand(term.Builtin(), set, term.Ask{Count: -1})
	return codingsOf(all.Codes), err
}

func (terms) Above(system, code string) ([]Coding, error) {
	s, err := term.FindSystem(term.Builtin(), system)
	if err != nil {
		return nil, refusal(err)
	}
	return codingsOf(s.Above(code)), nil
}

func (terms) Below(system, code string) ([]Coding, error) {
	s, err := term.FindSystem(term.Builtin(), system)
	if err != nil {
		return nil, refusal(err)
	}
	return codingsOf(s.Below(code)), nil
}

func refusal(err error) error {
	var e *term.Error
	if errors.As(err, &e) {
		return &Error{Code: e.Code, Text: e.Text}
	}
	return err
}

func codingsOf(codes []term.Coding) (out []Coding) {
	for _, c := range codes {
		out = append(out, Coding{System: c.System, Code: c.Code})
	}
	return out
}

// found reports whether a record is found by a query, and checks on the way that what a store keeps of it would find
// it, too.
func found(t *testing.T, record, question string) bool {
	t.Helper()
	x := extract(t, record)
	x.Updated, _, _ = resource.ParseDate("2024-05-06T07:08:09.123Z")
	values, err := url.ParseQuery(strings.ReplaceAll(question, "+", "%2B"))
	if err != nil {
		t.Fatal(err)
	}
	q, err := ParseQuery(x.Facets.Type, values, Options{Terms: terms{}, Base: "https://here.example/fhir"})
	if err != nil {
		t.Fatalf("%s: %v", question, err)
	}
	kept, err := DecodeIndex(x.Encode())
	if err != nil {
		t.Fatal(err)
	}
	kept.Subject, kept.Updated, kept.Facets = x.Subject, x.Updated, x.Facets
	answer := q.Match(&x)
	if q.Match(&kept) != answer {
		t.Errorf("%s: what is kept answers otherwise", question)
	}
	p := x.Postings()
	for _, n := range q.Needs() {
		if answer && !n.meets(&x, p) {
			t.Errorf("%s: found, but the need %+v is not met by %+v", question, n, p)
		}
	}
	return answer
}

const person = `{"resourceType":"Patient","id":"p","meta":{"profile":["http://a.example/fhir/Profile/person|2.0"],"source":"http://a.example/lab/7#x","security":[{"system":"sec","code":"R"}],
 "tag":[{"system":"t","code":"one","display":"First of all"}]},"active":true,"gender":"female","birthDate":"1980-02-29",
 "identifier":[{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}],"text":"Medical record"},"system":"urn:mrn","value":"446053"},{"value":"x,y|z$w\\"}],
 "name":[{"family":"Ordóñez-Smith","given":["Ana María","Bea"],"prefix":["Dr."]}],"address":[{"line":["1 High St"],"city":"Łódź","country":"PL"}],
 "telecom":[{"system":"phone","value":"+48 (42) 555-1234"},{"system":"email","value":"Ana@Example.org"}],
 "maritalStatus":{"text":"Never married"},"generalPractitioner":[{"reference":"Practitioner/d1"},{"identifier":{"system":"urn:npi","value":"9"},"display":"Dr. No"}],
 "managingOrganization":{"reference":"https://elsewhere.example/fhir/Organization/o/_history/3"},"link":[{"other":{"reference":"RelatedPerson/r"}}]}`

const measured = `{"resourceType":"Observation","id":"o","status":"final","subject":{"reference":"Patient/p"},"focus":[{"reference":"https://here.example/fhir/Device/7"}],
 "category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"Vital Signs"}]}],
 "code":{"coding":[{"system":"http://loinc.org","code":"29463-7","display":"Body weight"}],"text":"Weight, morning"},
 "method":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"}]},
 "effectivePeriod":{"start":"2024-01-31T23:00:00Z","end":"2024-02-01T01:00:00Z"},"valueQuantity":{"value":72.5,"unit":"kilograms","system":"http://unitsofmeasure.org","code":"kg"}}`

const pressure = `{"resourceType":"Observation","id":"b","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"subject":{"reference":"Group/g"},
 "component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":120,"system":"http://unitsofmeasure.org","code":"mm[Hg]"}},
 {"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":80,"system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`

const risk = `{"resourceType":"RiskAssessment","id":"r","status":"final","subject":{"reference":"Patient/p"},"prediction":[{"probabilityDecimal":100}]}`

const half = `{"resourceType":"RiskAssessment","status":"final","subject":{"reference":"Patient/p"},"prediction":[{"probabilityDecimal":0.5}]}`

const adults = `{"resourceType":"ActivityDefinition","status":"active","library":["http://a.example/l|2"],"useContext":[{"code":{"code":"age"},"valueRange":{"low":{"value":18,"unit":"years"}}}]}`

const selfMeasured = `{"resourceType":"Observation","status":"final","code":{"text":"t"},"subject":{"reference":"Patient/p"},"performer":[{"reference":"Patient/p"}]}`

const temperature = `{"resourceType":"Observation","status":"final","code":{"text":"t"},"valueQuantity":{"value":37.5,"system":"http://unitsofmeasure.org","code":"Cel"}}`

const below5 = `{"resourceType":"Observation","status":"final","code":{"text":"t"},"valueQuantity":{"value":5,"comparator":"<","unit":"mg/dL"}}`

const hospital = `{"resourceType":"Location","id":"l","name":"Ann Arbor","position":{"latitude":42.25475,"longitude":-83.6945691}}`

const set = `{"resourceType":"ValueSet","id":"v","url":"http://acme.example/fhir/ValueSet/123","version":"1","status":"active"}`

func TestMeaning(t *testing.T) {
	for _, c := range []struct {
		what, record string
		yes, no      []string // questions that find the record, and that do not
	}{
		{"string", person,
			[]string{"family=ord", "family=ORDOÑEZ", "family=ordonez-smith", "name=dr", "given=ana  maria", "name=bea,x", "name=ana&name=bea", "address=high,1", "address-city=Łód", "address=pl"},
			[]string{"family=smith", "given=maria", "name=bea&name=x", "family=ana", "address-city=pl"}},
		{":exact", person, []string{"family:exact=Ordóñez-Smith", "given:exact=x,Bea"}, []string{"family:exact=Ordonez-Smith", "family:exact=Ordóñez", "given:exact=bea"}},
		{":contains", person, []string{"family:contains=nez", "family:contains=SMITH", "name:contains=ar", "address:contains=IGH"}, []string{"family:contains=ana", "name:contains=zzz"}},
		{"phonetic", person, []string{"phonetic=Smyth", "phonetic=Anna", "phonetic=maria", "phonetic=Jones,Ordonis"}, []string{"phonetic=Jones"}},
		{"token", person,
			[]string{"gender=female", "gender=http://hl7.org/fhir/administrative-gender|female", "gender=male,female", "identifier=446053", "identifier=urn:mrn|446053", "identifier=urn:mrn|",
				"active=true", "active=http://terminology.hl7.org/CodeSystem/special-values|true", `identifier=x\,y\|z\$w\\`, `identifier=|x\,y\|z\$w\\`, "deceased=false"},
			[]string{"gender=Female", "gender=|female", "identifier=urn:other|446053", "identifier=|446053", "identifier=urn:other|", "identifier=446", "active=false", "deceased=true"}},
		{"contact points", person,
			[]string{"telecom=+48425551234", "phone=+48 42 555 1234", "phone=phone|+48-42-555-1234", "email=ANA@example.ORG", "telecom=ana@example.org"},
			[]string{"phone=ana@example.org", "email=+48425551234", "phone=555"}},
		{":not", person, []string{"gender:not=male", "gender:not=male,other", "_tag:not=two", "language:not=de"}, []string{"gender:not=female", "gender:not=male,female", "_tag:not=one"}},
		{":text", person, []string{"_tag:text=first", "_tag:text=FIRST OF", "_tag:text=all", "identifier:text=medical", "identifier:text=record"}, []string{"_tag:text=irst", "_tag:text=second", "identifier:text=446053"}},
		{":of-type", person,
			[]string{"identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|446053"},
			[]string{"identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|SS|446053", "identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|1", "identifier:of-type=x|MR|446053"}},
		{":missing", person,
			[]string{"gender:missing=false", "death-date:missing=true", "phone:missing=false", "general-practitioner:missing=false", "_profile:missing=false", "language:missing=true", "family:missing=false"},
			[]string{"gender:missing=true", "death-date:missing=false", "_source:missing=true", "language:missing=false"}},
		{"reference", person,
			[]string{"general-practitioner=Practitioner/d1", "general-practitioner=d1", "general-practitioner:Practitioner=d1", "general-practitioner=Practitioner/d1/_history/9", "organization=https://elsewhere.example/fhir/Organization/o",
				"general-practitioner=https://here.example/fhir/Practitioner/d1", "link=r", "link=RelatedPerson/r", "link=Patient/x,RelatedPerson/r"},
			[]string{"general-practitioner=Organization/d1", "general-practitioner:Organization=d1", "organization=o", "organization=Organization/o", "link=Patient/r", "link:Patient=r",
				"general-practitioner=https://elsewhere.example/fhir/Practitioner/d1"}},
		{":identifier", person,
			[]string{"general-practitioner:identifier=urn:npi|9", "general-practitioner:identifier=9", "general-practitioner:identifier=urn:npi|"},
			[]string{"general-practitioner:identifier=urn:npi|8", "general-practitioner:identifier=|9", "general-practitioner=9"}},
		{"the own base in a record", measured, []string{"focus=https://here.example/fhir/Device/7", "focus=Device/7"}, []string{"focus=https://elsewhere.example/fhir/Device/7"}},
		{"uri", person,
			[]string{"_profile=http://a.example/fhir/Profile/person", "_profile=http://a.example/fhir/Profile/person|2.0", "_source=http://a.example/lab/7#x", "_profile=x,http://a.example/fhir/Profile/person",
				"_profile:below=http://a.example/fhir", "_profile:below=http://a.example/fhir/", "_source:below=http://a.example/lab"},
			[]string{"_profile=http://a.example/fhir/Profile/pers", "_profile=http://a.example/fhir/Profile/person|2", "_source=http://a.example/lab/7", "_profile:below=http://a.example/f", "_source:above=http://a.example/lab/7"}},
		{":above", set, []string{"url:above=http://acme.example/fhir/ValueSet/123/_history/5", "url:above=http://acme.example/fhir/ValueSet/123"}, []string{"url:above=http://acme.example/fhir", "url:above=http://acme.example/fhir/ValueSet/1234"}},
		{"labels", person, []string{"_security=R", "_security=sec|R", "_tag=t|one"}, []string{"_security=N", "_tag=R"}},
		{"_lastUpdated", person,
			[]string{"_lastUpdated=2024-05-06", "_lastUpdated=ge2024", "_lastUpdated=gt2024-05-05&_lastUpdated=lt2024-05-07", "_lastUpdated=2024-05-06T07:08:09.123Z", "_lastUpdated=lt2024,gt2024-04", "_lastUpdated=2020,2024"},
			[]string{"_lastUpdated=2024-05-07", "_lastUpdated=lt2024-05-06", "_lastUpdated=sa2024-05-06", "_lastUpdated=ne2024"}},
		{"_id", person, []string{"_id=p", "_id=a,p"}, []string{"_id=P", "_id=x"}},
		{"date", person, []string{"birthdate=1980-02-29", "birthdate=1980", "birthdate=ge1980-02-29", "birthdate=lt1980-03", "birthdate=ap1980"}, []string{"birthdate=1980-03", "birthdate=gt1980-02-29", "birthdate=1980-02-29T10:00:00Z"}},
		{"period", measured,
			[]string{"date=2024", "date=ge2024-01", "date=lt2024-02", "date=gt2024-01", "date=sa2024-01-30", "date=eb2024-02-02", "date=ap2024-02", "date=ne2024-02", "date=2024-01-31T00:00:00+00:00,2024"},
			[]string{"date=2024-02", "date=2024-01", "date=ge2024-02", "date=sa2024-01-31", "date=eb2024-02-01", "date=lt2024"}},
		{"subject", measured,
			[]string{"patient=p", "patient=Patient/p", "subject=p", "subject=Patient/p", "subject:Patient=p", "patient=x,p", "patient:missing=false", "patient=https://here.example/fhir/Patient/p", "subject:Patient=x,p"},
			[]string{"patient=q", "subject=Group/p", "subject:Group=p", "patient:missing=true", "subject=https://elsewhere.example/Patient/p"}},
		{"another subject", pressure, []string{"subject=Group/g", "subject:Group=g", "patient:missing=true"}, []string{"patient=g", "subject=g", "subject:Patient=g"}},
		{":in and :not-in", measured,
			[]string{"status:in=http://hl7.org/fhir/ValueSet/observation-status", "category:in=http://hl7.org/fhir/ValueSet/observation-category", "category:not-in=http://hl7.org/fhir/ValueSet/observation-status"},
			[]string{"status:not-in=http://hl7.org/fhir/ValueSet/observation-status", "category:in=http://hl7.org/fhir/ValueSet/observation-status"}},
		{":above and :below of a code", measured,
			[]string{"method:below=http://terminology.hl7.org/CodeSystem/v3-ActCode|_ActEncounterCode", "method:below=http://terminology.hl7.org/CodeSystem/v3-ActCode|AMB", "method:above=http://terminology.hl7.org/CodeSystem/v3-ActCode|AMB"},
			[]string{"method:above=http://terminology.hl7.org/CodeSystem/v3-ActCode|_ActEncounterCode", "method:below=http://terminology.hl7.org/CodeSystem/v3-ActCode|EMER"}},
		{"words of a concept", measured, []string{"code:text=weight", "code:text=morning", "code:text=body w", "combo-code:text=weight"}, []string{"code:text=eight", "code:text=evening"}},
		{"number", risk,
			[]string{"probability=100", "probability=100.00", "probability=1e2", "probability=gt99", "probability=lt100.5", "probability=ge100", "probability=le100", "probability=sa99.9", "probability=eb101", "probability=ap95", "probability=ne99", "probability=1,100"},
			[]string{"probability=99", "probability=ne100", "probability=gt100", "probability=lt100", "probability=sa100", "probability=ap80", "probability=100.1", "probability=-100"}},
		{"between digits", half, []string{"probability=1", "probability=0.5", "probability=ne0"}, []string{"probability=0", "probability=ne1"}},
		{"a range", adults, []string{"context-quantity=gt20", "context-quantity=ge18", "context-quantity=sa17", "context-type-quantity=age$gt20"}, []string{"context-quantity=eb20", "context-quantity=lt18", "context-quantity=20", "context-type-quantity=x$gt20"}},
		{"canonical", adults, []string{"depends-on=http://a.example/l", "depends-on=http://a.example/l|2", "depends-on=x,http://a.example/l"}, []string{"depends-on=http://a.example/l|1", "depends-on=http://a.example"}},
		{"herself", selfMeasured, []string{"performer=p", "performer=Patient/p", "performer:Patient=p", "performer=x,Patient/p"}, []string{"performer=Practitioner/p", "performer:Practitioner=p"}},
		{"quantity", measured,
			[]string{"value-quantity=72.5", "value-quantity=73", "value-quantity=gt72", "value-quantity=72.5|http://unitsofmeasure.org|kg", "value-quantity=72.5||kg", "value-quantity=72.5||kilograms", "combo-value-quantity=72.5",
				"value-quantity=72500|http://unitsofmeasure.org|g", "value-quantity=gt72000|http://unitsofmeasure.org|g", "value-quantity=ap160|http://unitsofmeasure.org|[lb_av]", "value-quantity=lt0.0726|http://unitsofmeasure.org|Mg",
				"value-quantity=1,72.5"},
			[]string{"value-quantity=72.50001", "value-quantity=74", "value-quantity=72.5||g", "value-quantity=72.5|http://unitsofmeasure.org|g", "value-quantity=72.5|http://other.example|kg", "value-quantity=72.5|http://unitsofmeasure.org|cm", "value-quantity=72500|http://unitsofmeasure.org|m",
				"value-quantity=gt72.5", "value-quantity=gt72500|http://unitsofmeasure.org|g", "value-quantity=72.5|http://unitsofmeasure.org|nonsense"}},
		{"a scale with an offset", temperature, []string{"value-quantity=99.5|http://unitsofmeasure.org|[degF]", "value-quantity=gt310|http://unitsofmeasure.org|K"}, []string{"value-quantity=37.5|http://unitsofmeasure.org|K", "value-quantity=gt99.5|http://unitsofmeasure.org|[degF]"}},
		{"less than 5", below5, []string{"value-quantity=lt4", "value-quantity=lt5||mg/dL", "value-quantity=le5"}, []string{"value-quantity=5", "value-quantity=gt5", "value-quantity=sa1"}},
		{"composite", pressure,
			[]string{"component-code-value-quantity=8480-6$120", "component-code-value-quantity=http://loinc.org|8480-6$gt110", "combo-code-value-quantity=8462-4$lt90|http://unitsofmeasure.org|mm[Hg]", "component-code-value-quantity=x$1,8462-4$80", "component-code-value-quantity=http://loinc.org|$120,x$1", "component-code-value-quantity=8480-6$ne1,x$1",
				"component-code-value-quantity=8480-6$lt17|http://unitsofmeasure.org|kPa", "combo-code=8462-4", "component-code=8480-6", "code-value-quantity:missing=true", "component-code-value-quantity:missing=false"},
			[]string{"component-code-value-quantity=8480-6$80", "component-code-value-quantity=85354-9$120", "combo-code-value-quantity=8462-4$gt90", "code=8480-6", "component-code-value-quantity=8480-6$lt15|http://unitsofmeasure.org|kPa"}},
		{"a composite of the whole", measured, []string{"code-value-quantity=29463-7$72.5", "combo-code-value-quantity=http://loinc.org|29463-7$ge72.5|http://unitsofmeasure.org|kg"}, []string{"code-value-quantity=29463-7$80", "component-code-value-quantity=29463-7$72.5"}},
		{"near", hospital,
			[]string{"near=42.25475|-83.6945691", "near=42.3|-83.7|11.20|km", "near=42.3|-83.7|11", "near=42.3|-83.7|5100|m", "near=42.3|-83.7|4|[mi_us]", "near=0|0,42.25|-83.69"},
			[]string{"near=42.3|-83.7|4|km", "near=-42.25475|-83.6945691", "near=42.3|-83.7|1|[mi_us]"}},
	} {
		for _, question := range c.yes {
			if !found(t, c.record, question) {
				t.Errorf("%s: not found by %s", c.what, question)
			}
		}
		for _, question := range c.no {
			if found(t, c.record, question) {
				t.Errorf("%s: found by %s", c.what, question)
			}
		}
	}
}

func TestTerminologyThatRefuses(t *testing.T) {
	for _, question := range []string{"code:in=http://nowhere.example/set", "code:below=http://nowhere.example|x", "code:above=x", "code:below=http://loinc.org|"} {
		values, err := url.ParseQuery(question)
		if err != nil {
			t.Fatal(err)
		}
		var refusal *Error
		if _, err := ParseQuery("Observation", values, Options{Terms: terms{}}); !errors.As(err, &refusal) || refusal.Param != "code" || refusal.Text == "" {
			t.Errorf("%s: %v", question, err)
		}
	}
}

type broken struct{ terms }

var errBroken = errors.New("out of order")

func (broken) Expand(string) ([]Coding, error) { return nil, errBroken }

func TestTerminologyThatBreaks(t *testing.T) {
	var refusal *Error
	if _, err := ParseQuery("Observation", url.Values{"code:in": {"x"}}, Options{Terms: broken{}}); !errors.Is(err, errBroken) || errors.As(err, &refusal) {
		t.Errorf("%v", err)
	}
}
