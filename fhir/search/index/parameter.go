package index

import "slices"

// Value is a value of an Index that says its search parameter.
type Value interface{ Parameter() string }

// Parameter is the search parameter that the value belongs to.
func (v Token) Parameter() string { return v.Param }

// Parameter is the search parameter that the value belongs to.
func (v Identifier) Parameter() string { return v.Param }

// Parameter is the search parameter that the value belongs to.
func (v Date) Parameter() string { return v.Param }

// Parameter is the search parameter that the value belongs to.
func (v Reference) Parameter() string { return v.Param }

// Parameter is the search parameter that the value belongs to.
func (v Text) Parameter() string { return v.Param }

// Parameter is the search parameter that the value belongs to.
func (v Number) Parameter() string { return v.Param }

// Parameter is the search parameter that the value belongs to.
func (v Quantity) Parameter() string { return v.Param }

// Parameter is the search parameter that the value belongs to.
func (v URI) Parameter() string { return v.Param }

// Parameter is the search parameter that the value belongs to.
func (v Place) Parameter() string { return v.Param }

// Parameter is the search parameter that the value belongs to.
func (v Composite) Parameter() string { return v.Param }

// Has reports whether there is a value of a kind under a parameter.
func (x *Index) Has(param string, kind Kind) bool {
	switch kind {
	case ByToken:
		return under(x.Tokens, param)
	case ByDate:
		return under(x.Dates, param)
	case ByReference:
		return under(x.References, param)
	case ByText:
		return under(x.Texts, param)
	case ByNumber:
		return under(x.Numbers, param)
	case ByQuantity:
		return under(x.Quantities, param)
	case ByURI:
		return under(x.URIs, param)
	case BySpecial:
		return under(x.Places, param)
	case ByComposite:
		return under(x.Composites, param)
	}
	return false
}

func under[V Value](values []V, param string) bool {
	return slices.ContainsFunc(values, func(v V) bool { return v.Parameter() == param })
}
