package fhirpath

import (
	"context"
	"errors"

	"github.com/gofhir/fhirpath/eval"
	"github.com/gofhir/fhirpath/types"

	"cairn/fhir/resource"
)

// Subject is a resource that programs are evaluated on. What they read of it is kept for the next one.
type Subject struct {
	doc       *resource.Doc
	root      types.Collection
	targets   map[string]resource.Node
	elsewhere func(reference string) types.Collection // what references out of the subject lead to; nil: nowhere

	last struct { // what At was asked for last, for the next program
		place place
		focus Focus
	}
	house struct { // the resource in it that was asked for last
		node  resource.Node
		value types.Collection
	}
}

// Of makes a Subject of a resource. The resource must not change while the Subject or a value of it is in use.
func Of(d *resource.Doc) *Subject {
	return &Subject{doc: d, root: object(d.Root(), "")}
}

// object is a node as a value of the engine.
func object(n resource.Node, typ string) types.Collection {
	if n.Kind() != resource.Object {
		return types.Collection{}
	}
	o := types.NewObjectValueWithType(canonical(nil, n), typ)
	o.EnableCaching()
	return types.Collection{o}
}

// Focus is what an expression begins with, $this and %context.
type Focus struct {
	subject *Subject
	this    types.Collection
	within  types.Collection // %resource
	path    string
}

// Root is the whole resource.
func (s *Subject) Root() Focus { return Focus{s, s.root, s.root, s.doc.Type()} }

// At is an element of the resource: an object, or a primitive. typ is its type, as fhir/profile calls it ("HumanName",
// "Patient.contact", "date"), and within the resource that it stands in, which is the root or one inside it.
// Of a primitive the expression sees also what stands beside it, its id and extensions.
func (s *Subject) At(n resource.Node, typ string, within resource.Node) Focus {
	if place := (place{n, typ, within}); s.last.place != place {
		s.last.place = place
		s.last.focus = Focus{subject: s, this: s.value(n, typ), within: s.home(within), path: typ}
	}
	return s.last.focus
}

// place is an element and how it is looked at.
type place struct {
	node   resource.Node
	typ    string
	within resource.Node
}

func (s *Subject) value(n resource.Node, typ string) types.Collection {
	switch n.Kind() {
	case resource.Object:
		return object(n, typ)
	case resource.String, resource.Number, resource.Bool:
		holder := canonical([]byte(`{"value":`), n)
		if beside := s.companion(n); beside.Kind() == resource.Object {
			holder = canonical(append(holder, `,"_value":`...), beside)
		}
		return types.NewObjectValue(append(holder, '}')).GetCollectionWithType("value", typ)
	}
	return types.Collection{}
}

// home is a resource in the subject as a value; the one of the last element is kept.
func (s *Subject) home(n resource.Node) types.Collection {
	switch {
	case !n.Exists() || n == s.doc.Root():
		return s.root
	case n != s.house.node:
		s.house.node, s.house.value = n, object(n, "")
	}
	return s.house.value
}

// companion is what stands beside a primitive (FHIR R4 2.6.2.2).
func (s *Subject) companion(n resource.Node) resource.Node {
	owner, member, i := s.doc.Root(), resource.Node{}, -1
	for at := owner; at != n; {
		child, index := around(at, n)
		if !child.Exists() {
			return resource.Node{}
		}
		if at.Kind() == resource.Object {
			owner, member, i = at, child, -1
		} else {
			i = index
		}
		at = child
	}
	beside := owner.Get("_" + string(member.Name()))
	if i >= 0 {
		return beside.At(i)
	}
	return beside
}

// around is the child of a node that is n or has n in it, and its place.
func around(at, n resource.Node) (child resource.Node, index int) {
	start, _ := n.Span()
	for c := range at.Children() {
		if from, to := c.Span(); start >= from && start < to {
			return c, index
		}
		index++
	}
	return resource.Node{}, -1
}

// Eval evaluates a program on the whole resource.
func (p Program) Eval(d *resource.Doc) ([]Value, error) { return Of(d).Root().Eval(p) }

