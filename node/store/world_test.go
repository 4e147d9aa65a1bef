package store_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/node/store"
)

// world is some records that refer to each other, as a store has them and as
// the plain meaning of a search has them.
type world struct {
	records []store.Record // the current ones, in the order in which they were first stored
	order   int            // versions stored so far
}

type object = map[string]any

type list = []any

func ref(to string) object { return object{"reference": to} }

func coding(system, code string) object {
	return object{"coding": list{object{"system": system, "code": code}}}
}

// The vocabulary is small, so that random searches hit.
var (
	patients = []string{"pt0", "pt1", "pt2", "pt3"}
	codes    = []string{"c1", "c2", "c3"}
	systems  = []string{"http://s1", "http://s2"}
	words    = []string{"Ann", "Anna", "Béa", "Annabel", "Zoë", "alpha", "Alpha beta"}
	days     = []string{"2020", "2020-02", "2020-02-03", "2020-03-01T10:00:00Z", "2021-01-01"}
)

// draw makes one resource; whom it is about follows from its id, as it does not
// change from one version to the next.
func draw(t *rapid.T, typ string, n int) object {
	one := func(of []string) string { return rapid.SampledFrom(of).Draw(t, "value") }
	maybe := func() bool { return rapid.Bool().Draw(t, "maybe") }
	number := func(below int) string { return fmt.Sprint(rapid.IntRange(0, below-1).Draw(t, "n")) }
	o := object{"resourceType": typ, "id": fmt.Sprint(strings.ToLower(typ[:2]), n)}
	if about := n % 5; about < 4 && (typ == "Observation" || typ == "Encounter" || typ == "Condition") {
		o["subject"] = ref("Patient/" + patients[about])
	}
	switch typ {
	case "Patient":
		o["id"] = patients[n]
		o["name"] = list{object{"family": one(words), "given": list{one(words)}}}
		o["gender"] = one([]string{"female", "male"})
		if maybe() {
			o["birthDate"] = one([]string{"1980-02-03", "1990", "1990-05"})
			o["identifier"] = list{object{"system": one(systems), "value": one(codes), "type": coding("http://t", one(codes))}}
		}
		if maybe() {
			o["generalPractitioner"] = list{ref("Practitioner/pr" + number(3)), ref("Organization/or" + number(3))}
		}
		o["managingOrganization"] = ref("Organization/or" + number(4))
	case "Practitioner":
		o["name"] = list{object{"family": one(words)}}
	case "Organization":
		o["name"], o["partOf"] = one(words), ref("Organization/or"+number(4))
	case "Encounter":
		o["status"], o["class"] = "finished", object{"system": one(systems), "code": one([]string{"AMB", "EMER"})}
		o["period"] = object{"start": one(days[1:])}
		if maybe() {
			o["partOf"] = ref("Encounter/en" + number(8))
		}
	case "Condition":
		if maybe() {
			o["onsetPeriod"] = object{"start": one(days), "end": "2021-03"}
		}
		o["code"] = coding(one(systems), one(codes))
		o["encounter"] = ref("Encounter/en" + number(8))
	case "Observation":
		o["status"], o["code"] = "final", object{"coding": list{object{"system": one(systems), "code": one(codes)}}, "text": one(words)}
		if maybe() {
			o["category"] = list{coding("http://cat", one(codes))}
		}
		if maybe() {
			o["encounter"] = ref("Encounter/en" + number(8))
			o["performer"] = list{ref("Practitioner/pr" + number(3)), ref("Patient/" + one(patients))}
		}
		if maybe() {
			o["effectiveDateTime"] = one(days)
		}
		if maybe() {
			o["hasMember"] = list{ref("Observation/ob" + number(30))}
		}
		if maybe() {
			var parts list
			for range rapid.IntRange(1, 3).Draw(t, "parts") {
				parts = append(parts, object{"code": coding("http://s1", one(codes)), "valueQuantity": object{"value": rapid.IntRange(0, 5).Draw(t, "part"), "code": "mg", "system": "http://unitsofmeasure.org"}})
			}
			o["component"] = parts
		}
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			o["valueQuantity"] = object{"value": rapid.IntRange(0, 9).Draw(t, "number"), "system": "http://unitsofmeasure.org", "code": one([]string{"mg", "g"})}
		case 1:
			o["valueString"] = one(words)
		case 2:
			o["valueCodeableConcept"] = coding(one(systems), one(codes))
		}
	case "Provenance":
		o["recorded"] = "2020-03-01T10:00:00Z"
		o["target"] = list{ref("Observation/ob" + number(30)), ref("Encounter/en" + number(8)), ref("Patient/" + patients[n])}
		o["agent"] = list{object{"who": ref("Practitioner/pr" + number(3))}}
	}
	return o
}

