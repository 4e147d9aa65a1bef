package element

import (
	"strings"

	"cairn/fhir/er7"
)

// System returns the URI of an assigning authority (HD): what the sender's
// configuration says of its namespace, else its universal id.
func (x *Reader) System(hd er7.Value) string {
	return x.authority(hd.Component(1), hd.Component(2), hd.Component(3))
}

func (x *Reader) authority(namespace, universal, kind er7.Value) string {
	name, id := x.Text(namespace), x.Text(universal)
	if uri, ok := x.Sender.Systems[name]; ok && (name != "" || id == "") {
		return uri
	}
	switch kind := x.Text(kind); {
	case kind == "ISO" && oidForm.MatchString(id):
		return "urn:oid:" + id
	case (kind == "UUID" || kind == "GUID") && uuidForm.MatchString(id):
		return "urn:uuid:" + strings.ToLower(id)
	case kind == "URI" && uriForm.MatchString(id):
		return id
	}
	return ""
}

// Identifier makes an Identifier of a CX.
func (x *Reader) Identifier(cx er7.Value, kind string) Object {
	value := x.Text(cx.Component(1))
	if value == "" {
		return nil
	}
	o := Object{"value": value}
	system := x.System(cx.Component(4))
	o.Put("system", system)
	if system == "" {
		if name := x.Text(cx.Component(4).Component(1)); name != "" {
			o["assigner"] = Object{"display": name}
		}
	}
	if said := x.Word(cx.Component(5)); said != "" {
		kind = said
	}
	o.Put("type", Coded(TermTable+"0203", kind, ""))
	o.Put("period", x.Period(cx.Component(7), cx.Component(8)))
	return o
}

// Entity makes an Identifier of an EI, and says by what its owner's resources
// are told apart: "" if there is none.
func (x *Reader) Entity(ei er7.Value, kind string) (o Object, key string) {
	return x.EntityOf(ei.Component(1), ei.Component(2), ei.Component(3), ei.Component(4), kind)
}

func (x *Reader) EntityOf(id, namespace, universal, scheme er7.Value, kind string) (o Object, key string) {
	value := x.Text(id)
	if value == "" {
		return nil, ""
	}
	o = Object{"value": value}
	system := x.authority(namespace, universal, scheme)
	name := x.Text(namespace)
	o.Put("system", system)
	if system == "" && name != "" {
		o["assigner"] = Object{"display": name}
	}
	o.Put("type", Coded(TermTable+"0203", kind, ""))
	return o, x.owner(system, name) + "|" + value
}

// Numbered is the key of a CX, as that of an EI.
func (x *Reader) Numbered(cx er7.Value) string {
	value := x.Text(cx.Component(1))
	if value == "" {
		return ""
	}
	return x.owner(x.System(cx.Component(4)), x.Text(cx.Component(4).Component(1))) + "|" + value
}

// owner is whose number one is: a system, else a namespace, which is the same
// all over the hospital, else the sender.
func (x *Reader) owner(system, namespace string) string {
	switch {
	case system != "":
		return system
	case namespace != "":
		return "namespace " + namespace
	}
	return "sender " + x.Sender.Name
}

// HumanName makes a HumanName of an XPN.
func (x *Reader) HumanName(v er7.Value) Object {
	o := x.nameOf(func(n int) er7.Value { return v.Component(n) })
	if len(o) == 0 {
		return nil
	}
	o.Put("use", Perhaps(x, v.Component(7), "0200", nameUses))
	start, end := v.Component(12), v.Component(13)
	if start.Empty() && end.Empty() {
		start, end = v.Component(10).Component(1), v.Component(10).Component(2)
	}
	o.Put("period", x.Period(start, end))
	return o
}

