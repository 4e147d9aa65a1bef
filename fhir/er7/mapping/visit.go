package mapping

import (
	"slices"
	"strconv"

	"cairn/fhir/er7"
	"cairn/fhir/er7/element"
)

func itoa(n int) string { return strconv.Itoa(n) }

// admission maps ADT: patient, kin, visit, observations, allergies, diagnoses,
// insurance.
func (x *mapper) admission(e event) {
	x.patient()
	x.kin()
	x.stay(e)
	x.allergies()
	x.diagnoses()
	x.insurance()
	x.measured()
}

// visitNumber returns the field that tells a visit from others, and its key.
func (x *mapper) visitNumber() (er7.Value, string) {
	pv1 := x.m.Find("PV1")
	for _, cx := range []er7.Value{pv1.Field(19).First(), pv1.Field(50).First(), x.m.Find("PID").Field(18).First()} {
		if key := x.Numbered(cx); key != "" {
			return cx, key
		}
	}
	return er7.Value{}, ""
}

// needsVisit are the events that say nothing without a visit.
var needsVisit = map[string]bool{"A01": true, "A02": true, "A03": true, "A05": true, "A06": true, "A07": true, "A11": true, "A12": true, "A13": true, "A38": true}

// stay makes the Encounter of PV1 and PV2. Messages of others than the patient
// administration make one only where there is none yet, to refer to.
func (x *mapper) stay(e event) {
	pv1 := x.m.Find("PV1")
	number, key := x.visitNumber()
	if key == "" || !pv1.Exists() {
		if needsVisit[x.m.Header.Event] && e.people {
			x.Fail(pv1.Field(19).Wrong(er7.RequiredMissing, "the visit number is missing"))
		}
		return
	}
	if !e.people && !pv1.Field(2).Valued() {
		return // it only names the visit
	}
	entry := element.Entry{Type: "Encounter", ID: x.ID("Encounter", x.of.Patient, key), Mode: element.Keep, Elements: element.Object{"subject": x.subject()}, Defaults: element.Object{}}
	if e.people {
		entry.Mode = element.Merge
	}
	entry.Elements.Push("identifier", x.Identifier(number, "VN"))
	x.class(pv1, e, &entry)
	x.course(pv1, e, &entry)
	x.places(pv1, e, &entry)
	x.participants(pv1, entry.Elements)
	x.hospitalization(pv1, entry.Elements)
	x.details(entry.Elements)
	x.visit = x.Add(entry)
}

// class reads what kind of visit it is (PV1-2) and its state.
func (x *mapper) class(pv1 er7.Segment, e event, entry *element.Entry) {
	class := element.Lookup(x.Reader, pv1.Field(2), "0004", encounterClasses)
	if class.Code == "" {
		x.Fail(pv1.Field(2).Wrong(er7.RequiredMissing, "the patient class is missing"))
	}
	entry.Elements.Put("class", class.Coding())
	switch {
	case e.visit != "" && e.people:
		entry.Elements["status"] = e.visit
	case pv1.Field(45).Valued():
		entry.Elements["status"] = "finished"
	case class.Code == "PRENC":
		entry.Defaults["status"] = "planned"
	default:
		entry.Defaults["status"] = "in-progress"
	}
}

// course reads when the visit began and ended.
func (x *mapper) course(pv1 er7.Segment, e event, entry *element.Entry) {
	period := x.Period(pv1.Field(44), pv1.Field(45))
	if e.visit == "finished" && period["end"] == nil {
		period.Put("end", x.clock)
	}
	entry.Elements.Put("period", period)
	if x.m.Header.Event == "A13" && e.people {
		entry.Erase = append(entry.Erase, "period.end", "hospitalization.dischargeDisposition")
		delete(period, "end")
	}
}

func (x *mapper) places(pv1 er7.Segment, e event, entry *element.Entry) {
	at := "active"
	switch e.visit {
	case "planned":
		at = "planned"
	case "finished":
		at = "completed"
	}
	var seen []string
	for _, place := range []struct {
		field  int
		status string
	}{{3, at}, {11, "active"}, {6, "completed"}, {42, "reserved"}} {
		where := x.Location(pv1.Field(place.field).First())
		name := where.Text("reference")
		if where == nil || slices.Contains(seen, name) {
			continue
		}
		seen = append(seen, name)
		entry.Elements.Push("location", element.Object{"location": where, "status": place.status})
	}
	entry.Moves = true
}

