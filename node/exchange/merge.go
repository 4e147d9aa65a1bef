package exchange

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"

	"cairn/fhir/resource"
)

// merge puts the custodians' records into one list. Two records are one when
// they are of one type, their custodians differ, and their content is equal,
// business identifiers included, apart from what each server sets itself: id,
// meta, text, literal references. The first custodian's bytes stand, every
// source is kept. Two like records of one custodian stay two. Records with the
// same identifiers and different content stay two as well: a conflict is
// shown, never silently chosen.
func merge(answers []answer) []Item {
	var out []Item
	at := make(map[[32]byte][]int) // in out, by content
	for _, a := range answers {
		for i, item := range a.items {
			key := sha256.Sum256([]byte(content(a.docs[i].Root(), 0)))
			from := item.Sources[0].Custodian
			like := slices.IndexFunc(at[key], func(j int) bool { return !has(out[j], from) })
			if like >= 0 {
				j := at[key][like]
				out[j].Sources = append(out[j].Sources, item.Sources...)
				continue
			}
			at[key] = append(at[key], len(out))
			out = append(out, item)
		}
	}
	return out
}

// has reports whether an item is at a custodian.
func has(item Item, custodian string) bool {
	return slices.ContainsFunc(item.Sources, func(s Source) bool { return s.Custodian == custodian })
}

// content writes a node with its members in the order of their names, without
// what a server sets. Different nodes are written differently.
func content(n resource.Node, depth int) string {
	switch n.Kind() {
	case resource.Object:
		var parts []string
		for key, v := range n.Fields() {
			if key == "reference" || depth == 0 && (key == "id" || key == "meta" || key == "text") {
				continue
			}
			parts = append(parts, strconv.Quote(key)+"="+content(v, depth+1))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ",") + "}"
	case resource.Array:
		var parts []string
		for v := range n.Items() {
			parts = append(parts, content(v, depth+1))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	if text, ok := n.Text(); ok {
		return strconv.Quote(text)
	}
	return string(n.Raw())
}
