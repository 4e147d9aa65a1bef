package search

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"cairn/fhir/resource"
)

func query(t testing.TB, typ, text string) Query {
	t.Helper()
	values, err := url.ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	q, err := ParseQuery(typ, values, Options{})
	if err != nil {
		t.Fatalf("%s?%s: %v", typ, text, err)
	}
	return q
}

// show writes a query in short: type, ids, subject, clauses, count, cursor, whether only the count is wanted.
func show(q Query) string {
	var clauses []string
	for _, c := range q.Clauses {
		var targets []string
		for _, r := range c.References {
			targets = append(targets, r.Target)
		}
		clauses = append(clauses, fmt.Sprint("{", c.Param, " ", c.Kind, " ", c.Tokens, " ", c.Dates, " ", targets, " ", c.Texts, "}"))
	}
	return fmt.Sprint("{", q.Type, " ", q.IDs, " ", q.Subject, " ", clauses, " ", q.Count, " ", q.Cursor, " ", q.CountOnly, "}")
}

func TestParseQuery(t *testing.T) {
	for _, c := range []struct{ typ, text, want string }{
		{"Patient", "", "{Patient []  [] 0  false}"},
		{"Patient", "_id=a,b,a", "{Patient [a b]  [] 0  false}"},
		{"Observation", "patient=1", "{Observation [] 1 [] 0  false}"},
		{"Observation", "subject=Patient/1&_count=20&cursor=xyz", "{Observation [] 1 [] 20 xyz false}"},
		{"Observation", "subject=Patient/1&patient=1", "{Observation [] 1 [] 0  false}"},
		{"Observation", "subject:Patient=1", "{Observation [] 1 [] 0  false}"},
		{"Observation", "_summary=count", "{Observation []  [] 0  true}"},
		{"Observation", "_count=0", "{Observation []  [] 0  true}"},
		{"Observation", "_summary=false", "{Observation []  [] 0  false}"},
		{"Observation", "subject=Group/1", "{Observation []  [{subject reference [] [] [Group/1] []}] 0  false}"},
		{"Observation", "patient=1,2", "{Observation []  [{patient reference [] [] [Patient/1 Patient/2] []}] 0  false}"},
		{"Observation", "patient=1&patient=2", "{Observation [] 1 [{patient reference [] [] [Patient/2] []}] 0  false}"},
		{"Observation", "patient=https://a.example/Patient/1", "{Observation []  [{patient reference [] [] [https://a.example/Patient/1] []}] 0  false}"},
		{"Observation", "code=a", "{Observation []  [{code token [{ a true false}] [] [] []}] 0  false}"},
		{"Observation", "code=|a", "{Observation []  [{code token [{ a false false}] [] [] []}] 0  false}"},
		{"Observation", "code=s|a", "{Observation []  [{code token [{s a false false}] [] [] []}] 0  false}"},
		{"Observation", "code=s|", "{Observation []  [{code token [{s  false true}] [] [] []}] 0  false}"},
		{"Observation", `code=s\|t|a\,b,c\\`, `{Observation []  [{code token [{s|t a,b false false} { c\ true false}] [] [] []}] 0  false}`},
		{"Observation", "code=a&code=b", "{Observation []  [{code token [{ a true false}] [] [] []} {code token [{ b true false}] [] [] []}] 0  false}"},
		{"Observation", "date=ge1970-01-02", "{Observation []  [{date date [] [{ge 86400000 172800000}] [] []}] 0  false}"},
		{"Observation", "date=1970-01-02,lt1970-01-01", "{Observation []  [{date date [] [{eq 86400000 172800000} {lt 0 86400000}] [] []}] 0  false}"},
		{"Observation", "date=ap1970-01-02", "{Observation []  [{date date [] [{ap 77760000 181440000}] [] []}] 0  false}"},
		{"Patient", "family=ÓRD&gender=male", "{Patient []  [{family string [] [] [] [ord]} {gender token [{ male true false}] [] [] []}] 0  false}"},
		{"PractitionerRole", "practitioner=1", "{PractitionerRole []  [{practitioner reference [] [] [Practitioner/1] []}] 0  false}"},
	} {
		if got := show(query(t, c.typ, c.text)); got != c.want {
			t.Errorf("%s?%s\ngot  %s\nwant %s", c.typ, c.text, got, c.want)
		}
	}
}

