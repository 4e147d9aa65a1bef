package mapping

import (
	"encoding/base64"
	"strings"

	"cairn/fhir/er7"
	"cairn/fhir/er7/element"
)

// document maps MDM: TXA and the OBX after it become a DocumentReference.
func (x *mapper) document(e event) {
	x.patient()
	x.stay(e)
	txa := x.the("TXA")
	if !txa.Exists() {
		return
	}
	number, key := x.Entity(txa.Field(12).First(), "")
	if key == "" {
		x.Fail(txa.Field(12).Wrong(er7.RequiredMissing, "the unique document number is missing"))
		return
	}
	entry := element.Entry{Type: "DocumentReference", ID: x.ID("DocumentReference", x.of.Patient, key), Mode: element.Merge, Elements: element.Object{"subject": x.subject(), "masterIdentifier": number}, Defaults: element.Object{}}
	kind := x.Codeable(txa.Field(2), "0270")
	if len(kind) == 0 {
		x.Fail(txa.Field(2).Wrong(er7.RequiredMissing, "the type of the document is missing"))
	}
	entry.Elements.Put("type", kind)
	x.standing(txa, &entry)
	x.written(txa, entry.Elements)
	x.related(txa, entry.Elements)
	x.content(txa, &entry)
	x.Add(entry)
}

// standing reads whether the document is in force, and how far it is.
func (x *mapper) standing(txa er7.Segment, entry *element.Entry) {
	state := element.Lookup(x.Reader, txa.Field(19), "0273", documentStates)
	if x.m.Header.Event == "T11" {
		state = "entered-in-error"
	}
	entry.Elements.Put("status", state)
	entry.Defaults["status"] = "current"
	entry.Elements.Put("docStatus", element.Lookup(x.Reader, txa.Field(17), "0271", completionState))
	if label := element.Lookup(x.Reader, txa.Field(18), "0272", confidential); label.Code != "" {
		entry.Elements.Push("securityLabel", label.Codeable())
		entry.Elements["meta"] = element.Object{"security": element.List{label.Coding()}}
	}
}

// written reads who wrote it, when, about what.
func (x *mapper) written(txa er7.Segment, body element.Object) {
	for _, n := range []int{6, 7, 4} {
		if at := x.Instant(txa.Field(n)); at != "" {
			body["date"] = at
			break
		}
	}
	body.Put("author", x.Practitioners(txa.Field(9)))
	for _, n := range []int{22, 10} {
		if who := x.Practitioners(txa.Field(n)); len(who) > 0 {
			body["authenticator"] = who[0]
			break
		}
	}
	body.Put("description", x.Text(txa.Field(25).First()))
	context := element.Object{}
	context.Push("encounter", x.visit)
	context.Put("period", x.Period(txa.Field(4), er7.Value{}))
	orders, _ := x.groups()
	for _, g := range orders {
		if g.orc.Exists() && g.obr.Exists() {
			context.Push("related", x.request(g, ""))
		}
	}
	body.Put("context", context)
}

// related reads which document an addendum or a replacement belongs to.
func (x *mapper) related(txa er7.Segment, body element.Object) {
	how := map[string]string{"T05": "appends", "T06": "appends", "T09": "replaces", "T10": "replaces"}[x.m.Header.Event]
	parent, key := x.Entity(txa.Field(13).First(), "")
	if how == "" || key == "" {
		return
	}
	body["relatesTo"] = element.List{element.Object{"code": how, "target": element.Object{"type": "DocumentReference", "identifier": parent}}}
	if how == "replaces" {
		x.Add(element.Entry{Type: "DocumentReference", ID: x.ID("DocumentReference", x.of.Patient, key), Mode: element.Patch, Elements: element.Object{"status": "superseded"}})
	}
}

// content reads the OBX: each document is a content of its own, lines of text
// are one. A notification without content leaves what is there.
func (x *mapper) content(txa er7.Segment, entry *element.Entry) {
	var text []string
	for _, s := range x.m.Segments() {
		if s.Name != "OBX" {
			continue
		}
		switch kind := x.Word(s.Field(2)); kind {
		case "ED", "RP":
			for _, a := range x.attachments(s, x.Text(s.Field(3).Component(2))) {
				entry.Elements.Push("content", element.Object{"attachment": a})
			}
		case "TX", "FT", "ST":
			text = append(text, x.lines([]remarked{{Segment: s}}))
		default:
			x.Fail(s.Field(2).Wrong(er7.TableValue, "this type of value is not supported in a document"))
		}
	}
	if whole := strings.Join(text, "\n"); strings.TrimSpace(whole) != "" {
		a := element.Object{"contentType": "text/plain; charset=utf-8", "data": base64.StdEncoding.EncodeToString([]byte(whole))}
		entry.Elements.Push("content", element.Object{"attachment": a})
	}
	if entry.Elements["content"] != nil {
		return
	}
	a := element.Object{}
	a.Put("contentType", presentation(x.Word(txa.Field(3))))
	a.Put("title", x.Text(txa.Field(16)))
	if len(a) == 0 {
		a["title"] = "without content"
	}
	entry.Defaults["content"] = element.List{element.Object{"attachment": a}}
}

// presentation returns the MIME type that TXA-3 says (table HL70191).
func presentation(code string) string {
	return map[string]string{"TEXT": "text/plain", "TX": "text/plain", "FT": "text/plain", "IM": "image/*", "AP": "application/octet-stream"}[code]
}
