package fhirpath

import (
	"bytes"
	"encoding/json"
	"slices"

	"cairn/fhir/resource"
)

// canonical writes a value in one form: no white space, members by name but resourceType first, strings with the fewest escapes,
// numbers as they are. The engine calls objects equal where their bytes are.
func canonical(out []byte, n resource.Node) []byte {
	switch n.Kind() {
	case resource.Object:
		return canonicalObject(out, n)
	case resource.Array:
		out = append(out, '[')
		first := true
		for item := range n.Children() {
			if !first {
				out = append(out, ',')
			}
			first = false
			out = canonical(out, item)
		}
		return append(out, ']')
	case resource.String:
		content, escaped := n.Content()
		if !escaped {
			return append(out, n.Raw()...)
		}
		return appendQuoted(out, content)
	}
	return append(out, n.Raw()...)
}

func canonicalObject(out []byte, n resource.Node) []byte {
	var room [24]resource.Node
	members := room[:0]
	for m := range n.Children() {
		members = append(members, m)
	}
	slices.SortFunc(members, func(a, b resource.Node) int { return order(a.Name(), b.Name()) })
	out = append(out, '{')
	for i, m := range members {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendQuoted(out, m.Name()), ':')
		out = canonical(out, m)
	}
	return append(out, '}')
}

func order(a, b []byte) int {
	const first = "resourceType"
	switch {
	case string(a) == first:
		return -1
	case string(b) == first:
		return 1
	}
	return bytes.Compare(a, b)
}

func appendQuoted(out, content []byte) []byte {
	for _, c := range content {
		if c < ' ' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(string(content)) // a string always can be written
			return append(out, quoted...)
		}
	}
	return append(append(append(out, '"'), content...), '"')
}