// nameOf reads family, given, further, suffix, prefix, degree: the parts 1 to 6
// of an XPN.
func (x *Reader) nameOf(part func(int) er7.Value) Object {
	o := Object{}
	o.Put("family", x.Text(part(1).Component(1)))
	o.Push("given", x.Text(part(2)))
	o.Push("given", x.Text(part(3)))
	o.Push("suffix", x.Text(part(4)))
	o.Push("prefix", x.Text(part(5)))
	o.Push("suffix", x.Text(part(6)))
	return o
}

func (x *Reader) Names(v er7.Value) List {
	var out List
	for _, one := range v.Repetitions() {
		if n := x.HumanName(one); len(n) > 0 {
			out = append(out, n)
		}
	}
	return out
}

// display writes a name on one line.
func display(name Object) string {
	var words []string
	for _, part := range []string{"prefix", "given"} {
		for _, w := range AsList(name[part]) {
			word, _ := w.(string)
			words = append(words, word)
		}
	}
	if family := name.Text("family"); family != "" {
		words = append(words, family)
	}
	return strings.Join(words, " ")
}

// address makes an Address of an XAD.
func (x *Reader) address(v er7.Value) Object {
	o := Object{}
	o.Push("line", x.Text(v.Component(1).Component(1)))
	o.Push("line", x.Text(v.Component(2)))
	for n, name := range map[int]string{3: "city", 4: "state", 5: "postalCode", 6: "country", 9: "district"} {
		o.Put(name, x.Text(v.Component(n)))
	}
	if len(o) == 0 {
		return nil
	}
	o.Put("use", Perhaps(x, v.Component(7), "0190", addressUses))
	o.Put("type", Perhaps(x, v.Component(7), "0190", addressTypes))
	start, end := v.Component(13), v.Component(14)
	if start.Empty() && end.Empty() {
		start, end = v.Component(12).Component(1), v.Component(12).Component(2)
	}
	o.Put("period", x.Period(start, end))
	return o
}

func (x *Reader) Addresses(v er7.Value) List {
	var out List
	for _, one := range v.Repetitions() {
		if a := x.address(one); len(a) > 0 {
			out = append(out, a)
		}
	}
	return out
}

// Telecoms makes one ContactPoint of each repetition of an XTN; use is what it
// is for where it does not say.
func (x *Reader) Telecoms(v er7.Value, use string) List {
	var out List
	for _, one := range v.Repetitions() {
		if c := x.telecom(one, use); len(c) > 0 {
			out = append(out, c)
		}
	}
	return out
}

func (x *Reader) telecom(v er7.Value, use string) Object {
	system := Perhaps(x, v.Component(3), "0202", telecomSystems)
	value := x.phone(v)
	if mail := x.Text(v.Component(4)); mail != "" && (system == "email" || value == "") {
		value, system = mail, "email"
	}
	if value == "" {
		return nil
	}
	if system == "" {
		system = "phone"
	}
	o := Object{"value": value, "system": system}
	if said := Perhaps(x, v.Component(2), "0201", telecomUses); said != "" {
		use = said
	}
	if x.Text(v.Component(3)) == "CP" {
		use = "mobile"
	}
	o.Put("use", use)
	return o
}

// phone puts a telephone number together: whole where it was sent whole, else
// of country, area, number and extension.
func (x *Reader) phone(v er7.Value) string {
	for _, n := range []int{12, 1} {
		if s := x.Text(v.Component(n)); s != "" {
			return s
		}
	}
	local := x.Text(v.Component(7))
	if local == "" {
		return ""
	}
	var parts []string
	if country := x.Text(v.Component(5)); country != "" {
		parts = append(parts, "+"+strings.TrimPrefix(country, "+"))
	}
	if area := x.Text(v.Component(6)); area != "" {
		parts = append(parts, area)
	}
	parts = append(parts, local)
	if extension := x.Text(v.Component(8)); extension != "" {
		parts = append(parts, "X"+extension)
	}
	return strings.Join(parts, " ")
}

