package record

import (
	"cairn/sample/life"
	"cairn/sample/term"
)

// label is a set of security labels (FHIR R4 6.1.1).
type label []term.Coding

const (
	systemConfidentiality = term.HL7 + "v3-Confidentiality"
	systemIdentifierType  = term.HL7 + "v2-0203"
	systemNPI             = "http://hl7.org/fhir/sid/us-npi"
	systemSSN             = "http://hl7.org/fhir/sid/us-ssn"
)

var (
	unrestricted = label{term.In(systemConfidentiality, "U", "unrestricted")}
	normal       = label{term.In(systemConfidentiality, "N", "normal")}
	restricted   = label{
		term.In(systemConfidentiality, "R", "restricted"),
		term.In(term.SystemActCode, "PSY", "psychiatry disorder information sensitivity"),
	}
)

func (w *writer) coding(c term.Coding) {
	w.text("system", c.System)
	w.text("code", c.Code)
	if c.Display != "" {
		w.text("display", c.Display)
	}
}

func (w *writer) codings(key string, all []term.Coding) {
	w.list(key)
	for _, c := range all {
		w.item()
		w.coding(c)
		w.end()
	}
	w.end()
}

// concept writes a CodeableConcept.
func (w *writer) concept(key string, c term.Concept) {
	w.object(key)
	if len(c.Codings) > 0 {
		w.codings("coding", c.Codings)
	}
	w.text("text", c.Text)
	w.end()
}

// concepts writes a list of CodeableConcepts.
func (w *writer) concepts(key string, all ...term.Concept) {
	w.list(key)
	for _, c := range all {
		w.concept("", c)
	}
	w.end()
}

// plain writes a CodeableConcept of one coding without words of its own.
func (w *writer) plain(key string, c term.Coding) {
	w.object(key)
	w.list("coding")
	w.item()
	w.coding(c)
	w.ends(3)
}

// plains writes a list of plain ones.
func (w *writer) plains(key string, all ...term.Coding) {
	w.list(key)
	for _, c := range all {
		w.plain("", c)
	}
	w.end()
}

func (w *writer) reference(key, to string) {
	w.object(key)
	w.text("reference", to)
	w.end()
}

// references writes a list of References.
func (w *writer) references(key string, all ...string) {
	w.list(key)
	for _, to := range all {
		w.reference("", to)
	}
	w.end()
}

// named writes a Reference with the words for people.
func (w *writer) named(key, to, display string) {
	w.object(key)
	w.text("reference", to)
	w.text("display", display)
	w.end()
}

func (w *writer) period(key string, from, to life.Moment) {
	w.object(key)
	w.moment("start", from)
	w.moment("end", to)
	w.end()
}

// amount writes a Quantity in the unit of a scale.
func (w *writer) amount(key string, value int, s *life.Scale) {
	w.object(key)
	w.number("value", value, s.Places)
	w.text("unit", s.Unit)
	w.text("system", term.SystemUCUM)
	w.text("code", s.UCUM)
	w.end()
}

// identifier writes an item of a list of Identifiers.
func (w *writer) identifier(kind term.Coding, system, value string) {
	w.item()
	w.text("use", "usual")
	w.plain("type", kind)
	w.text("system", system)
	w.text("value", value)
	w.end()
}

// contact writes an item of a list of ContactPoints.
func (w *writer) contact(system, value, use string) {
	w.item()
	w.text("system", system)
	w.text("value", value)
	w.text("use", use)
	w.end()
}

// address writes a list of one Address.
func (w *writer) address(use, street string, t life.Town) {
	w.list("address")
	w.item()
	w.text("use", use)
	w.words("line", street)
	w.text("city", t.Name)
	w.text("state", t.State)
	w.text("postalCode", t.Code)
	w.text("country", "US")
	w.ends(2)
}
