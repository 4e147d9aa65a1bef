package life

import (
	"cairn/sample/dice"
)

// brokenBone is a fall, a cast and two looks at how it heals.
func (c *Life) brokenBone() {
	if !c.fate.fracture {
		return
	}
	d, at, a := c.dice, c.onset(30, 900), dice.Pick(c.dice, fractures)
	if agedYears(c.Birth, at) < 2 {
		return
	}
	v := c.visit(at, accident).finds(a, d.Between(80, 110)).measures(Systolic, heartRate, pain).upset(pain, 7).upset(heartRate, 10)
	v.does(immobilization)
	c.painkiller(v, a, 14)
	v.writes("Emergency department letter", "Rest and elevation; control with X-ray in one week.")
	c.visit(at+Day(d.Between(7, 10)), boneClinic).sees(a).measures(pain).upset(pain, 3)
	c.visit(at+Day(d.Between(40, 50)), boneClinic).sees(a).measures(pain)
}

// appendix is appendicitis with an operation.
func (c *Life) appendix() {
	if !c.fate.appendicitis {
		return
	}
	d, at := c.dice, c.onset(30, 950)
	v := c.visit(at, surgicalStay).finds(appendicitis, 14).measures(Systolic, heartRate, temperature, pain)
	v.Nights = d.Between(2, 4)
	v.upset(heartRate, 18).upset(temperature, d.Between(11, 20)).upset(pain, 7)
	v.tests(bloodCount, inflammation).upset(leukocytes, d.Between(50, 95)).upset(reactiveProtein, d.Between(30, 130))
	v.does(appendectomy)
	c.painkiller(v, appendicitis, 10)
	v.writes("Discharge letter", "Stitches out after ten days; no heavy lifting for four weeks.")
	c.visit(at+Day(d.Between(12, 16)), boneClinic).sees(appendicitis).measures(temperature)
}

// knee is an arthrosis that needs little but patience.
func (c *Life) knee() {
	if !c.fate.arthrosis {
		return
	}
	at := c.onset(50, 950)
	v := c.visit(at, sickVisit).finds(kneeArthrosis, 0).measures(pain, Weight).upset(pain, 4)
	c.painkiller(v, kneeArthrosis, 60)
}
