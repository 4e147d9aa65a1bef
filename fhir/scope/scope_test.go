package scope

import (
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cairn/fhir/resource"
	"cairn/fhir/search"
)

const category = "category=http://terminology.hl7.org/CodeSystem/observation-category|"

func must(t testing.TB, text string) Set {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return s
}

// TestParse: what is read, and how it is written in either version.
func TestParse(t *testing.T) {
	for _, c := range []struct{ text, want, normal string }{
		{"patient/Observation.rs", "patient/Observation.rs", "patient/Observation.rs"},
		{"patient/Observation.read", "patient/Observation.read", "patient/Observation.rs"},
		{"user/*.*", "user/*.*", "user/*.cruds"},
		{"patient/*.write", "patient/*.write", "patient/*.cud"},
		{"system/Patient.r system/Patient.s", "system/Patient.rs", "system/Patient.rs"},
		{"launch/patient openid  fhirUser offline_access", "openid fhirUser launch/patient offline_access", "openid fhirUser launch/patient offline_access"},
		{"email launch/practitioner patient/Patient.r", "patient/Patient.r", "patient/Patient.r"},
		{"patient/Observation.rs?" + category + "laboratory", "patient/Observation.rs?" + category + "laboratory", "patient/Observation.rs?" + category + "laboratory"},
		{"patient/Observation.rs?" + strings.NewReplacer(":", "%3A", "/", "%2f", "|", "%7C").Replace(category) + "laboratory", "patient/Observation.rs?" + category + "laboratory", "patient/Observation.rs?" + category + "laboratory"},
		{"patient/Observation.rs?status=final&code=a,b", "patient/Observation.rs?code=a,b&status=final", "patient/Observation.rs?code=a,b&status=final"},
		{"patient/Observation.s?code=a patient/Observation.r?code=a", "patient/Observation.rs?code=a", "patient/Observation.rs?code=a"},
		{"patient/Observation.rs?code=a patient/Observation.rs", "patient/Observation.rs", "patient/Observation.rs"},
		{"patient/*.r patient/Observation.r patient/Observation.rs", "patient/*.r patient/Observation.rs", "patient/*.r patient/Observation.rs"},
		{"", "", ""},
	} {
		s := must(t, c.text)
		if s.String() != c.want || s.Normal() != c.normal {
			t.Errorf("%q is %q, %q", c.text, s, s.Normal())
		}
		if again := must(t, s.String()); again.String() != s.String() {
			t.Errorf("%q is read back as %q", s, again)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"patient/Nothing.rs", "patient/Observation.", "patient/Observation", "patient/Observation.sr", "patient/Observation.rr", "patient/Observation.x",
		"patient/observation.rs", "patient/.rs", "patient/Observation.rs?", "patient/Observation.rs?colour=red", "patient/Observation.rs?category",
		"patient/Observation.rs?category=", "patient/*.rs?category=x", "patient/Observation.rs?_count=1", "patient/Observation.rs?_include=Observation:subject",
		"patient/Observation.rs?subject:Patient.name=x", "patient/Observation.rs?_has:Provenance:target:agent=x", "patient/Observation.rs?_list=4",
		"patient/Observation.rs?category:in=http://x", "patient/Observation.rs?a=%zz", "patient/Observation.rs?_sort=date&code=x", "patient/Observation.rs?code=x&_summary=count",
		strings.Repeat("patient/Observation.rs ", 1000),
	} {
		var e *Error
		if _, err := Parse(text); !errors.As(err, &e) {
			t.Errorf("%.80q was taken: %v", text, err)
		}
	}
	if _, err := Parse("patient/Observation.rs?code=secret&colour=secret"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a value stands in the error: %v", err)
	}
}

func TestIntersect(t *testing.T) {
	for _, c := range []struct{ asked, allowed, want string }{
		{"patient/*.cruds", "patient/Observation.rs patient/Patient.r", "patient/Observation.rs patient/Patient.r"},
		{"patient/Observation.cruds", "patient/*.rs", "patient/Observation.rs"},
		{"patient/Observation.rs", "user/Observation.rs", ""},
		{"patient/Observation.r", "patient/Observation.s", ""},
		{"openid launch", "launch launch/patient", "launch"},
		{"patient/Observation.rs?code=a", "patient/Observation.rs?code=b", "patient/Observation.rs?code=a&code=b"},
		{"patient/Observation.rs", "patient/Observation.r?code=b", "patient/Observation.r?code=b"},
		{"patient/*.rs", "patient/Observation.r?code=b", "patient/Observation.r?code=b"},
		{"patient/Observation.r?_id=1", "patient/Observation.r?_id=2", ""},
		{"patient/Observation.read", "patient/*.cruds", "patient/Observation.read"},
	} {
		if got := Intersect(must(t, c.asked), must(t, c.allowed)); got.String() != c.want {
			t.Errorf("%q within %q is %q", c.asked, c.allowed, got)
		}
	}
}

func TestAllows(t *testing.T) {
	lab := record(t, `{"resourceType":"Observation","id":"1","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"4548-4"}]},"subject":{"reference":"Patient/7"}}`)
	for _, c := range []struct {
		scopes string
		need   Permission
		within bool
		want   bool
	}{
		{"patient/Observation.rs", Read, true, true},
		{"patient/Observation.rs", Read, false, false},
		{"user/Observation.rs", Read, false, true},
		{"user/Observation.r", Read | Search, false, false},
		{"user/Observation.r user/*.s", Read | Search, false, true},
		{"user/Patient.cruds", Read, false, false},
		{"user/Observation.rs?" + category + "laboratory", Read, false, true},
		{"user/Observation.rs?" + category + "vital-signs", Read, false, false},
		{"user/Observation.rs?" + category + "vital-signs user/Observation.r?code=4548-4", Read, false, true},
		{"user/Observation.rs?" + category + "vital-signs user/Observation.r?code=4548-4", Search, false, false},
		{"user/Observation.rs?category:not=laboratory", Read, false, false},
		{"user/Observation.rs?status=final", Read, false, true},
		{"user/Observation.rs?status=preliminary", Read, false, false},
		{"user/Observation.rs?patient=7", Read, false, true},
		{"user/Observation.rs?patient=Patient/7", Read, false, true},
		{"user/Observation.rs?patient=Patient/8", Read, false, false},
		{"user/Observation.rs?_id=1,2", Read, false, true},
		{"", Read, true, false},
		{"openid launch/patient", Read, true, false},
	} {
		r := lab
		r.Within = c.within
		if got, err := must(t, c.scopes).Allows(c.need, r); got != c.want || err != nil {
			t.Errorf("%q, %s, within %v: %v %v", c.scopes, c.need, c.within, got, err)
		}
	}
	lab.Load = nil // an older version: what its facets do not say is not known
	for scopes, want := range map[string]bool{"user/Observation.r?status=final": false, "user/Observation.r?" + category + "laboratory": true, "user/*.r": true} {
		if got, err := must(t, scopes).Allows(Read, lab); got != want || err != nil {
			t.Errorf("of an older version, %q: %v %v", scopes, got, err)
		}
	}
	if got, _ := must(t, "user/*.cruds").Allows(0, lab); got {
		t.Error("needing nothing is allowed")
	}
}

func record(t testing.TB, text string) Record {
	t.Helper()
	doc, err := resource.Parse([]byte(text), resource.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	x, err := search.Extract(doc)
	if err != nil {
		t.Fatal(err)
	}
	return Record{Subject: x.Subject, Facets: &x.Facets, Load: func() (*search.Index, error) { return &x, nil }}
}

// TestFacetsSayWhatSearchDoes: on real records, judging by facets alone gives what the search values give.
func TestFacetsSayWhatSearchDoes(t *testing.T) {
	compared := 0
	each(t, func(r Record) {
		x, _ := r.Load()
		for _, tok := range x.Tokens {
			if tok.Code == "" || !slices.Contains([]string{"category", "code", "_security"}, tok.Param) {
				continue
			}
			for _, modifier := range []string{"", ":not"} {
				for _, value := range []string{search.Escape(tok.Code), search.Escape(tok.System) + "|" + search.Escape(tok.Code), "other"} {
					f, err := newFilter(x.Facets.Type, url.Values{tok.Param + modifier: {value}})
					if err != nil {
						t.Fatal(err)
					}
					if !f.plain {
						continue
					}
					compared++
					if f.query.Match(faceted(&r)) != f.query.Match(x) {
						t.Fatalf("%s?%s of %s: facets say otherwise", x.Facets.Type, f, x.Facets.ID)
					}
				}
			}
		}
	})
	if compared < 1000 {
		t.Fatalf("only %d were compared", compared)
	}
}

// each calls f with records of the synthetic patients.
func each(t testing.TB, f func(Record)) {
	t.Helper()
	files, err := filepath.Glob("../../../shared/data/synthea/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no synthetic patients in ../shared/data: %v", err)
	}
	for _, name := range files[:3] {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var bundle struct {
			Entry []struct{ Resource json.RawMessage }
		}
		if err := json.Unmarshal(data, &bundle); err != nil {
			t.Fatal(err)
		}
		for _, e := range bundle.Entry {
			f(record(t, string(e.Resource)))
		}
	}
}

// TestIntersectNeverWidens: what the intersection allows, both allow; and a union allows what either does.
func TestIntersectNeverWidens(t *testing.T) {
	var records []Record
	each(t, func(r Record) {
		if len(records) < 200 {
			records = append(records, r)
		}
	})
	one := rapid.Custom(func(t *rapid.T) string {
		text := rapid.SampledFrom([]string{"patient", "user", "system"}).Draw(t, "context") + "/"
		typ := rapid.SampledFrom([]string{"*", "Observation", "Condition", "Patient", "Encounter"}).Draw(t, "type")
		text += typ + "." + rapid.SampledFrom([]string{"r", "s", "rs", "cruds", "read", "c", "*"}).Draw(t, "permission")
		if typ == "Observation" {
			text += rapid.SampledFrom([]string{"", "?" + category + "laboratory", "?" + category + "vital-signs", "?status=final", "?code=http://loinc.org|8302-2"}).Draw(t, "filter")
		}
		return text
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw(t, one), draw(t, one)
		meet, join := Intersect(a, b), Union(a, b)
		if back, err := Parse(meet.String()); err != nil || back.String() != meet.String() {
			t.Fatalf("%q is read back as %q: %v", meet, back, err)
		}
		r := records[rapid.IntRange(0, len(records)-1).Draw(t, "record")]
		r.Within = rapid.Bool().Draw(t, "within")
		Permission(All).Each(func(p Permission) {
			byA, _ := a.Allows(p, r)
			byB, _ := b.Allows(p, r)
			byMeet, _ := meet.Allows(p, r)
			byJoin, _ := join.Allows(p, r)
			if byMeet && !(byA && byB) || byJoin != (byA || byB) {
				t.Fatalf("%s: %q %v, %q %v: intersection %q %v, union %q %v", p, a, byA, b, byB, meet, byMeet, join, byJoin)
			}
			if byMeet && meet.Lacks(p, r.Facets.Type) != 0 {
				t.Fatalf("%q lacks what it allows", meet)
			}
		})
	})
}

func draw(t *rapid.T, one *rapid.Generator[string]) Set {
	s, err := Parse(strings.Join(rapid.SliceOfN(one, 0, 5).Draw(t, "scopes"), " "))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"patient/Observation.rs?" + category + "laboratory launch/patient openid", "user/*.read system/Patient.cruds", "patient/Observation.rs?code=%22a%5C%2B",
		"patient/Observation.rs?date=ge2020&value-quantity=gt5||mg", "patient/Condition.u?code:not=a|b,c", "patient/Observation.rs?code=a&code=b",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(s.String())
		if err != nil || again.String() != s.String() || again.Normal() != s.Normal() {
			t.Fatalf("%q is %q, read back as %q: %v", text, s, again, err)
		}
		for _, c := range []byte(s.String()) {
			if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
				t.Fatalf("%q holds what has no place in a scope", s)
			}
		}
		if same := Intersect(s, s); len(s.scopes) <= 10 && same.Lacks(All, "") != s.Lacks(All, "") {
			t.Fatalf("%q within itself is %q", s, same)
		}
	})
}
