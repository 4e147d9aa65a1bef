package life

// breath is asthma: two inhalers, and for some a bad night in the emergency department.
func (c *Life) breath() {
	if !c.fate.asthma {
		return
	}
	d, at := c.dice, c.onset(80, 600)
	o, again := sickVisit, followUp
	if agedYears(c.Birth, at) < 18 {
		o, again = sickChild, wellChild
	}
	c.change(airflow, at-200, 200, -d.Between(14, 24))
	c.change(airflow, at+3, 120, d.Between(6, 12))
	v := c.visit(at, o).finds(asthma, 0).measures(heartRate, breathing, saturation).upset(breathing, 3).upset(saturation, -2)
	if agedYears(c.Birth, at) >= 6 {
		v.does(spirometry).measures(airflow)
	}
	v.prescribes(albuterol, 365, asthma).prescribes(fluticasone, 365, asthma)
	for next := at + 350; next < c.limit && next < at+Day(years(4)); next += Day(d.Between(345, 375)) {
		y := c.visit(next, again).sees(asthma).measures(heartRate, breathing, saturation)
		y.prescribes(fluticasone, 380, asthma)
		if d.Chance(500) {
			y.prescribes(albuterol, 380, asthma)
		}
	}
	if d.Chance(300) {
		c.attack(at + Day(d.Between(60, 700)))
	}
}

func (c *Life) attack(at Day) {
	v := c.visit(at, accident).sees(asthma).measures(Systolic, heartRate, breathing, temperature, saturation)
	v.upset(heartRate, 28).upset(breathing, 11).upset(saturation, -7)
	v.does(chestFilm).prescribes(prednisone, 5, asthma)
	v.writes("Emergency department letter", "Use the inhalers as prescribed; see the family doctor within a week.")
}

// infection is the colds and sore throats of ordinary years.
func (c *Life) infection() {
	for range c.fate.infections {
		at := c.onset(20, 990)
		o := sickVisit
		if agedYears(c.Birth, at) < 18 {
			o = sickChild
		}
		v := c.visit(at, o).measures(heartRate, temperature).upset(heartRate, 9)
		c.infected(v)
	}
}

func (c *Life) infected(v *Visit) {
	d, age := c.dice, agedYears(c.Birth, v.Day)
	v.upset(temperature, d.Between(6, 19))
	switch n := d.Below(100); {
	case age < 8 && n < 55:
		v.finds(otitis, 12)
		c.antibiotic(v, otitis)
	case n < 25:
		v.finds(strepThroat, 10)
		c.antibiotic(v, strepThroat)
	case n < 45 && c.Female && age >= 16 && !c.fate.kidneys && !c.fate.pregnancy:
		v.finds(urineInfection, 8).prescribes(nitrofurantoin, 7, urineInfection)
	case n < 72:
		v.finds(bronchitis, 14).measures(saturation, breathing).upset(saturation, -1)
		c.painkiller(v, bronchitis, 7)
	default:
		v.finds(sinusitis, 14)
		c.painkiller(v, sinusitis, 7)
	}
}

// antibiotic prescribes a penicillin, or what those take who must not have one.
func (c *Life) antibiotic(v *Visit, a *Ailment) {
	choice := [2][2]*Medicine{{amoxicillin, amoxicillinSyrup}, {azithromycin, azithromycinSyrup}}
	row, days := choice[0], 10
	if c.allergicTo(&penicillinAllergy) {
		row, days = choice[1], 3
	}
	m := row[0]
	if c.smallChild(v.Day) {
		m = row[1]
	}
	v.prescribes(m, days, a)
}

// painkiller prescribes what suits age, kidneys and stomach.
func (c *Life) painkiller(v *Visit, a *Ailment, days int) {
	f, m := &c.fate, acetaminophen
	switch age := agedYears(c.Birth, v.Day); {
	case age < 3:
		return
	case age < 10:
		m = acetaminophenChild
	case age < 65 && age >= 12 && !f.asthma && !f.kidneys && !f.pregnancy && !f.infarction && !f.hypertension && c.dice.Chance(500):
		m = ibuprofen
	}
	v.prescribes(m, days, a)
}
