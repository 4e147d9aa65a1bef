package index

import (
	"math"
	"strconv"
	"strings"

	"cairn/fhir/resource"
)

// codes calls yield for every code in a node, by the shape of the data type (FHIR R4 3.1.1.4.10): a CodeableConcept's
// codings, a Coding, an Identifier, or a bare code, whose system the parameter implies.
func (c *reader) codes(n resource.Node, implied string, yield func(system, code string)) {
	switch n.Kind() {
	case resource.String:
		yield(implied, c.text(n))
	case resource.Bool:
		yield(specialValues, string(n.Raw()))
	case resource.Object:
		if list := n.Get("coding"); list.Exists() {
			for coding := range list.Items() {
				c.pair(coding, "code", yield)
			}
			return
		}
		if !c.pair(n, "code", yield) {
			c.pair(n, "value", yield)
		}
	}
}

func (c *reader) pair(n resource.Node, key string, yield func(system, code string)) bool {
	code := c.text(n.Get(key))
	if code != "" {
		yield(c.text(n.Get("system")), code)
	}
	return code != ""
}

// tokens takes the tokens out of a node, with the words for them.
func (c *reader) tokens(p *Param, n resource.Node) {
	switch n.Kind() {
	case resource.String:
		c.token(p, p.System, c.text(n), "")
	case resource.Bool:
		c.token(p, specialValues, string(n.Raw()), "")
	case resource.Object:
		var m codeMembers
		m.read(n)
		c.object(p, &m)
	}
}

// codeMembers is the members of the data types that hold codes.
type codeMembers struct {
	system, code, display, value, text, coding, typ resource.Node
}

func (m *codeMembers) read(n resource.Node) {
	for child := range n.Children() {
		switch string(child.Name()) {
		case "system":
			m.system = child
		case "code":
			m.code = child
		case "display":
			m.display = child
		case "value":
			m.value = child
		case "text":
			m.text = child
		case "coding":
			m.coding = child
		case "type":
			m.typ = child
		}
	}
}

func (c *reader) object(p *Param, m *codeMembers) {
	switch {
	case m.coding.Exists() || m.text.Exists(): // CodeableConcept
		for coding := range m.coding.Items() {
			var of codeMembers
			of.read(coding)
			c.coding(p, &of)
		}
		c.token(p, "", "", c.text(m.text))
	case p.Contact:
		c.token(p, c.text(m.system), Contact(c.text(m.value)), "")
	case m.value.Kind() == resource.String: // Identifier
		c.identifier(p, m)
	default:
		c.coding(p, m)
	}
}

func (c *reader) coding(p *Param, m *codeMembers) {
	if code := c.text(m.code); code != "" {
		c.token(p, c.text(m.system), code, c.text(m.display))
	} else {
		c.token(p, "", "", c.text(m.display))
	}
}

func (c *reader) identifier(p *Param, m *codeMembers) {
	value := c.text(m.value)
	c.token(p, c.text(m.system), value, c.text(m.typ.Get("text")))
	c.codes(m.typ, "", func(system, code string) {
		c.index.Identifiers = unique(&c.seen, c.index.Identifiers, c.from.identifiers, Identifier{p.Name, system, code, value})
	})
}

func (c *reader) token(p *Param, system, code, words string) {
	if system == "" && code == "" && words == "" {
		return
	}
	c.index.Tokens = unique(&c.seen, c.index.Tokens, c.from.tokens, Token{p.Name, system, code, words})
}

// text is the content of a string, else "".
func (c *reader) text(n resource.Node) string {
	content, escaped := n.Content()
	if content == nil || escaped || c.all == "" {
		return string(content)
	}
	start, end := n.Span()
	return c.all[start+1 : end-1]
}

// Contact is the value of a ContactPoint in the form in which it is compared: an address with "@" or "/" in lower case,
// a number without what is put between its digits (FHIR R4 3.1.1.4.10 leaves this to the server).
func Contact(value string) string {
	if strings.ContainsAny(value, "@/") {
		return strings.ToLower(value)
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" ()-.\t\u00a0\u2011", r) {
			return -1
		}
		return r
	}, value)
}

// span is the time in a node: a date, dateTime or instant, a Period, or the outer bounds of a Timing. Not ok where
// there is none, e.g. a Timing that only says "twice a day".
func (c *reader) span(n resource.Node) (lo, hi int64, ok bool) {
	switch n.Kind() {
	case resource.String:
		return c.moment(n)
	case resource.Object:
		if event := n.Get("event"); event.Exists() {
			return c.bounds(event)
		}
		if repeat := n.Get("repeat"); repeat.Exists() {
			return c.period(repeat.Get("boundsPeriod"))
		}
		return c.period(n)
	}
	return 0, 0, false
}

func (c *reader) moment(n resource.Node) (lo, hi int64, ok bool) {
	if lo, hi, ok = resource.ParseDate(c.text(n)); !ok {
		c.refuse(n, "This is no date of the form YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz.")
	}
	return lo, hi, ok
}

func (c *reader) period(n resource.Node) (lo, hi int64, ok bool) {
	lo, hi = resource.Past, resource.Future
	start, end := n.Get("start"), n.Get("end")
	if start.Kind() == resource.String {
		lo, _, ok = c.moment(start)
	}
	if end.Kind() == resource.String {
		var ends bool
		_, hi, ends = c.moment(end)
		ok = ok || ends
	}
	if ok && lo >= hi {
		c.refuse(n, "This period ends before it starts.")
		return 0, 0, false
	}
	return lo, hi, ok
}

