package life

import (
	"slices"

	"cairn/sample/figure"
)

// Visit is an encounter with all that is done at it.
type Visit struct {
	*Occasion
	Day     Day
	Nights  int      // of a stay
	Because *Ailment // nil for a visit without a problem
	Fatal   bool     // ends with the death of the person

	Found   []Finding
	Vitals  []Measure // Systolic stands for a blood pressure, Diastolic is then left out
	Panels  []*Panel
	Done    []*Operation
	Shots   []*Vaccine
	Ordered []Order
	Letter  string // the title of the letter that is written, if one is
	Plan    string // its last sentence
	Smoking bool   // is asked for
	Term    Day    // the expected day of delivery, if it is told

	minute int
	held   bool // is part of the record
	weeks  Day  // the last period, if pregnancy is counted
	upsets []upset
	values [measureCount]int
	known  [measureCount]bool
}

// Finding is a condition that is diagnosed at a visit.
type Finding struct {
	*Ailment
	days  int    // after which it is over, or
	until *Visit // with which it is over, or neither
}

// Order is a prescription for so many days.
type Order struct {
	*Medicine
	Days    int
	Purpose *Ailment
}

// upset moves a measure at one visit only.
type upset struct {
	measure Measure
	by      int
}

// visit plans an encounter. What lies outside the record is planned in vain: it is returned but not held.
func (c *Life) visit(at Day, o *Occasion) *Visit {
	v := &Visit{Occasion: o, Day: at, minute: 8*60 + 5*c.dice.Below(100)}
	if at >= c.start && at < c.limit {
		c.Visits = append(c.Visits, v)
	}
	return v
}

// sees gives the visit a reason.
func (v *Visit) sees(a *Ailment) *Visit {
	v.Because = a
	return v
}

// finds makes the visit diagnose a condition, which is its reason too.
func (v *Visit) finds(a *Ailment, days int) *Visit {
	v.Found = append(v.Found, Finding{Ailment: a, days: days})
	return v.sees(a)
}

// until lets what the visit found last until the end of another one.
func (v *Visit) until(other *Visit) *Visit {
	v.Found[len(v.Found)-1].until = other
	return v
}

func (v *Visit) measures(all ...Measure) *Visit {
	v.Vitals = append(v.Vitals, all...)
	return v
}

// tests orders panels, unless the visit has them already.
func (v *Visit) tests(all ...*Panel) *Visit {
	for _, p := range all {
		if !slices.Contains(v.Panels, p) {
			v.Panels = append(v.Panels, p)
		}
	}
	return v
}

func (v *Visit) does(all ...*Operation) *Visit {
	v.Done = append(v.Done, all...)
	return v
}

func (v *Visit) gives(all ...*Vaccine) *Visit {
	v.Shots = append(v.Shots, all...)
	return v
}

func (v *Visit) prescribes(m *Medicine, days int, purpose *Ailment) *Visit {
	v.Ordered = append(v.Ordered, Order{m, days, purpose})
	return v
}

func (v *Visit) upset(m Measure, by int) *Visit {
	v.upsets = append(v.upsets, upset{m, by})
	return v
}

func (v *Visit) writes(letter, plan string) *Visit {
	v.Letter, v.Plan = letter, plan
	return v
}

// Secret tells whether the visit is about what only few may see.
func (v *Visit) Secret() bool {
	return v.Because != nil && v.Because.Mental
}

// After is a moment of the visit, so many minutes from its start.
func (v *Visit) After(minute int) Moment {
	return v.Day.at(v.minute + minute)
}

// Ends tells when a visit is over; a fatal one ends with the life.
func (c *Life) Ends(v *Visit) Moment {
	switch {
	case v.Fatal:
		return c.Death
	case v.Nights > 0:
		return (v.Day + Day(v.Nights)).at(11 * 60)
	}
	return v.After(v.Minutes)
}

// Over tells the day at which what a visit found was over, if that was within the record.
func (c *Life) Over(v *Visit, f Finding) (Day, bool) {
	if f.until != nil {
		return c.Ends(f.until).Day(), f.until.held
	}
	end := v.Day + Day(f.days)
	return end, f.days > 0 && end <= c.Last()
}

// Take returns the value of a measure at a visit: it is measured when it is first asked for.
func (c *Life) Take(v *Visit, m Measure) int {
	if !v.known[m] {
		s := &scales[m]
		n := c.reading(v, m)
		for _, u := range v.upsets {
			if u.measure == m {
				n += u.by
			}
		}
		v.values[m], v.known[m] = min(max(n, s.floor), s.ceiling), true
	}
	return v.values[m]
}

// reading is what the instrument shows, or what is computed from other measures of the same visit.
func (c *Life) reading(v *Visit, m Measure) int {
	switch m {
	case bodyMass:
		tall := c.Take(v, Height)
		return figure.Divide(c.Take(v, Weight)*1_000_000, tall*tall)
	case gestation:
		return int(v.Day-v.weeks) / 7
	case filtrationRate:
		return filtration(c.Take(v, creatinine), agedYears(c.Birth, v.Day), c.Female)
	case lowDensity: // Friedewald 1972
		return c.Take(v, cholesterol) - c.Take(v, highDensity) - figure.Divide(c.Take(v, triglyceride), 5)
	case haematocrit:
		return c.dice.Around(3*c.Take(v, haemoglobin), 4)
	case Diastolic:
		return min(c.dice.Around(c.level(m, v.Day), scales[m].noise), c.Take(v, Systolic)-20)
	case glucose: // from the mean glucose of the ADAG study, lower as it is taken fasting
		return c.dice.Around(figure.Divide(287*c.level(haemoglobinA1c, v.Day)-4670, 100)-13, scales[m].noise)
	case Weight:
		n := c.level(m, v.Day)
		return c.dice.Around(n, n/250)
	}
	return c.dice.Around(c.level(m, v.Day), scales[m].noise)
}
