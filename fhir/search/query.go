package search

// Query is a FHIR search on one resource type that has been read and found sound. All of its conditions must hold.
type Query struct {
	Type      string
	IDs       []string   // logical ids, any of which; empty: no condition
	Subject   string     // the patient asked for by a single "patient" or "subject": Index.Subject must be it; "": no condition
	Within    Within     // the compartment that it must be in
	Clauses   []Clause   // all of which must hold
	Chains    []Chain    // all of which must hold; to be resolved before anything is matched
	Includes  []Include  // what is wanted beside the matches
	Sort      []SortRule // the first rule is the most important one; empty: any stable order
	Count     int        // entries a page, as asked, at most MaxCount; 0: not said
	Cursor    string     // opaque place to go on from; "": from the start
	CountOnly bool       // only the number of matches is wanted
	Total     string     // _total as asked: none, estimate, accurate; "": not said
	Summary   string     // _summary as asked: true, text, data, count, false; "": not said
	Elements  []string   // _elements as asked; empty: all
	Ignored   []string   // parameters that a lenient reading passed over
}

// MaxCount is the most entries that a page has; a larger _count means this one (FHIR R4 3.1.1.5.4).
const MaxCount = 1000

// Chain is a condition on records that refer to each other. Forward (subject:Patient.name=x), a record meets it if its
// references under Param lead to a record that one of Of finds. Reverse (_has:Observation:patient:code=x), it meets it
// if a record that Of finds refers to it under Param. Of are queries like any other, with chains of their own.
type Chain struct {
	Param   string
	Reverse bool
	Of      []Query
}

// Include is one _include or _revinclude (FHIR R4 3.1.1.5.2): references of records of Type under Param, "*" being all
// parameters, are followed to records of type Target, "" being any. Reverse follows them backwards. Iterate asks for
// it to be applied to what was included, too.
type Include struct {
	Reverse             bool
	Type, Param, Target string
	Iterate             bool
}

// Modifier is the part of a parameter's name after the colon (FHIR R4 3.1.1.4.4) as far as it changes what a Clause
// means. ParseQuery resolves the others into values.
type Modifier string

// Modifiers of a Clause.
const (
	Plain        Modifier = ""
	Exact        Modifier = "exact"      // string: equal as written
	Contains     Modifier = "contains"   // string: anywhere in it; uri: not known
	ByWords      Modifier = "text"       // token: a word of the text of the code begins with it
	Not          Modifier = "not"        // token: no value meets an alternative
	Missing      Modifier = "missing"    // there is no value at all, or with Clause.Present some
	ByIdentifier Modifier = "identifier" // reference: its identifier, under Clause.Tokens
	OfType       Modifier = "of-type"    // token: an identifier of a type, under Clause.Types
	Above        Modifier = "above"      // uri: the value asked for lies below it
	Below        Modifier = "below"      // uri: it lies below the value asked for
)

// Clause is one condition: some value of the resource under Param meets some of the alternatives, as Modifier has it.
// The list that Kind (or Modifier) names is filled, the others are empty; without any alternative nothing meets it.
type Clause struct {
	Param      string
	Kind       Kind
	Modifier   Modifier
	Present    bool // with Missing: asks for a value to be there
	Tokens     []TokenValue
	Types      []TypeValue
	Dates      []DateValue
	References []ReferenceValue
	Texts      []string // folded, except with Exact
	Numbers    []NumberValue
	Quantities []QuantityValue
	URIs       []string
	Places     []PlaceValue
	Composites []CompositeValue
	codes      map[Coding]bool // of a value set or a hierarchy: alternatives beside Tokens
	targets    []string        // of a resolved chain, in order: a reference to any of them, or with Param "_id" to be any of them
	resolved   bool
}

// TokenValue is one alternative of a token parameter (FHIR R4 3.1.1.4.10).
type TokenValue struct {
	System, Code string
	AnySystem    bool // "code": whatever the system; otherwise System must be equal, "" being no system
	AnyCode      bool // "system|": whatever the code
}

// TypeValue is one alternative of :of-type: the coding of an identifier's type, and the identifier's value.
type TypeValue struct{ System, Code, Value string }

// ReferenceValue is one alternative of a reference parameter: a target in the form of Reference.Target, or if that is ""
// an id of a local record of any type.
type ReferenceValue struct{ Target, ID string }

// Prefix is how a date, number or quantity is compared (FHIR R4 3.1.1.4.5).
type Prefix string

// The prefixes of a date. With S the range asked for and T the range of the record:
const (
	Equal          Prefix = "eq" // S contains T: S.Lo <= T.Lo and T.Hi <= S.Hi
	NotEqual       Prefix = "ne" // not eq
	Greater        Prefix = "gt" // T reaches beyond S: T.Hi > S.Hi
	Less           Prefix = "lt" // T reaches before S: T.Lo < S.Lo
	GreaterOrEqual Prefix = "ge" // gt or eq
	LessOrEqual    Prefix = "le" // lt or eq
	StartsAfter    Prefix = "sa" // T.Lo >= S.Hi
	EndsBefore     Prefix = "eb" // T.Hi <= S.Lo
	Approximately  Prefix = "ap" // T overlaps S, which ParseQuery has widened: T.Lo < S.Hi and T.Hi > S.Lo
)

// DateValue is one alternative of a date parameter.
type DateValue struct {
	Prefix Prefix
	Lo, Hi int64
}

// NumberValue is one alternative of a number parameter: Value as asked for, and the range [Lo, Hi) that its precision
// leaves open, which eq, ne and ap compare with (FHIR R4 3.1.1.4.6).
type NumberValue struct {
	Prefix        Prefix
	Value, Lo, Hi float64
}

// QuantityValue is one alternative of a quantity parameter (FHIR R4 3.1.1.4.12). With System, Code is a code of it; a
// quantity in another unit of UCUM is converted. Without, Code is either the code or the unit as written; "" is any.
type QuantityValue struct {
	NumberValue
	System, Code string
	base         string      // of a unit of UCUM: what it measures, see measure
	inBase       NumberValue // the same in base units
}

// PlaceValue is one alternative of Location's near: within so many metres of a position.
type PlaceValue struct{ Latitude, Longitude, Metres float64 }

// CompositeValue is one alternative of a composite parameter: a clause with one alternative for each component.
type CompositeValue struct{ Parts []Clause }

// Resolve is the query with one chain (an index of Chains) replaced by what was found for it: of a forward chain
// "Type/id" of the records referred to, of a reverse chain the ids of records of q.Type. The other chains move up.
func (q Query) Resolve(chain int, targets []string) Query {
	c := q.Chains[chain]
	clause := Clause{Param: c.Param, Kind: ByReference, resolved: true}
	if c.Reverse {
		clause.Param, clause.Kind = "_id", ByToken
	}
	clause.targets = sorted(targets)
	q.Clauses = append(append([]Clause(nil), q.Clauses...), clause)
	q.Chains = append(append([]Chain(nil), q.Chains[:chain]...), q.Chains[chain+1:]...)
	return q
}
