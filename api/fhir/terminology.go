package fhir

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"cairn/api/rest"
	"cairn/fhir/resource"
	"cairn/fhir/term"
	"cairn/node/fault"
	nodeterm "cairn/node/term"
)

// terminology turns an error of the terminology room into a fault.
func terminology(err error) error {
	var e *term.Error
	if !errors.As(err, &e) {
		return err
	}
	kind := fault.Invalid
	switch e.Code {
	case term.CodeNotFound:
		kind = fault.NotFound
	case term.CodeTooCostly:
		kind = fault.TooLarge
	case term.CodeNotSupported:
		kind = fault.Unsupported
	}
	return fault.Wrap(kind, e.Code, e.Text, err)
}

// answered gives a value as the answer.
func answered(v any) (*rest.Answer, error) {
	data, err := json.Marshal(v)
	return &rest.Answer{Body: data}, err
}

// valueSet finds the value set that an operation is asked about: by id, by url,
// or in the request itself.
func (s *Server) valueSet(c *rest.Call, p rest.Parameters, src nodeterm.Source) (set *term.Set, err error) {
	switch inline := p.Resource("valueSet"); {
	case c.ID != "":
		set, err = src.SetByID(c.ID)
	case inline != nil:
		set, err = term.ReadSet(inline)
	case p.Text("url") != "":
		reference := p.Text("url")
		if v := p.Text("valueSetVersion"); v != "" {
			reference += "|" + v
		}
		set, err = term.FindSet(src, reference)
	default:
		err = fault.New(fault.Invalid, "required", "say which value set is meant").WithHint("give url=..., or ask ValueSet/ID, or send valueSet in the Parameters")
	}
	return set, terminology(err)
}

// contained is one code of an expansion.
type contained struct {
	System   string `json:"system,omitempty"`
	Abstract bool   `json:"abstract,omitempty"`
	Inactive bool   `json:"inactive,omitempty"`
	Version  string `json:"version,omitempty"`
	Code     string `json:"code"`
	Display  string `json:"display,omitempty"`
}

// defaultExpansion is how many codes an expansion holds where nothing is said.
const defaultExpansion = 1000

// expand serves ValueSet/$expand (FHIR R4 4.9.9.1).
func (s *Server) expand(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	p, err := c.Parameters()
	if err == nil {
		err = p.Only("url", "valueSet", "valueSetVersion", "filter", "offset", "count", "activeOnly", "includeDesignations", "displayLanguage", "excludeNested", "includeDefinition")
	}
	if err != nil {
		return nil, err
	}
	ask := term.Ask{Filter: p.Text("filter"), ActiveOnly: p.Text("activeOnly") == "true", Count: defaultExpansion}
	for name, to := range map[string]*int{"offset": &ask.Offset, "count": &ask.Count} {
		if text := p.Text(name); text != "" {
			n, err := strconv.ParseUint(text, 10, 31)
			if err != nil {
				return nil, fault.New(fault.Invalid, "value", name+" is a whole number from 0").At(name)
			}
			*to = int(n)
		}
	}
	src := s.Terms.For(ctx, c.Actor)
	set, err := s.valueSet(c, p, src)
	if err != nil {
		return nil, err
	}
	got, err := term.Expand(src, set, ask)
	if err != nil {
		return nil, terminology(err)
	}
	list := make([]contained, len(got.Codes))
	for i, one := range got.Codes {
		list[i] = contained{one.System, one.Abstract, one.Inactive, one.Version, one.Code, one.Display}
	}
	type expansion struct {
		Identifier string      `json:"identifier"`
		Timestamp  string      `json:"timestamp"`
		Total      int         `json:"total"`
		Offset     int         `json:"offset"`
		Contains   []contained `json:"contains,omitempty"`
	}
	return answered(struct {
		ResourceType string    `json:"resourceType"`
		URL          string    `json:"url,omitempty"`
		Version      string    `json:"version,omitempty"`
		Name         string    `json:"name,omitempty"`
		Title        string    `json:"title,omitempty"`
		Status       string    `json:"status"`
		Expansion    expansion `json:"expansion"`
	}{"ValueSet", set.URL, set.Version, set.Name, set.Title, "active",
		expansion{"urn:uuid:" + uuid.NewString(), time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), got.Total, ask.Offset, list}})
}

