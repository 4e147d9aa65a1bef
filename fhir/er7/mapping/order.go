package mapping

import (
	"cairn/fhir/er7"
	"cairn/fhir/er7/element"
)

// group is what belongs to one order: ORC with what follows it.
type group struct {
	orc, obr, rxo, rxr, rxa, tq1 er7.Segment
	notes                        []er7.Segment // NTE of the order
	obx                          []remarked
	spm                          []er7.Segment
}

// remarked is an OBX with its notes.
type remarked struct {
	er7.Segment
	notes []er7.Segment
}

// groups takes a message apart into its orders. loose are the observations that
// stand before any.
func (x *mapper) groups() (orders []*group, loose []remarked) {
	var g *group
	var notes *[]er7.Segment // where an NTE goes
	start := func(occupied func(*group) bool) {
		if g == nil || occupied(g) {
			g = &group{}
			orders = append(orders, g)
		}
		notes = &g.notes
	}
	always := func(*group) bool { return true }
	for _, s := range x.m.Segments() {
		switch s.Name {
		case "ORC":
			start(always)
			g.orc = s
		case "OBR":
			start(func(g *group) bool { return g.obr.Exists() || g.rxo.Exists() || g.rxa.Exists() })
			g.obr = s
		case "RXO":
			start(func(g *group) bool { return g.obr.Exists() || g.rxo.Exists() || g.rxa.Exists() })
			g.rxo = s
		case "RXA":
			start(func(g *group) bool { return g.obr.Exists() || g.rxo.Exists() || g.rxa.Exists() })
			g.rxa = s
		case "OBX":
			at := &loose
			if g != nil {
				at = &g.obx
			}
			*at = append(*at, remarked{Segment: s})
			notes = &(*at)[len(*at)-1].notes
		case "NTE":
			if notes != nil {
				*notes = append(*notes, s)
			}
		case "RXR", "TQ1", "SPM":
			notes = g.detail(s, notes)
		case "PID", "PV1", "SCH", "TXA":
			notes = nil
		}
	}
	return orders, loose
}

// detail keeps a segment that says more of an order.
func (g *group) detail(s er7.Segment, notes *[]er7.Segment) *[]er7.Segment {
	if g == nil {
		return nil
	}
	switch {
	case s.Name == "SPM":
		g.spm = append(g.spm, s)
		return nil
	case s.Name == "RXR" && !g.rxr.Exists():
		g.rxr = s
	case s.Name == "TQ1" && !g.tq1.Exists():
		g.tq1 = s
	}
	return notes
}

// either returns the first of two fields that is valued.
func either(a, b er7.Value) er7.Value {
	if a.Valued() {
		return a
	}
	return b
}

// orders maps ORM^O01.
func (x *mapper) orders(e event) {
	x.patient()
	x.stay(e)
	x.allergies()
	x.insurance()
	x.diagnoses()
	all, _ := x.groups()
	if len(all) == 0 {
		x.Fail(&er7.Error{At: er7.Position{Segment: "ORC", Sequence: 1}, Code: er7.SegmentSequence, Text: "this segment is missing"})
	}
	for _, g := range all {
		switch {
		case !g.orc.Exists():
			x.Fail(&er7.Error{At: er7.Position{Segment: "ORC", Sequence: 1}, Code: er7.SegmentSequence, Text: "this segment is missing"})
		case g.rxo.Exists():
			x.prescription(g)
		case g.obr.Exists():
			x.request(g, "")
		default:
			x.Fail(&er7.Error{At: g.orc.Position(), Code: er7.SegmentSequence, Text: "an order without detail (OBR or RXO) is not supported"})
		}
	}
}

// numbers returns the order's identifiers and by what it is told from others.
func (x *mapper) numbers(g *group) (ids element.List, key string) {
	placer, byPlacer := x.Entity(either(g.orc.Field(2), g.obr.Field(2)).First(), "PLAC")
	filler, byFiller := x.Entity(either(g.orc.Field(3), g.obr.Field(3)).First(), "FILL")
	for _, id := range []element.Object{placer, filler} {
		if id != nil {
			ids = append(ids, id)
		}
	}
	if byPlacer != "" {
		return ids, "placer " + byPlacer
	}
	if byFiller != "" {
		return ids, "filler " + byFiller
	}
	number := g.orc.Field(2)
	if g.obr.Exists() {
		number = g.obr.Field(3)
	}
	x.Fail(number.Wrong(er7.RequiredMissing, "the order has neither a placer's nor a filler's number"))
	return nil, ""
}

