// Package life invents people and what happens to their health.
//
// A person is drawn first: who she is, what her body is like and which stories she will live through. Then each story
// plans visits, findings and prescriptions and bends the course of what can be measured: HbA1c rises until diabetes is
// found and falls with metformin. Everything comes from the dice it is given and from whole numbers, so the same dice tell
// the same life. It knows codes, but nothing of FHIR resources.
package life

import (
	"slices"

	"cairn/sample/dice"
	"cairn/sample/figure"
)

// Reference is the day at which every record ends, 2026-01-01. What happens, happens before it.
const Reference Day = 20454

// Life is a person with what happened to her while her record lasts.
type Life struct {
	*Person
	Visits  []*Visit            // in the order of time, no two at once
	Doctors [SpecialtyCount]int // which variant of each specialty treats her
	Clinic  int                 // her practice, an index of Houses
	Ward    int                 // her hospital, an index of Houses

	dice    *dice.Dice
	courses [measureCount]course
	start   Day      // of the record
	limit   Day      // no visit begins at this day or later, but for the last stay of who dies
	yearly  []*Visit // the check-ups among the visits
	every   int      // days from one check-up to the next
}

// course is how a measure goes in one person beside what is normal at her age: her own distance from it and what happens.
type course struct {
	own   int
	ramps []ramp
}

// ramp adds by to a measure, evenly over some days, and for good.
type ramp struct {
	from Day
	days int
	by   int
}

// New draws a life. The heroine is a woman in her fifties, alive, with type 2 diabetes, high blood pressure, depression
// and an allergy to penicillin; everybody else is left to chance.
func New(d *dice.Dice, heroine bool) *Life {
	c := settle(newPerson(d, heroine), d)
	for _, tell := range stories {
		tell(c)
	}
	c.arrange()
	c.lastWord()
	return c
}

// settle gives a person doctors and a constitution.
func settle(p *Person, d *dice.Dice) *Life {
	c := &Life{Person: p, dice: d, limit: p.Last()}
	c.start = max(p.Birth, p.Last()-Day(years(p.window())))
	for i := range c.Doctors {
		c.Doctors[i] = d.Below(Variants)
	}
	c.Ward, c.Clinic = d.Below(hospitals), hospitals+d.Below(len(Houses)-hospitals)
	for m := range measureCount {
		c.courses[m].own = d.Around(0, scales[m].spread)
	}
	if gain := d.Around(130, 80); p.age() >= 18 {
		c.change(Weight, p.Birth+Day(years(18)), years(25), max(gain, -20))
	}
	return c
}

// window is how many years a record goes back.
func (p *Person) window() int {
	switch {
	case p.age() < 18:
		return 9
	case p.age() < 65 && !p.chronic():
		return 8
	}
	return 5
}

// change makes a measure go up or down by so much over some days.
func (c *Life) change(m Measure, from Day, days, by int) {
	c.courses[m].ramps = append(c.courses[m].ramps, ramp{from, days, by})
}

// level is where a measure stands at a day, before the noise of measuring.
func (c *Life) level(m Measure, at Day) int {
	n := norms[m][Sex(c.Female)].At(agedMonths(c.Birth, at))
	switch m {
	case Height:
		n = figure.Divide(n*c.stature, 1000)
	case Weight:
		n = figure.Divide(n*c.build, 1000)
	}
	n += c.courses[m].own
	for _, r := range c.courses[m].ramps {
		if passed := min(int(at-r.from), r.days); passed > 0 {
			n += figure.Divide(r.by*passed, r.days)
		}
	}
	return n
}

// stories are told in this order: the end of a life bounds all others, the check-ups are what the others lean on, the
// routine fills what is left.
var stories = []func(*Life){
	(*Life).ending, (*Life).childhood, (*Life).checkups, (*Life).screening,
	(*Life).sugar, (*Life).pressure, (*Life).fats, (*Life).kidney, (*Life).thyroid, (*Life).bloodIron,
	(*Life).breath, (*Life).mood, (*Life).worry, (*Life).expecting,
	(*Life).brokenBone, (*Life).appendix, (*Life).heartAttack, (*Life).knee, (*Life).infection,
	(*Life).routine,
}

// onset draws a day in the given part of the record, in thousandths of its length.
func (c *Life) onset(from, to int) Day {
	return c.start + Day(figure.Divide(int(c.limit-c.start)*c.dice.Between(from, to), 1000))
}

// arrange puts the visits in order, one after the other and planned ones on working days. A visit that falls into a stay
// moves behind it, and is not held if the record is over then.
func (c *Life) arrange() {
	slices.SortStableFunc(c.Visits, func(a, b *Visit) int { return int(a.Day - b.Day) })
	kept, free := c.Visits[:0], Day(0)
	for _, v := range c.Visits {
		v.Day = max(v.Day, free)
		if v.Class.Code == "AMB" {
			v.Day = workday(v.Day)
		}
		if v.Day+Day(v.Nights) >= c.limit && !v.Fatal {
			continue
		}
		free = v.Day + Day(v.Nights) + 1
		v.held, kept = true, append(kept, v)
	}
	c.Visits = kept
}

// workday returns the day, or the Monday after a weekend. 1970-01-01 was a Thursday.
func workday(d Day) Day {
	switch (d + 4) % 7 {
	case 6:
		return d + 2
	case 0:
		return d + 1
	}
	return d
}

// lastWord lets the last visit write a note where no other writes a letter.
func (c *Life) lastWord() {
	hasLetter := func(v *Visit) bool { return v.Letter != "" }
	if n := len(c.Visits); n > 0 && !slices.ContainsFunc(c.Visits, hasLetter) {
		c.Visits[n-1].writes("Visit note", "Return as needed.")
	}
}
