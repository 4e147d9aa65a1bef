package exchange

import (
	"fmt"
	"testing"

	"cairn/fhir/resource"
)

// from is one custodian's answer with these records.
func from(t *testing.T, custodian string, records ...string) answer {
	t.Helper()
	a := answer{custodian: Custodian{ID: custodian}}
	for i, raw := range records {
		doc, err := resource.Parse([]byte(raw), resource.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		a.docs = append(a.docs, doc)
		a.items = append(a.items, Item{Raw: doc.Raw(), Sources: []Source{{Custodian: custodian, URL: fmt.Sprint(custodian, i)}}})
	}
	return a
}

const (
	lab     = `{"resourceType":"Observation","id":"1","meta":{"versionId":"1"},"status":"final","subject":{"reference":"Patient/1"},"valueQuantity":{"value":6.10}}`
	likeLab = `{"id":"2","resourceType":"Observation","meta":{"versionId":"7"},"subject":{"reference":"Patient/9"},"status":"final","valueQuantity":{"value":6.10}}`
	other   = `{"resourceType":"Observation","id":"1","status":"final","subject":{"reference":"Patient/1"},"valueQuantity":{"value":6.1}}`
	her     = `{"resourceType":"Patient","id":"1","identifier":[{"system":"s","value":"v"}],"birthDate":"1970-01-01"}`
	notHer  = `{"resourceType":"Patient","id":"1","identifier":[{"system":"s","value":"v"}],"birthDate":"1970-01-02"}`
	oneName = `{"resourceType":"Patient","id":"1","name":[{"given":["a\",\"b"]}]}`
	twoName = `{"resourceType":"Patient","id":"1","name":[{"given":["a","b"]}]}`
	tricked = `{"resourceType":"Patient","id":"1","name":[{"given":["a','b"]}]}`
)

func TestMerge(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []answer
		sources []int // of each item
	}{
		{"like records of two", []answer{from(t, "a", lab), from(t, "b", likeLab)}, []int{2}},
		{"like records of one", []answer{from(t, "a", lab, likeLab)}, []int{1, 1}},
		{"two at each", []answer{from(t, "a", lab, likeLab), from(t, "b", likeLab, lab)}, []int{2, 2}},
		{"two and one", []answer{from(t, "a", lab, likeLab), from(t, "b", lab)}, []int{2, 1}},
		{"two answers of one", []answer{from(t, "a", lab), from(t, "a", likeLab)}, []int{1, 1}},
		{"another value", []answer{from(t, "a", lab), from(t, "b", other)}, []int{1, 1}},
		{"same identifiers, same content", []answer{from(t, "a", her), from(t, "b", her)}, []int{2}},
		{"same identifiers, other content", []answer{from(t, "a", her), from(t, "b", notHer)}, []int{1, 1}},
		{"quotes in a text", []answer{from(t, "a", oneName), from(t, "b", twoName), from(t, "c", tricked)}, []int{1, 1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := merge(c.answers)
			if len(got) != len(c.sources) {
				t.Fatalf("%d items instead of %d", len(got), len(c.sources))
			}
			for i, item := range got {
				if len(item.Sources) != c.sources[i] {
					t.Errorf("item %d has %d sources instead of %d", i, len(item.Sources), c.sources[i])
				}
			}
		})
	}
}
