package index

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cairn/fhir/resource"
)

// rows writes an index the way a store would: a line per value.
func rows(x Index) string {
	var out []string
	for _, t := range x.Tokens {
		out = append(out, strings.TrimSuffix(fmt.Sprintf("%s %s|%s %s", t.Param, t.System, t.Code, t.Text), " "))
	}
	for _, i := range x.Identifiers {
		out = append(out, fmt.Sprintf("%s of %s|%s: %s", i.Param, i.System, i.Code, i.Value))
	}
	for _, d := range x.Dates {
		out = append(out, d.Param+" "+span(d.Lo, d.Hi))
	}
	for _, r := range x.References {
		out = append(out, strings.TrimSuffix(fmt.Sprintf("%s %s %s|%s", r.Param, r.Target, r.System, r.Value), " |"))
	}
	for _, t := range x.Texts {
		out = append(out, t.Param+" "+Fold(t.Value))
	}
	for _, n := range x.Numbers {
		out = append(out, fmt.Sprintf("%s [%v, %v]", n.Param, n.Lo, n.Hi))
	}
	for _, q := range x.Quantities {
		out = append(out, fmt.Sprintf("%s [%v, %v] %s|%s|%s", q.Param, q.Lo, q.Hi, q.System, q.Code, q.Unit))
	}
	for _, u := range x.URIs {
		out = append(out, u.Param+" "+u.Value)
	}
	for _, p := range x.Places {
		out = append(out, fmt.Sprintf("%s %v %v", p.Param, p.Latitude, p.Longitude))
	}
	for _, c := range x.Composites {
		out = append(out, fmt.Sprint(c.Param, c.Parts))
	}
	return strings.Join(out, "\n")
}

func span(lo, hi int64) string { return "[" + moment(lo) + ", " + moment(hi) + ")" }

func moment(ms int64) string {
	switch ms {
	case resource.Past:
		return "past"
	case resource.Future:
		return "future"
	}
	at := time.UnixMilli(ms).UTC()
	if ms%86400000 == 0 {
		return at.Format("2006-01-02")
	}
	return at.Format("2006-01-02T15:04:05.000")
}

