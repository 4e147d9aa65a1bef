// Package record writes a life down as a FHIR R4 transaction bundle (FHIR R4 3.1.0.11).
//
// Every entry has a fullUrl urn:uuid and is created by POST; what it refers to comes before it. A resource carries the
// security label of what it tells: N (normal) of v3-Confidentiality, R (restricted) with PSY for mental health, U
// (unrestricted) for organisations and practitioners.
package record

import (
	"cairn/sample/dice"
	"cairn/sample/life"
	"cairn/sample/term"
)

// Source returns the dice of one thing that all patients share, by its kind and number: a practitioner or an organisation
// has the same content in every bundle.
type Source func(kind string, number int) *dice.Dice

// chart is a record while it is written.
type chart struct {
	*life.Life
	writer
	source  Source
	dice    *dice.Dice
	subject string // the reference to the Patient
	houses  [len(life.Houses)]string
	staff   [int(life.SpecialtyCount) * life.Variants]colleague
}

// page is a visit while it is written.
type page struct {
	*life.Visit
	label     label
	doctor    *colleague
	house     string   // the reference to where it takes place, and
	place     int      // its number
	encounter string   // the reference to the Encounter
	problems  []string // the references to what was found
}

// Write returns the bundle of a life as compact JSON. Identifiers come from the dice, shared resources from the source.
func Write(l *life.Life, identifiers *dice.Dice, shared Source) []byte {
	c := &chart{Life: l, source: shared, dice: identifiers}
	c.out = make([]byte, 0, 128<<10)
	c.object("")
	c.text("resourceType", "Bundle")
	c.text("type", "transaction")
	c.list("entry")
	c.patient()
	c.intolerances()
	for _, v := range l.Visits {
		c.encounter(v)
	}
	c.ends(2)
	return c.out
}

// begin opens an entry with its resource and returns the reference to it.
func (c *chart) begin(resource, id string, l label) string {
	reference := "urn:uuid:" + id
	c.item()
	c.text("fullUrl", reference)
	c.object("resource")
	c.text("resourceType", resource)
	c.object("meta")
	c.codings("security", l)
	c.end()
	return reference
}

// finish closes what begin opened.
func (c *chart) finish(resource string) {
	c.end()
	c.object("request")
	c.text("method", "POST")
	c.text("url", resource)
	c.ends(2)
}

// about opens an entry that belongs to a visit.
func (c *chart) about(p *page, resource string) string {
	return c.begin(resource, c.dice.UUID(), p.label)
}

// whose writes the person and the encounter; some resources call the person patient, others subject.
func (c *chart) whose(p *page, person string) {
	c.reference(person, c.subject)
	c.reference("encounter", p.encounter)
}

// intolerances writes the allergies, or that none is known, as told at the first visit.
func (c *chart) intolerances() {
	if len(c.Visits) == 0 {
		return
	}
	first := c.Visits[0]
	doctor := c.practitioner(first.By, c.Doctors[first.By]).reference
	all := c.Allergies
	if len(all) == 0 {
		all = []life.Intolerance{life.NoKnownAllergy}
	}
	for i := range all {
		c.intolerance(&all[i], first.After(3), doctor)
	}
}

func (c *chart) intolerance(a *life.Intolerance, at life.Moment, doctor string) {
	c.begin("AllergyIntolerance", c.dice.UUID(), normal)
	c.plain("clinicalStatus", term.In(term.HL7+"allergyintolerance-clinical", "active", "Active"))
	c.plain("verificationStatus", term.In(term.HL7+"allergyintolerance-verification", "confirmed", "Confirmed"))
	if a.Category != "" {
		c.text("type", "allergy")
		c.words("category", a.Category)
		if a.High {
			c.text("criticality", "high")
		} else {
			c.text("criticality", "low")
		}
	}
	c.concept("code", a.Concept)
	c.reference("patient", c.subject)
	c.moment("recordedDate", at)
	c.reference("recorder", doctor)
	if a.Category != "" {
		c.list("reaction")
		c.item()
		c.concepts("manifestation", a.Does)
		c.text("severity", a.Severity)
		c.ends(2)
	}
	c.finish("AllergyIntolerance")
}