// request makes the ServiceRequest of ORC and OBR. report is the state of the
// report that answers it, "" if none does.
func (x *mapper) request(g *group, report string) element.Object {
	ids, key := x.numbers(g)
	code := x.Codeable(g.obr.Field(4), "")
	if len(code) == 0 {
		x.Fail(g.obr.Field(4).Wrong(er7.RequiredMissing, "what is ordered is missing"))
	}
	entry := element.Entry{Type: "ServiceRequest", ID: x.ID("ServiceRequest", x.of.Patient, key, keyOf(code)), Mode: element.Merge,
		Elements: element.Object{"subject": x.subject(), "code": code, "intent": "order"}, Defaults: element.Object{}}
	entry.Elements.Put("identifier", ids)
	entry.Elements.Put("encounter", x.visit)
	if x.Word(g.obr.Field(11)) == "G" {
		entry.Elements["intent"] = "reflex-order"
	}
	x.state(g, report, &entry)
	x.ordered(g, entry.Elements)
	entry.Elements.Put("occurrenceDateTime", x.DateTime(either(g.obr.Field(6), x.starts(g))))
	entry.Elements.Put("priority", x.urgency(g))
	entry.Elements.Put("reasonCode", x.Codeables(g.obr.Field(31), ""))
	entry.Elements.Put("note", x.annotations(g.notes))
	return x.Add(entry)
}

// state reads how far the order is.
func (x *mapper) state(g *group, report string, entry *element.Entry) {
	state := element.Lookup(x.Reader, g.orc.Field(5), "0038", orderStates)
	switch {
	case state == "" && (report == "final" || report == "corrected" || report == "amended"):
		state = "completed"
	case state == "" && report == "cancelled":
		state = "revoked"
	case state == "" && report == "":
		if !g.orc.Field(1).Valued() {
			x.Fail(g.orc.Field(1).Wrong(er7.RequiredMissing, "the order control code is missing"))
		}
		state = element.Lookup(x.Reader, g.orc.Field(1), "0119", orderControls)
	}
	entry.Elements.Put("status", state)
	entry.Defaults["status"] = "active"
}

// starts returns when the order is to be done: TQ1-7, or the fourth component
// of the older fields.
func (x *mapper) starts(g *group) er7.Value {
	if at := g.tq1.Field(7); at.Valued() {
		return at
	}
	return either(g.orc.Field(7), g.obr.Field(27)).Component(4)
}

func (x *mapper) urgency(g *group) string {
	for _, v := range []er7.Value{g.tq1.Field(9), g.orc.Field(7).Component(6), g.obr.Field(27).Component(6), g.obr.Field(5)} {
		if v.Valued() {
			return element.Perhaps(x.Reader, v, "0485", priorities)
		}
	}
	return ""
}

// ordered reads what ORC says of any order: who, when, how confidential.
func (x *mapper) ordered(g *group, body element.Object) {
	if x.Word(g.orc.Field(1)) == "NW" {
		body.Put("authoredOn", x.DateTime(g.orc.Field(9)))
	}
	if who := x.Practitioners(either(g.orc.Field(12), g.obr.Field(16))); len(who) > 0 {
		body["requester"] = who[0]
	}
	if number, key := x.Entity(g.orc.Field(4).First(), "PGN"); key != "" {
		body[map[bool]string{true: "groupIdentifier", false: "requisition"}[g.rxo.Exists()]] = number
	}
	if label := element.Lookup(x.Reader, g.orc.Field(28), "0177", confidential); label.Code != "" {
		body["meta"] = element.Object{"security": element.List{label.Coding()}}
	}
}

// annotations makes an Annotation of each NTE.
func (x *mapper) annotations(notes []er7.Segment) element.List {
	var out element.List
	for _, nte := range notes {
		var text string
		for _, line := range nte.Field(3).Repetitions() {
			if text != "" {
				text += "\n"
			}
			text += x.Long(line)
		}
		if text == "" {
			continue
		}
		o := element.Object{"text": text}
		if who := x.Practitioner(nte.Field(5).First()); who != nil {
			if who["reference"] != nil {
				o["authorReference"] = who
			} else {
				o["authorString"] = who["display"]
			}
		}
		o.Put("time", x.DateTime(nte.Field(6)))
		out = append(out, o)
	}
	return out
}

