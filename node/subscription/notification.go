package subscription

import (
	"strconv"
	"time"

	"github.com/google/uuid"

	"cairn/fhir/topic"
	"cairn/node/store"
)

// Kinds of a notification (http://hl7.org/fhir/subscription-notification-type).
const (
	kindHandshake = "handshake"
	kindHeartbeat = "heartbeat"
	kindEvent     = "event-notification"
	kindStatus    = "query-status"
	kindEvents    = "query-event"
)

// change is one change of a record, as an entry of the log names it.
type change struct {
	entry, item uint64
	time        int64 // Unix milliseconds
	interaction topic.Interaction
	typ, id     string
	version     uint64
	subject     string
}

// event is a change that a subscription is told of.
type event struct {
	change
	number uint64
	raw    []byte // the record's bytes; nil when they are not told, or not there
	status string // of the entry's response
}

// notification is what is sent, or answered, in one bundle.
type notification struct {
	kind    string
	id      string // of the subscription
	topic   string
	status  string
	number  uint64 // of the last event
	code    string // of the error, if any
	content string
	events  []event
}

func notificationOf(kind string, s *store.Subscription, w *wish) notification {
	return notification{kind: kind, id: s.ID, topic: w.criteria.Topic().URL, status: s.Status, number: s.Number, code: s.Error, content: w.content}
}

// Profiles of the guide.
const (
	profileBundle = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-notification-r4"
	profileStatus = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-status-r4"
)

// bundle writes the notification as a Bundle of the type history whose first
// entry is the status (backport-subscription-notification-r4).
func (n *notification) bundle(base string, now time.Time) []byte {
	out := make([]byte, 0, 1024+n.size())
	out = append(out, `{"resourceType":"Bundle","id":"`+uuid.NewString()+`","meta":{"profile":["`+profileBundle+`"]},"type":"history","timestamp":"`...)
	out = append(append(out, instant(now.UnixMilli())...), `","entry":[`...)
	out = n.statusEntry(out, base)
	if n.content == contentFull {
		for i := range n.events {
			out = n.events[i].entryOf(append(out, ','), base)
		}
	}
	return append(out, `]}`...)
}

func (n *notification) size() (total int) {
	for i := range n.events {
		total += len(n.events[i].raw) + 600
	}
	return total
}

// statusEntry writes the entry of the status, which answers a $status.
func (n *notification) statusEntry(out []byte, base string) []byte {
	id := uuid.NewString()
	out = append(out, `{"fullUrl":"urn:uuid:`+id+`","resource":`...)
	out = n.parameters(out, id, base)
	out = append(out, `,"request":{"method":"GET","url":`...)
	out = append(out, quote(base+"/Subscription/"+n.id+"/$status")...)
	return append(out, `},"response":{"status":"200"}}`...)
}

// parameters writes the status as Parameters (backport-subscription-status-r4).
func (n *notification) parameters(out []byte, id, base string) []byte {
	out = append(out, `{"resourceType":"Parameters","id":"`+id+`","meta":{"profile":["`+profileStatus+`"]},"parameter":[`...)
	out = append(append(append(out, `{"name":"subscription","valueReference":{"reference":`...), quote(base+"/Subscription/"+n.id)...), "}}"...)
	if n.content != contentEmpty {
		out = append(append(append(out, `,{"name":"topic","valueCanonical":`...), quote(n.topic)...), '}')
	}
	out = append(out, `,{"name":"status","valueCode":"`+n.status+`"},{"name":"type","valueCode":"`+n.kind+`"}`...)
	out = append(out, `,{"name":"events-since-subscription-start","valueString":"`+strconv.FormatUint(n.number, 10)+`"}`...)
	for i := range n.events {
		out = n.events[i].parameter(append(out, ','), n.content, base)
	}
	if n.code != "" {
		out = append(append(append(out, `,{"name":"error","valueCodeableConcept":`...), concept(n.code)...), '}')
	}
	return append(out, `]}`...)
}

func (e *event) parameter(out []byte, content, base string) []byte {
	out = append(out, `{"name":"notification-event","part":[{"name":"event-number","valueString":"`+strconv.FormatUint(e.number, 10)+`"}`...)
	out = append(out, `,{"name":"timestamp","valueInstant":"`+instant(e.time)+`"}`...)
	if content != contentEmpty {
		out = append(append(append(out, `,{"name":"focus","valueReference":{"reference":`...), quote(base+"/"+e.typ+"/"+e.id)...), "}}"...)
	}
	return append(out, "]}"...)
}

// entryOf writes the entry of an event's record, with the interaction that made
// it (FHIR R4 bdl-3, bdl-4).
func (e *event) entryOf(out []byte, base string) []byte {
	method, url := "PUT", e.typ+"/"+e.id
	switch e.interaction {
	case topic.Create:
		method, url = "POST", e.typ
	case topic.Delete:
		method = "DELETE"
	}
	out = append(append(out, `{"fullUrl":`...), quote(base+"/"+e.typ+"/"+e.id)...)
	if e.raw != nil {
		out = append(append(out, `,"resource":`...), e.raw...)
	}
	out = append(append(out, `,"request":{"method":"`+method+`","url":`...), quote(url)...)
	return append(out, `},"response":{"status":"`+e.status+`"}}`...)
}
