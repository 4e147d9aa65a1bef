package mapping

import (
	"cairn/fhir/er7"
	"cairn/fhir/er7/element"
)

// patient makes the Patient of PID and PD1. A message of the patient
// administration changes what is known of her; any other says who she is where
// nobody knows yet.
func (x *mapper) patient() {
	e := x.event
	pid := x.the("PID")
	entry := element.Entry{Type: "Patient", ID: x.of.Patient, Mode: element.Keep, Elements: element.Object{}, Defaults: element.Object{"active": true}}
	if e.people {
		entry.Mode = element.Merge
	}
	if !pid.Exists() {
		return
	}
	x.identify(pid, entry.Elements)
	x.demographics(pid, entry.Elements)
	x.extensions(pid, entry.Elements)
	x.primaryCare(x.m.Find("PD1"), entry.Elements)
	for field, name := range map[int]string{5: "name", 7: "birthDate", 8: "gender", 11: "address", 13: "telecom", 15: "communication", 16: "maritalStatus", 24: "multipleBirth", 29: "deceased", 30: "deceased"} {
		if pid.Field(field).Null() {
			entry.Erase = append(entry.Erase, name)
		}
	}
	x.Add(entry)
}

func (x *mapper) identify(pid er7.Segment, o element.Object) {
	for _, n := range []int{3, 2, 4} {
		for _, cx := range pid.Field(n).Repetitions() {
			o.Push("identifier", x.Identifier(cx, ""))
		}
	}
	if number := x.Text(pid.Field(19)); number != "" {
		system := element.SSN
		if own, ok := x.Sender.Systems["PID-19"]; ok {
			system = own
		}
		o.Push("identifier", element.Object{"value": number, "system": system, "type": element.Coded(element.TermTable+"0203", "SS", "")})
	}
	if licence := pid.Field(20); licence.Valued() {
		number := element.Object{"type": element.Coded(element.TermTable+"0203", "DL", "")}
		number.Put("value", x.Text(licence.Component(1)))
		if state := x.Text(licence.Component(2)); state != "" {
			number["assigner"] = element.Object{"display": state}
		}
		o.Push("identifier", number)
	}
	o.Put("identifier", element.Distinct(element.AsList(o["identifier"])))
}

func (x *mapper) demographics(pid er7.Segment, o element.Object) {
	o.Put("name", append(x.Names(pid.Field(5)), x.Names(pid.Field(9))...))
	o.Put("gender", element.Lookup(x.Reader, pid.Field(8), "0001", genders))
	x.birth(pid, o)
	o.Put("address", x.Addresses(pid.Field(11)))
	if county := x.Text(pid.Field(12)); county != "" && len(element.AsList(o["address"])) == 1 {
		only, _ := element.AsList(o["address"])[0].(element.Object)
		if only["district"] == nil {
			only["district"] = county
		}
	}
	telecom := append(x.Telecoms(pid.Field(13), "home"), x.Telecoms(pid.Field(14), "work")...)
	o.Put("telecom", append(telecom, x.Telecoms(pid.Field(40), "")...))
	if language := x.Codeable(pid.Field(15), ""); len(language) > 0 {
		o["communication"] = element.List{element.Object{"language": language}}
	}
	o.Put("maritalStatus", x.Known(pid.Field(16), "0002", maritalStates))
	x.death(pid, o)
}

func (x *mapper) birth(pid er7.Segment, o element.Object) {
	born := x.Moment(pid.Field(7))
	o.Put("birthDate", born.Date())
	if born.Timed() {
		o["_birthDate"] = element.Object{"extension": element.List{element.Object{"url": element.Extension + "patient-birthTime", "valueDateTime": born.DateTime(x.Sender.Zone)}}}
	}
	switch order := x.Whole(pid.Field(25), 1); {
	case order != "":
		o["multipleBirthInteger"] = order
	case x.Word(pid.Field(24)) != "":
		o["multipleBirthBoolean"] = x.yes(pid.Field(24))
	}
}

func (x *mapper) death(pid er7.Segment, o element.Object) {
	if died := x.DateTime(pid.Field(29)); died != "" {
		o["deceasedDateTime"] = died
	} else if pid.Field(30).Valued() {
		o["deceasedBoolean"] = x.yes(pid.Field(30))
	}
}

