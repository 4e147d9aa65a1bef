package life

import (
	"cairn/sample/dice"
)

// pressure is high blood pressure and what lowers it.
func (c *Life) pressure() {
	if !c.fate.hypertension {
		return
	}
	d, at := c.dice, c.onset(60, 500)
	rise := d.Between(24, 38)
	c.change(Systolic, at-Day(years(8)), years(8), rise)
	c.change(Diastolic, at-Day(years(8)), years(8), rise/2)
	v := c.visit(at, sickVisit).finds(hypertension, 0).measures(usualVitals...).tests(metabolicPanel).does(heartTracing)
	first := dice.Pick(d, []*Medicine{lisinopril, lisinopril, amlodipine})
	if c.fate.asthma || c.fate.kidneys {
		first = lisinopril
	}
	c.begins(v, first, hypertension)
	c.change(Systolic, at+3, 60, -rise*6/10)
	c.change(Diastolic, at+3, 60, -rise*3/10)
	next := c.visit(at+Day(d.Between(40, 70)), followUp).sees(hypertension).measures(Systolic, heartRate)
	if d.Chance(300) {
		c.begins(next, thiazide, hypertension)
		c.change(Systolic, next.Day+3, 60, -9)
		c.change(Diastolic, next.Day+3, 60, -4)
	}
}

// heartAttack is an infarction with a stent, and the medicines after it.
func (c *Life) heartAttack() {
	if !c.fate.infarction {
		return
	}
	d, at := c.dice, c.onset(250, 850)
	v := c.visit(at, medicalStay).finds(infarction, 30)
	v.Nights = d.Between(3, 6)
	v.Found = append(v.Found, Finding{Ailment: coronary})
	v.measures(Systolic, heartRate, breathing, temperature, saturation).upset(heartRate, 22).upset(saturation, -4).upset(Systolic, 12)
	v.tests(heartMarker, metabolicPanel, lipidPanel).upset(troponin, d.Between(80, 1900))
	v.does(heartTracing, angioplasty)
	v.writes("Discharge letter", "Cardiac rehabilitation; follow-up in the hospital's clinic in four weeks.")
	stays := []*Medicine{aspirin, atorvastatin, metoprolol}
	if c.fate.asthma {
		stays = stays[:2]
	}
	for _, m := range stays {
		c.begins(v, m, coronary)
	}
	v.prescribes(clopidogrel, 365, coronary)
	c.change(cholesterol, at+5, 90, -60)
	c.change(heartRate, at+5, 20, -7)
	c.visit(at+Day(d.Between(27, 34)), specialist).sees(coronary).measures(Systolic, heartRate, Weight).tests(lipidPanel).does(heartTracing)
}

// ending is the last stay in hospital of a person who has died. It bounds all that is told after it.
func (c *Life) ending() {
	if c.Death == 0 {
		return
	}
	d := c.dice
	a := dice.Pick(d, []*Ailment{pneumonia, pneumonia, stroke, infarction, heartFailure})
	first := c.Death.Day() - Day(d.Between(2, 9))
	v := &Visit{Occasion: medicalStay, Day: first, minute: 8*60 + d.Below(500), Fatal: true}
	v.Nights = int(c.Death.Day() - first)
	v.finds(a, 0).measures(Systolic, heartRate, breathing, temperature, saturation).tests(metabolicPanel, bloodCount)
	v.upset(heartRate, 25).upset(saturation, -9).upset(breathing, 9).upset(Systolic, -12)
	switch a {
	case pneumonia:
		v.upset(temperature, 19).upset(leukocytes, 80).upset(reactiveProtein, d.Between(90, 220)).tests(inflammation).does(chestFilm)
	case infarction:
		v.upset(troponin, d.Between(400, 3000)).tests(heartMarker).does(heartTracing)
	default:
		v.does(chestFilm)
	}
	v.writes("Discharge letter", "The patient died in our care. Our condolences to the family.")
	c.Visits, c.limit = append(c.Visits, v), first
}