// parameter is one of a Parameters resource that is answered with.
type parameter struct {
	Name         string      `json:"name"`
	ValueBoolean *bool       `json:"valueBoolean,omitempty"`
	ValueString  string      `json:"valueString,omitempty"`
	ValueCode    string      `json:"valueCode,omitempty"`
	Part         []parameter `json:"part,omitempty"`
}

func parameters(list ...parameter) (*rest.Answer, error) {
	kept := slices.DeleteFunc(list, func(p parameter) bool {
		return p.ValueBoolean == nil && p.ValueString == "" && p.ValueCode == "" && p.Part == nil
	})
	return answered(struct {
		ResourceType string      `json:"resourceType"`
		Parameter    []parameter `json:"parameter,omitempty"`
	}{"Parameters", kept})
}

func text(name, value string) parameter { return parameter{Name: name, ValueString: value} }

func yes(name string, value bool) parameter { return parameter{Name: name, ValueBoolean: &value} }

// asked are the codes that an operation is asked about, any of which counts.
func asked(p rest.Parameters) (list []term.Coding) {
	add := func(n resource.Node) {
		var one term.Coding
		one.System, _ = n.Get("system").Text()
		one.Version, _ = n.Get("version").Text()
		one.Code, _ = n.Get("code").Text()
		one.Display, _ = n.Get("display").Text()
		if one.Code != "" {
			list = append(list, one)
		}
	}
	if code := p.Text("code"); code != "" {
		system := p.Text("system")
		if system == "" {
			system = p.Text("url")
		}
		list = append(list, term.Coding{System: system, Code: code, Display: p.Text("display")})
	}
	if one, ok := p.Get("coding"); ok {
		add(one.Value)
	}
	if one, ok := p.Get("codeableConcept"); ok {
		for n := range one.Value.Get("coding").Items() {
			add(n)
		}
	}
	return list
}

func noCode() error {
	return fault.New(fault.Invalid, "required", "say which code is meant").WithHint("give code and system, coding, or codeableConcept")
}

var validateParams = []string{
	"url", "valueSet", "valueSetVersion", "codeSystem", "code", "system", "systemVersion", "version", "display", "coding", "codeableConcept", "date", "abstract", "displayLanguage", "context",
}

// validateInSet serves ValueSet/$validate-code (FHIR R4 4.9.9.2).
func (s *Server) validateInSet(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	p, err := c.Parameters()
	if err == nil {
		err = p.Only(validateParams...)
	}
	if err != nil {
		return nil, err
	}
	src := s.Terms.For(ctx, c.Actor)
	set, err := s.valueSet(c, p, src)
	if err != nil {
		return nil, err
	}
	codes := asked(p)
	if p.Text("system") == "" && len(codes) > 0 && p.Text("code") != "" {
		codes[0].System = "" // url is the value set's here
	}
	return validated(codes, func(one term.Coding) (term.Answer, error) { return term.Contains(src, set, one.System, one.Code) })
}

// validateInSystem serves CodeSystem/$validate-code (FHIR R4 4.7.14.3).
func (s *Server) validateInSystem(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	p, err := c.Parameters()
	if err == nil {
		err = p.Only(validateParams...)
	}
	if err != nil {
		return nil, err
	}
	src := s.Terms.For(ctx, c.Actor)
	return validated(asked(p), func(one term.Coding) (term.Answer, error) {
		system, err := s.codeSystem(c, src, one.System, p.Text("version"))
		if err != nil {
			return term.Answer{}, err
		}
		found, ok := system.Lookup(one.Code)
		a := term.Answer{Found: ok, Coding: found.Coding}
		if !ok && !system.Complete {
			a.Doubt = "Only a part of this code system is known here, and the code is not in it."
		}
		return a, nil
	})
}