func TestParseQueryRefuses(t *testing.T) {
	for _, c := range []struct{ typ, text, code, param string }{
		{"Nothing", "", resource.CodeValue, ""},
		{"Observation", "name=x", CodeNotSupported, "name"},
		{"Practitioner", "patient=1", CodeNotSupported, "patient"},
		{"Claim", "date=2020", CodeNotSupported, "date"},
		{"Patient", "name=%ff%fe", resource.CodeValue, "name"},
		{"Patient", "name=a%00b", resource.CodeValue, "name"},
		{"Observation", "code:exact=x", CodeNotSupported, "code"},
		{"Observation", "code:in=http://a.example/v", CodeNotSupported, "code"},
		{"Observation", "code:below=s|x", CodeNotSupported, "code"},
		{"Observation", "code:missing=x", resource.CodeValue, "code"},
		{"Observation", "code:of-type=a|b", resource.CodeValue, "code"},
		{"Observation", "subject:Practitioner=1", resource.CodeValue, "subject"},
		{"Observation", "subject:Nobody=1", CodeNotSupported, "subject"},
		{"Observation", "_id:not=1", CodeNotSupported, "_id"},
		{"Observation", "_text=1", CodeNotSupported, "_text"},
		{"Observation", "_content=1", CodeNotSupported, "_content"},
		{"Observation", "_filter=1", CodeNotSupported, "_filter"},
		{"Observation", "_query=1", CodeNotSupported, "_query"},
		{"Observation", "value-quantity=mg", resource.CodeValue, "value-quantity"},
		{"Observation", "value-quantity=5|mg", resource.CodeValue, "value-quantity"},
		{"Observation", "value-quantity=5|http://unitsofmeasure.org|", resource.CodeValue, "value-quantity"},
		{"RiskAssessment", "probability=.5", resource.CodeValue, "probability"},
		{"RiskAssessment", "probability=1e999", resource.CodeValue, "probability"},
		{"RiskAssessment", "probability=1/2", resource.CodeValue, "probability"},
		{"Location", "near=1", resource.CodeValue, "near"},
		{"Location", "near=91|0", resource.CodeValue, "near"},
		{"Location", "near=0|0|-1", resource.CodeValue, "near"},
		{"Location", "near=0|0|NaN", resource.CodeValue, "near"},
		{"Location", "near=0|0|1|parsec", resource.CodeValue, "near"},
		{"Observation", "code-value-quantity=a", resource.CodeValue, "code-value-quantity"},
		{"Observation", "code-value-quantity=a$", resource.CodeValue, "code-value-quantity"},
		{"Observation", "code-value-quantity=a$b", resource.CodeValue, "value-quantity"},
		{"Observation", "subject:Patient=Device/1", resource.CodeValue, "subject"},
		{"Observation", "subject.nothing=x", CodeNotSupported, "nothing"},
		{"Observation", "code.name=x", CodeNotSupported, "code"},
		{"Observation", "subject:Practitioner.name=x", resource.CodeValue, "subject:Practitioner"},
		{"Observation", "subject:Patient._count=1", CodeNotSupported, "_count"},
		{"Observation", "subject:Patient.birthdate=x", resource.CodeValue, "birthdate"},
		{"Basic", "subject.name=x", resource.CodeValue, "subject"},
		{"Observation", "_has:Observation=x", resource.CodeValue, "_has"},
		{"Observation", "_has:Nobody:x:y=x", resource.CodeValue, "_has"},
		{"Observation", "_has:Observation:code:y=x", CodeNotSupported, "_has"},
		{"Practitioner", "_has:Observation:patient:code=x", resource.CodeValue, "_has"},
		{"Patient", "_has:Observation:patient:_sort=code", CodeNotSupported, "_sort"},
		{"Patient", "_list=$current-allergies", CodeNotSupported, "_list"},
		{"Patient", "_list=a b", resource.CodeValue, "_list"},
		{"Observation", "_include=x", resource.CodeValue, "_include"},
		{"Observation", "_include=Observation:x", CodeNotSupported, "_include"},
		{"Observation", "_include=Observation:code", CodeNotSupported, "_include"},
		{"Observation", "_include=Patient:link", resource.CodeValue, "_include"},
		{"Observation", "_include=Observation:subject:Nobody", resource.CodeValue, "_include"},
		{"Observation", "_include=Observation:subject:Practitioner", resource.CodeValue, "_include"},
		{"Observation", "_include:sometimes=Observation:subject", CodeNotSupported, "_include"},
		{"Observation", "_revinclude=Provenance:agent", resource.CodeValue, "_revinclude"},
		{"Observation", "_sort=nothing", CodeNotSupported, "_sort"},
		{"Observation", "_sort=code-value-quantity", CodeNotSupported, "_sort"},
		{"Observation", "_total=some", resource.CodeValue, "_total"},
		{"Observation", "_elements=a b", resource.CodeValue, "_elements"},
		{"Observation", "subject:Patient." + strings.Repeat("link:Patient.", 19) + "name=x", resource.CodeTooCostly, "link:Patient"},
		{"Patient", strings.Repeat("link.", 20) + "name=x", resource.CodeTooCostly, "link"},
		{"Patient", strings.Repeat("_has:Patient:link:", 5) + "name=x", resource.CodeTooCostly, "?p"},
		{"Patient", "link.name=a" + strings.Repeat("&link.name=a", 8), resource.CodeTooCostly, "link"},
		{"Patient", strings.Repeat("a", 501) + "=1", resource.CodeTooCostly, ""},
		{"Patient", "name=" + strings.Repeat("a", 2001), resource.CodeTooCostly, "name"},
		{"Patient", "name=" + strings.Repeat("a,", 10_001), resource.CodeTooCostly, "name"},
		{"Observation", "J%C3%BCrgen=1", CodeNotSupported, ""},
		{"Observation", "code=", resource.CodeValue, "code"},
		{"Observation", "code=a,,b", resource.CodeValue, "code"},
		{"Observation", "code=|", resource.CodeValue, "code"},
		{"Observation", "code=a|b|c", resource.CodeValue, "code"},
		{"Observation", "date=yesterday", resource.CodeValue, "date"},
		{"Observation", "date=xx2020", resource.CodeValue, "date"},
		{"Observation", "date=ge", resource.CodeValue, "date"},
		{"Observation", "patient=a b", resource.CodeValue, "patient"},
		{"Observation", "patient=Person", resource.CodeValue, "?"},
		{"Observation", "patient=#x", resource.CodeValue, "patient"},
		{"Observation", "_id=a b", resource.CodeValue, "_id"},
		{"Observation", "_id=a&_id=b", resource.CodeValue, "_id"},
		{"Observation", "_count=-1", resource.CodeValue, "_count"},
		{"Observation", "_count=1.5", resource.CodeValue, "_count"},
		{"Observation", "_summary=short", resource.CodeValue, "_summary"},
		{"Observation", "cursor=a&cursor=b", resource.CodeValue, "cursor"},
		{"Observation", "cursor=" + strings.Repeat("a", 2049), resource.CodeValue, "cursor"},
		{"Observation", "code=a" + strings.Repeat(",a", 256), resource.CodeTooCostly, "code"},
		{"Observation", "code=a" + strings.Repeat("&code=a", 32), resource.CodeTooCostly, "code"},
		{"Patient", "name=%CC%81", resource.CodeValue, "name"},
	} {
		values, err := url.ParseQuery(c.text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ParseQuery(c.typ, values, Options{})
		var refusal *Error
		switch {
		case c.param == "?": // an id that looks like a type is an id
			if err != nil {
				t.Errorf("%s?%s: %v", c.typ, c.text, err)
			}
		case !errors.As(err, &refusal):
			t.Errorf("%s?%s: accepted", c.typ, c.text)
		case refusal.Code != c.code || refusal.Param != c.param && c.param != "?p":
			t.Errorf("%s?%s: %s at %q, want %s at %q", c.typ, c.text, refusal.Code, refusal.Param, c.code, c.param)
		}
	}
}

func TestUnknownParameterListsTheKnown(t *testing.T) {
	_, err := ParseQuery("Immunization", url.Values{"x": {"1"}}, Options{})
	if want := "It knows: _count, _elements, _has, _id, _include, _lastUpdated, _list, _profile, _revinclude, _security, _sort, _source, _summary, _tag, _total, cursor, date, identifier, "; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q in it", err, want)
	}
}

