package life

import (
	"strconv"

	"cairn/sample/dice"
	"cairn/sample/term"
)

// Person is one synthetic human being: who she is and what her body is like, before anything happens to her.
type Person struct {
	Female         bool
	Gender         string // administrative, a code of FHIR
	Birth          Day
	Death          Moment // 0 while alive
	Culture        *Culture
	Given, Middle  string // Middle may be empty
	Family         string
	Marital        *term.Coding // nil for children
	Home           Town
	Street         string
	Phone, Email   string
	RecordNumber   string // medical record number
	SecurityNumber string // social security number
	KinGiven       string // of the next of kin
	KinPhone       string
	Smoker         *term.Concept // nil for children
	Allergies      []Intolerance

	stature, build int // in thousandths of the middle of the population
	fate           fate
}

// fate is what will happen to a person, by the names of the stories.
type fate struct {
	diabetes, hypertension, lipids, kidneys, thyroid, iron bool
	asthma, depression, anxiety, pregnancy                 bool
	fracture, appendicitis, infarction, arthrosis          bool
	infections                                             int
}

var (
	neverSmoked = term.Told("Never smoked tobacco", term.SNOMED("266919005", "Never smoked tobacco"))
	exSmoker    = term.Told("Ex-smoker", term.SNOMED("8517006", "Ex-smoker"))
	smokes      = term.Told("Smokes tobacco daily", term.SNOMED("449868002", "Smokes tobacco daily"))

	single   = term.In(term.SystemMarital, "S", "Never Married")
	married  = term.In(term.SystemMarital, "M", "Married")
	divorced = term.In(term.SystemMarital, "D", "Divorced")
	widowed  = term.In(term.SystemMarital, "W", "Widowed")
)

// newPerson draws a person; the heroine is the one that patient 0 always is.
func newPerson(d *dice.Dice, heroine bool) *Person {
	p := &Person{Female: d.Chance(510), Culture: PickCulture(d)}
	p.Birth = birthDay(d)
	if heroine {
		p.Female, p.Birth = true, Reference-Day(d.Between(years(51), years(58)))
	} else {
		p.die(d)
	}
	p.describe(d)
	p.draw(d)
	if heroine {
		p.fate = fate{diabetes: true, hypertension: true, depression: true, infections: 1}
		p.Allergies = []Intolerance{penicillinAllergy}
	}
	return p
}

// birthDay draws an age of at least four months: a fifth are children, a fifth are older than 65 years.
func birthDay(d *dice.Dice) Day {
	low, high := 65, 96
	switch n := d.Below(100); {
	case n < 21:
		low, high = 0, 18
	case n < 47:
		low, high = 18, 40
	case n < 80:
		low, high = 40, 65
	}
	return Reference - Day(d.Between(max(years(low), 130), years(high)-1))
}

// die draws whether and when a person has died in the last six years.
func (p *Person) die(d *dice.Dice) {
	age := agedYears(p.Birth, Reference)
	risk := 0
	switch {
	case age >= 80:
		risk = 360
	case age >= 65:
		risk = 190
	case age >= 45:
		risk = 40
	}
	if d.Chance(risk) {
		p.Death = (Reference - Day(d.Between(30, years(6)))).at(d.Below(24 * 60))
	}
}

func (p *Person) describe(d *dice.Dice) {
	p.Gender = "male"
	if p.Female {
		p.Gender = "female"
	}
	if d.Chance(6) {
		p.Gender = "other"
	}
	p.Given, p.Family = p.Culture.GivenName(d, p.Female), p.Culture.FamilyName(d)
	if d.Chance(400) {
		p.Middle = p.Culture.GivenName(d, p.Female)
	}
	p.Home = dice.Pick(d, towns)
	p.Street = strconv.Itoa(d.Between(1, 240)) + " " + dice.Pick(d, Streets)
	p.Phone, p.KinPhone = Phone(d), Phone(d)
	p.Email = "p" + d.Digits(7) + "@mail.example.org"
	p.RecordNumber = d.Digits(8)
	p.SecurityNumber = "999-" + d.Digits(2) + "-" + d.Digits(4)
	p.KinGiven = p.Culture.GivenName(d, d.Chance(500))
	p.stature = d.Around(1000, 35)
	p.build = d.Around(1000, 70) * p.stature / 1000 * p.stature / 1000
	if p.age() >= 18 {
		p.Smoker = dice.Pick(d, []*term.Concept{&neverSmoked, &neverSmoked, &neverSmoked, &exSmoker, &smokes})
		p.Marital = p.status(d)
	}
	p.allergic(d)
}

