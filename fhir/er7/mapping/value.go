package mapping

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"cairn/fhir/er7"
	"cairn/fhir/er7/element"
)

// value reads OBX-5 by the type in OBX-2. What repeats becomes components,
// except text, whose repetitions are lines.
func (x *mapper) value(rows []remarked, kind string, code, body element.Object) {
	s := rows[0].Segment
	switch x.Coded(s.Field(11), "0085") {
	case "N":
		body["dataAbsentReason"] = element.Coded(element.AbsentReason, "not-asked", "Not Asked")
	case "X":
		body["dataAbsentReason"] = element.Coded(element.AbsentReason, "not-performed", "Not Performed")
	}
	values := s.Field(5).Repetitions()
	switch {
	case kind == "ST" || kind == "TX" || kind == "FT" || kind == "":
		if kind == "" && len(values) > 0 {
			x.Fail(s.Field(2).Wrong(er7.RequiredMissing, "the type of the value is missing"))
		}
		body.Put("valueString", x.lines(rows))
	case len(values) == 1:
		x.choose(s, kind, values[0], body)
	default:
		for _, v := range values {
			component := element.Object{"code": code}
			x.choose(s, kind, v, component)
			body.Push("component", component)
		}
	}
}

// lines joins the text of several rows and repetitions.
func (x *mapper) lines(rows []remarked) string {
	var out []string
	for _, row := range rows {
		for _, v := range row.Field(5).Repetitions() {
			out = append(out, x.Long(v))
		}
	}
	return strings.TrimRight(strings.Join(out, "\n"), " \t\n")
}

// choose sets the element of value[x] for one value.
func (x *mapper) choose(s er7.Segment, kind string, v er7.Value, o element.Object) {
	if v.Null() {
		return
	}
	switch kind {
	case "NM":
		o.Put("valueQuantity", x.measurement(s, v))
	case "SN":
		x.structured(s, v, o)
	case "CE", "CWE", "CNE", "CF", "IS", "ID":
		o.Put("valueCodeableConcept", x.Codeable(v, ""))
	case "DT", "TS", "DTM":
		o.Put("valueDateTime", x.DateTime(v))
	case "TM":
		clock, err := v.Component(1).Clock()
		o.Put("valueTime", element.Note(x.Reader, clock, err))
	case "DR":
		o.Put("valuePeriod", x.Period(v.Component(1), v.Component(2)))
	case "NR":
		o.Put("valueRange", x.between(x.Decimal(v.Component(1)), x.Decimal(v.Component(2)), s.Field(6)))
	case "EI", "CX":
		o.Put("valueString", x.Text(v.Component(1)))
	default:
		x.Fail(s.Field(2).Wrong(er7.TableValue, "this type of value is not supported"))
	}
}

var comparedForm = regexp.MustCompile(`^(<=|>=|<|>)\s*(.+)$`)

// measurement makes a Quantity of a number; a comparator in front of it, which
// a number must not have and senders write, is read too.
func (x *mapper) measurement(s er7.Segment, v er7.Value) element.Object {
	text := x.Text(v.Component(1))
	parts := comparedForm.FindStringSubmatch(text)
	if parts == nil {
		return x.Quantity(x.Decimal(v.Component(1)), s.Field(6))
	}
	n, ok := element.Plain(strings.TrimSpace(parts[2]))
	if !ok {
		x.Fail(v.Wrong(er7.DataType, "this is not a number"))
		return nil
	}
	o := x.Quantity(n, s.Field(6))
	o["comparator"] = parts[1]
	return o
}

// structured reads SN: comparator, number, separator, number. What no type of
// FHIR says is kept in words.
func (x *mapper) structured(s er7.Segment, v er7.Value, o element.Object) {
	comparator, separator := x.Text(v.Component(1)), x.Text(v.Component(3))
	first, second := x.Decimal(v.Component(2)), x.Decimal(v.Component(4))
	equal := comparator == "" || comparator == "="
	switch {
	case !equal && (separator == "-" || !slices.Contains(comparators, comparator)) || separator == "+" || separator != "" && second == "" && strings.ContainsAny(separator, ":/-"):
		words := strings.Fields(strings.Join([]string{comparator, first.String(), separator, second.String()}, " "))
		o.Put("valueString", strings.Join(words, " "))
	case separator == ":" || separator == "/":
		ratio := element.Object{"denominator": x.Quantity(second, s.Field(6))}
		ratio.Put("numerator", compared(x.Quantity(first, s.Field(6)), comparator))
		o["valueRatio"] = ratio
	case separator == "-":
		o.Put("valueRange", x.between(first, second, s.Field(6)))
	default:
		o.Put("valueQuantity", compared(x.Quantity(first, s.Field(6)), comparator))
	}
}

