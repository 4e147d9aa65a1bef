package mapping

import (
	"cairn/fhir/er7"
	"cairn/fhir/er7/element"
)

// results maps ORU^R01: each OBR with what follows it becomes a
// ServiceRequest, its specimens, its observations and a DiagnosticReport.
func (x *mapper) results(e event) {
	x.patient()
	x.stay(e)
	orders, loose := x.groups()
	found := false
	for _, g := range orders {
		if g.obr.Exists() {
			x.report(g)
			found = true
		}
	}
	if !found {
		x.Fail(&er7.Error{At: er7.Position{Segment: "OBR", Sequence: 1}, Code: er7.SegmentSequence, Text: "this segment is missing"})
	}
	x.observations(loose, frame{key: x.visit.Text("reference")})
}

// frame is what the observations of one order have in common.
type frame struct {
	key      string // of the order
	category string
	state    string // of the report
	common   element.Object
}

func (x *mapper) report(g *group) {
	state := element.Lookup(x.Reader, g.obr.Field(25), "0123", reportStates)
	if state == "" {
		x.Fail(g.obr.Field(25).Wrong(er7.RequiredMissing, "the result status is missing"))
		state = "unknown"
	}
	request := x.request(g, state)
	code := x.Codeable(g.obr.Field(4), "")
	ids, key := x.reportKey(g)
	key += " " + keyOf(code)
	specimens := x.specimens(g, key)
	body := element.Object{"subject": x.subject(), "code": code, "status": state, "basedOn": element.List{request}}
	body.Put("identifier", ids)
	body.Put("encounter", x.visit)
	x.effective(g.obr.Field(7), g.obr.Field(8), body)
	body.Put("issued", x.Instant(g.obr.Field(22)))
	body.Put("specimen", specimens)
	section := x.Coded(g.obr.Field(24), "0074")
	body.Push("category", element.Coded(element.TermTable+"0074", section, ""))
	body.Push("resultsInterpreter", x.Interpreter(g.obr.Field(32).First()))
	f := frame{key: key, category: sections[section], state: state, common: element.Object{"basedOn": element.List{request}}}
	if len(specimens) == 1 {
		f.common["specimen"] = specimens[0]
	}
	for _, name := range []string{"effectiveDateTime", "effectivePeriod", "issued"} {
		f.common.Put(name, body[name])
	}
	body.Put("result", x.observations(g.obx, f))
	body.Put("presentedForm", x.forms(g.obx))
	x.Add(element.Entry{Type: "DiagnosticReport", ID: x.ID("DiagnosticReport", x.of.Patient, key), Mode: element.Merge, Elements: body})
}

// reportKey tells a report from others: by the filler's number, since the
// filler reports.
func (x *mapper) reportKey(g *group) (ids element.List, key string) {
	ids, key = x.numbers(g)
	if _, filler := x.Entity(either(g.obr.Field(3), g.orc.Field(3)).First(), "FILL"); filler != "" {
		key = "filler " + filler
	}
	return ids, key
}

// effective reads when something was observed.
func (x *mapper) effective(start, end er7.Value, o element.Object) {
	if end.Valued() {
		o.Put("effectivePeriod", x.Period(start, end))
		return
	}
	o.Put("effectiveDateTime", x.DateTime(start))
}

// specimens makes a Specimen of each SPM, or of OBR-15 in older versions.
func (x *mapper) specimens(g *group, order string) element.List {
	var out element.List
	for _, s := range g.spm {
		out = append(out, x.specimen(s, order))
	}
	if source := g.obr.Field(15); len(g.spm) == 0 && source.Valued() {
		kind := x.Codeable(source.First().Component(1), "0487")
		if len(kind) == 0 {
			return nil
		}
		body := element.Object{"subject": x.subject(), "type": kind}
		body.Put("receivedTime", x.DateTime(g.obr.Field(14)))
		out = append(out, x.Add(element.Entry{Type: "Specimen", ID: x.ID("Specimen", x.of.Patient, order, "OBR-15"), Mode: element.Replace, Elements: body}))
	}
	return out
}