// TestDatePrefixes is FHIR R4 3.1.1.4.5.1 as a table: a search for 2020-03 against ranges around it.
func TestDatePrefixes(t *testing.T) {
	order := []Prefix{Equal, NotEqual, Greater, Less, GreaterOrEqual, LessOrEqual, StartsAfter, EndsBefore, Approximately}
	for _, c := range []struct{ what, start, end, holds string }{
		{"the same month", "2020-03", "2020-03", "eq ge le ap"},
		{"a day in it", "2020-03-10", "2020-03-10", "eq ge le ap"},
		{"its first day", "2020-03-01", "2020-03-01", "eq ge le ap"},
		{"the year around it", "2020", "2020", "ne gt lt ge le ap"},
		{"the month before", "2020-02", "2020-02", "ne lt le eb"},
		{"the month after", "2020-04", "2020-04", "ne gt ge sa"},
		{"from before into it", "2020-02-01", "2020-03-10", "ne lt le ap"},
		{"from it to after", "2020-03-10", "2020-04-10", "ne gt ge ap"},
		{"since before, without end", "2020-01-01", "", "ne gt lt ge le ap"},
		{"since after, without end", "2020-05-01", "", "ne gt ge sa"},
		{"until before, without start", "", "2020-02-01", "ne lt le eb"},
		{"always", "", "", "ne gt lt ge le ap"},
	} {
		lo, hi := resource.Past, resource.Future
		if c.start != "" {
			lo, _, _ = resource.ParseDate(c.start)
		}
		if c.end != "" {
			_, hi, _ = resource.ParseDate(c.end)
		}
		from, to, _ := resource.ParseDate("2020-03")
		var holds []string
		for _, prefix := range order {
			if (DateValue{prefix, from, to}).Match(lo, hi) {
				holds = append(holds, string(prefix))
			}
		}
		if got := strings.Join(holds, " "); got != c.holds {
			t.Errorf("%s: %s, want %s", c.what, got, c.holds)
		}
	}
	if (DateValue{"xx", 0, 1}).Match(0, 1) {
		t.Error("an unknown prefix matches")
	}
}

