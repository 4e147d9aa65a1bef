package resource

// check applies the FHIR JSON rules to a document that the scanner has accepted, and fills in type and id.
func (d *Doc) check() error {
	for at := range uint32(len(d.nodes)) {
		var err *Error
		switch n := &d.nodes[at]; n.kind {
		case String:
			if n.end-n.start == 2 {
				err = d.refuse(at, CodeInvalid, "A string must not be empty. Leave the element out.")
			}
		case Array:
			err = d.checkArray(at)
		case Object:
			err = d.checkObject(at)
		case Null:
			if n.keyEnd != 0 {
				err = d.refuse(at, CodeInvalid, "An element must not be null. Leave it out.")
			}
		}
		if err != nil {
			return err
		}
	}
	if err := d.checkResource(0); err != nil {
		return err
	}
	root := d.Root()
	name, _ := root.Get("resourceType").Text()
	d.typ = types[name]
	d.id, _ = root.Get("id").Text()
	return nil
}

func (d *Doc) refuse(at uint32, code, text string) *Error {
	return &Error{Code: code, Offset: int(d.nodes[at].start), Expression: d.expression(at), Text: text}
}

const (
	someNull    = 1 << Null
	somePlain   = 1<<Bool | 1<<Number | 1<<String
	someObjects = 1 << Object
	someArrays  = 1 << Array
)

// checkArray applies FHIR R4 2.6.2 to an array on its own: not empty, items of one kind.
func (d *Doc) checkArray(at uint32) *Error {
	n := &d.nodes[at]
	if n.count == 0 {
		return d.refuse(at, CodeInvalid, "An array must not be empty. Leave the element out.")
	}
	plain := n.flags & somePlain
	mixed := plain&(plain-1) != 0 || plain != 0 && n.flags&someObjects != 0
	if mixed || n.flags&someArrays != 0 {
		return d.refuse(at, CodeStructure, "The items of an array must be of one kind, and not arrays themselves.")
	}
	return nil
}

func (d *Doc) checkObject(at uint32) *Error {
	n := &d.nodes[at]
	if n.count == 0 {
		return d.refuse(at, CodeInvalid, "An object must not be empty. Leave the element out.")
	}
	for i := at + 1; i < n.next; i = d.nodes[i].next {
		if err := d.checkMember(at, i); err != nil {
			return err
		}
	}
	return nil
}

func (d *Doc) checkMember(object, at uint32) *Error {
	n := &d.nodes[at]
	name := n.name(d)
	if len(name) == 0 {
		return d.refuse(at, CodeStructure, "A member has an empty name. Name the element.")
	}
	if name[0] == '_' {
		return d.checkCompanion(object, at)
	}
	if n.kind == Array && n.flags&someNull != 0 && !d.paired(object, at) {
		return d.refuse(at, CodeInvalid, "Null stands in this array where no extension explains it: the array of the same name with an underscore needs an object there.")
	}
	switch string(name) {
	case "reference":
		return d.checkReference(object, at)
	case "contained":
		return d.checkContained(at)
	case "education":
		d.markEducation(at)
	case "entry", "parameter", "part":
		return d.checkCarriers(at)
	}
	return nil
}

// checkCompanion checks an element "_x", which holds id and extensions of the primitive x.
func (d *Doc) checkCompanion(object, at uint32) *Error {
	n := &d.nodes[at]
	value := Node{d, object}.Get(n.keyText(d)[1:])
	switch {
	case n.kind != Object && (n.kind != Array || n.flags&^(someNull|someObjects) != 0):
		return d.refuse(at, CodeStructure, "An element whose name begins with an underscore is an object, or an array of objects and null.")
	case n.kind == Array && n.flags&someObjects == 0:
		return d.refuse(at, CodeInvalid, "This array holds nothing but null. Leave the element out.")
	case value.Exists() && (value.Kind() == Array) != (n.kind == Array) || value.Kind() == Object:
		return d.refuse(at, CodeStructure, "An element whose name begins with an underscore has the same shape as the primitive that it belongs to.")
	case n.kind == Array && n.flags&someNull != 0 && !d.paired(object, at):
		return d.refuse(at, CodeInvalid, "Null stands in this array where the array of values has nothing either.")
	}
	return nil
}

// paired reports whether the array at and the one that goes with it ("x" and "_x") have the same length and are
// never both null in one place.
func (d *Doc) paired(object, at uint32) bool {
	name := d.nodes[at].keyText(d)
	if name[0] == '_' {
		name = name[1:]
	} else {
		name = "_" + name
	}
	other := Node{d, object}.Get(name)
	if other.Kind() != Array || other.Len() != int(d.nodes[at].count) {
		return false
	}
	twin := other.at + 1
	for i := at + 1; i < d.nodes[at].next; i = d.nodes[i].next {
		if d.nodes[i].kind == Null && d.nodes[twin].kind == Null {
			return false
		}
		twin = d.nodes[twin].next
	}
	return true
}

func (d *Doc) checkContained(at uint32) *Error {
	n := &d.nodes[at]
	if n.kind != Array || n.flags&^someObjects != 0 {
		return d.refuse(at, CodeStructure, "contained is an array of resources.")
	}
	for i := at + 1; i < n.next; i = d.nodes[i].next {
		if err := d.checkResource(i); err != nil {
			return err
		}
	}
	return nil
}

// markEducation sets apart the items of Immunization.education, which can look like a Reference and are none.
func (d *Doc) markEducation(at uint32) {
	for item := range (Node{d, at}).Items() {
		if item.Kind() == Object {
			d.nodes[item.at].flags |= holdsURI
		}
	}
}

// checkCarriers checks the resources in Bundle.entry and Parameters.parameter, the only elements of these names that
// have a member "resource".
func (d *Doc) checkCarriers(at uint32) *Error {
	for carrier := range (Node{d, at}).Items() {
		if r := carrier.Get("resource"); r.Exists() {
			if err := d.checkResource(r.at); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkReference checks the member "reference" of an object: what a Reference's may look like, or any uri where the
// object is something else, or objects where R4 has an element of this name that is itself a Reference.
func (d *Doc) checkReference(object, at uint32) *Error {
	n := &d.nodes[at]
	switch {
	case n.kind == Object, n.kind == Array && n.flags&^someObjects == 0:
		return nil
	case n.kind == String:
		if !d.isReference(object) {
			return nil
		}
		target := text(d.raw[n.start:n.end], n.flags&escapedValue != 0)
		if !validReference(target, d.entry || d.Root().Get("resourceType").Is("Bundle")) {
			return d.refuse(at, CodeValue, "A reference is relative (Type/id), absolute (http, https or urn) or a fragment (#id), with a type and an id that FHIR R4 knows.")
		}
		return nil
	}
	return d.refuse(at, CodeStructure, "reference is a string.")
}