// yes reads table HL70136.
func (x *mapper) yes(v er7.Value) bool {
	return element.Lookup(x.Reader, v, "0136", map[string]bool{"Y": true, "N": false})
}

func (x *mapper) extensions(pid er7.Segment, o element.Object) {
	maiden := x.HumanName(pid.Field(6).First())
	if family := maiden.Text("family"); family != "" {
		o.Push("extension", element.Object{"url": element.Extension + "patient-mothersMaidenName", "valueString": family})
	}
	if religion := x.Codeable(pid.Field(17), "0006"); len(religion) > 0 {
		o.Push("extension", element.Object{"url": element.Extension + "patient-religion", "valueCodeableConcept": religion})
	}
	if place := x.Text(pid.Field(23)); place != "" {
		o.Push("extension", element.Object{"url": element.Extension + "patient-birthPlace", "valueAddress": element.Object{"text": place}})
	}
}

// primaryCare reads PD1: the patient's own practice and physicians.
func (x *mapper) primaryCare(pd1 er7.Segment, o element.Object) {
	for _, one := range pd1.Field(3).Repetitions() {
		o.Push("generalPractitioner", x.XON(one, nil))
	}
	for _, who := range x.Practitioners(pd1.Field(4)) {
		o.Push("generalPractitioner", who)
	}
}

// kin makes a RelatedPerson of each NK1.
func (x *mapper) kin() {
	for _, s := range x.m.Segments() {
		if s.Name == "NK1" {
			x.relative(s)
		}
	}
}

func (x *mapper) relative(nk1 er7.Segment) {
	body := element.Object{"patient": x.subject(), "active": true}
	key := ""
	for _, n := range []int{33, 12} {
		for _, cx := range nk1.Field(n).Repetitions() {
			body.Push("identifier", x.Identifier(cx, ""))
			if key == "" {
				key = x.Numbered(cx)
			}
		}
	}
	if key == "" {
		key = x.setID(nk1)
	}
	body.Put("name", append(x.Names(nk1.Field(2)), x.Names(nk1.Field(30))...))
	body.Push("relationship", x.Known(nk1.Field(3), "0063", relations))
	body.Push("relationship", x.Codeable(nk1.Field(7), "0131"))
	body.Put("address", append(x.Addresses(nk1.Field(4)), x.Addresses(nk1.Field(32))...))
	telecom := append(x.Telecoms(nk1.Field(5), "home"), x.Telecoms(nk1.Field(6), "work")...)
	body.Put("telecom", append(append(telecom, x.Telecoms(nk1.Field(31), "")...), x.Telecoms(nk1.Field(40), "")...))
	body.Put("period", x.Period(nk1.Field(8), nk1.Field(9)))
	body.Put("gender", element.Lookup(x.Reader, nk1.Field(15), "0001", genders))
	body.Put("birthDate", x.Date(nk1.Field(16)))
	if language := x.Codeable(nk1.Field(20), ""); len(language) > 0 {
		body["communication"] = element.List{element.Object{"language": language}}
	}
	x.Add(element.Entry{Type: "RelatedPerson", ID: x.ID("RelatedPerson", x.of.Patient, x.Sender.Name, key), Mode: element.Replace, Elements: body})
}

// setID tells the segments of one name apart: by their first field, or by the
// order in which they stand.
func (x *mapper) setID(s er7.Segment) string {
	if n := x.Text(s.Field(1)); n != "" {
		return "set|" + n
	}
	return "set|" + itoa(s.Sequence)
}

// merger maps the merge of two patients: the records of the one in MRG-1 go on
// under the one in PID-3.
func (x *mapper) merger(event) {
	x.patient()
	if x.of.Prior == x.of.Patient || x.of.Prior == "" {
		return
	}
	x.Add(element.Entry{Type: "Patient", ID: x.of.Patient, Mode: element.Merge, Elements: element.Object{"active": true,
		"link": element.List{element.Object{"other": element.Reference("Patient", x.of.Prior, ""), "type": "replaces"}}}})
	x.Add(element.Entry{Type: "Patient", ID: x.of.Prior, Mode: element.Merge, Elements: element.Object{"active": false,
		"link": element.List{element.Object{"other": element.Reference("Patient", x.of.Patient, ""), "type": "replaced-by"}}}})
}
