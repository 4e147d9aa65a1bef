package fhirpath

import (
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/antlr4-go/antlr/v4"
	"github.com/gofhir/fhirpath/eval"
	"github.com/gofhir/fhirpath/parser/grammar"
	"github.com/gofhir/fhirpath/types"
)

// The engine evaluates a tree of nodes and has no budget. So every expression in the tree is put into a metered node, which
// the engine does not know and therefore evaluates by calling it. A metered node finds the meter of its evaluation
// as the value of a variable whose name no expression can spell.

const meterName = "\x00meter"

// meter counts what one evaluation spends. It is a value of the engine's, so that it can be kept in a variable.
type meter struct {
	left     int   // steps
	err      error // the first limit that was met
	started  time.Time
	subject  *Subject
	repeated map[*metered]int // results of the projections of repeat(), which the engine compares with each other
	paid     map[payment]struct{}
}

// payment is a node that has gone over the bytes of an object. The engine keeps what it found, so it does so once.
type payment struct {
	node   *metered
	object *types.ObjectValue
}

// small is the bytes of an object below which it is paid for each time, which costs less than to remember it.
const small = 512

// over pays for a node that goes over the bytes of objects.
func (m *meter) over(items types.Collection, n *metered) bool {
	cost := 0
	for _, item := range items {
		o, ok := item.(*types.ObjectValue)
		if !ok {
			continue
		}
		if len(o.Data()) < small {
			cost += len(o.Data())
			continue
		}
		p := payment{n, o}
		if _, again := m.paid[p]; again {
			continue
		}
		if m.paid == nil {
			m.paid = map[payment]struct{}{}
		}
		m.paid[p] = struct{}{}
		cost += len(o.Data())
	}
	return m.spend(cost / 64)
}

// Type is of no use; meter must look like a value.
func (*meter) Type() string { return "meter" }

// Equal is false.
func (*meter) Equal(types.Value) bool { return false }

// Equivalent is false.
func (*meter) Equivalent(types.Value) bool { return false }

// String is empty.
func (*meter) String() string { return "" }

// IsEmpty is true.
func (*meter) IsEmpty() bool { return true }

var errCostly = refuse("too-costly", "The expression does too much with this resource. Make it simpler, or the resource smaller.")

// spend counts n steps and reports whether they may be done.
func (m *meter) spend(n int) bool {
	if n < 0 || n > m.left {
		m.left = 0
		m.err = errCostly
		return false
	}
	m.left -= n
	return true
}

// use is what an operator does with its operand, as far as it costs more than going over it once.
type use uint8

const (
	once    use = iota
	pairs       // each item is compared with each other
	repeats     // each result is compared with all that came before
)

// metered is an expression that is paid for.
type metered struct {
	grammar.IExpressionContext
	node eval.Node
	use  use
	this bool // it begins at $this with a member, so that it goes over the bytes of $this
	own  bool // its extension or id is asked for
}

// Accept evaluates the expression.
func (n *metered) Accept(v antlr.ParseTreeVisitor) any {
	e, ok := v.(*eval.Evaluator)
	if !ok {
		return errors.New("a metered node is evaluated by the engine alone")
	}
	m := find(e)
	if !m.spend(1) || n.this && !m.over(this(e), n) {
		return m.err
	}
	out := n.node(e)
	items, ok := out.(types.Collection)
	if !ok {
		return out
	}
	if n.own {
		items = besides(items)
	}
	if !m.check(items, n) {
		return m.err
	}
	return items
}

func compiled(text string) eval.Node {
	tree, err := parse(text)
	if err != nil {
		panic(err) // it is part of the program
	}
	return eval.Compile(tree)
}

var (
	meterNode = compiled("%`" + meterName + "`")
	thisNode  = compiled("$this")
)

func find(e *eval.Evaluator) *meter {
	if items, ok := meterNode(e).(types.Collection); ok && len(items) == 1 {
		if m, ok := items[0].(*meter); ok {
			return m
		}
	}
	return &meter{err: errCostly}
}

func this(e *eval.Evaluator) types.Collection {
	items, _ := thisNode(e).(types.Collection)
	return items
}

func bytesOf(items types.Collection) (sum int) {
	for _, item := range items {
		if o, ok := item.(*types.ObjectValue); ok {
			sum += len(o.Data())
		}
	}
	return sum
}

