package resource

// edit replaces the bytes [start, end) by text.
type edit struct {
	start, end uint32
	text       []byte
}

// splice applies edits that are in order and do not overlap. The answer is always a copy.
func splice(raw []byte, edits []edit) []byte {
	size := len(raw)
	for _, e := range edits {
		size += len(e.text)
	}
	out := make([]byte, 0, size)
	from := uint32(0)
	for _, e := range edits {
		out = append(append(out, raw[from:e.start]...), e.text...)
		from = e.end
	}
	return append(out, raw[from:]...)
}

// Rewrite is the resource with the literal references replaced for which to knows another one, e.g. a transaction's
// "urn:uuid:..." by "Patient/7". Only strings of Reference.reference change, at any depth; every other byte is
// as received. The answer is a copy and has yet to be parsed.
func Rewrite(d *Doc, to func(reference string) (string, bool)) []byte {
	return splice(d.raw, d.rewrite(to))
}

func (d *Doc) rewrite(to func(reference string) (string, bool)) (edits []edit) {
	d.references(func(at uint32, _ trail) bool {
		old, _ := Node{d, at}.Text()
		if target, ok := to(old); ok && target != old {
			edits = append(edits, edit{d.nodes[at].start, d.nodes[at].end, quote(target)})
		}
		return true
	})
	return edits
}

// Stamp is the resource with its id, meta.versionId and meta.lastUpdated set; every other byte is as received. What
// is there is replaced in place; what is missing is put after resourceType if that comes first, else at the start of
// the object, with the white space that the object uses. The same arguments give the same bytes. The caller gives an id and a
// version id for which ValidID holds and a FHIR instant; the answer then parses.
func Stamp(d *Doc, id, versionID, lastUpdated string) []byte {
	return splice(d.raw, d.stamp(nil, id, versionID, lastUpdated))
}

// StampLinked is Stamp and Rewrite in one.
func StampLinked(d *Doc, to func(reference string) (string, bool), id, versionID, lastUpdated string) []byte {
	return splice(d.raw, d.stamp(d.rewrite(to), id, versionID, lastUpdated))
}

// stamp adds the edits of Stamp to others.
func (d *Doc) stamp(edits []edit, id, versionID, lastUpdated string) []edit {
	root := d.Root()
	place := insertion(root)
	var missing []byte
	if old := root.Get("id"); old.Exists() {
		edits = append(edits, replace(old, id))
	} else {
		missing = append(missing, place.member("id", quote(id))...)
	}
	if meta := root.Get("meta"); meta.Exists() {
		edits = append(edits, stampMeta(meta, versionID, lastUpdated)...)
	} else {
		missing = append(missing, place.member("meta", freshMeta(place.colon, versionID, lastUpdated))...)
	}
	if len(missing) > 0 {
		edits = append(edits, edit{place.at, place.at, missing})
	}
	sortEdits(edits)
	return edits
}

func replace(old Node, text string) edit {
	v := old.node()
	return edit{v.start, v.end, quote(text)}
}

func stampMeta(meta Node, versionID, lastUpdated string) []edit {
	place := insertion(meta)
	var missing []byte
	var edits []edit
	for _, m := range [2][2]string{{"versionId", versionID}, {"lastUpdated", lastUpdated}} {
		if old := meta.Get(m[0]); old.Exists() {
			edits = append(edits, replace(old, m[1]))
		} else {
			missing = append(missing, place.member(m[0], quote(m[1]))...)
		}
	}
	if len(missing) > 0 {
		edits = append(edits, edit{place.at, place.at, missing})
	}
	return edits
}

func freshMeta(colon []byte, versionID, lastUpdated string) []byte {
	var out []byte
	out = append(append(append(out, `{"versionId":`...), colon...), quote(versionID)...)
	out = append(append(append(append(out, ','), colon...), `"lastUpdated":`...), colon...)
	return append(append(out, quote(lastUpdated)...), '}')
}

// gap is a place in an object where members can be put in, in the object's own layout.
type gap struct {
	at     uint32
	before bool   // members follow: each new one ends with a comma; else each begins with one
	indent []byte // white space in front of a member's name
	colon  []byte // white space after the colon
}

// insertion is the gap after the object's first member if that is resourceType, else the one before it. The scanner
// and check leave no empty object.
func insertion(object Node) gap {
	raw, o, first := object.doc.raw, object.node(), object.doc.nodes[object.at+1]
	name, colon := o.start+1, first.start
	for raw[name] != '"' {
		name++
	}
	for raw[colon-1] != ':' {
		colon--
	}
	g := gap{indent: raw[o.start+1 : name], colon: raw[colon:first.start]}
	if first.named(object.doc, "resourceType") {
		g.at = first.end
	} else {
		g.at, g.before = name, true
	}
	return g
}

func (g gap) member(name string, value []byte) []byte {
	var out []byte
	if !g.before {
		out = append(append(out, ','), g.indent...)
	}
	out = append(append(append(append(out, quote(name)...), ':'), g.colon...), value...)
	if g.before {
		out = append(append(out, ','), g.indent...)
	}
	return out
}

func sortEdits(edits []edit) {
	for i := 1; i < len(edits); i++ {
		for j := i; j > 0 && edits[j].start < edits[j-1].start; j-- {
			edits[j], edits[j-1] = edits[j-1], edits[j]
		}
	}
}
