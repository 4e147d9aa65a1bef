package mapping

import (
	"cairn/fhir/er7"
	"cairn/fhir/er7/element"
)

// vaccinations maps VXU^V04.
func (x *mapper) vaccinations(e event) {
	x.patient()
	x.kin()
	x.stay(e)
	orders, loose := x.groups()
	found := false
	for _, g := range orders {
		if g.rxa.Exists() {
			x.vaccination(g)
			found = true
		}
	}
	if !found {
		x.Fail(&er7.Error{At: er7.Position{Segment: "RXA", Sequence: 1}, Code: er7.SegmentSequence, Text: "this segment is missing"})
	}
	x.observations(loose, frame{key: x.visit.Text("reference")})
}

func (x *mapper) vaccination(g *group) {
	rxa := g.rxa
	vaccine := x.Codeable(rxa.Field(5), "0292")
	given := x.DateTime(rxa.Field(3))
	if len(vaccine) == 0 {
		x.Fail(rxa.Field(5).Wrong(er7.RequiredMissing, "the vaccine is missing"))
	}
	if given == "" {
		x.Fail(rxa.Field(3).Wrong(er7.RequiredMissing, "the time of the vaccination is missing"))
	}
	placer, byPlacer := x.Entity(g.orc.Field(2).First(), "PLAC")
	filler, byFiller := x.Entity(g.orc.Field(3).First(), "FILL")
	body := element.Object{"patient": x.subject(), "vaccineCode": vaccine, "occurrenceDateTime": given, "status": x.done(rxa)}
	key := "given " + given + " " + keyOf(vaccine)
	for _, number := range []struct {
		id    element.Object
		key   string
		whose string
	}{{placer, byPlacer, "placer "}, {filler, byFiller, "filler "}} {
		if number.key != "" {
			body.Push("identifier", number.id)
			key = number.whose + number.key
		}
	}
	body.Put("encounter", x.visit)
	body.Put("recorded", x.DateTime(either(rxa.Field(22), g.orc.Field(9))))
	x.origin(rxa, body)
	x.dose(g, body)
	x.givers(g, body)
	x.programme(g.obx, body)
	x.Add(element.Entry{Type: "Immunization", ID: x.ID("Immunization", x.of.Patient, key), Mode: element.Merge, Elements: body})
}

// done reads whether the vaccine was given (RXA-20, RXA-21).
func (x *mapper) done(rxa er7.Segment) string {
	if x.Word(rxa.Field(21)) == "D" {
		return "entered-in-error"
	}
	if x.Word(rxa.Field(5).Component(1)) == "998" {
		return "not-done" // CVX: no vaccine administered
	}
	if state := element.Lookup(x.Reader, rxa.Field(20), "0322", vaccinationStates); state != "" {
		return state
	}
	return "completed"
}

// origin reads where the knowledge comes from (RXA-9, code set NIP001).
func (x *mapper) origin(rxa er7.Segment, body element.Object) {
	for _, said := range rxa.Field(9).Repetitions() {
		code := x.Word(said.Component(1))
		switch {
		case x.Word(said.Component(3)) == "NIP001":
			body["primarySource"] = code == "00"
			if code != "00" {
				body["reportOrigin"] = x.Codeable(said, "")
			}
		case code == "" && x.Text(said.Component(2)) != "":
			body.Push("note", element.Object{"text": x.Text(said.Component(2))})
		}
	}
}

// dose reads amount, route, site and batch. 999 stands for an unknown amount.
func (x *mapper) dose(g *group, body element.Object) {
	rxa := g.rxa
	if x.Text(rxa.Field(6)) != "999" {
		body.Put("doseQuantity", x.Quantity(x.Decimal(rxa.Field(6)), rxa.Field(7)))
	}
	body.Put("route", x.Known(g.rxr.Field(1), "0162", routes))
	body.Put("site", x.Codeable(g.rxr.Field(2), "0163"))
	body.Put("lotNumber", x.Text(rxa.Field(15).First()))
	body.Put("expirationDate", x.Date(rxa.Field(16).First()))
	body.Put("statusReason", x.Codeable(rxa.Field(18).First(), ""))
	body.Put("reasonCode", x.Codeables(rxa.Field(19), ""))
	maker := rxa.Field(17).First()
	if code := x.Word(maker.Component(1)); code != "" {
		system := x.CodeSystem(x.Text(maker.Component(3)), "")
		number := element.Object{"value": code}
		number.Put("system", system)
		if system == "" {
			system = x.Sender.Name
		}
		body.Put("manufacturer", x.Organization(x.Text(maker.Component(2)), number, "maker "+system+"|"+code, nil))
	}
}

// givers reads who vaccinated, who ordered it, and where.
func (x *mapper) givers(g *group, body element.Object) {
	for _, role := range []struct {
		who  er7.Value
		code string
		name string
	}{{g.rxa.Field(10), "AP", "Administering Provider"}, {g.orc.Field(12), "OP", "Ordering Provider"}} {
		for _, who := range x.Practitioners(role.who) {
			body.Push("performer", element.Object{"actor": who, "function": element.Coded(element.TermTable+"0443", role.code, role.name)})
		}
	}
	if where := x.Location(g.rxa.Field(27).First()); where != nil {
		body["location"] = where
	} else {
		body.Put("location", x.Location(g.rxa.Field(11).First()))
	}
}

// programme reads what immunization registries ask for in OBX: eligibility,
// funding, dose number and information sheet.
func (x *mapper) programme(all []remarked, body element.Object) {
	sheet := element.Object{}
	flush := func() {
		body.Push("education", sheet)
		sheet = element.Object{}
	}
	for _, row := range all {
		v := row.Field(5).First()
		switch x.Word(row.Field(3).Component(1)) {
		case "64994-7":
			body.Push("programEligibility", x.Codeable(v, "0064"))
		case "30963-3":
			body.Put("fundingSource", x.Codeable(v, ""))
		case "30973-2":
			if n := x.Whole(v, 1); n != "" {
				body["protocolApplied"] = element.List{element.Object{"doseNumberPositiveInt": n}}
			}
		case "69764-9":
			flush()
			sheet.Put("documentType", x.Word(v.Component(1)))
		case "29768-9":
			sheet.Put("publicationDate", x.DateTime(v))
		case "29769-7":
			sheet.Put("presentationDate", x.DateTime(v))
			flush()
		}
		if notes := x.annotations(row.notes); len(notes) > 0 {
			body["note"] = append(element.AsList(body["note"]), notes...)
		}
	}
	flush()
}