// True evaluates a program on the whole resource and reports whether it holds, as Focus.True does.
func (p Program) True(d *resource.Doc) (bool, error) { return Of(d).Root().True(p) }

// Eval is what the program selects or computes, in order. It fails with an *Error.
func (f Focus) Eval(p Program) ([]Value, error) {
	items, err := f.evaluate(p)
	if err != nil {
		return nil, err
	}
	out := make([]Value, len(items))
	for i, item := range items {
		out[i] = Value{item}
	}
	return out, nil
}

// True reports whether the program holds: a single true, or a single value that is no boolean (FHIRPath 5.1.1). Nothing does
// not hold. It fails with an *Error, also where there are several values.
func (f Focus) True(p Program) (bool, error) {
	items, err := f.evaluate(p)
	switch {
	case err != nil:
		return false, err
	case len(items) > 1:
		return false, refuse("processing", "The expression gives several values where it should give true or false.")
	case len(items) == 0:
		return false, nil
	}
	b, ok := items[0].(types.Boolean)
	return !ok || b.Bool(), nil
}

func (f Focus) evaluate(p Program) (out types.Collection, err error) {
	if p.node == nil || f.subject == nil {
		return types.Collection{}, nil
	}
	m := &meter{left: maxSteps, subject: f.subject}
	defer func() {
		if recover() != nil {
			out, err = nil, refuse("processing", "The expression cannot be evaluated on this resource.")
		}
	}()
	items, err := eval.NewEvaluator(f.context(m), m).EvaluateNode(p.node)
	switch {
	case m.err != nil:
		return nil, m.err
	case err != nil:
		return nil, explain(err)
	}
	return items, nil
}

func (f Focus) context(m *meter) *eval.Context {
	ctx := eval.NewContextForRoot(f.this)
	ctx.SetVariable(meterName, types.Collection{m})
	ctx.SetVariable("resource", f.within)
	ctx.SetVariable("rootResource", f.subject.root)
	ctx.SetLimit("maxDepth", resource.Default.Depth)
	ctx.SetLimit("maxCollectionSize", maxItems)
	ctx.SetContext(context.Background())
	ctx.SetModel(model{})
	ctx.SetPath(f.path)
	return ctx
}

// explain says what the engine's error comes to, without its words, which can hold values.
func explain(err error) error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	var e *eval.EvalError
	if !errors.As(err, &e) {
		return refuse("processing", "The expression cannot be evaluated on this resource.")
	}
	texts := map[eval.ErrorType]string{
		eval.ErrType:              "The expression uses a value of a type that it cannot have there.",
		eval.ErrSingletonExpected: "The expression has several values where there can be one.",
		eval.ErrFunctionNotFound:  "The expression calls a function that is not known here.",
		eval.ErrInvalidArguments:  "The expression calls a function with arguments that it does not take.",
		eval.ErrInvalidPath:       "The expression names a variable that is not known here.",
	}
	text, ok := texts[e.Type]
	if !ok {
		text = "The expression cannot be evaluated on this resource."
	}
	code := "processing"
	if e.Type == eval.ErrFunctionNotFound || e.Type == eval.ErrInvalidPath {
		code = "invalid"
	}
	return refuse(code, text)
}

// Value is one of the values that a program gives.
type Value struct{ v types.Value }

// Type is the type of the value: one of R4 for what is part of the resource ("code", "HumanName", "Patient"), one of
// FHIRPath ("String", "Boolean") for what was computed.
func (v Value) Type() string { return v.v.Type() }

// Text is the value as text; JSON where it is an object.
func (v Value) Text() string { return v.v.String() }

// Object is the JSON of an object in one form: without white space, members by name; nil for a value that is no object.
func (v Value) Object() []byte {
	if o, ok := v.v.(*types.ObjectValue); ok {
		return o.Data()
	}
	return nil
}

// Bool is the value of a boolean.
func (v Value) Bool() (value, ok bool) {
	b, ok := v.v.(types.Boolean)
	return ok && b.Bool(), ok
}