func (x *mapper) specimen(s er7.Segment, order string) element.Object {
	kind := x.Codeable(s.Field(4), "0487")
	if len(kind) == 0 {
		x.Fail(s.Field(4).Wrong(er7.RequiredMissing, "the type of the specimen is missing"))
	}
	body := element.Object{"subject": x.subject(), "type": kind}
	pair := s.Field(2).First()
	key := ""
	for i, label := range []string{"PLAC", "FILL"} {
		v := pair.Component(i + 1)
		id, k := x.EntityOf(v.Component(1), v.Component(2), v.Component(3), v.Component(4), label)
		body.Push("identifier", id)
		if k != "" && (key == "" || label == "FILL") {
			key = k
		}
	}
	if key == "" {
		key = order + " " + x.setID(s)
	}
	body.Push("identifier", x.Identifier(s.Field(31).First(), ""))
	body.Put("accessionIdentifier", x.Identifier(s.Field(30).First(), ""))
	body.Put("receivedTime", x.DateTime(s.Field(18)))
	body.Put("status", element.Lookup(x.Reader, s.Field(20), "0136", map[string]string{"Y": "available", "N": "unavailable"}))
	body.Put("condition", x.Codeables(s.Field(24), "0493"))
	if text := x.Text(s.Field(14)); text != "" {
		body["note"] = element.List{element.Object{"text": text}}
	}
	x.collection(s, body)
	return x.Add(element.Entry{Type: "Specimen", ID: x.ID("Specimen", x.of.Patient, key), Mode: element.Merge, Elements: body})
}

func (x *mapper) collection(s er7.Segment, body element.Object) {
	o := element.Object{}
	o.Put("method", x.Codeable(s.Field(7), "0488"))
	o.Put("bodySite", x.Codeable(s.Field(8), ""))
	o.Put("quantity", x.Quantity(x.Decimal(s.Field(12).Component(1)), s.Field(12).Component(2)))
	taken := s.Field(17).First()
	if taken.Component(2).Valued() {
		o.Put("collectedPeriod", x.Period(taken.Component(1), taken.Component(2)))
	} else {
		o.Put("collectedDateTime", x.DateTime(taken.Component(1)))
	}
	body.Put("collection", o)
	box := element.Object{}
	box.Put("type", x.Codeable(s.Field(27), ""))
	body.Push("container", box)
}

// measured maps the observations of a patient administration message.
func (x *mapper) measured() {
	_, loose := x.groups()
	x.observations(loose, frame{key: x.visit.Text("reference")})
}

// observations makes an Observation of each OBX; consecutive ones with text
// under the same code and sub-id are one. Documents are the report's.
func (x *mapper) observations(all []remarked, f frame) element.List {
	var out element.List
	seen := make(map[string]int)
	for i := 0; i < len(all); i++ {
		first := i
		for textual(all[i].Segment) && i+1 < len(all) && x.continues(all[i].Segment, all[i+1].Segment) {
			i++
		}
		if ref := x.observation(all[first:i+1], f, seen); ref != nil {
			out = append(out, ref)
		}
	}
	return out
}

func textual(s er7.Segment) bool {
	kind := s.Field(2).Raw()
	return kind == "TX" || kind == "FT"
}

func (x *mapper) continues(a, b er7.Segment) bool {
	return textual(b) && a.Field(3).Raw() == b.Field(3).Raw() && a.Field(4).Raw() == b.Field(4).Raw() && b.Field(3).Valued()
}

