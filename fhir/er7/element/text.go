package element

import (
	"encoding/json"
	"regexp"
	"strings"

	"cairn/fhir/er7"
)

// Note keeps an error of the message room and passes the value on.
func Note[T any](x *Reader, v T, err error) T {
	if e, ok := err.(*er7.Error); ok {
		x.Fail(e)
	}
	return v
}

// Text returns a value's text; "" for an empty value and for null.
func (x *Reader) Text(v er7.Value) string {
	s, err := v.Text()
	return Note(x, s, err)
}

// Word returns a value as FHIR wants a code: with single blanks only.
func (x *Reader) Word(v er7.Value) string { return strings.Join(strings.Fields(x.Text(v)), " ") }

// Long returns a text with its layout.
func (x *Reader) Long(v er7.Value) string {
	s, err := v.Whole()
	s = Note(x, s, err)
	if strings.TrimSpace(s) == "" {
		return ""
	}
	return strings.TrimRight(s, " \t\n")
}

func (x *Reader) Moment(v er7.Value) er7.Moment {
	t, err := v.Moment()
	return Note(x, t, err)
}

func (x *Reader) DateTime(v er7.Value) string { return x.Moment(v).DateTime(x.Sender.Zone) }
func (x *Reader) Date(v er7.Value) string     { return x.Moment(v).Date() }
func (x *Reader) Instant(v er7.Value) string  { return x.Moment(v).Instant(x.Sender.Zone) }

// Period makes a Period of two times. Where one of them has a time of day and the
// other is the same day, it is that day: which is first cannot be told.
func (x *Reader) Period(start, end er7.Value) Object {
	o := Object{}
	from, to := x.Moment(start), x.Moment(end)
	first, last := from.DateTime(x.Sender.Zone), to.DateTime(x.Sender.Zone)
	if !from.IsZero() && !to.IsZero() {
		n := min(len(from.Date()), len(to.Date()))
		switch earlier := to.Date()[:n] < from.Date()[:n]; {
		case earlier, from.Timed() && to.Timed() && to.Time(x.Sender.Zone).Before(from.Time(x.Sender.Zone)):
			x.Fail(end.Wrong(er7.DataType, "the end lies before the start"))
		case from.Timed() != to.Timed() && to.Date()[:n] == from.Date()[:n]:
			first, last = from.Date(), to.Date()
		}
	}
	o.Put("start", first)
	o.Put("end", last)
	return o
}

var numberForm = regexp.MustCompile(`^([+-]?)(\d{0,30})(?:\.(\d{0,30}))?$`)

// Decimal returns a number (NM) with its digits, "" if there is none.
func (x *Reader) Decimal(v er7.Value) json.Number {
	s := strings.ReplaceAll(x.Text(v), " ", "")
	if s == "" {
		return ""
	}
	n, ok := Plain(s)
	if !ok {
		x.Fail(v.Wrong(er7.DataType, "this is not a number"))
	}
	return n
}

// Plain writes a number as JSON wants it: without a plus, with digits on both
// sides of the point, without zeros in front.
func Plain(s string) (json.Number, bool) {
	parts := numberForm.FindStringSubmatch(s)
	if parts == nil || parts[2] == "" && parts[3] == "" {
		return "", false
	}
	whole := strings.TrimLeft(parts[2], "0")
	if whole == "" {
		whole = "0"
	}
	out := strings.TrimPrefix(parts[1], "+") + whole
	if parts[3] != "" {
		out += "." + parts[3]
	}
	return json.Number(out), true
}

// Whole returns a number without a fraction that is not below least.
func (x *Reader) Whole(v er7.Value, least int) json.Number {
	n := x.Decimal(v)
	if n == "" {
		return ""
	}
	i, err := n.Int64()
	if err != nil || i < int64(least) || i > 1<<31-1 {
		x.Fail(v.Wrong(er7.DataType, "this is not a whole number in the range that the element has"))
		return ""
	}
	return n
}

// Coded returns the code of a table in a value's first component, translated
// from the sender's own.
func (x *Reader) Coded(v er7.Value, table string) string {
	code := x.Word(v.Component(1))
	if own, ok := x.Sender.Codes[table+":"+code]; ok {
		return own
	}
	return code
}

// Lookup translates a code by a table and fails when the table does not have
// it; an empty value gives the zero value.
func Lookup[T any](x *Reader, v er7.Value, table string, codes map[string]T) (out T) {
	code := x.Coded(v, table)
	if code == "" {
		return out
	}
	out, ok := codes[code]
	if !ok {
		x.Fail(v.Wrong(er7.TableValue, "this code is not one of table HL7"+table+" that is supported; a code of the sender's own can be translated in its configuration"))
	}
	return out
}

