package er7

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Ack is an acknowledgement code (table HL70008).
type Ack string

// The acknowledgement codes. The first three answer in original mode, and as
// application acknowledgements of enhanced mode; the others accept or refuse
// the custody of a message in enhanced mode.
const (
	Accept       Ack = "AA"
	Fault        Ack = "AE" // the content is wrong
	Reject       Ack = "AR" // not now, or not from this sender
	CommitAccept Ack = "CA"
	CommitFault  Ack = "CE"
	CommitReject Ack = "CR"
)

// maxEcho bounds what is repeated of a sender's header.
const maxEcho = 227

// Acknowledge writes the acknowledgement of a message (HL7 v2.8.2 2.15): MSH
// with sender and receiver exchanged, MSA, and ERR for each error. h may be the
// zero Header where none could be read. id is the control id of the answer.
// Lines end with CR.
func Acknowledge(h Header, code Ack, errs []*Error, id string, now time.Time) []byte {
	if h.seps == (Separators{}) {
		h.seps = Separators{Field: '|', Component: '^', Repetition: '~', Escape: '\\', Subcomponent: '&'}
	}
	w := ackWriter{seps: h.seps, version: h.Version}
	if !slices.Contains(versions, w.version) {
		w.version = "2.5.1"
	}
	kind := []string{"ACK"}
	if segmentName(h.Event) {
		kind = append(kind, h.Event, "ACK")
	}
	processing := "P"
	if h.Processing == "T" || h.Processing == "D" {
		processing = h.Processing
	}
	charset := "ASCII"
	if _, known := ParseCharset(first(h.Charset)); known && len(h.Charset) == 1 {
		charset = h.Charset[0]
	}
	w.segment("MSH", "", h.echo(5), h.echo(6), h.echo(3), h.echo(4), now.Format("20060102150405-0700"), "",
		w.components(kind...), w.text(id), processing, w.version, "", "", "", "", "", charset)
	text := ""
	if len(errs) > 0 && w.version < "2.7" {
		text = w.text(errs[0].Text)
	}
	w.segment("MSA", string(code), w.text(h.ControlID), text)
	for _, e := range errs {
		w.err(e)
	}
	return []byte(w.out.String())
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// echo returns a field of the header as it was sent, without what could break
// the answer.
func (h *Header) echo(n int) string {
	field := h.field(n)
	if len(field) > maxEcho || !isASCII(field) || control(field) >= 0 {
		return ""
	}
	return field
}

type ackWriter struct {
	out     strings.Builder
	seps    Separators
	version string
}

// segment writes one segment. Empty fields at its end are left out.
func (w *ackWriter) segment(name string, fields ...string) {
	for len(fields) > 0 && fields[len(fields)-1] == "" {
		fields = fields[:len(fields)-1]
	}
	w.out.WriteString(name)
	for i, field := range fields {
		w.out.WriteByte(w.seps.Field)
		if name == "MSH" && i == 0 {
			field = string([]byte{w.seps.Component, w.seps.Repetition, w.seps.Escape, w.seps.Subcomponent})
			if w.seps.Truncation != 0 {
				field += string(rune(w.seps.Truncation))
			}
		}
		w.out.WriteString(field)
	}
	w.out.WriteByte('\r')
}

// components joins what is escaped here.
func (w *ackWriter) components(parts ...string) string {
	for i := range parts {
		parts[i] = w.text(parts[i])
	}
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return strings.Join(parts, string(rune(w.seps.Component)))
}

// err writes one error: as ERR-2 to ERR-8 since version 2.5, before as ERR-1
// (HL7 v2.8.2 2.15.5.1).
func (w *ackWriter) err(e *Error) {
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	at := e.At
	code := strconv.Itoa(int(e.Code))
	if w.version < "2.5" {
		field := w.components(at.Segment, number(at.Sequence), number(at.Field), "")
		for strings.Count(field, string(rune(w.seps.Component))) < 3 {
			field += string(rune(w.seps.Component))
		}
		w.segment("ERR", field+strings.Join([]string{code, w.text(e.Code.String()), "HL70357"}, string(rune(w.seps.Subcomponent))))
		return
	}
	place := w.components(at.Segment, number(at.Sequence), number(at.Field), number(at.Repetition), number(at.Component), number(at.Subcomponent))
	w.segment("ERR", "", place, w.components(code, e.Code.String(), "HL70357"), "E", "", "", "", w.text(e.Text))
}

// text escapes what would be taken for a separator.
func (w *ackWriter) text(s string) string {
	var out strings.Builder
	for i := range len(s) {
		c := s[i]
		name := byte(0)
		switch c {
		case w.seps.Field:
			name = 'F'
		case w.seps.Component:
			name = 'S'
		case w.seps.Repetition:
			name = 'R'
		case w.seps.Escape:
			name = 'E'
		case w.seps.Subcomponent:
			name = 'T'
		}
		if name == 0 {
			out.WriteByte(c)
			continue
		}
		out.Write([]byte{w.seps.Escape, name, w.seps.Escape})
	}
	return out.String()
}
