package mapping

import (
	"encoding/base64"

	"cairn/fhir/er7"
	"cairn/fhir/er7/element"
)

// hospital are the types that are about nobody: they belong to no patient's
// provenance.
var hospital = map[string]bool{"Practitioner": true, "Organization": true, "Location": true}

// Trace makes the Provenance of what was written of a message, one for each
// patient: its sender, its control id and the hash of its bytes (RFC 6920). It
// names the Patient even where the message did not change her, so that it is
// hers. written are entries of Map.
func Trace(m *er7.Message, c Case, written []Entry) []Entry {
	x := &mapper{Reader: element.NewReader(c.Sender, c.ID), of: c, m: m}
	x.clock = x.DateTime(m.Find("EVN").Field(6))
	targets, merged := element.List{reference(c.Patient)}, false
	for _, e := range written {
		switch {
		case e.Type == "Patient":
			merged = merged || e.ID == c.Prior
		case !hospital[e.Type]:
			targets = append(targets, element.Reference(e.Type, e.ID, ""))
		}
	}
	x.provenance(c.Patient, targets)
	if merged && c.Prior != c.Patient {
		x.provenance(c.Prior, element.List{reference(c.Prior)})
	}
	return x.Entries
}

func reference(patient string) element.Object { return element.Reference("Patient", patient, "") }

func (x *mapper) provenance(patient string, targets element.List) {
	h := &x.m.Header
	source := func(system, value, display string) element.Object {
		id := element.Object{"value": value}
		id.Put("system", system)
		return element.Object{"role": "source", "what": element.Object{"identifier": id, "display": display}}
	}
	hash := "ni:///sha-256;" + base64.RawURLEncoding.EncodeToString(x.of.Hash[:])
	body := element.Object{
		"target":   targets,
		"recorded": x.of.Received.UTC().Format("2006-01-02T15:04:05.000Z"),
		"activity": element.Object{"coding": element.List{element.Object{"system": element.TermTable + "0003", "code": h.Event}}, "text": h.Type + "^" + h.Event},
		"agent": element.List{element.Object{
			"type": element.Coded(element.Term+"provenance-participant-type", "assembler", "Assembler"),
			"who":  element.Object{"display": x.Sender.Name},
		}},
		"entity": element.List{source("", h.ControlID, "message control id (MSH-10)"), source("urn:ietf:rfc:3986", hash, "SHA-256 of the message")},
	}
	body.Put("occurredDateTime", x.occurred())
	x.Add(element.Entry{Type: "Provenance", ID: x.ID("Provenance", patient, x.Sender.Name, h.ControlID, h.Time), Mode: element.Replace, Elements: body})
}

// occurred is when the event happened: EVN, else the message's own time.
func (x *mapper) occurred() string {
	if x.clock != "" {
		return x.clock
	}
	if at := x.DateTime(x.m.Find("EVN").Field(2)); at != "" {
		return at
	}
	return x.DateTime(x.m.Find("MSH").Field(7))
}
