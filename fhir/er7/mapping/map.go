package mapping

import (
	"slices"
	"strings"
	"time"

	"cairn/fhir/er7"
	"cairn/fhir/er7/element"
)

// Sender is what the hospital knows of a system that sends messages.
type Sender = element.Sender

// Entry is one resource to write.
type Entry = element.Entry

// Identifier is a number and the URI of whose number it is.
type Identifier struct{ System, Value string }

// Party is how a message names whom it is about.
type Party struct {
	Patient []Identifier
	Prior   []Identifier // of a merge: the patient whose records go on under Patient
}

// Case is what a message is mapped for.
type Case struct {
	Sender   Sender
	Patient  string // local id
	Prior    string // local id of the other patient of a merge
	Received time.Time
	Hash     [32]byte // SHA-256 of the message as it was received
	ID       element.MakeID
}

// MaxEntries bounds what one message makes.
const MaxEntries = 2_000

// mapper maps one message.
type mapper struct {
	*element.Reader
	of    Case
	m     *er7.Message
	event event
	visit element.Object // reference to the encounter, nil if there is none
	clock string         // when it happened, by EVN
}

// event is a message type that is supported.
type event struct {
	visit  string // status of the encounter; "" if the event does not change it
	apply  func(x *mapper, e event)
	merge  bool // it names a second patient
	people bool // it is the patient administration's: it may change what is known of a patient
}

var events = map[string]event{
	"ADT^A01": {"in-progress", (*mapper).admission, false, true},
	"ADT^A02": {"in-progress", (*mapper).admission, false, true},
	"ADT^A03": {"finished", (*mapper).admission, false, true},
	"ADT^A04": {"arrived", (*mapper).admission, false, true},
	"ADT^A05": {"planned", (*mapper).admission, false, true},
	"ADT^A06": {"in-progress", (*mapper).admission, false, true},
	"ADT^A07": {"in-progress", (*mapper).admission, false, true},
	"ADT^A08": {"", (*mapper).admission, false, true},
	"ADT^A11": {"cancelled", (*mapper).admission, false, true},
	"ADT^A12": {"in-progress", (*mapper).admission, false, true},
	"ADT^A13": {"in-progress", (*mapper).admission, false, true},
	"ADT^A28": {"", (*mapper).admission, false, true},
	"ADT^A31": {"", (*mapper).admission, false, true},
	"ADT^A38": {"cancelled", (*mapper).admission, false, true},
	"ADT^A18": {"", (*mapper).merger, true, true},
	"ADT^A34": {"", (*mapper).merger, true, true},
	"ADT^A39": {"", (*mapper).merger, true, true},
	"ADT^A40": {"", (*mapper).merger, true, true},
	"ORU^R01": {"", (*mapper).results, false, false},
	"VXU^V04": {"", (*mapper).vaccinations, false, false},
	"ORM^O01": {"", (*mapper).orders, false, false},
	"MDM^T01": {"", (*mapper).document, false, false},
	"MDM^T02": {"", (*mapper).document, false, false},
	"MDM^T03": {"", (*mapper).document, false, false},
	"MDM^T04": {"", (*mapper).document, false, false},
	"MDM^T05": {"", (*mapper).document, false, false},
	"MDM^T06": {"", (*mapper).document, false, false},
	"MDM^T07": {"", (*mapper).document, false, false},
	"MDM^T08": {"", (*mapper).document, false, false},
	"MDM^T09": {"", (*mapper).document, false, false},
	"MDM^T10": {"", (*mapper).document, false, false},
	"MDM^T11": {"", (*mapper).document, false, false},
	"SIU^S12": {"booked", (*mapper).appointment, false, false},
	"SIU^S13": {"booked", (*mapper).appointment, false, false},
	"SIU^S14": {"booked", (*mapper).appointment, false, false},
	"SIU^S15": {"cancelled", (*mapper).appointment, false, false},
	"SIU^S17": {"entered-in-error", (*mapper).appointment, false, false},
	"SIU^S26": {"noshow", (*mapper).appointment, false, false},
}

