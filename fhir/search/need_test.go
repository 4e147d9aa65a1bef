package search

import (
	"fmt"
	"time"

	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cairn/fhir/resource"
)

// meets is what a store does with a need.
func (n Need) meets(x *Index, p Postings) bool {
	return slices.Contains(n.IDs, x.Facets.ID) ||
		x.Subject != "" && slices.Contains(n.Subjects, x.Subject) ||
		slices.ContainsFunc(n.Keys, func(k int64) bool { return slices.Contains(p.Keys, k) }) ||
		slices.ContainsFunc(n.Words, func(w Word) bool {
			return slices.ContainsFunc(p.Words, func(v Word) bool { return v.Key == w.Key && strings.HasPrefix(v.Value, w.Value) })
		}) ||
		slices.ContainsFunc(n.Ranges, func(r Range) bool {
			return slices.ContainsFunc(p.Spans, func(s Span) bool { return s.Key == r.Key && s.Lo < r.Hi && s.Hi > r.Lo })
		}) ||
		n.Updated != nil && n.Updated.Lo <= x.Updated && x.Updated < n.Updated.Hi
}

// TestNeedsAreNecessary asks for Synthea's records by their own values, and for others by them.
func TestNeedsAreNecessary(t *testing.T) {
	byType := map[string][]Index{}
	for _, d := range synthea(t) {
		x, err := Extract(d)
		if err != nil {
			t.Fatal(err)
		}
		byType[d.Type()] = append(byType[d.Type()], x)
	}
	types := make([]string, 0, len(byType))
	for typ := range byType {
		types = append(types, typ)
	}
	slices.Sort(types)
	matches, ruledOut := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		all := byType[rapid.SampledFrom(types).Draw(t, "type")]
		seed := rapid.SampledFrom(all).Draw(t, "record")
		values := url.Values{}
		for range rapid.IntRange(1, 3).Draw(t, "clauses") {
			name, value := question(t, &seed)
			values.Add(name, value)
		}
		q, err := ParseQuery(seed.Facets.Type, values, Options{})
		if err != nil {
			return // e.g. the same id twice
		}
		needs := q.Needs()
		for range 20 {
			x := rapid.SampledFrom(all).Draw(t, "other")
			check(t, q, needs, &x, &matches, &ruledOut)
		}
		check(t, q, needs, &seed, &matches, &ruledOut)
	})
	if matches < 100 || ruledOut < 100 {
		t.Errorf("%d matches and %d ruled out: the test says little", matches, ruledOut)
	}
}

func check(t *rapid.T, q Query, needs []Need, x *Index, matches, ruledOut *int) {
	p := x.Postings()
	for i, n := range needs {
		if n.meets(x, p) {
			continue
		}
		*ruledOut++
		if q.Match(x) {
			t.Fatalf("%+v\nis found by %+v\nbut does not meet need %d: %+v\n%+v", x, q, i, n, p)
		}
	}
	if q.Match(x) {
		*matches++
	}
}

var escape = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `|`, `\|`, `$`, `\$`)

// question draws a parameter and a value that comes from a record.
func question(t *rapid.T, x *Index) (name, value string) {
	var all [][2]string
	add := func(name, value string) { all = append(all, [2]string{name, value}) }
	add("_id", x.Facets.ID)
	for _, v := range x.Tokens {
		if v.Code != "" {
			add(v.Param, escape.Replace(v.System)+"|"+escape.Replace(v.Code))
			add(v.Param, escape.Replace(v.Code))
		}
	}
	for _, v := range x.References {
		if v.Target != "" {
			add(v.Param, v.Target)
			if _, id, local, ok := resource.Target(v.Target); ok && local {
				add(v.Param, id)
			}
		}
	}
	for _, v := range x.Texts {
		add(v.Param, escape.Replace(v.Value))
		add(v.Param+":exact", escape.Replace(v.Value))
	}
	for _, v := range x.Identifiers {
		add(v.Param+":of-type", escape.Replace(v.System)+"|"+escape.Replace(v.Code)+"|"+escape.Replace(v.Value))
	}
	for _, v := range x.URIs {
		add(v.Param, escape.Replace(v.Value))
	}
	for _, v := range x.Quantities {
		prefix := rapid.SampledFrom([]string{"", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"}).Draw(t, "prefix")
		add(v.Param, prefix+fmt.Sprint(v.Lo))
		add(v.Param, fmt.Sprintf("%s%v|%s|%s", prefix, v.Lo, escape.Replace(v.System), escape.Replace(v.Code)))
		add(v.Param, fmt.Sprintf("%s%v|http://unitsofmeasure.org|%s", prefix, v.Lo/1000, "k"+escape.Replace(v.Code)))
	}
	for _, v := range x.Composites {
		if v.Param == "code-value-quantity" || v.Param == "combo-code-value-quantity" {
			q := x.Quantities[v.parts[1][0]]
			add(v.Param, fmt.Sprintf("%s$ge%v|%s|%s", escape.Replace(x.Tokens[v.parts[0][0]].Code), q.Lo, escape.Replace(q.System), escape.Replace(q.Code)))
		}
	}
	for _, v := range x.Dates {
		prefix := rapid.SampledFrom([]string{"", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"}).Draw(t, "prefix")
		add(v.Param, prefix+when(v.Lo))
		add(v.Param, prefix+when(v.Lo)[:4])
	}
	picked := rapid.SampledFrom(all).Draw(t, "question")
	return picked[0], picked[1]
}

func when(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
