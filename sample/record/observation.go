package record

import (
	"cairn/sample/life"
	"cairn/sample/term"
)

// reportTime is how many minutes the laboratory needs.
const reportTime = 150

var (
	bloodPressure    = term.Told("Blood pressure", term.LOINC("85354-9", "Blood pressure panel with all children optional"))
	smokingStatus    = term.Told("Tobacco smoking status", term.LOINC("72166-2", "Tobacco smoking status"))
	expectedDelivery = term.Told("Expected date of delivery", term.LOINC("11778-8", "Delivery date Estimated"))
)

var categoryNames = map[string]string{
	life.VitalSigns: "Vital Signs", life.Laboratory: "Laboratory", life.Survey: "Survey", life.Examination: "Exam",
	life.Social: "Social History",
}

var judgementNames = map[string]string{"L": "Low", "N": "Normal", "H": "High"}

// observations writes what was measured: vital signs, then laboratory reports with their results.
func (c *chart) observations(p *page) {
	for _, m := range p.Vitals {
		if m == life.Systolic {
			c.pressure(p)
		} else {
			c.observation(p, m, p.doctor.reference, 6)
		}
	}
	if p.Smoking && c.Smoker != nil {
		c.observed(p, smokingStatus, life.Social, p.doctor.reference, 8)
		c.concept("valueCodeableConcept", *c.Smoker)
		c.finish("Observation")
	}
	if p.Term != 0 {
		c.observed(p, expectedDelivery, life.Examination, p.doctor.reference, 10)
		c.text("valueDateTime", p.Term.String())
		c.finish("Observation")
	}
	for _, panel := range p.Panels {
		c.report(p, panel)
	}
}

func (c *chart) category(code string) {
	c.plains("category", term.In(term.HL7+"observation-category", code, categoryNames[code]))
}

// observed opens an Observation of a visit, up to its performer.
func (c *chart) observed(p *page, name term.Concept, category, by string, minute int) string {
	reference := c.about(p, "Observation")
	c.text("status", "final")
	c.category(category)
	c.concept("code", name)
	c.whose(p, "subject")
	c.moment("effectiveDateTime", p.After(minute))
	if category == life.Laboratory {
		c.moment("issued", p.After(minute+reportTime))
	}
	c.references("performer", by)
	return reference
}

func (c *chart) observation(p *page, m life.Measure, by string, minute int) string {
	s, value := m.Scale(), c.Take(p.Visit, m)
	reference := c.observed(p, s.Name, s.Category, by, minute)
	c.amount("valueQuantity", value, s)
	c.judgement(s, value)
	c.finish("Observation")
	return reference
}

// judgement writes interpretation and reference range, where there is one.
func (c *chart) judgement(s *life.Scale, value int) {
	code := s.Judge(value, c.Female)
	if code == "" {
		return
	}
	c.plains("interpretation", term.In(term.HL7+"v3-ObservationInterpretation", code, judgementNames[code]))
	c.list("referenceRange")
	c.item()
	if low := s.Low[life.Sex(c.Female)]; low != 0 {
		c.amount("low", low, s)
	}
	if high := s.High[life.Sex(c.Female)]; high != 0 {
		c.amount("high", high, s)
	}
	c.ends(2)
}

// pressure writes a blood pressure, one Observation of two components.
func (c *chart) pressure(p *page) {
	c.observed(p, bloodPressure, life.VitalSigns, p.doctor.reference, 5)
	c.list("component")
	for _, m := range []life.Measure{life.Systolic, life.Diastolic} {
		c.item()
		c.concept("code", m.Scale().Name)
		c.amount("valueQuantity", c.Take(p.Visit, m), m.Scale())
		c.end()
	}
	c.end()
	c.finish("Observation")
}

// report writes the results of a panel and the DiagnosticReport that names them.
func (c *chart) report(p *page, panel *life.Panel) {
	results := make([]string, 0, len(panel.Measures))
	for _, m := range panel.Measures {
		results = append(results, c.observation(p, m, p.house, 12))
	}
	c.about(p, "DiagnosticReport")
	c.text("status", "final")
	c.plains("category", term.In(term.HL7+"v2-0074", "LAB", "Laboratory"))
	c.concept("code", panel.Name)
	c.whose(p, "subject")
	c.moment("effectiveDateTime", p.After(12))
	c.moment("issued", p.After(12+reportTime))
	c.references("performer", p.house)
	c.references("result", results...)
	c.finish("DiagnosticReport")
}