// Events returns the supported messages as TYPE^EVENT, sorted.
func Events() []string {
	var out []string
	for name := range events {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// find returns what to do with a message.
func find(h *er7.Header) (event, *er7.Error) {
	e, ok := events[h.Type+"^"+h.Event]
	if ok {
		return e, nil
	}
	at := er7.Position{Segment: "MSH", Sequence: 1, Field: 9, Repetition: 1, Component: 1}
	for name := range events {
		if strings.HasPrefix(name, h.Type+"^") {
			at.Component = 2
			return event{}, &er7.Error{At: at, Code: er7.UnsupportedEvent, Text: "this trigger event is not supported"}
		}
	}
	return event{}, &er7.Error{At: at, Code: er7.UnsupportedType, Text: "this type of message is not supported"}
}

// Whom returns by which identifiers a message names its patient (PID-3), and
// of a merge the other one (MRG-1). It fails when the message is of no
// supported type, or names nobody by an identifier whose system is known.
func Whom(m *er7.Message, s Sender) (Party, []*er7.Error) {
	e, bad := find(&m.Header)
	if bad != nil {
		return Party{}, []*er7.Error{bad}
	}
	x := &mapper{Reader: element.NewReader(s, nil), m: m, event: e}
	var party Party
	pid := x.the("PID")
	if pid.Exists() {
		party.Patient = x.persons(pid.Field(3))
	}
	if e.merge {
		if mrg := x.the("MRG"); mrg.Exists() {
			party.Prior = x.persons(mrg.Field(1))
		}
	}
	return party, x.Errors
}

// Map makes the entries of a message.
func Map(m *er7.Message, c Case) ([]Entry, []*er7.Error) {
	e, bad := find(&m.Header)
	if bad != nil {
		return nil, []*er7.Error{bad}
	}
	x := &mapper{Reader: element.NewReader(c.Sender, c.ID), of: c, m: m, event: e}
	x.clock = x.DateTime(m.Find("EVN").Field(6))
	e.apply(x, e)
	if len(x.Entries) > MaxEntries && len(x.Errors) == 0 {
		x.Errors = append(x.Errors, &er7.Error{Code: er7.TooLong, Text: "the message makes more than 2,000 records"})
	}
	if len(x.Errors) > 0 {
		return nil, x.Errors
	}
	return x.Entries, nil
}

// Administrative tells whether a message is one of the patient administration,
// which may change what is known of a patient.
func Administrative(h *er7.Header) bool { return events[h.Type+"^"+h.Event].people }

// the returns the one segment of a name, which must be there.
func (x *mapper) the(name string) er7.Segment {
	var found er7.Segment
	for _, s := range x.m.Segments() {
		if s.Name != name {
			continue
		}
		if found.Exists() {
			x.Fail(&er7.Error{At: s.Position(), Code: er7.SegmentSequence, Text: "a second segment of this name stands in the message: one patient a message"})
			return er7.Segment{}
		}
		found = s
	}
	if !found.Exists() {
		x.Fail(&er7.Error{At: er7.Position{Segment: name, Sequence: 1}, Code: er7.SegmentSequence, Text: "this segment is missing"})
	}
	return found
}

// persons returns the identifiers of a list that name a patient and no account
// or visit.
func (x *mapper) persons(list er7.Value) []Identifier {
	if !list.Valued() {
		x.Fail(list.Wrong(er7.RequiredMissing, "the patient's identifier is missing"))
		return nil
	}
	var out []Identifier
	for _, cx := range list.Repetitions() {
		id := Identifier{x.System(cx.Component(4)), x.Text(cx.Component(1))}
		if kind := x.Text(cx.Component(5)); id.System != "" && id.Value != "" && kind != "AN" && kind != "VN" && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	if len(out) == 0 && len(x.Errors) == 0 {
		x.Fail(list.First().Component(4).Wrong(er7.TableValue, "no identifier has an assigning authority whose system is known here: name it among the systems of this sender"))
	}
	return out
}

// subject is the reference to the patient.
func (x *mapper) subject() element.Object { return reference(x.of.Patient) }