// medicationStates are those of a MedicationRequest by those of any request.
var medicationStates = map[string]string{"active": "active", "on-hold": "on-hold", "completed": "completed", "entered-in-error": "entered-in-error", "revoked": "cancelled"}

// prescription makes the MedicationRequest of ORC, RXO and RXR.
func (x *mapper) prescription(g *group) {
	ids, key := x.numbers(g)
	medicine := x.Codeable(g.rxo.Field(1), "")
	if len(medicine) == 0 {
		x.Fail(g.rxo.Field(1).Wrong(er7.RequiredMissing, "the medication is missing"))
	}
	entry := element.Entry{Type: "MedicationRequest", ID: x.ID("MedicationRequest", x.of.Patient, key, keyOf(medicine)), Mode: element.Merge,
		Elements: element.Object{"subject": x.subject(), "intent": "order", "medicationCodeableConcept": medicine}, Defaults: element.Object{}}
	entry.Elements.Put("identifier", ids)
	entry.Elements.Put("encounter", x.visit)
	x.state(g, "", &entry)
	if state, ok := entry.Elements["status"].(string); ok {
		entry.Elements["status"] = medicationStates[state]
		if control := x.Word(g.orc.Field(1)); state == "revoked" && (control == "DC" || control == "DR" || control == "OD") {
			entry.Elements["status"] = "stopped"
		}
	}
	x.ordered(g, entry.Elements)
	entry.Elements.Put("note", x.annotations(g.notes))
	entry.Elements.Push("dosageInstruction", x.dosage(g))
	x.supply(g.rxo, entry.Elements)
	x.Add(entry)
}

func (x *mapper) dosage(g *group) element.Object {
	o := element.Object{}
	low, high := x.Quantity(x.Decimal(g.rxo.Field(2)), g.rxo.Field(4)), x.Quantity(x.Decimal(g.rxo.Field(3)), g.rxo.Field(4))
	rate := element.Object{}
	switch {
	case high != nil:
		r := element.Object{"high": high}
		r.Put("low", low)
		rate["doseRange"] = r
	case low != nil:
		rate["doseQuantity"] = low
	}
	if len(rate) > 0 {
		o["doseAndRate"] = element.List{rate}
	}
	how := x.Codeable(g.rxo.Field(7).First(), "")
	if text := how.Text("text"); text != "" {
		o.Put("text", text)
	} else if len(how) > 0 {
		o["additionalInstruction"] = element.List{how}
	}
	o.Put("route", x.Known(g.rxr.Field(1), "0162", routes))
	o.Put("site", x.Codeable(g.rxr.Field(2), "0163"))
	x.timing(g, o)
	return o
}

// timing reads how often and how long: TQ1, or the older ORC-7.
func (x *mapper) timing(g *group, o element.Object) {
	often, from, until := g.tq1.Field(3), g.tq1.Field(7), g.tq1.Field(8)
	if !g.tq1.Exists() {
		tq := g.orc.Field(7)
		often, from, until = tq.Component(2), tq.Component(4), tq.Component(5)
	}
	t := element.Object{}
	if code := x.Text(often.Component(1)); code != "" {
		t["code"] = element.Object{"text": code}
	}
	if bounds := x.Period(from, until); len(bounds) > 0 {
		t["repeat"] = element.Object{"boundsPeriod": bounds}
	}
	o.Put("timing", t)
}

func (x *mapper) supply(rxo er7.Segment, body element.Object) {
	supply := element.Object{}
	supply.Put("quantity", x.Quantity(x.Decimal(rxo.Field(11)), rxo.Field(12)))
	supply.Put("numberOfRepeatsAllowed", x.Whole(rxo.Field(13), 0))
	body.Put("dispenseRequest", supply)
	if code := x.Codeable(rxo.Field(9), "0161"); len(code) > 0 {
		body["substitution"] = element.Object{"allowedCodeableConcept": code}
	}
}
