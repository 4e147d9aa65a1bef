package exchange

import (
	"crypto/sha256"
	"slices"
	"strings"

	"cairn/fhir/resource"
)

// merge puts the custodians' records into one list. Records are the same when
// they are of one type and have the same business identifiers or, without
// any, the same content apart from what each server sets itself (id, meta,
// text, literal references). The first custodian's bytes stand, every source
// is kept.
func merge(answers []answer) []Item {
	var out []Item
	at := make(map[[32]byte]int)
	for _, a := range answers {
		for i, item := range a.items {
			key := sameness(a.docs[i])
			if j, again := at[key]; again {
				out[j].Sources = append(out[j].Sources, item.Sources...)
				continue
			}
			at[key] = len(out)
			out = append(out, item)
		}
	}
	return out
}

// sameness returns a hash that is the same for the same record at several
// hospitals.
func sameness(doc *resource.Doc) [32]byte {
	root := doc.Root()
	var ids []string
	for id := range root.Get("identifier").Items() {
		system, _ := id.Get("system").Text()
		value, _ := id.Get("value").Text()
		if value != "" {
			ids = append(ids, system+"|"+value)
		}
	}
	if len(ids) > 0 {
		slices.Sort(ids)
		return sha256.Sum256([]byte(doc.Type() + "\x00id\x00" + strings.Join(ids, "\x00")))
	}
	return sha256.Sum256([]byte(doc.Type() + "\x00content\x00" + content(root, 0)))
}

// content writes a node with its members in the order of their names, without
// what a server sets.
func content(n resource.Node, depth int) string {
	switch n.Kind() {
	case resource.Object:
		var parts []string
		for key, v := range n.Fields() {
			if key == "reference" || depth == 0 && (key == "id" || key == "meta" || key == "text") {
				continue
			}
			parts = append(parts, key+"="+content(v, depth+1))
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
		return "'" + text + "'"
	}
	return string(n.Raw())
}