// observation makes one Observation.
func (x *mapper) observation(rows []remarked, f frame, seen map[string]int) element.Object {
	s := rows[0].Segment
	code := x.Codeable(s.Field(3), "")
	kind := x.Word(s.Field(2))
	state := x.observed(s, f)
	switch {
	case len(code) == 0:
		x.Fail(s.Field(3).Wrong(er7.RequiredMissing, "what was observed is missing"))
		return nil
	case state == "":
		return nil
	case kind == "ED" || kind == "RP":
		if f.common == nil {
			x.Fail(s.Field(2).Wrong(er7.TableValue, "a document is supported in the results of an order (ORU) and as a document (MDM)"))
		}
		return nil
	}
	body := element.Object{"subject": x.subject(), "code": code, "status": state}
	for k, v := range f.common {
		body[k] = v
	}
	body.Put("encounter", x.visit)
	if at := x.DateTime(s.Field(14)); at != "" {
		delete(body, "effectivePeriod")
		body["effectiveDateTime"] = at
	}
	number, key := x.Entity(s.Field(21).First(), "FILL")
	body.Push("identifier", number)
	if key == "" {
		key = f.key + " " + keyOf(code) + " " + x.Text(s.Field(4)) + " " + x.untold(s, f)
		seen[key]++
		key += " " + itoa(seen[key])
	}
	x.categorize(body, f)
	x.value(rows, kind, code, body)
	x.judged(s, body)
	x.circumstances(s, body)
	var notes []er7.Segment
	for _, row := range rows {
		notes = append(notes, row.notes...)
	}
	body.Put("note", x.annotations(notes))
	return x.Add(element.Entry{Type: "Observation", ID: x.ID("Observation", x.of.Patient, key), Mode: element.Replace, Elements: body})
}

// untold is the time of an observation without an order: there it tells one
// from the next.
func (x *mapper) untold(s er7.Segment, f frame) string {
	if f.common != nil {
		return ""
	}
	return x.DateTime(s.Field(14))
}

// observed reads the state of one observation, from the report's where it does
// not say; "" for one that is a detail of the order and no result.
func (x *mapper) observed(s er7.Segment, f frame) string {
	if x.Coded(s.Field(11), "0085") == "O" {
		return ""
	}
	if state := element.Lookup(x.Reader, s.Field(11), "0085", observationStates); state != "" {
		return state
	}
	switch f.state {
	case "":
		return "final"
	case "partial":
		return "preliminary"
	}
	return f.state
}

func (x *mapper) categorize(body element.Object, f frame) {
	category := f.category
	if category == "" {
		category = x.Sender.Category
	}
	body.Push("category", element.Coded(element.ObservationCategory, category, ""))
}

// judged reads reference range and interpretation.
func (x *mapper) judged(s er7.Segment, body element.Object) {
	body.Push("referenceRange", x.normal(s))
	for _, one := range s.Field(8).Repetitions() {
		code := x.Coded(one, "0078")
		if name, ok := interpretations[code]; ok {
			body.Push("interpretation", element.Coded(element.TermV3+"ObservationInterpretation", code, name))
		} else {
			body.Push("interpretation", x.Codeable(one, "0078"))
		}
	}
}

// circumstances reads who observed, how and where on the body.
func (x *mapper) circumstances(s er7.Segment, body element.Object) {
	body.Put("performer", x.Practitioners(s.Field(16)))
	if lab := s.Field(23).First(); lab.Valued() {
		body.Push("performer", x.XON(lab, element.Object{"address": x.Addresses(s.Field(24))}))
	} else if producer := s.Field(15); producer.Valued() {
		code := x.Word(producer.Component(1))
		number := element.Object(nil)
		key := ""
		if code != "" {
			number, key = element.Object{"value": code}, x.Sender.Name+"/producer|"+code
		}
		body.Push("performer", x.Organization(x.Text(producer.Component(2)), number, key, nil))
	}
	body.Put("method", x.Codeable(s.Field(17).First(), ""))
	body.Put("bodySite", x.Codeable(s.Field(20).First(), "0163"))
}

// forms makes an Attachment of each document among the results.
func (x *mapper) forms(all []remarked) element.List {
	var out element.List
	for _, row := range all {
		title := x.Text(row.Field(3).Component(2))
		for _, a := range x.attachments(row.Segment, title) {
			out = append(out, a)
		}
	}
	return out
}