func (p *Person) status(d *dice.Dice) *term.Coding {
	switch {
	case p.age() > 70:
		return dice.Pick(d, []*term.Coding{&married, &married, &widowed, &widowed, &divorced})
	case p.age() > 30:
		return dice.Pick(d, []*term.Coding{&married, &married, &married, &single, &divorced})
	}
	return dice.Pick(d, []*term.Coding{&single, &single, &married})
}

func (p *Person) allergic(d *dice.Dice) {
	if d.Chance(80) {
		p.Allergies = append(p.Allergies, penicillinAllergy)
	}
	if d.Chance(180) {
		p.Allergies = append(p.Allergies, dice.Pick(d, allergies))
	}
}

// draw decides the stories by how common they are at that age.
func (p *Person) draw(d *dice.Dice) {
	age, f := p.age(), &p.fate
	byAge := func(young, middle, old int) bool {
		switch {
		case age < 18:
			return false
		case age < 40:
			return d.Chance(young)
		case age < 65:
			return d.Chance(middle)
		}
		return d.Chance(old)
	}
	f.pregnancy = p.Female && age >= 20 && age <= 44 && d.Chance(330)
	f.diabetes = byAge(12, 120, 230) && !f.pregnancy
	f.hypertension = (byAge(50, 320, 600) || f.diabetes && d.Chance(400)) && !f.pregnancy
	f.lipids = (byAge(30, 240, 380) || f.diabetes && d.Chance(300)) && !f.pregnancy
	f.kidneys = (f.diabetes || f.hypertension) && age >= 55 && d.Chance(180)
	f.thyroid = byAge(20, 50, 70)
	f.iron = p.Female && byAge(70, 60, 40)
	f.asthma = age >= 5 && d.Chance(85)
	f.depression = byAge(110, 100, 70)
	f.anxiety = byAge(60, 50, 20) && !f.depression
	f.infarction = byAge(0, 25, 80)
	f.arthrosis = byAge(0, 90, 260)
	f.fracture = age >= 3 && d.Chance(120)
	f.appendicitis = age >= 8 && d.Chance(30)
	f.infections = d.Below(3)
}

// Child tells who was a child when the record ended.
func (p *Person) Child() bool {
	return p.age() < 18
}

// age is in completed years, at the end of the record.
func (p *Person) age() int {
	return agedYears(p.Birth, p.Last())
}

// Last is the day at which the record ends: of death, else the day before Reference.
func (p *Person) Last() Day {
	if p.Death != 0 {
		return p.Death.Day()
	}
	return Reference - 1
}

// smallChild tells who cannot take tablets yet.
func (p *Person) smallChild(at Day) bool {
	return agedYears(p.Birth, at) < 10
}

func (p *Person) allergicTo(what *Intolerance) bool {
	for i := range p.Allergies {
		if p.Allergies[i].Text == what.Text {
			return true
		}
	}
	return false
}

// FullName is the name as it is spoken.
func (p *Person) FullName() string {
	if p.Middle != "" {
		return p.Given + " " + p.Middle + " " + p.Family
	}
	return p.Given + " " + p.Family
}

// Phone draws a number from the range that is kept for fiction.
func Phone(d *dice.Dice) string {
	return "(" + strconv.Itoa(d.Between(2, 9)) + d.Digits(2) + ") 555-01" + d.Digits(2)
}