func TestMatch(t *testing.T) {
	x := extract(t, `{"resourceType":"Observation","id":"o","category":[{"coding":[{"system":"s","code":"lab"}]}],
	 "code":{"coding":[{"code":"c"},{"system":"t","code":"d"}]},"subject":{"reference":"Patient/1"},"effectiveDateTime":"2020-03-04"}`)
	p := extract(t, `{"resourceType":"Patient","id":"1","name":[{"family":"Müller","given":["Ana"]}],"birthDate":"1980"}`)
	for _, c := range []struct {
		typ, text string
		want      bool
	}{
		{"Observation", "", true},
		{"Condition", "", false},
		{"Observation", "_id=x,o", true},
		{"Observation", "_id=x", false},
		{"Observation", "patient=1", true},
		{"Observation", "patient=2", false},
		{"Observation", "patient=1,2", true},
		{"Observation", "patient=1&patient=2", false},
		{"Observation", "code=c", true},
		{"Observation", "code=C", false},
		{"Observation", "code=|c", true},
		{"Observation", "code=|d", false},
		{"Observation", "code=t|d", true},
		{"Observation", "code=s|d", false},
		{"Observation", "code=t|", true},
		{"Observation", "code=u|", false},
		{"Observation", "code=x,d", true},
		{"Observation", "code=c&code=d", true},
		{"Observation", "code=c&code=x", false},
		{"Observation", "category=c", false},
		{"Observation", "date=2020", true},
		{"Observation", "date=gt2020-03-04", false},
		{"Observation", "date=ge2020-03&date=lt2020-04", true},
		{"Patient", "family=mull", true},
		{"Patient", "family=ller", false},
		{"Patient", "given=Müller", false},
		{"Patient", "name=MÜLLER", true},
		{"Patient", "name=ana&birthdate=1980", true},
	} {
		index := x
		if c.typ == "Patient" {
			index = p
		}
		if got := query(t, c.typ, c.text).Match(&index); got != c.want {
			t.Errorf("%s?%s: %v", c.typ, c.text, got)
		}
	}
	if (&Clause{Param: "code", Kind: "x"}).Match(&x) {
		t.Error("a clause of no kind matches")
	}
}

