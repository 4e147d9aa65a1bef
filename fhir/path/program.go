package path

import (
	"cairn/fhir/resource"
)

// Program is a compiled expression. The zero Program selects nothing.
type Program struct {
	text string
	ways []way
	all  []condition // what must hold, if the expression is a condition
}

// way is one alternative of an expression.
type way struct {
	typ   string // the resource type it begins with, "" for none
	steps []step
	nth   int  // with tail: which of the selected nodes it goes on from, from 0
	tail  *way // what follows an index; nil if none does
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
	for i := range p.ways {
		if !p.ways[i].each(from, yield) {
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

func (w *way) each(from resource.Node, yield func(resource.Node) bool) bool {
	if w.typ != "" && !from.Get("resourceType").Is(w.typ) {
		return true
	}
	return w.walk(from, w.steps, yield)
}

// walk goes the steps from a node, and what follows them.
func (w *way) walk(from resource.Node, steps []step, yield func(resource.Node) bool) bool {
	if w.tail == nil {
		return walk(from, steps, yield)
	}
	left, goOn := w.nth, true
	walk(from, steps, func(n resource.Node) bool {
		if left--; left >= 0 {
			return true
		}
		goOn = w.tail.walk(n, w.tail.steps, yield)
		return false
	})
	return goOn
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
	first, rest := &steps[0], steps[1:]
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
	for next := range from.Children() {
		name := next.Name()
		if len(name) > len(prefix) && string(name[:len(prefix)]) == prefix && dataTypes[string(name[len(prefix):])] && !walk(next, rest, yield) {
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

// condition is one comparison of an expression that is a condition.
type condition struct {
	of      way
	compare comparison
	literal string
	quoted  bool // the literal is a string, else true or false
}

type comparison uint8

const (
	exists comparison = iota
	is
	differs
)

// IsCondition reports whether the expression is a condition: it selects nothing, but Holds.
func (p Program) IsCondition() bool { return len(p.all) > 0 }

// Holds reports whether a condition is true of a node. What FHIRPath leaves empty, a comparison with nothing, is not.
func (p Program) Holds(from resource.Node) bool {
	for i := range p.all {
		if !p.all[i].holds(from) {
			return false
		}
	}
	return len(p.all) > 0
}

func (c *condition) holds(from resource.Node) bool {
	count, equal := 0, false
	c.of.each(from, func(n resource.Node) bool {
		count++
		equal = c.quoted && n.Is(c.literal) || !c.quoted && string(n.Raw()) == c.literal
		return true
	})
	switch c.compare {
	case is:
		return count == 1 && equal
	case differs:
		return count > 1 || count == 1 && !equal
	}
	return count > 0
}