// check pays for a collection that was made, and for what will be done with it.
func (m *meter) check(items types.Collection, n *metered) bool {
	if len(items) > maxItems || !m.spend(3*len(items)) {
		m.err = errCostly
		return false
	}
	size, text, ok := sizeOf(items)
	if !ok || !m.spend(text/64) || !m.over(items, n) {
		m.err = errCostly
		return false
	}
	switch n.use {
	case pairs:
		return m.spend(compared(len(items), len(items), size))
	case repeats:
		if m.repeated == nil {
			m.repeated = map[*metered]int{}
		}
		m.repeated[n] += len(items)
		return m.spend(compared(len(items), m.repeated[n], size))
	}
	return true
}

// compared is what it costs to compare each of n items with each of k, size being the bytes of one of the two sides.
func compared(n, k, size int) int { return n*k/16 + min(n, k)*size/256 }

// sizeOf is how many bytes a collection has, which must not be beyond all measure: objects are part of the resource, text
// and numbers may have been made.
func sizeOf(items types.Collection) (size, text int, ok bool) {
	for _, item := range items {
		switch v := item.(type) {
		case *types.ObjectValue:
			size += len(v.Data())
		case types.String:
			text += len(v.Value())
		case types.Decimal:
			if d := v.Value(); d.NumDigits() > maxDigits || d.Exponent() > maxDigits || d.Exponent() < -maxDigits {
				return 0, 0, false
			}
		case types.Quantity:
			if d := v.Value(); d.NumDigits() > maxDigits || d.Exponent() > maxDigits || d.Exponent() < -maxDigits {
				return 0, 0, false
			}
			text += len(v.Unit())
		}
	}
	return size + text, text, text <= maxText
}

// wrap puts every expression below tree into a metered node. It refuses variables with names that are no names.
func wrap(tree antlr.Tree) *Error {
	children := tree.GetChildren()
	for i, child := range children {
		if constant, ok := child.(*grammar.ExternalConstantContext); ok && !plainName(constant.GetText()) {
			return refuse("invalid", "The name of a variable has letters, digits, hyphens and underscores.")
		}
		if err := wrap(child); err != nil {
			return err
		}
		expression, ok := child.(grammar.IExpressionContext)
		if _, sign := child.(*grammar.PolarityExpressionContext); !ok || sign {
			continue // sort() looks for the sign of its keys
		}
		name, this := fromThis(expression)
		children[i] = &metered{
			IExpressionContext: expression, node: nodeOf(expression, name), use: useOf(tree), this: this, own: ofElement(memberOf(tree)),
		}
	}
	return nil
}

func nodeOf(expression grammar.IExpressionContext, member string) eval.Node {
	if ofElement(member) {
		return ownOf(member, eval.Compile(expression))
	}
	if u, ok := expression.(*grammar.UnionExpressionContext); ok {
		if node := unite(u); node != nil {
			return node
		}
	}
	return eval.Compile(expression)
}

var names = regexp.MustCompile("^%(['`]?)[A-Za-z_][A-Za-z0-9_-]*(['`]?)$")

func plainName(text string) bool { return names.MatchString(text) }

// useOf is what the parent does with the values of an expression.
func useOf(parent antlr.Tree) use {
	switch p := parent.(type) {
	case *grammar.UnionExpressionContext:
		if strings.Contains(p.GetText(), "defineVariable") {
			return pairs
		}
	case *grammar.EqualityExpressionContext:
		return pairs
	case *grammar.ParamListContext:
		if f, ok := p.GetParent().(*grammar.FunctionContext); ok && strings.HasPrefix(strings.Trim(f.Identifier().GetText(), "`"), "repeat") {
			return repeats
		}
	}
	return once
}

// fromThis is the name of an expression that is a member of $this alone.
func fromThis(expression grammar.IExpressionContext) (member string, ok bool) {
	term, ok := expression.(*grammar.TermExpressionContext)
	if !ok {
		return "", false
	}
	invocation, ok := term.Term().(*grammar.InvocationTermContext)
	if !ok {
		return "", false
	}
	return nameOf(invocation.Invocation())
}

// memberOf is the member that an expression asks of the one before its dot.
func memberOf(tree antlr.Tree) string {
	invocation, ok := tree.(*grammar.InvocationExpressionContext)
	if !ok {
		return ""
	}
	name, _ := nameOf(invocation.Invocation())
	return name
}

func nameOf(invocation grammar.IInvocationContext) (string, bool) {
	member, ok := invocation.(*grammar.MemberInvocationContext)
	if !ok {
		return "", false
	}
	return strings.Trim(member.GetText(), "`"), true
}