// sizes is how many records of each type there can be.
var sizes = map[string]int{
	"Patient": 4, "Practitioner": 3, "Organization": 4, "Encounter": 8, "Condition": 6, "Observation": 30, "Provenance": 4,
}

var types = []string{"Condition", "Encounter", "Observation", "Organization", "Patient", "Practitioner", "Provenance"}

// next makes the next version of a record in the world, for a store to follow.
func (w *world) next(t *rapid.T, typ string, n int, deleted bool) (r store.Record, previous uint64) {
	raw, err := json.Marshal(draw(t, typ, n))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := resource.Parse(raw, resource.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	x, err := search.Extract(doc)
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	w.order++
	r = store.Record{Type: typ, ID: doc.ID(), Version: 1, Subject: x.Subject, Updated: int64(w.order / 3 * 1000), Deleted: deleted, Body: []byte{1}, Index: x}
	at := slices.IndexFunc(w.records, func(old store.Record) bool { return old.Type == typ && old.ID == r.ID })
	if at >= 0 {
		previous = w.records[at].Version
		r.Version = previous + 1
	}
	r.Index.Updated = r.Updated
	if at >= 0 {
		w.records[at] = r
	} else {
		w.records = append(w.records, r)
	}
	return r, previous
}

func name(r *store.Record) string { return r.Type + "/" + r.ID }

// sight is what somebody may see.
type sight func(subject string, f search.Facets) bool

// allow is the store's Allow of a sight; nil allows all.
func (s sight) allow(h *store.Hit) bool { return s == nil || s(h.Subject, h.Facets) }

// seen returns the world as somebody sees it from whom some records are hidden.
func (w *world) seen(allow sight) *world {
	v := &world{}
	for _, r := range w.records {
		if !r.Deleted && allow(r.Subject, r.Index.Facets) {
			v.records = append(v.records, r)
		}
	}
	slices.SortStableFunc(v.records, store.InOrder)
	return v
}

// find returns what a query finds, by its meaning, one record after the other.
func (w *world) find(q search.Query) (found []store.Record) {
	for len(q.Chains) > 0 {
		q = q.Resolve(0, w.reach(q.Chains[0], q.Type))
	}
	for _, r := range w.records {
		if q.Match(&r.Index) {
			found = append(found, r)
		}
	}
	return found
}

func (w *world) reach(c search.Chain, typ string) (targets []string) {
	for _, of := range c.Of {
		for _, r := range w.find(of) {
			if !c.Reverse {
				targets = append(targets, name(&r))
				continue
			}
			for _, to := range r.Index.Targets(c.Param) {
				if id, found := strings.CutPrefix(to.Target, typ+"/"); found {
					targets = append(targets, id)
				}
			}
		}
	}
	return targets
}

// ordered returns records in the order of sort rules.
func ordered(found []store.Record, rules []search.SortRule) []store.Record {
	if len(rules) == 0 {
		return found
	}
	if rules[0].Descending {
		slices.Reverse(found) // equal ones turn as well
	}
	slices.SortStableFunc(found, func(a, b store.Record) int {
		for _, rule := range rules {
			x, hasX := a.Index.SortKey(rule)
			y, hasY := b.Index.SortKey(rule)
			c := bytes.Compare(x, y)
			if rule.Descending {
				c = -c
			}
			if hasX != hasY {
				return map[bool]int{true: -1, false: 1}[hasX]
			}
			if hasX && c != 0 {
				return c
			}
		}
		return 0
	})
	return found
}

// include returns the names of what a page has beside its matches.
func (w *world) include(rules []search.Include, matches []store.Record) []string {
	seen := map[string]bool{}
	for _, r := range matches {
		seen[name(&r)] = true
	}
	var found []string
	for from, first := matches, true; len(from) > 0; first = false {
		var next []store.Record
		for _, rule := range rules {
			if !first && !rule.Iterate {
				continue
			}
			for _, r := range w.records {
				if !seen[name(&r)] && slices.ContainsFunc(from, func(f store.Record) bool { return leads(rule, &f, &r) }) {
					seen[name(&r)] = true
					next, found = append(next, r), append(found, name(&r))
				}
			}
		}
		from = next
	}
	slices.Sort(found)
	return found
}

// leads tells whether a rule leads from one record to another.
func leads(rule search.Include, from, to *store.Record) bool {
	if rule.Reverse {
		from, to = to, from
	}
	target := to
	if rule.Type != "*" && from.Type != rule.Type || rule.Target != "" && target.Type != rule.Target {
		return false
	}
	return slices.ContainsFunc(from.Index.Targets(rule.Param), func(r search.Reference) bool { return r.Target == name(to) })
}

// conditions are what can be asked of a type.
var conditions = map[string][]string{
	"Observation": {
		"code=c1", "code=http://s1|c2", "code=http://s2|", "code=c1,c3", "code:not=c1", "code:missing=true", "code:text=alp", "category=c1", "category:missing=false",
		"combo-code=c2", "date=ge2020-02", "date=2020", "date=lt2020-02-03", "date=ne2020-02", "value-quantity=gt5||mg", "value-quantity=5|http://unitsofmeasure.org|mg",
		"value-quantity=le0.004|http://unitsofmeasure.org|g", "value-string=an", "value-string:exact=Alpha", "value-string:contains=lph", "value-concept=c1", "component-value-quantity=gt2", "component-value-quantity=lt3", "component-value-quantity=ge4|http://unitsofmeasure.org|mg", "component-value-quantity=le2|http://unitsofmeasure.org|mg",
		"subject=Patient/pt1", "patient=pt2", "patient=Patient/pt0,Patient/pt3", "patient:missing=true", "encounter=en1", "encounter=Encounter/en1,Encounter/en2,Encounter/en7",
		"performer=Practitioner/pr1", "performer=pt1", "code-value-quantity=c1$gt3", "code-value-concept=c2$c1", "_id=ob1,ob2,ob29", "_lastUpdated=gt1970-01-01T00:00:10Z",
		"_lastUpdated=le1970-01-01T00:00:05Z", "has-member=Observation/ob3,Observation/ob4", "subject:Patient.name=an", "patient.gender=female", "encounter.class=AMB",
		"performer:Practitioner.name=b", "encounter.subject:Patient.name=z", "_has:Provenance:target:agent=Practitioner/pr1", "_has:Observation:has-member:code=c1",
		"has-member.code=c2", "patient.organization.name=an", "patient._has:Condition:patient:code=c3", "status=final",
	},
	"Patient": {
		"name=ann", "family=Z", "given:exact=Béa", "name:contains=nab", "birthdate=1990", "birthdate=lt1985", "gender=female", "gender:not=male", "identifier=http://s1|c1",
		"identifier=c2", "identifier:of-type=http://t|c1|c2", "general-practitioner=Practitioner/pr1", "general-practitioner:Practitioner.name=a", "organization.partof.name=b",
		"_has:Observation:patient:code=c1", "_has:Observation:subject:encounter.class=AMB", "_has:Encounter:patient:_has:Condition:encounter:code=c1", "_id=pt1,pt2",
		"_has:Observation:performer:code=c2", "_has:Provenance:target:agent.name=an",
	},
	"Encounter": {
		"class=AMB", "date=ge2020-02-03", "subject=Patient/pt1", "patient=pt2", "part-of=Encounter/en1", "part-of.class=EMER", "subject:Patient.name=a", "_has:Observation:encounter:code=c1",
		"_has:Condition:encounter:code=c1,c2", "status=finished", "part-of:missing=true",
	},
	"Condition": {
		"onset-date=ge2020-02", "onset-date=lt2020-02-03", "onset-date=2021", "onset-date=gt2020-02-02", "recorded-date:missing=true",
		"code=c1,c2", "subject=Patient/pt1", "patient=pt2", "encounter=en1", "encounter.class=AMB", "patient.name=an",
	},
	"Organization": {"name=a", "partof=or1", "partof.name=a", "_has:Patient:organization:gender=female", "name:contains=n"},
	"Practitioner": {"name=an", "_has:Observation:performer:code=c1", "_has:Patient:general-practitioner:name=an", "family=zo"},
	"Provenance":   {"target=Observation/ob1,Observation/ob2", "agent=Practitioner/pr1", "patient=pt1", "target:Observation.code=c1"},
}

var sorts = []string{"", "", "_id", "-_id", "_lastUpdated", "-_lastUpdated", "-_lastUpdated,_id"}

var sortsOf = map[string][]string{
	"Observation": {"date", "-date", "code,-date", "-value-quantity"}, "Patient": {"family", "-birthdate,given"}, "Encounter": {"-date", "class"}, "Organization": {"name"},
}

var includes = map[string][]string{
	"Observation": {
		"_include=Observation:subject", "_include=Observation:performer:Practitioner", "_include=Observation:*", "_include=*", "_include:iterate=Patient:organization",
		"_include:iterate=Organization:partof", "_include:iterate=Observation:has-member", "_revinclude=Provenance:target", "_revinclude=*", "_revinclude:iterate=Observation:has-member",
		"_include:iterate=Encounter:part-of", "_include=Observation:encounter", "_revinclude=Provenance:*",
	},
	"Patient": {
		"_include=Patient:general-practitioner", "_include=Patient:organization", "_include:iterate=Organization:partof", "_revinclude=Observation:subject", "_revinclude=Observation:patient",
		"_revinclude=*", "_revinclude:iterate=Provenance:target", "_revinclude=Encounter:patient",
	},
	"Encounter": {"_include:iterate=Encounter:part-of", "_revinclude:iterate=Encounter:part-of", "_include=Encounter:subject", "_revinclude=Observation:encounter", "_revinclude:iterate=*"},
}

// ask draws a search on a type.
func ask(t *rapid.T, typ string) search.Query {
	values := url.Values{}
	add := func(condition string) {
		k, v, _ := strings.Cut(condition, "=")
		values.Add(k, v)
	}
	of := conditions[typ]
	if rapid.IntRange(0, 2).Draw(t, "chained") == 0 {
		of = slices.DeleteFunc(slices.Clone(of), func(c string) bool { return !strings.Contains(c, ".") && c[0] != '_' })
	}
	for range rapid.SampledFrom([]int{0, 1, 1, 2}).Draw(t, "conditions") {
		add(rapid.SampledFrom(of).Draw(t, "condition"))
	}
	for range rapid.IntRange(0, 2).Draw(t, "includes") {
		if of := includes[typ]; of != nil {
			add(rapid.SampledFrom(of).Draw(t, "include"))
		}
	}
	if by := rapid.SampledFrom(append(slices.Clone(sorts), sortsOf[typ]...)).Draw(t, "sort"); by != "" {
		values.Set("_sort", by)
	}
	if total := rapid.SampledFrom([]string{"", "none", "accurate"}).Draw(t, "total"); total != "" {
		values.Set("_total", total)
	}
	values.Set("_count", fmt.Sprint(rapid.IntRange(1, 7).Draw(t, "count")))
	q, err := search.ParseQuery(typ, values, search.Options{})
	if err != nil {
		t.Skip(err) // e.g. _id twice
	}
	return q
}

// blind draws who may see what: some patients' records are hidden as a whole,
// and some records of the others.
func blind(t *rapid.T) sight {
	kind := rapid.SampledFrom([]int{0, 1, 2, 2, 3}).Draw(t, "blind")
	salt := rapid.IntRange(0, 99).Draw(t, "salt")
	return func(subject string, f search.Facets) bool {
		switch n := hashOf(f.Type+f.ID, salt); kind {
		case 0:
			return true
		case 1:
			return subject == "" || hashOf(subject, salt)%2 == 0
		case 2:
			return n%4 != 0
		default:
			return n%2 == 0
		}
	}
}

func hashOf(s string, salt int) int {
	n := salt
	for _, c := range []byte(s) {
		n = (n*31 + int(c)) % 10007
	}
	return n
}

func names(of []store.Record) (out []string) {
	for i := range of {
		out = append(out, name(&of[i]))
	}
	return out
}

func compareNames(a, b store.Hit) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
}
