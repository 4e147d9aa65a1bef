package life

// expecting is a pregnancy from the first visit to the one after birth.
func (c *Life) expecting() {
	if !c.fate.pregnancy {
		return
	}
	d := c.dice
	at := c.onset(0, 900) // the last period
	if agedYears(c.Birth, at) < 18 {
		return
	}
	lasts := d.Between(268, 287)
	c.change(Weight, at+60, lasts-60, d.Between(90, 140))
	c.change(Weight, at+Day(lasts), 180, -d.Between(80, 120))
	c.change(haemoglobin, at+50, 150, -d.Between(10, 18))
	c.change(haemoglobin, at+Day(lasts)+10, 60, 13)
	c.change(heartRate, at+60, 120, 9)
	c.change(heartRate, at+Day(lasts), 30, -9)
	birth := c.birthOfChild(at + Day(lasts))
	for i, week := range []int{8, 13, 20, 28, 34, 37} {
		o := pregnancyDay
		if i == 0 {
			o = firstBooking
		}
		v := c.visit(at+Day(7*week+d.Below(6)), o).sees(pregnancy).measures(Systolic, heartRate, Weight, gestation)
		v.weeks = at
		switch week {
		case 8:
			v.finds(pregnancy, 0).until(birth).tests(bloodCount).Term = at + 280
		case 13, 20:
			v.does(ultrasound)
		case 28:
			v.tests(bloodCount).prescribes(iron, 90, pregnancy)
		}
	}
}

func (c *Life) birthOfChild(at Day) *Visit {
	v := c.visit(at, birthStay).sees(pregnancy).measures(Systolic, heartRate, temperature).upset(heartRate, 12)
	v.Nights = 2
	how := delivery
	if c.dice.Chance(240) {
		how, v.Nights = caesarean, 4
	}
	v.does(how).tests(bloodCount)
	v.writes("Discharge letter", "Mother and child are well. Postnatal visit in six weeks.")
	c.visit(at+Day(c.dice.Between(40, 47)), afterBirth).measures(Systolic, heartRate, Weight)
	return v
}