func (x *mapper) participants(pv1 er7.Segment, o element.Object) {
	for _, role := range []struct {
		field      int
		code, name string
	}{{7, "ATND", "attender"}, {8, "REF", "referrer"}, {9, "CON", "consultant"}, {17, "ADM", "admitter"}, {52, "PART", "Participation"}} {
		for _, who := range x.Practitioners(pv1.Field(role.field)) {
			o.Push("participant", element.Object{"individual": who, "type": element.List{element.Coded(element.TermV3+"ParticipationType", role.code, role.name)}})
		}
	}
}

func (x *mapper) hospitalization(pv1 er7.Segment, o element.Object) {
	stay := element.Object{}
	stay.Put("preAdmissionIdentifier", x.Identifier(pv1.Field(5).First(), ""))
	stay.Put("reAdmission", x.Codeable(pv1.Field(13), "0092"))
	stay.Put("admitSource", x.Codeable(pv1.Field(14), "0023"))
	stay.Put("specialArrangement", x.Codeables(pv1.Field(15), "0009"))
	stay.Push("specialCourtesy", x.Codeable(pv1.Field(16), "0099"))
	stay.Put("dischargeDisposition", x.Codeable(pv1.Field(36), "0112"))
	stay.Push("dietPreference", x.Codeable(pv1.Field(38), "0114"))
	if x.m.Header.Event == "A13" {
		delete(stay, "dischargeDisposition")
	}
	o.Put("hospitalization", stay)
	o.Push("type", x.Codeable(pv1.Field(4), "0007"))
	o.Put("serviceType", x.Codeable(pv1.Field(10), "0069"))
	if facility := x.Text(pv1.Field(39)); facility != "" {
		o.Put("serviceProvider", x.Organization(facility, nil, "", nil))
	}
}

// details reads PV2.
func (x *mapper) details(o element.Object) {
	pv2 := x.m.Find("PV2")
	o.Push("reasonCode", x.Codeable(pv2.Field(3), ""))
	o.Put("priority", x.Known(pv2.Field(25), "0217", encounterPriorities))
}

// allergies makes an AllergyIntolerance of each AL1, told apart by its
// allergen.
func (x *mapper) allergies() {
	for _, s := range x.m.Segments() {
		if s.Name != "AL1" {
			continue
		}
		code := x.Codeable(s.Field(3), "")
		if len(code) == 0 {
			x.Fail(s.Field(3).Wrong(er7.RequiredMissing, "the allergen is missing"))
			continue
		}
		body := element.Object{"patient": x.subject(), "code": code,
			"clinicalStatus": element.Coded(element.Term+"allergyintolerance-clinical", "active", "Active")}
		x.allergen(s, body)
		body.Put("onsetDateTime", x.DateTime(s.Field(6)))
		x.Add(element.Entry{Type: "AllergyIntolerance", ID: x.ID("AllergyIntolerance", x.of.Patient, keyOf(code)), Mode: element.Merge, Elements: body})
	}
}

func (x *mapper) allergen(s er7.Segment, body element.Object) {
	body.Push("category", element.Lookup(x.Reader, s.Field(2), "0127", allergyCategories))
	if kind := x.Coded(s.Field(2), "0127"); kind != "" && kind != "MC" {
		body["type"] = "allergy"
	}
	reaction := element.Object{}
	for _, r := range s.Field(5).Repetitions() {
		if text := x.Text(r); text != "" {
			reaction.Push("manifestation", element.Object{"text": text})
		}
	}
	if len(reaction) == 0 {
		body.Put("criticality", element.Lookup(x.Reader, s.Field(4), "0128", criticalities))
		return
	}
	reaction.Put("severity", element.Lookup(x.Reader, s.Field(4), "0128", severities))
	body["reaction"] = element.List{reaction}
}

// keyOf tells concepts apart: by the first code, or by the text.
func keyOf(concept element.Object) string {
	for _, c := range element.AsList(concept["coding"]) {
		o, _ := c.(element.Object)
		return o.Text("system") + "|" + o.Text("code")
	}
	return "text|" + concept.Text("text")
}

// diagnoses makes a Condition of each DG1, told apart by its identifier, or by
// visit and code.
func (x *mapper) diagnoses() {
	for _, s := range x.m.Segments() {
		if s.Name == "DG1" {
			x.diagnosis(s)
		}
	}
}

