package consent

import "slices"

// matches tells whether the rule's conditions on the item hold, the quick ones
// first.
func (p *provision) matches(item *Item) bool {
	if p.needs == 0 {
		return true
	}
	if p.unclear&(inPeriod|inDates|inElse) != 0 && p.says != Deny {
		return false
	}
	return (p.needs&inData == 0 || p.either(inData, p.datum(item)).holds(p.says)) &&
		(p.needs&inDates == 0 || p.date(item).holds(p.says)) &&
		(p.needs&inClass == 0 || p.either(inClass, p.class(item)).holds(p.says)) &&
		(p.needs&inLabel == 0 || p.label(item)) &&
		(p.needs&inCode == 0 || p.either(inCode, p.code(item)).holds(p.says))
}

// either adds to an answer the values of the same condition that cannot be
// evaluated.
func (p *provision) either(kind aspect, a answer) answer {
	if p.unclear&kind != 0 {
		return max(a, unknown)
	}
	return a
}

// class tells whether the item is of one of the types or classes.
func (p *provision) class(item *Item) answer {
	for _, t := range p.types {
		if t == item.Type || t == "Resource" || t == "DomainResource" && item.Type != "Binary" && item.Type != "Bundle" && item.Type != "Parameters" {
			return yes
		}
	}
	best := no
	for i := range p.classes {
		best = max(best, among(&p.classes[i], item.Categories), among(&p.classes[i], item.Codes))
	}
	if best == no && len(p.classes) > 0 && (unread(item) || len(item.Categories)+len(item.Codes) == 0 && isDocument(item.Type)) {
		return unknown
	}
	return best
}

// unread tells whether it is not known which codes the item has.
func unread(item *Item) bool { return item.Codes == nil || item.Categories == nil }

func isDocument(typ string) bool {
	return typ == "DocumentReference" || typ == "DocumentManifest" || typ == "Composition" || typ == "Bundle"
}

// code tells whether one of the codes or categories is found in the item.
func (p *provision) code(item *Item) answer {
	best := no
	for i := range p.codes {
		c := &p.codes[i]
		best = max(best, among(c, item.Codes), among(c, item.Categories))
		if best == yes {
			return yes
		}
		if best == no && silent(c, item) {
			best = unknown
		}
	}
	return best
}

// silent tells whether the item, which does not have the code, lacks the codes
// that would show whether it is meant.
func silent(c *Coding, item *Item) bool {
	if unread(item) {
		return true
	}
	if typ, ok := categorised[c.System]; ok {
		return item.Type == typ && len(item.Categories) == 0
	}
	if len(item.Codes) > 0 || uncoded[item.Type] {
		return false
	}
	for i := range item.Categories {
		if item.Categories[i].System == c.System {
			return false
		}
	}
	return true
}

// categorised are the code systems of categories, and the type whose records
// they sort.
var categorised = map[string]string{
	ObservationCategory: "Observation",
	"http://terminology.hl7.org/CodeSystem/condition-category": "Condition",
	"http://terminology.hl7.org/CodeSystem/v2-0074":            "DiagnosticReport",
}

// ObservationCategory is the code system of laboratory, vital-signs and the
// other categories of Observation.
const ObservationCategory = "http://terminology.hl7.org/CodeSystem/observation-category"

// uncoded are the types whose records say who and where, and never what.
var uncoded = map[string]bool{
	"Patient": true, "Practitioner": true, "PractitionerRole": true, "Organization": true, "Location": true,
	"RelatedPerson": true, "HealthcareService": true, "Endpoint": true,
}

// among tells whether a coding is in a list. A code whose system is missing on
// one side may or may not be the same.
func among(c *Coding, list []Coding) answer {
	best := no
	for i := range list {
		if list[i].Code != c.Code {
			continue
		}
		if list[i].System == c.System && c.System != "" {
			return yes
		}
		if list[i].System == "" || c.System == "" {
			best = unknown
		}
	}
	return best
}

// label tells whether the labels of the item meet the rule's: for a permit the
// confidentiality and the sensitivity, for a deny one of them.
func (p *provision) label(item *Item) bool {
	lv, labelled := levelOf(item.Labels)
	sensitive := no
	if !labelled {
		sensitive = unknown
	}
	for i := range p.labels {
		sensitive = max(sensitive, among(&p.labels[i], item.Labels))
	}
	if p.says == Deny {
		return p.unclear&inLabel != 0 || p.level != 0 && lv >= p.level || len(p.labels) > 0 && sensitive != no
	}
	return p.unclear&inLabel == 0 && (p.level == 0 || lv <= p.level) && (len(p.labels) == 0 || sensitive == yes)
}

// date tells whether the item's clinical date lies in the data period.
func (p *provision) date(item *Item) answer {
	switch {
	case item.Lo == 0 && item.Hi == 0:
		return unknown
	case item.Lo >= p.dates.Hi || max(item.Hi, item.Lo+1) <= p.dates.Lo:
		return no
	case item.Lo >= p.dates.Lo && item.Hi <= p.dates.Hi:
		return yes
	}
	return unknown
}

// datum tells whether the item is one of the records pointed at, or connected
// with one.
func (p *provision) datum(item *Item) answer {
	best := no
	for i := range p.data {
		best = max(best, p.data[i].concerns(item))
	}
	return best
}

func (d *target) concerns(item *Item) answer {
	if d.means == authoredBy {
		return authored(item, d.reference)
	}
	if isInstance(item, d.reference) {
		return yes
	}
	if d.means == instance {
		return no
	}
	return contains(item.References, d.reference)
}

// isInstance tells whether the reference is to the item, without making a
// string.
func isInstance(item *Item, ref string) bool {
	n := len(item.Type)
	return len(ref) == n+1+len(item.ID) && ref[n] == '/' && ref[n+1:] == item.ID && ref[:n] == item.Type
}

func authored(item *Item, ref string) answer {
	if item.Source == ref {
		return yes
	}
	a := contains(item.Authors, ref)
	const org = "Organization/"
	if a == unknown && item.Source != "" && len(ref) > len(org) && ref[:len(org)] == org {
		return no
	}
	return a
}

func contains(list []string, ref string) answer {
	if list == nil {
		return unknown
	}
	if slices.Contains(list, ref) {
		return yes
	}
	return no
}
