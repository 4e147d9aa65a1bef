package life

import (
	"cairn/sample/figure"
)

// shot is when a vaccine is due, in months of age.
type shot struct {
	*Vaccine
	months int
}

// schedule follows the routine schedule of the CDC for children.
var schedule = []shot{
	{hepatitisB, 0}, {hepatitisB, 2}, {rotavirus, 2}, {diphtheria, 2}, {haemophilus, 2}, {pneumococcus, 2}, {polio, 2},
	{rotavirus, 4}, {diphtheria, 4}, {haemophilus, 4}, {pneumococcus, 4}, {polio, 4},
	{hepatitisB, 6}, {diphtheria, 6}, {pneumococcus, 6}, {polio, 6},
	{measles, 12}, {varicella, 12}, {haemophilus, 12}, {pneumococcus, 12}, {hepatitisA, 12},
	{diphtheria, 15}, {hepatitisA, 18},
	{diphtheria, 48}, {polio, 48}, {measles, 48}, {varicella, 48},
	{boosterTdap, 132}, {papilloma, 132}, {meningococcus, 132}, {papilloma, 144}, {meningococcus, 192},
}

// childVisits are the months of age at which a child is seen.
var childVisits = []int{0, 1, 2, 4, 6, 9, 12, 15, 18, 24, 36, 48, 60, 72, 96, 120, 132, 144, 168, 192}

// childhood is growing, and being vaccinated.
func (c *Life) childhood() {
	for _, months := range childVisits {
		at := c.Birth + Day(figure.Divide(months*1461, 48)) + Day(c.dice.Between(1, 9))
		o := wellChild
		if months == 0 {
			o = newborn
		}
		v := c.visit(at, o).measures(Weight, Height)
		switch {
		case months < 24:
			v.measures(headSize, temperature)
		case months < 36:
			v.measures(bodyMass, temperature)
		default:
			v.measures(bodyMass, Systolic, heartRate)
		}
		for _, s := range schedule {
			if s.months == months {
				v.gives(s.Vaccine)
			}
		}
		if c.autumn(v, months) {
			v.gives(influenza)
		}
		if months == 48 || months == 132 {
			v.tests(bloodCount)
		}
	}
}

func (c *Life) autumn(v *Visit, months int) bool {
	m := v.Day.date().Month()
	return months >= 6 && (m >= 9 || m <= 1)
}
