package record

import (
	"cairn/sample/life"
	"cairn/sample/term"
)

// encounter writes a visit and what was done at it, in the order of a day in hospital.
func (c *chart) encounter(v *life.Visit) {
	p := &page{Visit: v, label: normal, place: c.Clinic, doctor: c.practitioner(v.By, c.Doctors[v.By])}
	if v.Secret() {
		p.label = restricted
	}
	if v.Hospital {
		p.place = c.Ward
	}
	p.house = c.organisation(p.place)
	c.presence(p)
	for _, f := range v.Found {
		c.problem(p, f)
	}
	c.observations(p)
	for i, o := range v.Done {
		minute := 25
		if v.Nights > 0 {
			minute += 90 * i
		}
		c.procedure(p, o, minute)
	}
	for _, o := range v.Ordered {
		c.prescription(p, o)
	}
	for _, shot := range v.Shots {
		c.immunization(p, shot)
	}
	if v.Letter != "" {
		c.document(p)
	}
	if v.Fatal {
		c.causeOfDeath(p)
	}
}

// presence writes the Encounter itself.
func (c *chart) presence(p *page) {
	p.encounter = c.about(p, "Encounter")
	c.text("status", "finished")
	c.object("class")
	c.coding(p.Class)
	c.end()
	c.concepts("type", p.Name)
	c.named("subject", c.subject, c.FullName())
	c.list("participant")
	c.item()
	c.plains("type", term.In(term.HL7+"v3-ParticipationType", "ATND", "attender"))
	c.named("individual", p.doctor.reference, p.doctor.name)
	c.ends(2)
	c.period("period", p.After(0), c.Ends(p.Visit))
	if p.Because != nil {
		c.concepts("reasonCode", p.Because.Concept)
	}
	c.discharge(p)
	c.reference("serviceProvider", p.house)
	c.finish("Encounter")
}

// discharge tells where a person went after a stay.
func (c *chart) discharge(p *page) {
	if p.Nights == 0 {
		return
	}
	to := term.In(term.HL7+"discharge-disposition", "home", "Home")
	if p.Fatal {
		to = term.In(term.HL7+"discharge-disposition", "exp", "Expired")
	}
	c.object("hospitalization")
	c.plain("dischargeDisposition", to)
	c.end()
}

// problem writes a Condition.
func (c *chart) problem(p *page, f life.Finding) {
	end, over := c.Over(p.Visit, f)
	status := term.In(term.HL7+"condition-clinical", "active", "Active")
	if over {
		status = term.In(term.HL7+"condition-clinical", "resolved", "Resolved")
	}
	category := []term.Coding{term.In(term.HL7+"condition-category", "encounter-diagnosis", "Encounter Diagnosis")}
	if f.Lasting {
		category[0] = term.In(term.HL7+"condition-category", "problem-list-item", "Problem List Item")
	}
	if f.Mental {
		category = append(category, term.SNOMED("74732009", "Mental disorder"))
	}
	p.problems = append(p.problems, c.about(p, "Condition"))
	c.plain("clinicalStatus", status)
	c.plain("verificationStatus", term.In(term.HL7+"condition-ver-status", "confirmed", "Confirmed"))
	c.plains("category", category...)
	c.concept("code", f.Concept)
	c.whose(p, "subject")
	c.text("onsetDateTime", p.Day.String())
	if over {
		c.text("abatementDateTime", end.String())
	}
	c.moment("recordedDate", p.After(15))
	c.reference("recorder", p.doctor.reference)
	c.finish("Condition")
}

func (c *chart) procedure(p *page, o *life.Operation, minute int) {
	c.about(p, "Procedure")
	c.text("status", "completed")
	c.concept("code", o.Concept)
	c.whose(p, "subject")
	c.period("performedPeriod", p.After(minute), p.After(minute+o.Lasts))
	c.performer(p)
	c.purpose(p, p.Because)
	c.finish("Procedure")
}

// performer writes who did it, as Procedure and Immunization say it.
func (c *chart) performer(p *page) {
	c.list("performer")
	c.item()
	c.reference("actor", p.doctor.reference)
	c.ends(2)
}

// purpose tells why: by the Condition if the visit found it, else by its code.
func (c *chart) purpose(p *page, a *life.Ailment) {
	if a == nil {
		return
	}
	for i, f := range p.Found {
		if f.Ailment == a {
			c.references("reasonReference", p.problems[i])
			return
		}
	}
	c.concepts("reasonCode", a.Concept)
}

func (c *chart) immunization(p *page, shot *life.Vaccine) {
	c.about(p, "Immunization")
	c.text("status", "completed")
	c.concept("vaccineCode", term.Told(shot.Display, shot.Coding))
	c.whose(p, "patient")
	c.moment("occurrenceDateTime", p.After(18))
	c.truth("primarySource", true)
	c.text("lotNumber", "L"+c.dice.Digits(6))
	c.performer(p)
	c.finish("Immunization")
}

// causeOfDeath is what the death certificate says, observed at the moment of death.
func (c *chart) causeOfDeath(p *page) {
	c.about(p, "Observation")
	c.text("status", "final")
	c.category(life.Examination)
	c.concept("code", term.Told("Cause of death", term.LOINC("69453-9", "Cause of death [US Standard Certificate of Death]")))
	c.whose(p, "subject")
	c.moment("effectiveDateTime", c.Death)
	c.references("performer", p.doctor.reference)
	c.concept("valueCodeableConcept", p.Because.Concept)
	c.finish("Observation")
}