func extract(t testing.TB, text string) Index {
	t.Helper()
	x, err := Extract(parse(t, []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestExtract(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{
			`{"resourceType":"Observation","category":[{"coding":[{"system":"c","code":"vital-signs"},{"code":"x"}]},{"text":"words"}],
			 "code":{"coding":[{"system":"http://loinc.org","code":"85354-9"},{"system":"http://loinc.org","code":"85354-9"}]},
			 "component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]}}],
			 "subject":{"reference":"Patient/1/_history/3"},"effectiveDateTime":"2020-05"}`,
			`category c|vital-signs
			category |x
			category | words
			code http://loinc.org|85354-9
			combo-code http://loinc.org|85354-9
			combo-code http://loinc.org|8480-6
			component-code http://loinc.org|8480-6
			date [2020-05-01, 2020-06-01)
			patient Patient/1
			subject Patient/1`,
		},
		{
			`{"resourceType":"Observation","subject":{"reference":"Device/9"},"effectivePeriod":{"start":"2020-05-01T10:00:00Z"}}`,
			`date [2020-05-01T10:00:00.000, future)
			subject Device/9`,
		},
		{
			`{"resourceType":"Observation","subject":{"reference":"https://a.example/fhir/Patient/1/_history/2"},
			 "effectiveTiming":{"event":["2020-01-02","2020-01-03","2020-01-01"]}}`,
			`date [2020-01-01, 2020-01-04)
			patient https://a.example/fhir/Patient/1
			subject https://a.example/fhir/Patient/1`,
		},
		{
			`{"resourceType":"Observation","subject":{"reference":"urn:uuid:x"},"effectiveTiming":{"repeat":{"boundsPeriod":{"end":"2020"}}}}`,
			`date [past, 2021-01-01)
			subject urn:uuid:x`,
		},
		{`{"resourceType":"Observation","subject":{"reference":"#p"},"effectiveTiming":{"repeat":{"frequency":2}}}`, ``},
		{
			`{"resourceType":"Procedure","performedString":"1999","subject":{"identifier":{"value":"v"}}}`,
			`subject  |v`,
		},
		{
			`{"resourceType":"Condition","onsetPeriod":{"end":"2019-02"},"recordedDate":"2019-03-01"}`,
			`onset-date [past, 2019-03-01)
			recorded-date [2019-03-01, 2019-03-02)`,
		},
		{
			`{"resourceType":"MedicationRequest","medicationCodeableConcept":{"coding":[{"code":"m"}]},"authoredOn":"2020",
			 "dosageInstruction":[{"timing":{"event":["2020-01-01"]}},{"timing":{"event":["2020-01-02"]}}]}`,
			`code |m
			authoredon [2020-01-01, 2021-01-01)
			date [2020-01-01, 2020-01-02)
			date [2020-01-02, 2020-01-03)`,
		},
		{
			`{"resourceType":"Encounter","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},
			 "type":[{"coding":[{"code":"t"}]}],"period":{"start":"2020-01-01","end":"2020-01-01"}}`,
			`class http://terminology.hl7.org/CodeSystem/v3-ActCode|AMB
			type |t
			date [2020-01-01, 2020-01-02)`,
		},
		{
			`{"resourceType":"AllergyIntolerance","type":"allergy","category":["food"],"code":{"coding":[{"code":"a"}]},"reaction":[{"substance":{"coding":[{"code":"b"}]}}]}`,
			`category http://hl7.org/fhir/allergy-intolerance-category|food
			code |a
			code |b
			type http://hl7.org/fhir/allergy-intolerance-type|allergy`,
		},
		{
			`{"resourceType":"Patient","identifier":[{"system":"s","value":"v"},{"type":{"coding":[{"code":"MR"}]},"value":"w"}],"gender":"female",
			 "birthDate":"1980-02-29","name":[{"family":"Ordóñez  Núñez","given":["Bernardo","LUÍS"],"text":"Dr. B"}]}`,
			`deceased http://terminology.hl7.org/CodeSystem/special-values|false
			gender http://hl7.org/fhir/administrative-gender|female
			identifier s|v
			identifier |w
			identifier of |MR: w
			birthdate [1980-02-29, 1980-03-01)
			family ordonez nunez
			given bernardo
			given luis
			name ordonez nunez
			name bernardo
			name luis
			name dr. b
			phonetic o635
			phonetic n520
			phonetic b656
			phonetic l200
			phonetic d600
			phonetic b000`,
		},
		{
			`{"resourceType":"Organization","name":"Straße & Co","alias":["ÉCOLE"],"type":[{"coding":[{"code":"prov"}]}]}`,
			`type |prov
			name straße & co
			name ecole
			phonetic s360
			phonetic c000`,
		},
		{
			`{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"l","code":"bp","display":"Blood pressure"}],"text":"BP"},
			 "component":[{"code":{"coding":[{"code":"sys"}]},"valueQuantity":{"value":120,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},
			  {"code":{"coding":[{"code":"dia"}]},"valueQuantity":{"value":80.0,"comparator":"<","unit":"mmHg"}}]}`,
			`code l|bp Blood pressure
			code | BP
			combo-code l|bp Blood pressure
			combo-code | BP
			combo-code |sys
			combo-code |dia
			component-code |sys
			component-code |dia
			status http://hl7.org/fhir/observation-status|final
			combo-value-quantity [120, 120] http://unitsofmeasure.org|mm[Hg]|mmHg
			combo-value-quantity [-Inf, 80] ||mmHg
			component-value-quantity [120, 120] http://unitsofmeasure.org|mm[Hg]|mmHg
			component-value-quantity [-Inf, 80] ||mmHg
			combo-code-value-quantity[[4] [0]]
			combo-code-value-quantity[[5] [1]]
			component-code-value-quantity[[6] [2]]
			component-code-value-quantity[[7] [3]]`,
		},
		{
			`{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":0.05},{"probabilityRange":{"low":{"value":1},"high":{"value":2}}}],"meta":{"profile":["http://a.example/p|1"],
			 "source":"urn:x","tag":[{"system":"t","code":"u"}]}}`,
			`_tag t|u
			probability [0.05, 0.05]
			_profile http://a.example/p|1
			_source urn:x`,
		},
		{
			`{"resourceType":"Location","status":"active","name":"East wing","position":{"longitude":-83.69,"latitude":42.25},"telecom":[{"value":"1"}]}`,
			`status http://hl7.org/fhir/location-status|active
			name east wing
			near 42.25 -83.69`,
		},
		{
			`{"resourceType":"Encounter","length":{"value":56,"unit":"minutes"}}`,
			`length [56, 56] ||minutes`,
		},
		{
			`{"resourceType":"Invoice","totalNet":{"value":47.2,"currency":"EUR"}}`,
			`totalnet [47.2, 47.2] urn:iso:std:iso:4217|EUR|`,
		},
		{
			`{"resourceType":"Practitioner","telecom":[{"system":"phone","value":"+1 (555) 123-4567"},{"system":"email","value":"A.B@Example.COM"}]}`,
			`email email|a.b@example.com
			phone phone|+15551234567
			telecom phone|+15551234567
			telecom email|a.b@example.com`,
		},
		{
			`{"resourceType":"Patient","deceasedDateTime":"2020"}`,
			`deceased http://terminology.hl7.org/CodeSystem/special-values|true
			death-date [2020-01-01, 2021-01-01)`,
		},
		{
			`{"resourceType":"Bundle","type":"document","entry":[{"resource":{"resourceType":"Composition","id":"c"}},{"resource":{"resourceType":"Patient","id":"p"}}]}`,
			`type http://hl7.org/fhir/bundle-type|document
			composition Composition/c`,
		},
		{
			`{"resourceType":"ActivityDefinition","library":["http://a.example/l|2"],"relatedArtifact":[{"type":"depends-on","resource":"http://a.example/m"},{"type":"citation","resource":"http://a.example/n"}],
			 "useContext":[{"code":{"code":"age"},"valueRange":{"low":{"value":1,"code":"a"}}},{"code":{"code":"focus"},"valueCodeableConcept":{"text":"t"}}]}`,
			`context | t
			context-type |age
			context-type |focus
			depends-on http://a.example/m
			depends-on http://a.example/l|2
			context-quantity [1, +Inf] |a|
			context-type-quantity[[1] [0]]
			context-type-value[[2] [0]]`,
		},
		{
			`{"resourceType":"MolecularSequence","coordinateSystem":0,"referenceSeq":{"chromosome":{"coding":[{"code":"1"}]},"windowStart":10,"windowEnd":20},"variant":[{"start":12,"end":13},{"start":15,"end":16}]}`,
			`chromosome |1
			variant-end [13, 13]
			variant-end [16, 16]
			variant-start [12, 12]
			variant-start [15, 15]
			window-end [20, 20]
			window-start [10, 10]
			chromosome-variant-coordinate[[0] [2] [0]]
			chromosome-variant-coordinate[[0] [3] [1]]
			chromosome-window-coordinate[[0] [5] [4]]`,
		},
		{
			`{"resourceType":"DocumentReference","relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/1"}},{"code":"signs","target":{"reference":"DocumentReference/2"}}]}`,
			`relation http://hl7.org/fhir/document-relationship-type|replaces
			relation http://hl7.org/fhir/document-relationship-type|signs
			relatesto DocumentReference/1
			relatesto DocumentReference/2
			relationship[[0] [0]]
			relationship[[1] [1]]`,
		},
	} {
		want := strings.ReplaceAll(c.want, "\t", "")
		if got := rows(extract(t, c.text)); got != want {
			t.Errorf("%s:\ngot\n%s\nwant\n%s", c.text, got, want)
		}
	}
}

func TestExtractKeepsManyValuesApart(t *testing.T) {
	var codings []string
	for i := range 3000 {
		codings = append(codings, fmt.Sprintf(`{"system":"s","code":"c%d"}`, i%1500))
	}
	list := `{"coding":[` + strings.Join(codings, ",") + `]}`
	x := extract(t, `{"resourceType":"Condition","category":[`+list+`],"code":`+list+`}`)
	if len(x.Tokens) != 3000 || len(x.Facets.Categories) != 1500 || len(x.Facets.Codes) != 1500 {
		t.Errorf("%d tokens, %d categories and %d codes, want 3000, 1500, 1500", len(x.Tokens), len(x.Facets.Categories), len(x.Facets.Codes))
	}
}

func TestExtractRefusesWhatIsNoTime(t *testing.T) {
	for _, c := range []struct{ text, where string }{
		{`{"resourceType":"Observation","effectiveDateTime":"yesterday"}`, "Observation.effectiveDateTime"},
		{`{"resourceType":"Encounter","period":{"start":"2020-13"}}`, "Encounter.period.start"},
		{`{"resourceType":"Encounter","period":{"start":"2020","end":"soon"}}`, "Encounter.period.end"},
		{`{"resourceType":"Encounter","period":{"start":"2020-02","end":"2020-01"}}`, "Encounter.period"},
		{`{"resourceType":"Claim","billablePeriod":{"start":"x"}}`, "Claim.billablePeriod.start"},
	} {
		_, err := Extract(parse(t, []byte(c.text)))
		var refusal *resource.Error
		if !errors.As(err, &refusal) || refusal.Expression != c.where || refusal.Code != resource.CodeValue {
			t.Errorf("%s: %v, want an error at %s", c.text, err, c.where)
		}
	}
}

func TestSubject(t *testing.T) {
	for _, c := range []struct{ what, text, want string }{
		{"a patient is her own", `{"resourceType":"Patient","id":"p","link":[{"other":{"reference":"Patient/q"}}]}`, "p"},
		{"a patient without id", `{"resourceType":"Patient"}`, ""},
		{"subject", `{"resourceType":"Condition","subject":{"reference":"Patient/p"}}`, "p"},
		{"a version of the patient", `{"resourceType":"Condition","subject":{"reference":"Patient/p/_history/1"}}`, "p"},
		{"patient", `{"resourceType":"Immunization","patient":{"reference":"Patient/p"}}`, "p"},
		{"beneficiary", `{"resourceType":"Coverage","beneficiary":{"reference":"Patient/p"},"subscriber":{"reference":"Patient/q"}}`, "p"},
		{"for", `{"resourceType":"Task","for":{"reference":"Patient/p"}}`, "p"},
		{"individual", `{"resourceType":"ResearchSubject","individual":{"reference":"Patient/p"}}`, "p"},
		{"securityContext", `{"resourceType":"Binary","securityContext":{"reference":"Patient/p"}}`, "p"},
		{"a group", `{"resourceType":"Condition","subject":{"reference":"Group/g"}}`, ""},
		{"an absolute reference", `{"resourceType":"Condition","subject":{"reference":"https://a.example/Patient/p"}}`, ""},
		{"a urn", `{"resourceType":"Condition","subject":{"reference":"urn:uuid:p"}}`, ""},
		{"a contained patient", `{"resourceType":"Condition","contained":[{"resourceType":"Patient","id":"p"}],"subject":{"reference":"#p"}}`, ""},
		{"a logical reference", `{"resourceType":"Condition","subject":{"type":"Patient","identifier":{"value":"p"}}}`, ""},
		{"no subject", `{"resourceType":"Condition"}`, ""},
		{"a patient and a practitioner", `{"resourceType":"Appointment","participant":[{"actor":{"reference":"Practitioner/d"}},{"actor":{"reference":"Patient/p"}}]}`, "p"},
		{"a patient twice", `{"resourceType":"Account","subject":[{"reference":"Patient/p"},{"reference":"Patient/p"}]}`, "p"},
		{"two patients", `{"resourceType":"Account","subject":[{"reference":"Patient/p"},{"reference":"Patient/q"}]}`, ""},
		{"two patients and one again", `{"resourceType":"Account","subject":[{"reference":"Patient/p"},{"reference":"Patient/q"},{"reference":"Patient/p"}]}`, ""},
		{"a patient here and one elsewhere", `{"resourceType":"Account","subject":[{"reference":"Patient/p"},{"reference":"https://a.example/Patient/q"}]}`, ""},
		{"a patient and nobody knows who", `{"resourceType":"Account","subject":[{"reference":"Patient/p"},{"display":"x"}]}`, ""},
		{"a patient and a device by identifier", `{"resourceType":"AuditEvent","agent":[{"who":{"type":"Device","identifier":{"value":"x"}}}],"entity":[{"what":{"reference":"Patient/p"}}]}`, "p"},
		{"a medication", `{"resourceType":"Medication","manufacturer":{"reference":"Organization/o"}}`, ""},
		{"a practitioner", `{"resourceType":"Practitioner","id":"p"}`, ""},
	} {
		if got := extract(t, c.text).Subject; got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestFacets(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{
			`{"resourceType":"Observation","id":"o","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]},
			 "category":[{"coding":[{"code":"laboratory"}]}],"code":{"coding":[{"code":"c"}]},"component":[{"code":{"coding":[{"code":"d"}]}}],
			 "issued":"2021-01-01T00:00:00Z","effectiveDateTime":"2020","performer":[{"reference":"Practitioner/1"},{"reference":"Organization/2"}]}`,
			"Observation o [{ laboratory}] [{ c}] [{http://terminology.hl7.org/CodeSystem/v3-Confidentiality R}] [2020-01-01, 2021-01-01) Organization/2",
		},
		{
			`{"resourceType":"Encounter","id":"e","class":{"code":"EMER"},"type":[{"coding":[{"code":"t"}]}],"period":{"start":"2020"},"serviceProvider":{"reference":"Organization/2"}}`,
			"Encounter e [{ EMER}] [{ t}] [] [2020-01-01, future) Organization/2",
		},
		{
			`{"resourceType":"MedicationRequest","contained":[{"resourceType":"Medication","id":"m","code":{"coding":[{"code":"inside"}]}}],"medicationReference":{"reference":"#m"}}`,
			"MedicationRequest  [] [{ inside}] [] [1970-01-01, 1970-01-01) ",
		},
		{
			`{"resourceType":"Immunization","vaccineCode":{"coding":[{"code":"v"}]},"occurrenceString":"once","recorded":"2020","manufacturer":{"reference":"Organization/1"}}`,
			"Immunization  [] [{ v}] [] [2020-01-01, 2021-01-01) ",
		},
		{
			`{"resourceType":"DocumentReference","type":{"coding":[{"code":"t"}]},"date":"2021-01-01T00:00:00Z","context":{"period":{"start":"2019","end":"2019"}},"custodian":{"reference":"https://a.example/Organization/1"}}`,
			"DocumentReference  [] [{ t}] [] [2019-01-01, 2020-01-01) https://a.example/Organization/1",
		},
		{
			`{"resourceType":"AllergyIntolerance","category":["food"],"recordedDate":"2020"}`,
			"AllergyIntolerance  [{http://hl7.org/fhir/allergy-intolerance-category food}] [] [] [2020-01-01, 2021-01-01) ",
		},
		{`{"resourceType":"Substance","category":[{"coding":[{"code":"x"}]}],"code":{"coding":[{"code":"y"}]}}`, "Substance  [{ x}] [{ y}] [] [1970-01-01, 1970-01-01) "},
	} {
		f := extract(t, c.text).Facets
		got := fmt.Sprint(f.Type, " ", f.ID, " ", f.Categories, f.Codes, f.Labels, " ", span(f.Lo, f.Hi), " ", f.Source)
		if got = strings.ReplaceAll(got, "][", "] ["); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.text, got, c.want)
		}
	}
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "abc-1": "abc-1", "  A  b\tC ": "a b c", "Ångström": "angstrom", "İstanbul": "istanbul", "ﬁne": "fine", "ΣΑΣ": "σασ", "王": "王",
	} {
		if got := Fold(in); got != want {
			t.Errorf("Fold(%q) is %q, want %q", in, got, want)
		}
		if Fold(Fold(in)) != Fold(in) {
			t.Errorf("folding %q twice is not folding once", in)
		}
	}
}
