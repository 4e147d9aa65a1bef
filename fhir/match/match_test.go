package match

import (
	"math"
	"testing"

	"cairn/fhir/resource"
)

func patient(t testing.TB, text string) *resource.Doc {
	d, err := resource.Parse([]byte(`{"resourceType":"Patient"`+text+`}`), resource.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const ada = `,"identifier":[{"system":"urn:mrn","value":"17"}],"name":[{"family":"Lindqvist","given":["Ada","Maria"]}],"gender":"female","birthDate":"1970-03-04","telecom":[{"system":"phone","value":"+46 8 123 45 67"}],"address":[{"postalCode":"11122"}]`

func TestCompare(t *testing.T) {
	known := patient(t, ada)
	for _, c := range []struct {
		name, asked string
		want        Grade
	}{
		{"the same identifier decides", `,"identifier":[{"system":"urn:mrn","value":"17"}],"name":[{"family":"Otherwise"}]`, Certain},
		{"name, birth and telephone", `,"name":[{"family":"Lindqvist","given":["Ada"]}],"birthDate":"1970-03-04","telecom":[{"value":"08-123 45 67"}]`, Certain},
		{"name, birth and gender", `,"name":[{"family":"LINDQVIST","given":["Ada"]}],"birthDate":"1970-03-04","gender":"female"`, Certain},
		{"a slip in the name", `,"name":[{"family":"Lindkvist","given":["Ada"]}],"birthDate":"1970-03-04","gender":"female"`, Probable},
		{"day and month changed places", `,"name":[{"family":"Lindqvist","given":["Ada"]}],"birthDate":"1970-04-03","gender":"female"`, Probable},
		{"name alone", `,"name":[{"family":"Lindqvist","given":["Ada"]}]`, Possible},
		{"birth alone", `,"birthDate":"1970-03-04"`, Possible},
		{"another person of that name", `,"name":[{"family":"Lindqvist","given":["Ada"]}],"birthDate":"1991-11-30"`, CertainlyNot},
		{"her twin", `,"name":[{"family":"Lindqvist","given":["Elsa"]}],"birthDate":"1970-03-04","gender":"female"`, Possible},
		{"another identifier of the same system", `,"identifier":[{"system":"urn:mrn","value":"18"}],"name":[{"family":"Lindqvist","given":["Ada"]}],"birthDate":"1970-03-04","gender":"female"`, Possible},
		{"nothing in common", `,"name":[{"family":"Smith","given":["Bo"]}],"birthDate":"1950-01-01","gender":"male"`, CertainlyNot},
		{"nothing said", ``, CertainlyNot},
	} {
		got := Compare(patient(t, c.asked), known)
		if got.Grade != c.want {
			t.Errorf("%s: %s (%.3f), want %s", c.name, got.Grade, got.Score, c.want)
		}
		if back := Compare(known, patient(t, c.asked)); math.Abs(back.Score-got.Score) > 1e-9 {
			t.Errorf("%s: %.3f one way and %.3f the other", c.name, got.Score, back.Score)
		}
	}
}

func TestAlike(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{{"martha", "marhta", 0.961}, {"dwayne", "duane", 0.84}, {"dixon", "dicksonx", 0.813}, {"a", "b", 0}, {"", "b", 0}, {"", "", 1}} {
		if got := alike(c.a, c.b); math.Abs(got-c.want) > 0.001 {
			t.Errorf("%s and %s: %.3f, want %.3f", c.a, c.b, got, c.want)
		}
	}
}

func FuzzCompare(f *testing.F) {
	f.Add(ada, `,"name":[{"family":"L"}],"birthDate":"1970"`)
	f.Fuzz(func(t *testing.T, a, b string) {
		x, err := resource.Parse([]byte(`{"resourceType":"Patient"`+a+`}`), resource.Limits{})
		if err != nil {
			return
		}
		y, err := resource.Parse([]byte(`{"resourceType":"Patient"`+b+`}`), resource.Limits{})
		if err != nil {
			return
		}
		if r := Compare(x, y); r.Score < 0 || r.Score > 1 || math.IsNaN(r.Score) {
			t.Errorf("score %v", r.Score)
		}
	})
}
