package index

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"cairn/fhir/resource"
	"cairn/fhir/search/param"
)

// Revision counts the changes to how values are taken out of resources, encoded and posted, as far as they do not show
// in the tables of package param: stored records are then taken apart anew. TestRevision says when it is to be counted up.
const Revision = 1

// Prints tells the definitions of search parameters apart: by resource type, "Resource" having those of every type, and
// by name, a print of all from which follows what is taken out of a record under the parameter and posted.
type Prints map[string]map[string]string

// CurrentPrints is those of the definitions that this program has. They must not be changed.
func CurrentPrints() Prints { return currentPrints() }

var currentPrints = sync.OnceValue(func() Prints {
	all := Prints{"Resource": printsOf("Resource")}
	for _, typ := range resource.Types() {
		if of := printsOf(typ); len(of) > 0 {
			all[typ] = of
		}
	}
	return all
})

func printsOf(typ string) map[string]string {
	out := make(map[string]string)
	rows := param.Of(typ)
	for i := range rows {
		if unanswered[rows[i].Name] == "" && !AnsweredElsewhere(rows[i].Name) {
			out[rows[i].Name] = printOf(&rows[i], rows)
		}
	}
	return out
}

// printOf is the print of a parameter; that of a composite follows from its parts too, and that of one that others
// cover from those.
func printOf(p *param.Param, of []param.Param) string {
	names := strings.Fields(p.Cover)
	for _, part := range p.Parts {
		names = append(names, part.Param)
	}
	var others []*param.Param
	for i := range of {
		if slices.Contains(names, of[i].Name) {
			others = append(others, &of[i])
		}
	}
	what := struct {
		Revision, Encoding    int
		Kind                  Kind
		Path, Targets, System string
		Contact, Canonical    bool
		Cover                 string
		Parts                 []param.Part
		Of                    []*param.Param
	}{Revision, indexVersion, p.Kind, p.Path, p.Targets, p.System, p.Contact, p.Canonical, p.Cover, p.Parts, others}
	raw, err := json.Marshal(what)
	if err != nil {
		panic(err) // texts and numbers only
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:6])
}

// Sum is one print of all.
func (p Prints) Sum() string {
	raw, err := json.Marshal(p) // maps in the order of their keys
	if err != nil {
		panic(err) // texts only
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// Difference is what there is to do for records that were taken apart by other definitions.
type Difference struct {
	Types []string                   // whose records are to be taken apart anew, in order
	Fresh map[string]map[string]bool // by type as in Prints: the parameters under which they cannot be found yet
	Moved bool                       // a definition is another than it was, so that there may be postings that belong nowhere
}

// Since compares with the definitions by which records were taken apart.
func (p Prints) Since(old Prints) Difference {
	d := Difference{Fresh: make(map[string]map[string]bool)}
	types := make(map[string]bool)
	for _, typ := range slices.Concat(slices.Collect(maps.Keys(p)), slices.Collect(maps.Keys(old))) {
		if !maps.Equal(p[typ], old[typ]) {
			types[typ] = true
		}
		for name, now := range p[typ] {
			was, there := old[typ][name]
			if was == now {
				continue
			}
			if d.Fresh[typ] == nil {
				d.Fresh[typ] = make(map[string]bool)
			}
			d.Fresh[typ][name] = true
			d.Moved = d.Moved || there
		}
	}
	if types["Resource"] {
		d.Types = slices.Sorted(slices.Values(resource.Types()))
		return d
	}
	d.Types = slices.Sorted(maps.Keys(types))
	return d
}

// Without is the definitions but some, which stays as it is.
func (p Prints) Without(some map[string]map[string]bool) Prints {
	out := make(Prints, len(p))
	for typ, of := range p {
		out[typ] = maps.Clone(of)
		maps.DeleteFunc(out[typ], func(name, _ string) bool { return some[typ][name] })
	}
	return out
}
