// Package match says how likely two Patient resources are about the same person (FHIR R4 8.1.10, Patient/$match).
//
// Each thing that both say adds its weight when they agree and takes it away when they do not, after Fellegi and
// Sunter's model of record linkage: the logarithm of how much likelier the agreement is for one person than for two. What
// one of them does not say counts for nothing. An identifier of a system that gives each person one value decides alone.
// The weights are stated in the table below, not learned from anybody's data.
//
// The package is pure.
package match

import (
	"math"
	"slices"
	"strings"

	"cairn/fhir/resource"
	"cairn/fhir/search"
)

// Grade is how sure a match is, a code of http://terminology.hl7.org/CodeSystem/match-grade.
type Grade string

// The grades of a match.
const (
	Certain      Grade = "certain"
	Probable     Grade = "probable"
	Possible     Grade = "possible"
	CertainlyNot Grade = "certainly-not"
)

// Result is how two patients compare.
type Result struct {
	Score float64 // 0 to 1
	Grade Grade
}

// weights are what agreement adds and disagreement takes away, in bits.
var weights = struct {
	family, given, birth, gender, telecom, postal struct{ agree, differ float64 }
}{
	family:  struct{ agree, differ float64 }{7, 4},
	given:   struct{ agree, differ float64 }{5, 3},
	birth:   struct{ agree, differ float64 }{9, 6},
	gender:  struct{ agree, differ float64 }{1, 3},
	telecom: struct{ agree, differ float64 }{8, 0.5},
	postal:  struct{ agree, differ float64 }{3, 0.5},
}

// Bounds of the grades, in bits. prior is how unlikely it is that a candidate found by one of these things is the person.
const (
	prior    = 14
	certain  = 8
	probable = 1.5
	possible = -6
)

// Compare says how likely a is about the same person as b.
func Compare(a, b *resource.Doc) Result {
	x, y := read(a), read(b)
	if same, differ := identifiers(x.identifiers, y.identifiers); same {
		return Result{1, Certain}
	} else if differ {
		return graded(x.bits(&y) - prior/2)
	}
	return graded(x.bits(&y))
}

func graded(bits float64) Result {
	bits -= prior
	r := Result{Score: 1 / (1 + math.Exp2(-bits)), Grade: CertainlyNot}
	switch {
	case bits >= certain:
		r.Grade = Certain
	case bits >= probable:
		r.Grade = Probable
	case bits >= possible:
		r.Grade = Possible
	}
	return r
}

// person is what is compared.
type person struct {
	identifiers     [][2]string
	families        []string
	givens          []string
	birth, gender   string
	telecom, postal []string
}

func read(d *resource.Doc) (p person) {
	root := d.Root()
	for n := range root.Get("identifier").Items() {
		system, _ := n.Get("system").Text()
		value, _ := n.Get("value").Text()
		if use := n.Get("use"); value != "" && !use.Is("old") && !use.Is("temp") {
			p.identifiers = append(p.identifiers, [2]string{system, strings.TrimSpace(value)})
		}
	}
	for n := range root.Get("name").Items() {
		p.families = gather(p.families, n.Get("family"))
		p.givens = gather(p.givens, n.Get("given"))
	}
	p.birth, _ = root.Get("birthDate").Text()
	p.gender, _ = root.Get("gender").Text()
	for n := range root.Get("telecom").Items() {
		if value, ok := n.Get("value").Text(); ok {
			p.telecom = append(p.telecom, reach(value))
		}
	}
	for n := range root.Get("address").Items() {
		p.postal = gather(p.postal, n.Get("postalCode"))
	}
	return p
}

func gather(list []string, n resource.Node) []string {
	for item := range n.Items() {
		if text, ok := item.Text(); ok {
			list = append(list, search.Fold(text))
		}
	}
	return list
}

// reach brings a telephone number or an address of mail into one form: digits alone, or lower case.
func reach(s string) string {
	if strings.Contains(s, "@") {
		return strings.ToLower(strings.TrimSpace(s))
	}
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
	return digits[max(0, len(digits)-8):] // without the prefixes of countries and trunks
}

// identifiers reports whether two have an identifier in common, or one system with different values.
func identifiers(a, b [][2]string) (same, differ bool) {
	for _, x := range a {
		for _, y := range b {
			switch {
			case x[0] == "" || x[0] != y[0]:
			case x[1] == y[1]:
				same = true
			default:
				differ = true
			}
		}
	}
	return same, differ
}

func (p *person) bits(q *person) (sum float64) {
	sum += weigh(p.families, q.families, weights.family.agree, weights.family.differ)
	sum += weigh(p.givens, q.givens, weights.given.agree, weights.given.differ)
	sum += weighBirth(p.birth, q.birth)
	if p.gender != "" && q.gender != "" && p.gender != "unknown" && q.gender != "unknown" {
		sum += one(p.gender == q.gender, weights.gender.agree, weights.gender.differ)
	}
	if len(p.telecom) > 0 && len(q.telecom) > 0 {
		sum += one(slices.ContainsFunc(p.telecom, func(s string) bool { return slices.Contains(q.telecom, s) }), weights.telecom.agree, weights.telecom.differ)
	}
	return sum + weigh(p.postal, q.postal, weights.postal.agree, weights.postal.differ)
}

func one(agree bool, plus, minus float64) float64 {
	if agree {
		return plus
	}
	return -minus
}

// weigh compares lists of names by their closest pair: nothing where one is empty.
func weigh(a, b []string, agree, differ float64) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	best := 0.0
	for _, x := range a {
		for _, y := range b {
			best = max(best, alike(x, y))
		}
	}
	switch {
	case best == 1:
		return agree
	case best >= 0.92:
		return agree / 2
	}
	return -differ
}

// weighBirth compares dates by what both say: a year alone agrees with each day in it, for less; day and month that
// changed places are a slip.
func weighBirth(a, b string) float64 {
	n := min(len(a), len(b))
	switch {
	case n == 0:
		return 0
	case a[:n] == b[:n]:
		return weights.birth.agree * float64(n) / 10
	case n == 10 && a[:4] == b[:4] && a[5:7] == b[8:10] && a[8:10] == b[5:7]:
		return weights.birth.agree / 3
	}
	return -weights.birth.differ
}

// alike is the Jaro-Winkler similarity of two strings, 0 to 1.
func alike(a, b string) float64 {
	if a == b {
		return 1
	}
	x, y := []rune(a), []rune(b)
	if len(x) > maxName || len(y) > maxName {
		return 0
	}
	j := jaro(x, y)
	prefix := 0
	for prefix < min(4, len(x), len(y)) && x[prefix] == y[prefix] {
		prefix++
	}
	return j + float64(prefix)*0.1*(1-j)
}

// maxName bounds the names that are compared letter by letter.
const maxName = 100

func jaro(x, y []rune) float64 {
	window := max(0, max(len(x), len(y))/2-1)
	matched, taken := make([]rune, 0, len(x)), make([]bool, len(y))
	for i, r := range x {
		for k := max(0, i-window); k < min(len(y), i+window+1); k++ {
			if !taken[k] && y[k] == r {
				taken[k] = true
				matched = append(matched, r)
				break
			}
		}
	}
	m := float64(len(matched))
	if m == 0 {
		return 0
	}
	swaps, at := 0, 0
	for k, r := range y {
		if taken[k] {
			if matched[at] != r {
				swaps++
			}
			at++
		}
	}
	return (m/float64(len(x)) + m/float64(len(y)) + (m-float64(swaps)/2)/m) / 3
}
