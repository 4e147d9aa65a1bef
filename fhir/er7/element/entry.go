package element

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Mode says what an entry does to a record that is there already.
type Mode uint8

// The modes.
const (
	Replace Mode = iota + 1 // it is the record
	Merge                   // what the entry says is laid over the record
	Keep                    // nothing: the entry is for a record that is not there yet
	Patch                   // like Merge, and nothing if there is no record
)

// Entry is one resource to write.
type Entry struct {
	Type, ID string
	Mode     Mode
	Elements Object
	Defaults Object   // elements of a record that has none of them
	Erase    []string // elements that the message asks to delete: "name", "period.end"
	Moves    bool     // an Encounter whose earlier locations the patient has left
}

// Body returns the resource where there is no record yet.
func (e *Entry) Body() ([]byte, error) { return e.over(nil) }

// Over returns the resource for a record that is there; nil if nothing changes.
func (e *Entry) Over(current []byte) ([]byte, error) {
	switch e.Mode {
	case Keep:
		return nil, nil
	case Replace:
		return e.over(nil)
	}
	have := Object{}
	dec := json.NewDecoder(bytes.NewReader(current))
	dec.UseNumber()
	if err := dec.Decode(&have); err != nil {
		return nil, err
	}
	was, err := encode(have)
	if err != nil {
		return nil, err
	}
	is, err := e.over(have)
	if err != nil || bytes.Equal(was, is) {
		return nil, err
	}
	return is, nil
}

// over lays the entry over what is there.
func (e *Entry) over(have Object) ([]byte, error) {
	out := laid(have, Object{"resourceType": e.Type, "id": e.ID})
	for _, name := range e.Erase {
		remove(out, name)
	}
	for name := range e.Elements {
		dropChoice(out, name)
	}
	for name, v := range e.Elements {
		out[name] = e.join(name, out[name], v)
	}
	for name, v := range e.Defaults {
		if _, there := out[name]; !there && !hasChoice(out, name) {
			out[name] = v
		}
	}
	return encode(out)
}

func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

// remove deletes an element, or a member of one ("period.end").
func remove(o Object, name string) {
	first, rest, deeper := strings.Cut(name, ".")
	if !deeper {
		dropChoice(o, first+"Boolean")
		for _, gone := range []string{first, "_" + first, first + "Boolean"} {
			delete(o, gone)
		}
		return
	}
	inner := laid(o.Inner(first), nil)
	remove(inner, rest)
	delete(o, first)
	o.Put(first, inner)
}

// choices are the elements of several types that messages set.
var choices = []string{"deceased", "multipleBirth", "onset", "effective", "occurrence", "value", "medication", "collected"}

func choice(name string) string {
	for _, stem := range choices {
		if rest, ok := strings.CutPrefix(name, stem); ok && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z' {
			return stem
		}
	}
	return ""
}

// dropChoice removes what an element of another type says, and the extensions
// of a primitive.
func dropChoice(o Object, name string) {
	delete(o, "_"+name)
	stem := choice(name)
	if stem == "" {
		return
	}
	for have := range o {
		if have != name && choice(strings.TrimPrefix(have, "_")) == stem {
			delete(o, have)
		}
	}
}

func hasChoice(o Object, name string) bool {
	stem := choice(name)
	for have := range o {
		if stem != "" && choice(have) == stem {
			return true
		}
	}
	return false
}

// joined are the lists that grow: by what an item is told from others.
var joined = map[string]func(item Object) string{
	"identifier": func(o Object) string { return o.Text("system") + "|" + o.Text("value") },
	"extension":  func(o Object) string { return o.Text("url") },
	"security":   func(o Object) string { return o.Text("system") + "|" + o.Text("code") },
	"result":     referenced,
	"specimen":   referenced,
	"basedOn":    referenced,
	"link":       func(o Object) string { return referenced(o.Inner("other")) },
	"diagnosis":  func(o Object) string { return referenced(o.Inner("condition")) },
}

func referenced(o Object) string { return o.Text("reference") }

// join returns an element's new value: some objects are laid over each other,
// lists that grow get what is new, everything else is replaced.
func (e *Entry) join(name string, have, v any) any {
	if is := asObject(v); is != nil {
		old := asObject(have)
		switch name {
		case "period", "hospitalization":
			return laid(old, is)
		case "meta":
			out := laid(old, is)
			out.Put("security", e.join("security", old["security"], is["security"]))
			return out
		}
		return v
	}
	is, ok := v.(List)
	if !ok {
		return v
	}
	if name == "location" && e.Moves {
		return moved(AsList(have), is)
	}
	if key := joined[name]; key != nil {
		return grown(AsList(have), is, key)
	}
	return v
}

// laid returns one object laid over another.
func laid(under, over Object) Object {
	out := make(Object, len(under)+len(over))
	for k, v := range under {
		out[k] = v
	}
	for k, v := range over {
		out[k] = v
	}
	return out
}

// grown appends what a list does not have, and replaces what it has.
func grown(have, add List, key func(Object) string) List {
	out := slices.Clone(have)
	for _, item := range add {
		is := key(asObject(item))
		at := slices.IndexFunc(out, func(old any) bool { return key(asObject(old)) == is })
		if at < 0 {
			out = append(out, item)
			continue
		}
		out[at] = item
	}
	return out
}

// Distinct drops identifiers that stand in the list already.
func Distinct(identifiers List) List { return grown(nil, identifiers, joined["identifier"]) }

// moved keeps the locations where the patient was before, as left.
func moved(have, is List) List {
	place := func(v any) string { return referenced(asObject(v).Inner("location")) }
	var out List
	for _, item := range have {
		if slices.ContainsFunc(is, func(v any) bool { return place(v) == place(item) }) {
			continue
		}
		o := asObject(item)
		if o.Text("status") == "active" {
			o = laid(o, Object{"status": "completed"})
		}
		out = append(out, o)
	}
	return append(out, is...)
}
