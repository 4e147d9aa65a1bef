package fhirpath

import (
	"github.com/gofhir/fhirpath/eval"
	"github.com/gofhir/fhirpath/types"
)

// The engine keeps id and extensions of a primitive with its value and shows them to functions, extension() among them. It
// does not find them as members: birthDate.extension. So a primitive whose members are asked for is replaced by what stands
// beside it.

// ofElement reports whether a primitive has a member of that name.
func ofElement(member string) bool { return member == "extension" || member == "id" }

// besides is the items, what stands beside primitives in their place.
func besides(items types.Collection) types.Collection {
	plain := true
	for _, item := range items {
		_, object := item.(*types.ObjectValue)
		plain = plain && object
	}
	if plain {
		return items
	}
	out := make(types.Collection, 0, len(items))
	for _, item := range items {
		if _, object := item.(*types.ObjectValue); object {
			out = append(out, item)
		} else if beside, ok := types.ElementOf(item); ok {
			out = append(out, types.NewObjectValueWithType(beside.Data(), "Element"))
		}
	}
	return out
}

// ownOf is a member of $this that primitives have.
func ownOf(member string, engine eval.Node) eval.Node {
	return func(e *eval.Evaluator) any {
		items := this(e)
		if len(items) != 1 {
			return engine(e)
		}
		if _, object := items[0].(*types.ObjectValue); object {
			return engine(e)
		}
		out := types.Collection{}
		for _, item := range besides(items) {
			typ := model{}.TypeOf("Element." + member)
			out = append(out, item.(*types.ObjectValue).GetCollectionWithType(member, typ)...)
		}
		return out
	}
}