func (c *reader) bounds(events resource.Node) (lo, hi int64, ok bool) {
	for event := range events.Items() {
		if event.Kind() != resource.String {
			continue
		}
		from, to, good := c.moment(event)
		if !ok {
			lo, hi = from, to
		}
		lo, hi, ok = min(lo, from), max(hi, to), ok || good
	}
	return lo, hi, ok
}

func (c *reader) refuse(n resource.Node, text string) {
	if c.err == nil {
		start, _ := n.Span()
		c.err = &resource.Error{Code: resource.CodeValue, Offset: start, Expression: n.Expression(), Text: text}
	}
}

// reference takes what a Reference, a canonical or uri, or a resource that stands there itself points to.
func (c *reader) reference(p *Param, n resource.Node) {
	r := Reference{Param: p.Name}
	switch n.Kind() {
	case resource.String:
		r.Target = NormalTarget(c.text(n))
	case resource.Object:
		if typ := c.text(n.Get("resourceType")); typ != "" {
			if id := c.text(n.Get("id")); id != "" && p.CanTarget(typ) {
				r.Target = typ + "/" + id
			}
			break
		}
		r.Target = NormalTarget(c.text(n.Get("reference")))
		if identifier := n.Get("identifier"); identifier.Exists() {
			r.System, r.Value = c.text(identifier.Get("system")), c.text(identifier.Get("value"))
		}
	}
	if r.Target != "" || r.Value != "" {
		c.index.References = unique(&c.seen, c.index.References, c.from.references, r)
	}
}

// NormalTarget is a reference without a version of history, or "" if it is neither local nor an absolute URL.
func NormalTarget(reference string) string {
	typ, id, local, ok := resource.Target(reference)
	switch {
	case ok && local:
		return typ + "/" + id
	case !ok && !absolute(reference):
		return ""
	}
	if at := strings.Index(reference, history); at > 0 {
		return reference[:at]
	}
	return reference
}

const history = "/_history/"

// absolute reports whether a reference begins with a scheme (RFC 3986 3.1) and has no blanks.
func absolute(reference string) bool {
	scheme, rest, ok := strings.Cut(reference, ":")
	if !ok || scheme == "" || rest == "" || strings.ContainsAny(reference, " \t\r\n") {
		return false
	}
	for i := range len(scheme) {
		c := scheme[i] | 0x20
		if (c < 'a' || c > 'z') && (i == 0 || !strings.ContainsRune("0123456789+-.", rune(scheme[i]))) {
			return false
		}
	}
	return true
}

// texts takes every searchable string of a node: itself, or the parts of a HumanName or an Address (FHIR R4 3.1.1.4.8).
func (c *reader) texts(p *Param, n resource.Node) {
	if text := c.text(n); text != "" {
		c.word(p, text)
		return
	}
	for part := range n.Children() {
		switch string(part.Name()) {
		case "text", "family", "given", "prefix", "suffix", "line", "city", "district", "state", "country", "postalCode":
			for one := range part.Items() {
				if text := c.text(one); text != "" {
					c.word(p, text)
				}
			}
		}
	}
}

func (c *reader) word(p *Param, value string) {
	if p.Name != Phonetic {
		c.index.Texts = unique(&c.seen, c.index.Texts, c.from.texts, Text{p.Name, value})
		return
	}
	for _, word := range Words(Fold(value)) {
		if code := Soundex(word); code != "" {
			c.index.Texts = unique(&c.seen, c.index.Texts, c.from.texts, Text{p.Name, code})
		}
	}
}

// number is a decimal or an integer.
func number(n resource.Node) (float64, bool) {
	if n.Kind() != resource.Number {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(n.Raw()), 64)
	return f, err == nil
}

const currencies = "urn:iso:std:iso:4217"

// quantity is a Quantity, a Money, or a Range. With a comparator it reaches as far as that leaves open.
func (c *reader) quantity(n resource.Node) (q Quantity, ok bool) {
	low, high := n.Get("low"), n.Get("high")
	if low.Exists() || high.Exists() {
		q.Lo, q.Hi = math.Inf(-1), math.Inf(1)
		for _, end := range [...]resource.Node{high, low} {
			if end.Exists() {
				q.System, q.Code, q.Unit = c.text(end.Get("system")), c.text(end.Get("code")), c.text(end.Get("unit"))
			}
		}
		if f, ok := number(low.Get("value")); ok {
			q.Lo = f
		}
		if f, ok := number(high.Get("value")); ok {
			q.Hi = f
		}
		return q, q.Lo <= q.Hi
	}
	f, ok := number(n.Get("value"))
	q.Lo, q.Hi = f, f
	q.System, q.Code, q.Unit = c.text(n.Get("system")), c.text(n.Get("code")), c.text(n.Get("unit"))
	if currency := c.text(n.Get("currency")); currency != "" {
		q.System, q.Code = currencies, currency
	}
	switch c.text(n.Get("comparator")) {
	case "<", "<=":
		q.Lo = math.Inf(-1)
	case ">", ">=":
		q.Hi = math.Inf(1)
	}
	return q, ok
}

// position is where a Location is.
func position(n resource.Node) (p Place, ok bool) {
	var north, east bool
	p.Latitude, north = number(n.Get("latitude"))
	p.Longitude, east = number(n.Get("longitude"))
	return p, north && east
}