func (x *mapper) diagnosis(s er7.Segment) {
	code := x.Codeable(s.Field(3), "")
	if description := x.Text(s.Field(4)); description != "" && code["text"] == nil {
		code["text"] = description
	}
	if len(code) == 0 {
		x.Fail(s.Field(3).Wrong(er7.RequiredMissing, "the diagnosis is missing"))
		return
	}
	body := element.Object{"subject": x.subject(), "code": code, "category": element.List{element.Coded(element.Term+"condition-category", "encounter-diagnosis", "Encounter Diagnosis")}}
	number, key := x.Entity(s.Field(20).First(), "")
	if key == "" {
		key = x.visit.Text("reference") + "|" + keyOf(code)
	}
	body.Push("identifier", number)
	body.Put("encounter", x.visit)
	body.Put("onsetDateTime", x.DateTime(s.Field(5)))
	body.Put("recordedDate", x.DateTime(s.Field(19)))
	if who := x.Practitioners(s.Field(16)); len(who) > 0 {
		body["asserter"] = who[0]
	}
	if state := map[string]string{"D": "entered-in-error"}[x.Word(s.Field(21))]; state != "" {
		body["verificationStatus"] = element.Coded(element.Term+"condition-ver-status", state, "")
	} else if x.Coded(s.Field(6), "0052") == "W" {
		body["verificationStatus"] = element.Coded(element.Term+"condition-ver-status", "provisional", "Provisional")
	}
	condition := x.Add(element.Entry{Type: "Condition", ID: x.ID("Condition", x.of.Patient, key), Mode: element.Merge, Elements: body})
	x.diagnosed(s, condition)
}

// diagnosed ties a diagnosis to the visit, unless it is taken back.
func (x *mapper) diagnosed(s er7.Segment, condition element.Object) {
	e := x.event
	if x.visit == nil || !e.people || x.Word(s.Field(21)) == "D" {
		return
	}
	o := element.Object{"condition": condition}
	o.Put("use", element.Perhaps(x.Reader, s.Field(6), "0052", diagnosisRoles).Codeable())
	o.Put("rank", x.Whole(s.Field(15), 1))
	entry := x.Entry(x.visit.Text("reference"))
	entry.Elements.Push("diagnosis", o)
}

// insurance makes a Coverage of each IN1, told apart by company, plan and
// policy.
func (x *mapper) insurance() {
	for _, s := range x.m.Segments() {
		if s.Name == "IN1" {
			x.coverage(s)
		}
	}
}

func (x *mapper) coverage(s er7.Segment) {
	company, key := element.Object(nil), ""
	if number := s.Field(3).First(); number.Valued() {
		company, key = x.Identifier(number, ""), x.Numbered(number)
	}
	payor := x.Organization(x.Text(s.Field(4).First()), company, key, element.Object{"address": x.Addresses(s.Field(5)), "telecom": x.Telecoms(s.Field(7), "work")})
	if payor == nil {
		x.Fail(s.Field(3).Wrong(er7.RequiredMissing, "the insurance company is missing"))
		return
	}
	plan, policy, member := x.Codeable(s.Field(2), ""), x.Text(s.Field(36)), s.Field(49).First()
	body := element.Object{"status": "active", "beneficiary": x.subject(), "payor": element.List{payor}}
	body.Push("identifier", x.Identifier(member, "MB"))
	body.Put("subscriberId", policy)
	body.Put("type", x.Codeable(s.Field(15), "0086"))
	body.Put("period", x.Period(s.Field(12), s.Field(13)))
	body.Put("relationship", x.Known(s.Field(17), "0063", subscribers))
	if group := x.Text(s.Field(8)); group != "" {
		body.Push("class", class("group", group, x.Text(s.Field(9).First())))
	}
	if code := x.Word(s.Field(2).Component(1)); code != "" {
		body.Push("class", class("plan", code, x.Text(s.Field(2).Component(2))))
	}
	body.Put("order", x.Whole(s.Field(22), 1))
	id := x.ID("Coverage", x.of.Patient, payor.Text("reference"), keyOf(plan), policy, x.Numbered(member))
	x.Add(element.Entry{Type: "Coverage", ID: id, Mode: element.Replace, Elements: body})
}

func class(kind, value, name string) element.Object {
	o := element.Object{"type": element.Coded(element.Term+"coverage-class", kind, ""), "value": value}
	o.Put("name", name)
	return o
}