// TestEverySyntheaRecordIsFoundByItsOwnValues asks for each record by each of its values.
func TestEverySyntheaRecordIsFoundByItsOwnValues(t *testing.T) {
	asked := 0
	for _, d := range synthea(t) {
		x, err := Extract(d)
		if err != nil {
			t.Fatal(err)
		}
		questions(&x, func(name, value string) {
			asked++
			if !query(t, d.Type(), url.Values{name: {value}}.Encode()).Match(&x) {
				t.Errorf("%s is not found by its %s", d.Type(), name)
			}
		})
	}
	if asked < 90_000 {
		t.Errorf("only %d questions", asked)
	}
}

func TestParams(t *testing.T) {
	if Params("Nothing") != nil {
		t.Error("an unknown type has parameters")
	}
	total := 0
	for _, typ := range resource.Types() {
		seen := map[string]bool{}
		for _, p := range Params(typ) {
			total++
			if p.Name == "" || seen[p.Name] || p.Documentation == "" || !strings.HasPrefix(p.Definition, "http://hl7.org/fhir/") {
				t.Errorf("%s: %+v", typ, p)
			}
			seen[p.Name] = true
		}
		if !seen["_id"] {
			t.Errorf("%s has no _id", typ)
		}
	}
	if total < 400 {
		t.Errorf("%d parameters", total)
	}
}

func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{
		"patient=1&code=s|a,b&date=ge2020-01-01T00:00:00%2B01:00", "_id=a,b&_count=0", `code=\|\,\\|x`, "subject:Patient=1", "cursor=x&_summary=count",
		"code:not=a&status:missing=true&code:text=b&subject:identifier=c|d", "subject:Patient.name:exact=x&patient.general-practitioner.name=y", "_has:Provenance:target:agent=1&_list=2",
		"value-quantity=gt5.40|http://unitsofmeasure.org|mg,1e2||x&code-value-quantity=a|b$lt3", "_sort=-date,code&_include:iterate=Observation:*&_revinclude=Provenance:target&_elements=a,b&_total=none",
		"near=1|2|3|km", "url:below=http://a&_profile=b|1", "identifier:of-type=a|b|c", "phonetic=x&probability=ap0.1", "code:in=http://hl7.org/fhir/ValueSet/observation-status",
	} {
		for _, typ := range []string{"Observation", "Patient", "Location", "ValueSet"} {
			f.Add(typ, seed)
		}
	}
	var all []Index
	for _, text := range []string{measured, pressure, person, hospital, set} {
		all = append(all, extract(f, text))
	}
	f.Fuzz(func(t *testing.T, typ, text string) {
		values, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		o := Options{Terms: terms{}, Base: "https://here.example/fhir", Lenient: len(text)%2 == 0}
		q, err := ParseQuery(typ, values, o)
		if err != nil {
			var refusal *Error
			if !errors.As(err, &refusal) || refusal.Code == "" || refusal.Text == "" {
				t.Errorf("not a whole error: %#v", err)
			}
			return
		}
		again, err := ParseQuery(typ, values, o)
		if err != nil || fmt.Sprint(q) != fmt.Sprint(again) {
			t.Error("reading twice gives two queries")
		}
		for len(q.Chains) > 0 {
			q = q.Resolve(0, []string{"Patient/p", "o", "p"})
		}
		needs := q.Needs()
		for i := range all {
			x := &all[i]
			if !q.Match(x) {
				continue
			}
			for _, n := range needs {
				if !n.meets(x, x.Postings()) {
					t.Errorf("a %s is found, but does not meet %+v", x.Facets.Type, n)
				}
			}
		}
	})
}

func BenchmarkParseQuery(b *testing.B) {
	values := url.Values{"patient": {"1"}, "category": {"laboratory"}, "code": {"http://loinc.org|85354-9"}, "date": {"ge2020-01-01", "lt2021"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseQuery("Observation", values, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
