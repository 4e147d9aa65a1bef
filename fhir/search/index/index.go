package index

// Index is what can be searched of one resource. Every value names the search parameter that it belongs to.
type Index struct {
	// Subject is the logical id of the one patient that the record is about, from a local relative reference
	// ("Patient/7"); for a Patient it is its own id. It is "" when the record is about nobody (a Practitioner), about
	// several patients, or when the reference is absolute, logical, a fragment or unresolved: such a record belongs
	// to no patient whom this hospital could ask, and is to be kept to the hospital.
	Subject     string
	Updated     int64 // when this version was stored, Unix milliseconds; Extract leaves it 0
	Tokens      []Token
	Identifiers []Identifier
	Dates       []Date
	References  []Reference
	Texts       []Text
	Numbers     []Number
	Quantities  []Quantity
	URIs        []URI
	Places      []Place
	Composites  []Composite
	Facets      Facets
}

// Token is a code or identifier under a search parameter (FHIR R4 3.1.1.4.10). System is "" where the resource names
// none. Text is the display of a Coding or the text of an Identifier's type; the text of a CodeableConcept is a
// Token of its own, without system and code.
type Token struct{ Param, System, Code, Text string }

// Identifier is the value of an Identifier together with one coding of its type: what :of-type looks for.
type Identifier struct{ Param, System, Code, Value string }

// Date is a time under a search parameter, as the range [Lo, Hi) that its precision leaves open.
type Date struct {
	Param  string
	Lo, Hi int64
}

// Reference is a reference under a search parameter. Target is "Type/id" if it is local, else the absolute URL or
// canonical; without a version of history; "" if the reference is only logical. System and Value are its identifier.
type Reference struct{ Param, Target, System, Value string }

// Text is a string under a search parameter, as it is written.
type Text struct{ Param, Value string }

// Number is a number under a search parameter: Lo and Hi are the same, or the ends of a Range, both included.
type Number struct {
	Param  string
	Lo, Hi float64
}

// Quantity is a quantity under a search parameter, in the unit in which it is written.
type Quantity struct {
	Param              string
	Lo, Hi             float64 // the same, or the ends of what a Range or a comparator leaves open, both included
	System, Code, Unit string
}

// URI is a uri under a search parameter, as it is written.
type URI struct{ Param, Value string }

// Place is a position on the earth under a search parameter, in degrees (WGS 84).
type Place struct {
	Param               string
	Latitude, Longitude float64
}

// Composite is values that stand together in one element, for a composite search parameter (FHIR R4 3.1.1.4.11).
type Composite struct {
	Param string
	Parts [][]uint32 // for each component, places in the list of Index that the component's kind names
}

// Coding is a code and its system. System is "" where the resource names none.
type Coding struct{ System, Code string }

// Facets is what a consent can tell records apart by.
type Facets struct {
	Type, ID   string
	Categories []Coding // category, or class of an Encounter
	Codes      []Coding // what it is: code, vaccineCode, the medication (also a contained one, not one elsewhere), the type of an Encounter or a document
	Labels     []Coding // meta.security
	Lo, Hi     int64    // when it clinically happened; 0, 0 if it does not say
	Source     string   // reference to the organisation that made it, as far as the record itself names one, else ""
}

// Targets is the references under a parameter, or under all if it is "*", for _include (FHIR R4 3.1.1.5.2).
func (x *Index) Targets(param string) []Reference {
	if param == "*" {
		return x.References
	}
	var found []Reference
	for _, r := range x.References {
		if r.Param == param {
			found = append(found, r)
		}
	}
	return found
}