// comparators are those that a Quantity can have.
var comparators = []string{"<", "<=", ">", ">="}

func compared(quantity element.Object, comparator string) element.Object {
	if quantity != nil && slices.Contains(comparators, comparator) {
		quantity["comparator"] = comparator
	}
	return quantity
}

func (x *mapper) between(low, high json.Number, units er7.Value) element.Object {
	o := element.Object{}
	o.Put("low", x.Quantity(low, units))
	o.Put("high", x.Quantity(high, units))
	return o
}

var (
	rangeForm = regexp.MustCompile(`^([+-]?[\d.]+)\s*(?:-|\.\.|to)\s*([+-]?[\d.]+)$`)
	limitForm = regexp.MustCompile(`^(<=?|>=?)\s*([+-]?[\d.]+)$`)
)

// normal makes a reference range of OBX-7: the text, and its limits where they
// are plain to read.
func (x *mapper) normal(s er7.Segment) element.Object {
	text := x.Text(s.Field(7))
	if text == "" {
		return nil
	}
	o := element.Object{"text": text}
	if parts := rangeForm.FindStringSubmatch(text); parts != nil {
		low, ok := element.Plain(parts[1])
		high, also := element.Plain(parts[2])
		if ok && also {
			o["low"], o["high"] = x.Quantity(low, s.Field(6)), x.Quantity(high, s.Field(6))
		}
	} else if parts := limitForm.FindStringSubmatch(text); parts != nil {
		if n, ok := element.Plain(parts[2]); ok {
			o[map[byte]string{'<': "high", '>': "low"}[parts[1][0]]] = x.Quantity(n, s.Field(6))
		}
	}
	return o
}

// attachments makes an Attachment of each document in an OBX (ED, RP).
func (x *mapper) attachments(s er7.Segment, title string) (out []element.Object) {
	kind := x.Word(s.Field(2))
	for _, v := range s.Field(5).Repetitions() {
		o := element.Object{}
		switch kind {
		case "ED":
			o.Put("contentType", mediaType(x.Word(v.Component(2)), x.Word(v.Component(3))))
			o.Put("data", x.data(v))
		case "RP":
			o.Put("contentType", mediaType(x.Word(v.Component(3)), x.Word(v.Component(4))))
			o.Put("url", x.pointer(v))
		default:
			continue
		}
		o.Put("title", title)
		out = append(out, o)
	}
	return out
}

// data returns an encapsulated document in base 64 (FHIR R4 2.24.0.1).
func (x *mapper) data(v er7.Value) string {
	at := v.Component(5)
	text, err := at.Formatted()
	text = element.Note(x.Reader, text, err)
	switch strings.ToUpper(x.Word(v.Component(4))) {
	case "BASE64":
		raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			x.Fail(at.Wrong(er7.DataType, "this is not base 64"))
		}
		return base64.StdEncoding.EncodeToString(raw)
	case "HEX":
		raw, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			x.Fail(at.Wrong(er7.DataType, "this is not hexadecimal"))
		}
		return base64.StdEncoding.EncodeToString(raw)
	case "A", "":
		return base64.StdEncoding.EncodeToString([]byte(text))
	}
	x.Fail(v.Component(4).Wrong(er7.TableValue, "this encoding is not supported: A, Hex or Base64"))
	return ""
}

// pointer returns the address in a reference pointer. Nobody here follows it.
func (x *mapper) pointer(v er7.Value) string {
	address := x.Text(v.Component(1))
	if address != "" && !element.IsURI(address) {
		x.Fail(v.Component(1).Wrong(er7.DataType, "this is not an address (URI)"))
	}
	return address
}

var (
	mediaKinds = map[string]string{"TEXT": "text", "IM": "image", "IMAGE": "image", "AU": "audio", "AUDIO": "audio", "VIDEO": "video", "AP": "application",
		"APPLICATION": "application", "MULTIPART": "multipart", "FT": "text", "TX": "text"}
	mediaForm = regexp.MustCompile(`^[a-z]+/[a-z0-9.+-]+$`)
)

// mediaType makes a MIME type of ED-2 and ED-3; "" where they say none.
func mediaType(kind, sub string) string {
	sub = strings.ToLower(sub)
	if sub == "" && strings.Contains(kind, "/") {
		sub = strings.ToLower(kind)
	}
	if !strings.Contains(sub, "/") {
		switch sub {
		case "jpg":
			sub = "jpeg"
		case "octet-stream", "pdf", "rtf":
			kind = "APPLICATION"
		case "":
			sub = map[string]string{"TEXT": "plain", "TX": "plain", "FT": "plain"}[strings.ToUpper(kind)]
		}
		sub = mediaKinds[strings.ToUpper(kind)] + "/" + sub
	}
	if !mediaForm.MatchString(sub) {
		return ""
	}
	return sub
}
