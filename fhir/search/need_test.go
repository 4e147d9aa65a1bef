package search

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cairn/fhir/resource"
	"cairn/fhir/search/index"
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
	questions(x, func(name, value string) { all = append(all, [2]string{name, value}) })
	for _, v := range x.Dates {
		prefix := rapid.SampledFrom(prefixList).Draw(t, "prefix")
		all = append(all, [2]string{v.Param, prefix + when(v.Lo)}, [2]string{v.Param, prefix + when(v.Lo)[:4]})
	}
	for _, v := range x.Quantities {
		n := rapid.SampledFrom(prefixList).Draw(t, "prefix") + fmt.Sprint(v.Lo)
		all = append(all, [2]string{v.Param, n}, [2]string{v.Param, n + "|" + escape.Replace(v.System) + "|" + escape.Replace(v.Code)},
			[2]string{v.Param, n + "|http://unitsofmeasure.org|k" + escape.Replace(v.Code)})
	}
	picked := rapid.SampledFrom(all).Draw(t, "question")
	return picked[0], picked[1]
}

var prefixList = []string{"", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"}

// questions goes over questions that find a record, by its own values.
func questions(x *Index, ask func(name, value string)) {
	if x.Facets.ID != "" {
		ask("_id", x.Facets.ID)
	}
	for _, v := range x.Tokens {
		if v.Text != "" && Fold(v.Text) != "" {
			ask(v.Param+":text", escape.Replace(v.Text))
		}
		if v.Code != "" {
			ask(v.Param, escape.Replace(v.System)+"|"+escape.Replace(v.Code))
			ask(v.Param, escape.Replace(v.Code))
		}
	}
	for _, v := range x.Identifiers {
		if v.System != "" {
			ask(v.Param+":of-type", escape.Replace(v.System)+"|"+escape.Replace(v.Code)+"|"+escape.Replace(v.Value))
		}
	}
	for _, v := range x.Texts {
		if v.Param != index.Phonetic && Fold(v.Value) != "" {
			ask(v.Param, escape.Replace(v.Value))
			ask(v.Param+":contains", escape.Replace(v.Value))
			ask(v.Param+":exact", escape.Replace(v.Value))
		}
	}
	for _, v := range x.Dates {
		ask(v.Param, "le9999")
		ask(v.Param, "ge0001")
		ask(v.Param+":missing", "false")
	}
	for _, v := range x.Numbers {
		ask(v.Param, fmt.Sprint(v.Lo))
	}
	for _, v := range x.URIs {
		ask(v.Param, escape.Replace(v.Value))
		ask(v.Param+":below", escape.Replace(v.Value))
		ask(v.Param+":above", escape.Replace(v.Value))
	}
	for _, v := range x.Places {
		ask(v.Param, fmt.Sprintf("%v|%v|0", v.Latitude, v.Longitude))
	}
	askReferences(x, ask)
	askQuantities(x, ask)
}

func askReferences(x *Index, ask func(name, value string)) {
	for _, v := range x.References {
		if v.Value != "" {
			ask(v.Param+":identifier", escape.Replace(v.System)+"|"+escape.Replace(v.Value))
		}
		if v.Target == "" {
			continue
		}
		ask(v.Param, escape.Replace(v.Target))
		if typ, id, local, ok := resource.Target(v.Target); ok && local {
			if p := index.Of(x.Facets.Type).Param(v.Param); p.CanTarget(typ) {
				ask(v.Param+":"+typ, id)
			}
		}
	}
}

func askQuantities(x *Index, ask func(name, value string)) {
	for _, v := range x.Quantities {
		if math.IsInf(v.Lo, 0) || v.Lo != v.Hi {
			continue
		}
		n := strconv.FormatFloat(v.Lo, 'f', -1, 64)
		ask(v.Param, n)
		ask(v.Param, n+"||"+escape.Replace(v.Code))
		if v.Code != "" {
			ask(v.Param, "ge"+n+"|"+escape.Replace(v.System)+"|"+escape.Replace(v.Code))
		}
		if m, ok := index.MeasureOf(v.System, v.Code); ok && m.Of(v.Lo) == v.Lo {
			ask(v.Param, n+"|http://unitsofmeasure.org|"+escape.Replace(m.Base))
		}
	}
	for _, v := range x.Composites {
		p := index.Of(x.Facets.Type).Param(v.Param)
		var parts []string
		for i, part := range p.Components {
			parts = append(parts, written(x, part.Of.Kind, int(v.Parts[i][0])))
		}
		if !slices.Contains(parts, "") {
			ask(v.Param, strings.Join(parts, "$"))
		}
	}
}

// written is a value of an index as a question for it.
func written(x *Index, kind Kind, at int) string {
	switch kind {
	case ByToken:
		return escape.Replace(x.Tokens[at].Code)
	case ByReference:
		return escape.Replace(x.References[at].Target)
	case ByText:
		return escape.Replace(x.Texts[at].Value)
	case ByDate:
		return "ap" + when(x.Dates[at].Lo)
	case ByNumber:
		return fmt.Sprint(x.Numbers[at].Lo)
	case ByQuantity:
		if q := x.Quantities[at]; !math.IsInf(q.Lo, 0) {
			return "le" + strconv.FormatFloat(q.Lo, 'f', -1, 64)
		}
	}
	return ""
}

func when(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
