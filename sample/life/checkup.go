package life

import (
	"cairn/sample/dice"
)

// chronic tells who is seen every year for what does not go away.
func (p *Person) chronic() bool {
	f := &p.fate
	return f.diabetes || f.hypertension || f.lipids || f.thyroid || f.kidneys || f.infarction
}

var usualVitals = []Measure{Systolic, heartRate, Weight, Height, bodyMass}

// checkups are the regular visits of adults.
func (c *Life) checkups() {
	adult := c.Birth + Day(years(18))
	if adult >= c.limit {
		return
	}
	c.every = c.interval()
	for at := max(c.start, adult) + Day(c.dice.Between(15, 200)); at < c.limit; at += Day(c.dice.Between(c.every-12, c.every+12)) {
		v := c.visit(at, checkup).measures(usualVitals...)
		v.Smoking = len(c.yearly) == 0
		c.yearly = append(c.yearly, v)
	}
	c.adultVaccines()
	c.weighed()
}

func (c *Life) interval() int {
	switch {
	case c.chronic():
		return 365
	case c.age() >= 65:
		return 430
	case c.age() >= 40:
		return 690
	}
	return 760
}

func (c *Life) adultVaccines() {
	boosted := false
	for _, v := range c.yearly {
		if m := v.Day.date().Month(); m >= 9 || m <= 2 {
			v.gives(influenza)
		}
		if !boosted && c.dice.Chance(250) {
			v.gives(tetanus)
			boosted = true
		}
	}
	c.once(covid, 600, 18)
	c.once(zoster, 350, 50)
	c.once(pneumococcus23, 500, 65)
}

// once gives a vaccine at one of the check-ups after an age, to so many of a thousand.
func (c *Life) once(what *Vaccine, permille, age int) {
	if len(c.yearly) == 0 || !c.dice.Chance(permille) {
		return
	}
	v := dice.Pick(c.dice, c.yearly)
	if what == covid && v.Day < coronaSpring {
		return
	}
	if agedYears(c.Birth, v.Day) >= age {
		v.gives(what)
	}
}

// coronaSpring is 2021-04-01, when the vaccine was there for all adults.
const coronaSpring Day = 18718

// weighed finds obesity at the first check-up that shows it.
func (c *Life) weighed() {
	for _, v := range c.yearly {
		if tall := c.level(Height, v.Day); c.level(Weight, v.Day)*1_000_000/(tall*tall) >= 310 {
			v.finds(obesity, 0)
			return
		}
	}
}

// screening is what is looked for in everybody at some age.
func (c *Life) screening() {
	for _, s := range []struct {
		what     *Operation
		from, to int
		women    bool
	}{{mammography, 45, 75, true}, {colonoscopy, 50, 75, false}} {
		if s.women && !c.Female || !c.dice.Chance(450) || len(c.yearly) == 0 {
			continue
		}
		v := dice.Pick(c.dice, c.yearly)
		if age := agedYears(c.Birth, v.Day); age >= s.from && age <= s.to {
			c.visit(v.Day+Day(c.dice.Between(14, 60)), specialist).does(s.what)
		}
	}
}

// routine orders one panel in turn at the check-ups that have none.
func (c *Life) routine() {
	panels := []*Panel{metabolicPanel, lipidPanel, bloodCount}
	turn := c.dice.Below(len(panels))
	for i, v := range c.yearly {
		if len(v.Panels) == 0 {
			v.tests(panels[(turn+i)%len(panels)])
		}
	}
}

// keep renews a medicine and repeats tests at every check-up after a day. It returns these check-ups.
func (c *Life) keep(from Day, a *Ailment, m *Medicine, panels ...*Panel) []*Visit {
	var kept []*Visit
	for _, v := range c.yearly {
		if v.Day <= from+20 {
			continue
		}
		if m != nil {
			v.prescribes(m, c.every+20, a)
		}
		v.tests(panels...)
		kept = append(kept, v)
	}
	return kept
}

// untilNext is how many days a prescription of that day must last: to the next check-up, or as long as one lasts.
func (c *Life) untilNext(from Day) int {
	for _, v := range c.yearly {
		if v.Day > from+20 {
			return int(v.Day-from) + 20
		}
	}
	return max(c.every, 365) + 20
}

// begins prescribes something that stays.
func (c *Life) begins(v *Visit, m *Medicine, a *Ailment) {
	v.prescribes(m, c.untilNext(v.Day), a)
	c.keep(v.Day, a, m)
}