func validated(codes []term.Coding, holds func(term.Coding) (term.Answer, error)) (*rest.Answer, error) {
	if len(codes) == 0 {
		return nil, noCode()
	}
	message := "The code is not one of them."
	for _, one := range codes {
		a, err := holds(one)
		if err != nil {
			return nil, terminology(err)
		}
		switch {
		case a.Doubt != "":
			message = a.Doubt
		case a.Found && one.Display != "" && a.Display != "" && one.Display != a.Display:
			return parameters(yes("result", false), text("message", "The code is valid, but its display is another."), text("display", a.Display))
		case a.Found:
			return parameters(yes("result", true), text("display", a.Display))
		}
	}
	return parameters(yes("result", false), text("message", message))
}

// codeSystem finds the code system that an operation is asked about.
func (s *Server) codeSystem(c *rest.Call, src nodeterm.Source, url, version string) (*term.System, error) {
	var system *term.System
	var err error
	switch {
	case c.ID != "":
		system, err = src.SystemByID(c.ID)
	case url == "":
		err = fault.New(fault.Invalid, "required", "say which code system is meant").WithHint("give system, or ask CodeSystem/ID")
	case version != "":
		system, err = term.FindSystem(src, url+"|"+version)
	default:
		system, err = term.FindSystem(src, url)
	}
	return system, terminology(err)
}

// lookup serves CodeSystem/$lookup (FHIR R4 4.7.14.1).
func (s *Server) lookup(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	p, err := c.Parameters()
	if err == nil {
		err = p.Only("code", "system", "version", "coding", "date", "displayLanguage", "property")
	}
	if err != nil {
		return nil, err
	}
	codes := asked(p)
	if len(codes) == 0 {
		return nil, noCode()
	}
	system, err := s.codeSystem(c, s.Terms.For(ctx, c.Actor), codes[0].System, p.Text("version"))
	if err != nil {
		return nil, err
	}
	found, ok := system.Lookup(codes[0].Code)
	if !ok {
		return nil, fault.New(fault.NotFound, "not-found", "the code system does not have this code").
			WithHint("$validate-code answers whether a code is one, without an error")
	}
	out := []parameter{text("name", name(system)), text("version", system.Version), text("display", found.Display), text("definition", found.Definition)}
	for _, one := range found.Designations() {
		part := []parameter{text("value", one.Value)}
		if one.Language != "" {
			part = append(part, parameter{Name: "language", ValueCode: one.Language})
		}
		out = append(out, parameter{Name: "designation", Part: part})
	}
	return parameters(append(out, properties(found)...)...)
}

func name(s *term.System) string {
	if s.Name != "" {
		return s.Name
	}
	return s.URL
}

// properties are those that the system declares, and the concept's place in the
// hierarchy.
func properties(found term.Concept) (out []parameter) {
	add := func(code, value string) {
		out = append(out, parameter{Name: "property", Part: []parameter{{Name: "code", ValueCode: code}, text("value", value)}})
	}
	for _, parent := range found.Parents {
		add("parent", parent)
	}
	for _, child := range found.Children {
		add("child", child)
	}
	for _, one := range found.Properties() {
		if value, ok := one.Value.Text(); ok && one.Code != "parent" && one.Code != "child" {
			add(one.Code, value)
		} else if !ok && one.Value.Kind() != resource.Object {
			add(one.Code, string(one.Value.Raw()))
		}
	}
	return out
}

// subsumes serves CodeSystem/$subsumes (FHIR R4 4.7.14.2).
func (s *Server) subsumes(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	p, err := c.Parameters()
	if err == nil {
		err = p.Only("codeA", "codeB", "system", "version")
	}
	if err != nil {
		return nil, err
	}
	system, err := s.codeSystem(c, s.Terms.For(ctx, c.Actor), p.Text("system"), p.Text("version"))
	if err != nil {
		return nil, err
	}
	outcome, ok := system.Subsumes(p.Text("codeA"), p.Text("codeB"))
	if !ok {
		return nil, fault.New(fault.NotFound, "not-found", "the code system does not have both codes").WithHint("give codeA and codeB")
	}
	return parameters(parameter{Name: "outcome", ValueCode: outcome})
}
