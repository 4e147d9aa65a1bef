package life

import (
	"cairn/sample/dice"
)

// mood is a depression that is treated and lifts. Everything about it is restricted.
func (c *Life) mood() {
	if !c.fate.depression {
		return
	}
	d, at := c.dice, c.onset(150, 800)
	low := d.Between(11, 18)
	c.change(moodScore, at-120, 120, low)
	c.change(moodScore, at+14, 150, -d.Between(low*6/10, low*9/10))
	lasts := 0
	if d.Chance(500) && at+420 < c.limit {
		lasts = d.Between(375, 415)
	}
	m := dice.Pick(d, []*Medicine{sertraline, fluoxetine})
	c.visit(at, mindClinic).finds(depression, lasts).measures(moodScore).prescribes(m, 95, depression)
	for i, gap := range []int{35, 90, 180, 360} {
		v := c.visit(at+Day(gap+d.Below(10)), mindClinic).sees(depression).measures(moodScore).does(talkTherapy)
		if gap == 90 || gap == 180 {
			v.prescribes(m, 190, depression)
		}
		if i == 2 {
			v.writes("Psychiatry letter", "Treatment continues; the next visit is in half a year.")
		}
	}
}

// worry is an anxiety disorder, talked about only. It is restricted too.
func (c *Life) worry() {
	if !c.fate.anxiety {
		return
	}
	at := c.onset(100, 900)
	c.visit(at, mindClinic).finds(anxiety, 0).measures(moodScore).does(talkTherapy)
	for _, gap := range []int{21, 45} {
		c.visit(at+Day(gap), mindClinic).sees(anxiety).does(talkTherapy)
	}
}
