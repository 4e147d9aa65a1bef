package record

import (
	"cairn/sample/life"
	"cairn/sample/term"
)

var (
	medicalRecordNumber = term.In(systemIdentifierType, "MR", "Medical record number")
	socialSecurity      = term.In(systemIdentifierType, "SS", "Social Security number")
	nextOfKin           = term.In(term.HL7+"v2-0131", "N", "Next-of-Kin")
)

// patient writes the Patient, after the practice and the doctor that it names.
func (c *chart) patient() {
	s := life.FamilyMedicine
	if c.Child() {
		s = life.Paediatrics
	}
	doctor, practice := c.practitioner(s, c.Doctors[s]).reference, c.organisation(c.Clinic)
	c.subject = c.begin("Patient", c.dice.UUID(), normal)
	c.birthSex()
	c.list("identifier")
	c.identifier(medicalRecordNumber, "https://"+life.Houses[c.Ward].Domain+"/mrn", c.RecordNumber)
	c.identifier(socialSecurity, systemSSN, c.SecurityNumber)
	c.end()
	c.truth("active", c.Death == 0)
	c.name()
	c.list("telecom")
	c.contact("phone", c.Phone, "home")
	c.contact("email", c.Email, "home")
	c.end()
	c.text("gender", c.Gender)
	c.text("birthDate", c.Birth.String())
	if c.Death != 0 {
		c.moment("deceasedDateTime", c.Death)
	}
	c.address("home", c.Street, c.Home)
	if c.Marital != nil {
		c.plain("maritalStatus", *c.Marital)
	}
	c.kin()
	c.list("communication")
	c.item()
	c.plain("language", c.Culture.Language)
	c.ends(2)
	c.references("generalPractitioner", doctor)
	c.reference("managingOrganization", practice)
	c.finish("Patient")
}

// birthSex writes the extension of US Core, which says what the administrative gender may not.
func (c *chart) birthSex() {
	c.list("extension")
	c.item()
	c.text("url", "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex")
	c.text("valueCode", [2]string{"M", "F"}[life.Sex(c.Female)])
	c.ends(2)
}

func (c *chart) name() {
	c.list("name")
	c.item()
	c.text("use", "official")
	c.text("text", c.FullName())
	c.text("family", c.Family)
	if c.Middle != "" {
		c.words("given", c.Given, c.Middle)
	} else {
		c.words("given", c.Given)
	}
	c.ends(2)
}

// kin writes whom to call.
func (c *chart) kin() {
	c.list("contact")
	c.item()
	c.plains("relationship", nextOfKin)
	c.object("name")
	c.text("family", c.Family)
	c.words("given", c.KinGiven)
	c.end()
	c.list("telecom")
	c.contact("phone", c.KinPhone, "home")
	c.ends(3)
}
