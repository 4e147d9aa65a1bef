// Package element reads the data types of HL7 version 2 messages as elements of
// FHIR resources, by the rules of the HL7 v2-to-FHIR implementation guide, and
// collects what a message makes: entries, and errors with their positions.
//
// It is the lower half of package mapping, which knows segments and messages.
package element

import (
	"time"

	"cairn/fhir/er7"
)

// Sender is what the hospital knows of a system that sends messages, and its
// messages do not say.
type Sender struct {
	Name     string            // part of the ids of what it numbers without saying whose numbers these are
	Zone     *time.Location    // of times without an offset
	Systems  map[string]string // namespace of an assigning authority, or name of a coding system, to its URI; "" for a number without one
	Codes    map[string]string // "TABLE:CODE" of its own to the code of that HL7 table: "0001:W" to "F"
	Category string            // of observations whose section of the hospital is not told (observation-category); may be ""
}

// MakeID makes the id of a resource of a type from what it is told apart by. It
// depends on a secret of the hospital and on nothing but its arguments.
type MakeID func(typ string, parts ...string) string

// maxErrors bounds how many errors are told about one message.
const maxErrors = 20

// Reader reads one message. The first errors are kept; what a method returns
// after one is of no use.
type Reader struct {
	Sender  Sender
	ID      MakeID
	Errors  []*er7.Error
	Entries []Entry
	at      map[string]int // type/id to index in Entries
}

// NewReader makes a reader of one message. A reader without an id maker reads
// what makes no entry.
func NewReader(s Sender, id MakeID) *Reader {
	return &Reader{Sender: s, ID: id, at: make(map[string]int)}
}

// Fail keeps an error.
func (x *Reader) Fail(e *er7.Error) {
	if len(x.Errors) < maxErrors {
		x.Errors = append(x.Errors, e)
	}
}

// Add appends an entry and returns a reference to its record. A second one for
// the same record is laid over the first.
func (x *Reader) Add(e Entry) Object {
	name := e.Type + "/" + e.ID
	if first := x.Entry(name); first == nil {
		x.at[name] = len(x.Entries)
		x.Entries = append(x.Entries, e)
	} else if e.Mode != Keep {
		for k, v := range e.Elements {
			first.Elements[k] = first.join(k, first.Elements[k], v)
		}
	}
	return Reference(e.Type, e.ID, "")
}

// Entry returns the entry for "Type/id", nil if there is none.
func (x *Reader) Entry(name string) *Entry {
	if i, ok := x.at[name]; ok {
		return &x.Entries[i]
	}
	return nil
}
