package resource

// checkResource checks the members of a resource, the root or one inside it, that the rest of the system relies on.
func (d *Doc) checkResource(at uint32) *Error {
	r := Node{d, at}
	if r.Kind() != Object {
		return d.refuse(at, CodeStructure, "A resource is an object.")
	}
	typ := r.Get("resourceType")
	if !typ.Exists() {
		return d.refuse(at, CodeRequired, "resourceType is missing. Name the type of the resource, e.g. \"Patient\".")
	}
	name, ok := typ.Text()
	if !ok || !IsType(name) {
		return d.refuse(typ.at, CodeValue, "resourceType is not a resource type of FHIR R4 (4.0.1).")
	}
	if err := d.checkID(r.Get("id")); err != nil {
		return err
	}
	if err := d.checkMeta(r.Get("meta")); err != nil {
		return err
	}
	for _, key := range [...]string{"subject", "patient"} {
		if err := d.checkAbout(r.Get(key)); err != nil {
			return err
		}
	}
	return nil
}

func (d *Doc) checkID(id Node) *Error {
	if !id.Exists() {
		return nil
	}
	if text, ok := id.Text(); !ok || !ValidID(text) {
		return d.refuse(id.at, CodeValue, "An id has 1 to 64 letters, digits, hyphens and dots.")
	}
	return nil
}

// checkMeta checks the shape of meta (FHIR R4 2.27.1).
func (d *Doc) checkMeta(meta Node) *Error {
	if !meta.Exists() {
		return nil
	}
	if meta.Kind() != Object {
		return d.refuse(meta.at, CodeStructure, "meta is an object.")
	}
	if err := d.checkID(meta.Get("versionId")); err != nil {
		return err
	}
	if at := meta.Get("lastUpdated"); at.Exists() {
		if text, ok := at.Text(); !ok || !instant(text) {
			return d.refuse(at.at, CodeValue, "lastUpdated is an instant: a date and a time to the second with a time zone.")
		}
	}
	if source := meta.Get("source"); source.Exists() && source.Kind() != String {
		return d.refuse(source.at, CodeStructure, "source is a string.")
	}
	if profile := meta.Get("profile"); profile.Exists() && (profile.Kind() != Array || profile.node().flags&^(1<<String|someNull) != 0) {
		return d.refuse(profile.at, CodeStructure, "profile is an array of strings.")
	}
	for _, key := range [...]string{"security", "tag"} {
		if labels := meta.Get(key); labels.Exists() && (labels.Kind() != Array || labels.node().flags&^someObjects != 0) {
			return d.refuse(labels.at, CodeStructure, "This element of meta is an array of codings.")
		}
	}
	return nil
}

// checkAbout checks the element that says whom a resource is about: a Reference, or an array of them.
func (d *Doc) checkAbout(about Node) *Error {
	for n := range about.Items() {
		if n.Kind() != Object {
			return d.refuse(n.at, CodeStructure, "This element is a Reference, an object with a reference in it.")
		}
		if ref := n.Get("reference"); ref.Exists() && ref.Kind() != String {
			return d.refuse(ref.at, CodeStructure, "reference is a string.")
		}
	}
	return nil
}
