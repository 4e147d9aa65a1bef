package term

import (
	"cairn/fhir/resource"
)

// Set is a value set (FHIR R4 4.9): what it includes less what it excludes. A Set that was stored with nothing but an
// expansion holds the codes of that.
type Set struct {
	URL, Version, Name, Title string

	include, exclude []part
}

// part is one include or exclude: codes of a system that meet all filters, and stand in all of the value sets.
type part struct {
	system, version string
	codes           []Coding // listed; nil: all of the system
	filters         []filter
	sets            []string
}

// filter selects concepts by a property (FHIR R4 ValueSet.compose.include.filter).
type filter struct{ property, op, value string }

// ReadSet reads a ValueSet. It refuses, with an *Error, one without a url and one that says nothing of what it holds.
func ReadSet(d *resource.Doc) (*Set, error) {
	root := d.Root()
	s := &Set{}
	for _, f := range []struct {
		to   *string
		name string
	}{{&s.URL, "url"}, {&s.Version, "version"}, {&s.Name, "name"}, {&s.Title, "title"}} {
		*f.to, _ = root.Get(f.name).Text()
	}
	if d.Type() != "ValueSet" {
		return nil, &Error{CodeInvalid, "A ValueSet is expected."}
	}
	compose := root.Get("compose")
	for p := range compose.Get("include").Items() {
		s.include = append(s.include, readPart(p))
	}
	for p := range compose.Get("exclude").Items() {
		s.exclude = append(s.exclude, readPart(p))
	}
	if !compose.Exists() {
		s.include = readExpansion(root.Get("expansion").Get("contains"), nil)
	}
	for _, p := range append(s.include[:len(s.include):len(s.include)], s.exclude...) {
		if p.system == "" && len(p.sets) == 0 {
			return nil, &Error{CodeInvalid, "Each include and exclude of a ValueSet names a system or value sets."}
		}
	}
	if len(s.include) == 0 {
		return nil, &Error{CodeInvalid, "This ValueSet has neither compose.include nor an expansion."}
	}
	return s, nil
}

func readPart(n resource.Node) part {
	var p part
	p.system, _ = n.Get("system").Text()
	p.version, _ = n.Get("version").Text()
	for c := range n.Get("concept").Items() {
		p.codes = append(p.codes, listed(c, p.system, p.version))
	}
	for f := range n.Get("filter").Items() {
		var one filter
		one.property, _ = f.Get("property").Text()
		one.op, _ = f.Get("op").Text()
		one.value, _ = f.Get("value").Text()
		p.filters = append(p.filters, one)
	}
	for v := range n.Get("valueSet").Items() {
		url, _ := v.Text()
		p.sets = append(p.sets, url)
	}
	return p
}

func listed(n resource.Node, system, version string) Coding {
	c := Coding{System: system, Version: version}
	c.Code, _ = n.Get("code").Text()
	c.Display, _ = n.Get("display").Text()
	return c
}

// readExpansion reads the codes of an expansion, at any depth, a part for each system.
func readExpansion(contains resource.Node, parts []part) []part {
	for n := range contains.Items() {
		system, _ := n.Get("system").Text()
		version, _ := n.Get("version").Text()
		c := listed(n, system, version)
		c.Abstract = string(n.Get("abstract").Raw()) == "true"
		c.Inactive = string(n.Get("inactive").Raw()) == "true"
		if c.Code != "" {
			if last := len(parts) - 1; last < 0 || parts[last].system != system {
				parts = append(parts, part{system: system, version: version})
			}
			p := &parts[len(parts)-1]
			p.codes = append(p.codes, c)
		}
		parts = readExpansion(n.Get("contains"), parts)
	}
	return parts
}
