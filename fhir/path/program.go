package path

import (
	"strings"

	"cairn/fhir/resource"
)

// Program is a compiled expression. The zero Program selects nothing.
type Program struct {
	text string
	ways []way
}

// way is one alternative of an expression.
type way struct {
	typ   string // the resource type it begins with, "" for none
	steps []step
}

// step takes a node to some of its descendants, or drops it.
type step struct {
	op   operation
	name string // member name; prefix of a choice; member to compare; type of a target
	text string // literal to compare with
}

type operation uint8

const (
	member operation = iota // the member called name
	choice                  // the members called name followed by a data type
	equals                  // the node itself, if its member name has the content text
	points                  // the node itself, if it is a reference to a resource of type name
)

// String is the expression as it was given to Compile.
func (p Program) String() string { return p.text }

// Each calls yield with every node that the program selects below from, in order, until yield answers false. Lists
// are flattened: a selected node is never an array.
func (p Program) Each(from resource.Node, yield func(resource.Node) bool) {
	for _, w := range p.ways {
		if w.typ != "" && !from.Get("resourceType").Is(w.typ) {
			continue
		}
		if !walk(from, w.steps, yield) {
			return
		}
	}
}

// First is the first node that the program selects, else one that does not exist.
func (p Program) First(from resource.Node) (found resource.Node) {
	p.Each(from, func(n resource.Node) bool {
		found = n
		return false
	})
	return found
}

func walk(from resource.Node, steps []step, yield func(resource.Node) bool) bool {
	if from.Kind() == resource.Array {
		for item := range from.Items() {
			if !walk(item, steps, yield) {
				return false
			}
		}
		return true
	}
	if len(steps) == 0 {
		return from.Kind() == resource.Null || yield(from)
	}
	first, rest := steps[0], steps[1:]
	switch first.op {
	case member:
		if next := from.Get(first.name); next.Exists() {
			return walk(next, rest, yield)
		}
	case choice:
		return walkChoice(from, first.name, rest, yield)
	case equals:
		if from.Get(first.name).Is(first.text) {
			return walk(from, rest, yield)
		}
	case points:
		if pointsTo(from, first.name) {
			return walk(from, rest, yield)
		}
	}
	return true
}

func walkChoice(from resource.Node, prefix string, rest []step, yield func(resource.Node) bool) bool {
	for name, next := range from.Fields() {
		suffix, ok := strings.CutPrefix(name, prefix)
		if ok && dataTypes[suffix] && !walk(next, rest, yield) {
			return false
		}
	}
	return true
}

func pointsTo(reference resource.Node, typ string) bool {
	text, ok := reference.Get("reference").Text()
	if !ok {
		return false
	}
	target, _, _, ok := resource.Target(text)
	return ok && target == typ
}
