package search

import (
	"cairn/fhir/resource"
)

// codings calls yield for every code in a node, by the shape of the data type (FHIR R4 3.1.1.4.10): a CodeableConcept's
// codings, a Coding, an Identifier, or a bare code, whose system the parameter implies.
func codings(n resource.Node, implied string, yield func(system, code string)) {
	switch n.Kind() {
	case resource.String:
		text, _ := n.Text()
		yield(implied, text)
	case resource.Bool:
		yield("http://terminology.hl7.org/CodeSystem/special-values", string(n.Raw()))
	case resource.Object:
		if list := n.Get("coding"); list.Exists() {
			for coding := range list.Items() {
				pair(coding, "code", yield)
			}
			return
		}
		if !pair(n, "code", yield) {
			pair(n, "value", yield)
		}
	}
}

func pair(n resource.Node, key string, yield func(system, code string)) bool {
	code, ok := n.Get(key).Text()
	if ok {
		system, _ := n.Get("system").Text()
		yield(system, code)
	}
	return ok
}

// span is the time in a node: a date, dateTime or instant, a Period, or the outer bounds of a Timing. Not ok where
// there is none, e.g. a Timing that only says "twice a day".
func (c *collector) span(n resource.Node) (lo, hi int64, ok bool) {
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

func (c *collector) moment(n resource.Node) (lo, hi int64, ok bool) {
	text, _ := n.Text()
	if lo, hi, ok = resource.ParseDate(text); !ok {
		c.refuse(n, "This is no date of the form YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz.")
	}
	return lo, hi, ok
}

func (c *collector) period(n resource.Node) (lo, hi int64, ok bool) {
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

func (c *collector) bounds(events resource.Node) (lo, hi int64, ok bool) {
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

func (c *collector) refuse(n resource.Node, text string) {
	if c.err == nil {
		start, _ := n.Span()
		c.err = &resource.Error{Code: resource.CodeValue, Offset: start, Expression: n.Expression(), Text: text}
	}
}

// target is what a Reference points to: "Type/id" if local, an absolute URL, or "" for anything else.
func target(n resource.Node) string {
	text, ok := n.Get("reference").Text()
	if !ok {
		return ""
	}
	return normalTarget(text)
}

func normalTarget(reference string) string {
	typ, id, local, ok := resource.Target(reference)
	switch {
	case !ok:
		return ""
	case local:
		return typ + "/" + id
	}
	end := len(reference)
	for at := range reference {
		if len(reference)-at > len(history) && reference[at:at+len(history)] == history {
			end = at
			break
		}
	}
	return reference[:end]
}

const history = "/_history/"

// texts calls yield for every searchable string of a node: itself, or the parts of a HumanName or an Address (FHIR R4
// 3.1.1.4.8).
func texts(n resource.Node, yield func(string)) {
	if text, ok := n.Text(); ok {
		yield(text)
		return
	}
	for _, key := range [...]string{"text", "family", "given", "prefix", "suffix", "line", "city", "district", "state", "country", "postalCode"} {
		for part := range n.Get(key).Items() {
			if text, ok := part.Text(); ok {
				yield(text)
			}
		}
	}
}