// Perhaps translates a code by a table; what the table does not have is passed
// over.
func Perhaps[T any](x *Reader, v er7.Value, table string, codes map[string]T) T {
	return codes[x.Coded(v, table)]
}

// Coding returns the concept as a Coding; nil for the zero Concept.
func (c Concept) Coding() Object {
	if c.Code == "" {
		return nil
	}
	o := Object{"code": c.Code}
	o.Put("system", c.System)
	o.Put("display", c.Display)
	return o
}

// Codeable returns the concept as a CodeableConcept; nil for the zero Concept.
func (c Concept) Codeable() Object {
	if c.Code == "" {
		return nil
	}
	return Object{"coding": List{c.Coding()}}
}

// Coded returns a CodeableConcept of one code; nil if the code is "".
func Coded(system, code, display string) Object { return Concept{system, code, display}.Codeable() }

// triplets are the parts of a CWE: code, text, system, version, OID.
var triplets = [...][5]int{{1, 2, 3, 7, 14}, {4, 5, 6, 8, 17}, {10, 11, 12, 13, 20}}

// Codeable makes a CodeableConcept of CE, CWE and CNE. A code whose system is
// not named is one of the table, if there is one.
func (x *Reader) Codeable(v er7.Value, table string) Object {
	o := Object{}
	for i, at := range triplets {
		if c := x.triplet(v, at); c["code"] != nil {
			if i == 0 && table != "" && c["system"] == nil && x.Text(v.Component(3)) == "" {
				c["system"] = TermTable + table
			}
			o.Push("coding", c)
		} else if i == 0 {
			o.Put("text", x.Text(v.Component(2)))
		}
	}
	o.Put("text", x.Text(v.Component(9)))
	return o
}

// triplet makes a Coding of one of the triplets.
func (x *Reader) triplet(v er7.Value, at [5]int) Object {
	o := Object{}
	code := x.Word(v.Component(at[0]))
	if code == "" {
		return o
	}
	o.Put("code", code)
	o.Put("display", x.Text(v.Component(at[1])))
	o.Put("system", x.CodeSystem(x.Text(v.Component(at[2])), x.Text(v.Component(at[4]))))
	o.Put("version", x.Text(v.Component(at[3])))
	return o
}

// CodeSystem returns the URI of a coding system by its name or OID, "" if it is
// not known.
func (x *Reader) CodeSystem(name, oid string) string {
	if uri, ok := x.Sender.Systems[name]; ok && name != "" {
		return uri
	}
	if uri, ok := codeSystems[strings.ToUpper(name)]; ok {
		return uri
	}
	if table, ok := strings.CutPrefix(strings.ToUpper(name), "HL7"); ok && len(table) == 4 && strings.Trim(table, "0123456789") == "" {
		return TermTable + table
	}
	if oidForm.MatchString(oid) {
		return "urn:oid:" + oid
	}
	return ""
}

var (
	oidForm  = regexp.MustCompile(`^[0-2](\.(0|[1-9][0-9]*))+$`)
	uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	uriForm  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*:[!-~]+$`)
)

// Known makes a CodeableConcept of a table's concept, beside what was sent.
func (x *Reader) Known(v er7.Value, table string, codes map[string]Concept) Object {
	c, ok := codes[x.Coded(v, table)]
	if !ok {
		return x.Codeable(v, table)
	}
	return c.Codeable()
}

// Codeables makes one CodeableConcept of each repetition.
func (x *Reader) Codeables(v er7.Value, table string) List {
	var out List
	for _, one := range v.Repetitions() {
		if c := x.Codeable(one, table); len(c) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// Quantity makes a Quantity of a number and the units of a CWE.
func (x *Reader) Quantity(value json.Number, units er7.Value) Object {
	if value == "" {
		return nil
	}
	o := Object{"value": value}
	code, unit := x.Word(units.Component(1)), x.Text(units.Component(2))
	system := x.CodeSystem(x.Text(units.Component(3)), x.Text(units.Component(14)))
	if unit == "" {
		unit = code
	}
	o.Put("unit", unit)
	if code != "" && system != "" {
		o["system"], o["code"] = system, code
	}
	return o
}

// IsURI tells whether a text is an absolute URI.
func IsURI(s string) bool { return uriForm.MatchString(s) }
