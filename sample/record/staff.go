package record

import (
	"strconv"

	"cairn/sample/dice"
	"cairn/sample/life"
	"cairn/sample/term"
)

var (
	providerNumber     = term.In(systemIdentifierType, "NPI", "National provider identifier")
	healthcareProvider = term.In(term.HL7+"organization-type", "prov", "Healthcare Provider")
)

// colleague is a practitioner as letters name her.
type colleague struct {
	reference, name string
}

// organisation returns the reference to a house and, at its first use in a bundle, writes it.
func (c *chart) organisation(number int) string {
	if c.houses[number] != "" {
		return c.houses[number]
	}
	d, h := c.source("organisation", number), &life.Houses[number]
	c.houses[number] = c.begin("Organization", d.UUID(), unrestricted)
	c.providerIdentifier(d)
	c.truth("active", true)
	c.plains("type", healthcareProvider)
	c.text("name", h.Name)
	c.list("telecom")
	c.contact("phone", life.Phone(d), "work")
	c.end()
	c.address("work", strconv.Itoa(d.Between(1, 90))+" "+dice.Pick(d, life.Streets), h.Home)
	c.finish("Organization")
	return c.houses[number]
}

// practitioner returns one of the practitioners of a specialty, written at the first use like an organisation.
func (c *chart) practitioner(s life.Specialty, variant int) *colleague {
	number := int(s)*life.Variants + variant
	known := &c.staff[number]
	if known.reference != "" {
		return known
	}
	d := c.source("practitioner", number)
	female, culture := d.Chance(550), life.PickCulture(d)
	given, family := culture.GivenName(d, female), culture.FamilyName(d)
	known.name = "Dr. " + given + " " + family
	known.reference = c.begin("Practitioner", d.UUID(), unrestricted)
	c.providerIdentifier(d)
	c.truth("active", true)
	c.list("name")
	c.item()
	c.text("use", "official")
	c.text("family", family)
	c.words("given", given)
	c.words("prefix", "Dr.")
	c.ends(2)
	c.list("telecom")
	c.contact("email", "dr"+strconv.Itoa(number)+"@staff.example.org", "work")
	c.end()
	c.text("gender", [2]string{"male", "female"}[life.Sex(female)])
	c.list("qualification")
	c.item()
	c.concept("code", term.Told(s.Name()))
	c.ends(2)
	c.finish("Practitioner")
	return known
}

// providerIdentifier writes a number that the register of providers never gives out: real ones begin with 1 or 2.
func (c *chart) providerIdentifier(d *dice.Dice) {
	c.list("identifier")
	c.identifier(providerNumber, systemNPI, "9999"+d.Digits(6))
	c.end()
}