// Practitioner makes a Practitioner of an XCN and returns a reference to it.
// Who has no number is named in the reference only.
func (x *Reader) Practitioner(v er7.Value) Object {
	return x.clinician(v, v.Component(9).Component(1), v.Component(9).Component(2), v.Component(9).Component(3), v.Component(13))
}

// Interpreter is practitioner for an NDL, whose first component is a CNN.
func (x *Reader) Interpreter(v er7.Value) Object {
	who := v.Component(1)
	return x.clinician(who, who.Component(9), who.Component(10), who.Component(11), who.Component(8))
}

func (x *Reader) clinician(v, namespace, universal, scheme, kind er7.Value) Object {
	name := x.nameOf(func(n int) er7.Value { return v.Component(n + 1) })
	number, key := x.EntityOf(v.Component(1), namespace, universal, scheme, x.Word(kind))
	if key == "" {
		if shown := display(name); shown != "" {
			return Object{"display": shown, "type": "Practitioner"}
		}
		return nil
	}
	body := Object{"identifier": List{number}}
	if len(name) > 0 {
		body["name"] = List{name}
	}
	who := x.Add(Entry{Type: "Practitioner", ID: x.ID("Practitioner", key), Mode: Keep, Elements: body})
	who.Put("display", display(name))
	return who
}

// Practitioners is practitioner for each repetition.
func (x *Reader) Practitioners(v er7.Value) List {
	var out List
	for _, one := range v.Repetitions() {
		if who := x.Practitioner(one); len(who) > 0 {
			out = append(out, who)
		}
	}
	return out
}

// Organization makes an Organization of a name, an identifier and what else is
// known, and returns a reference to it.
func (x *Reader) Organization(name string, number Object, key string, more Object) Object {
	if key == "" && name == "" {
		return nil
	}
	if key == "" {
		key = x.Sender.Name + "/name|" + name
	}
	body := Object{}
	body.Put("name", name)
	body.Push("identifier", number)
	for k, v := range more {
		body.Put(k, v)
	}
	who := x.Add(Entry{Type: "Organization", ID: x.ID("Organization", key), Mode: Keep, Elements: body})
	who.Put("display", name)
	return who
}

// XON is organization for an XON.
func (x *Reader) XON(v er7.Value, more Object) Object {
	id := v.Component(10)
	if id.Empty() {
		id = v.Component(3)
	}
	hd := v.Component(6)
	number, key := x.EntityOf(id, hd.Component(1), hd.Component(2), hd.Component(3), x.Word(v.Component(7)))
	return x.Organization(x.Text(v.Component(1)), number, key, more)
}

// levels are the parts of a PL from the outside in.
var levels = [...]struct {
	part       int
	code, name string
	inside     bool // its name says little without those around it
}{
	{4, "si", "Site", false}, {7, "bu", "Building", false}, {8, "lvl", "Level", false},
	{1, "wa", "Ward", true}, {2, "ro", "Room", true}, {3, "bd", "Bed", true},
}

// Location makes a Location for each level of a PL that is valued, each part of
// the one around it, and returns a reference to the innermost.
func (x *Reader) Location(v er7.Value) Object {
	var within Object
	path, shown := "", ""
	if v.Component(4).Empty() {
		path = x.Sender.Name // without its site, a ward is one of the sender's
	}
	for _, level := range levels {
		name := x.Text(v.Component(level.part).Component(1))
		if name == "" {
			continue
		}
		path += "/" + level.code + "|" + name
		if level.inside {
			shown = strings.TrimSpace(shown + " " + name)
		} else {
			shown = name
		}
		body := Object{"mode": "instance", "name": shown, "physicalType": Coded(Term+"location-physical-type", level.code, level.name)}
		body.Put("partOf", within)
		within = x.Add(Entry{Type: "Location", ID: x.ID("Location", path), Mode: Keep, Elements: body})
		within["display"] = shown
		if !level.inside {
			shown = ""
		}
	}
	return within
}
