package fhirpath

import (
	"strings"

	"github.com/gofhir/fhirpath/eval"
	"github.com/gofhir/fhirpath/parser/grammar"
	"github.com/gofhir/fhirpath/types"
)

// distinct is the items without those that are equal to an earlier one; false where it would cost too much. Text and objects,
// which are most of what there is, are found by their bytes; the others are compared with each other, as the engine does.
func (m *meter) distinct(items types.Collection) (types.Collection, bool) {
	out := make(types.Collection, 0, len(items))
	met := make(map[string]struct{}, len(items))
	var others types.Collection
	for _, item := range items {
		key, ok := keyOf(item)
		if !ok {
			if !m.spend(1 + len(others)/16) {
				return nil, false
			}
			if others.Contains(item) {
				continue
			}
			others = append(others, item)
		} else if _, again := met[key]; again {
			continue
		} else {
			met[key] = struct{}{}
		}
		out = append(out, item)
	}
	return out, true
}

// keyOf is the bytes by which equal values are found.
func keyOf(item types.Value) (string, bool) {
	switch v := item.(type) {
	case types.String:
		return "s" + v.Value(), true
	case *types.ObjectValue:
		return "o" + string(v.Data()), true
	case types.Boolean:
		return "b" + v.String(), true
	}
	return "", false
}

func distinct(m *meter, c call) (types.Collection, error) {
	out, ok := m.distinct(c.input)
	if !ok {
		return nil, errCostly
	}
	return out, nil
}

func isDistinct(m *meter, c call) (types.Collection, error) {
	out, ok := m.distinct(c.input)
	if !ok {
		return nil, errCostly
	}
	return types.Collection{types.NewBoolean(len(out) == len(c.input))}, nil
}

func union(m *meter, c call) (types.Collection, error) {
	return distinct(m, call{input: append(c.input[:len(c.input):len(c.input)], c.arg(0)...)})
}

// unite is "left | right" as a node; nil where a side defines variables, whose scope only the engine knows.
func unite(u *grammar.UnionExpressionContext) eval.Node {
	if strings.Contains(u.GetText(), "defineVariable") {
		return nil
	}
	left, right := eval.Compile(u.Expression(0)), eval.Compile(u.Expression(1))
	return func(e *eval.Evaluator) any {
		a := left(e)
		first, ok := a.(types.Collection)
		if !ok {
			return a
		}
		b := right(e)
		second, ok := b.(types.Collection)
		if !ok {
			return b
		}
		out, err := union(find(e), call{input: first, args: []any{second}})
		if err != nil {
			return err
		}
		return out
	}
}
