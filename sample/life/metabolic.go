package life

// sugar is type 2 diabetes: HbA1c creeps up for years, then quickly, metformin brings it down, and it drifts up again.
func (c *Life) sugar() {
	if !c.fate.diabetes {
		return
	}
	d, at := c.dice, c.onset(280, 550)
	rise := d.Between(14, 34)
	c.change(haemoglobinA1c, at-Day(years(6)), years(6)-330, d.Between(6, 9))
	c.change(haemoglobinA1c, at-330, 330, rise)
	c.change(haemoglobinA1c, at+5, 120, -rise*7/10)
	c.change(haemoglobinA1c, at+500, years(4), d.Between(1, 12))
	c.change(Weight, at, 400, -d.Between(15, 60))
	c.change(albumin, at, years(5), d.Between(0, 60))
	c.change(triglyceride, at-Day(years(5)), years(5), d.Between(10, 70))

	v := c.visit(at, sickVisit).finds(diabetes, 0).measures(usualVitals...).tests(longTermSugar, metabolicPanel, urineAlbumin)
	c.begins(v, metformin, diabetes)
	v.does(footCheck)
	if early := at - Day(d.Between(370, 470)); early > c.start {
		c.visit(early, sickVisit).finds(prediabetes, 0).until(v).measures(Systolic, heartRate).tests(longTermSugar)
	}
	c.visit(at+Day(d.Between(95, 125)), followUp).sees(diabetes).measures(Systolic, heartRate).tests(longTermSugar)
	for i, y := range c.keep(at+60, diabetes, nil, longTermSugar) {
		y.does(footCheck)
		if i%2 == 0 {
			y.tests(urineAlbumin, metabolicPanel)
		}
	}
	c.secondLine(at)
}

// secondLine is the injection that some need after three years.
func (c *Life) secondLine(at Day) {
	late := c.keep(at+Day(years(3)), diabetes, nil)
	if len(late) == 0 || !c.dice.Chance(350) {
		return
	}
	c.change(haemoglobinA1c, late[0].Day, 180, -8)
	c.change(Weight, late[0].Day, 300, -40)
	for _, v := range late {
		v.prescribes(liraglutide, c.every+20, diabetes)
	}
}

// fats are high cholesterol and the statin that lowers it.
func (c *Life) fats() {
	if !c.fate.lipids {
		return
	}
	at := c.onset(150, 600)
	c.change(cholesterol, at-Day(years(10)), years(10), c.dice.Between(35, 75))
	c.change(triglyceride, at-Day(years(10)), years(10), c.dice.Between(10, 60))
	v := c.visit(at, sickVisit).finds(hyperlipidemia, 0).measures(Systolic, heartRate).tests(lipidPanel)
	if c.fate.infarction { // gets the strong one with the heart attack
		return
	}
	c.begins(v, simvastatin, hyperlipidemia)
	c.keep(at, hyperlipidemia, nil, lipidPanel)
	c.change(cholesterol, at+5, 90, -c.dice.Between(40, 70))
}

// kidney is the slow loss of filtration that comes with diabetes and high blood pressure.
func (c *Life) kidney() {
	if !c.fate.kidneys {
		return
	}
	at := c.onset(300, 700)
	need := 165 - c.courses[creatinine].own
	if c.Female {
		need = 128 - c.courses[creatinine].own
	}
	c.change(creatinine, at-Day(years(4)), years(4), max(need-c.level(creatinine, at), 20)+c.dice.Below(15))
	c.change(urea, at-Day(years(4)), years(4), c.dice.Between(6, 14))
	c.change(haemoglobin, at-Day(years(2)), years(4), -c.dice.Between(5, 14))
	c.visit(at-Day(c.dice.Between(95, 130)), sickVisit).measures(Systolic, heartRate).tests(metabolicPanel)
	c.visit(at, specialist).finds(kidneyDisease, 0).measures(Systolic, heartRate, Weight).tests(metabolicPanel, urineAlbumin)
	c.keep(at, kidneyDisease, nil, metabolicPanel)
}

// thyroid is a gland that tires, and the hormone that replaces it.
func (c *Life) thyroid() {
	if !c.fate.thyroid {
		return
	}
	at, high := c.onset(100, 700), c.dice.Between(70, 220)
	c.change(thyrotropin, at-300, 300, high)
	c.change(thyrotropin, at+3, 80, -high)
	c.change(heartRate, at-300, 300, -8)
	c.change(heartRate, at+3, 80, 8)
	v := c.visit(at, sickVisit).finds(underThyroid, 0).measures(Systolic, heartRate, Weight).tests(thyroidTest)
	c.begins(v, levothyroxine, underThyroid)
	c.visit(at+Day(c.dice.Between(85, 110)), followUp).sees(underThyroid).measures(heartRate).tests(thyroidTest)
	c.keep(at, underThyroid, nil, thyroidTest)
}

// bloodIron is an anaemia that iron mends.
func (c *Life) bloodIron() {
	if !c.fate.iron {
		return
	}
	at, loss := c.onset(100, 800), c.dice.Between(26, 42)
	c.change(haemoglobin, at-240, 240, -loss)
	c.change(haemoglobin, at+5, 110, loss)
	c.visit(at, sickVisit).finds(ironDeficiency, 170).measures(Systolic, heartRate).tests(bloodCount).prescribes(iron, 120, ironDeficiency)
	c.visit(at+Day(c.dice.Between(118, 140)), followUp).sees(ironDeficiency).measures(heartRate).tests(bloodCount)
}
