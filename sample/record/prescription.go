package record

import (
	"cairn/sample/life"
	"cairn/sample/term"
)

func (c *chart) prescription(p *page, o life.Order) {
	until := p.Day + life.Day(o.Days)
	c.about(p, "MedicationRequest")
	c.text("status", c.orderStatus(until))
	c.text("intent", "order")
	c.concept("medicationCodeableConcept", o.Concept)
	c.whose(p, "subject")
	c.moment("authoredOn", p.After(p.Minutes-5))
	c.reference("requester", p.doctor.reference)
	c.purpose(p, o.Purpose)
	c.dosage(o.Medicine)
	c.object("dispenseRequest")
	c.object("validityPeriod")
	c.text("start", p.Day.String())
	c.text("end", until.String())
	c.end()
	c.object("expectedSupplyDuration")
	c.number("value", o.Days, 0)
	c.text("unit", "days")
	c.text("system", term.SystemUCUM)
	c.text("code", "d")
	c.ends(2)
	c.finish("MedicationRequest")
}

// orderStatus is that of a prescription when the record ends.
func (c *chart) orderStatus(until life.Day) string {
	switch {
	case until <= c.Last():
		return "completed"
	case c.Death != 0:
		return "stopped"
	}
	return "active"
}

func (c *chart) dosage(m *life.Medicine) {
	c.list("dosageInstruction")
	c.item()
	c.text("text", m.How)
	c.object("timing")
	c.object("repeat")
	c.number("frequency", m.PerDay, 0)
	c.number("period", 1, 0)
	c.text("periodUnit", "d")
	c.ends(2)
	if m.AsNeeded {
		c.truth("asNeededBoolean", true)
	}
	c.list("doseAndRate")
	c.item()
	c.object("doseQuantity")
	c.number("value", m.Amount, 0)
	c.text("unit", m.Unit)
	c.ends(5)
}
