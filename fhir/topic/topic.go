// Package topic says what can be subscribed to and whether a change of a
// record meets it: the topics of HL7's Subscriptions R5 Backport 1.1 for R4, and
// the filters that a subscription narrows them with.
//
// A Topic has triggers: a resource type, the interactions that set it off, and
// search conditions on what the record was and is (SubscriptionTopic of FHIR R5
// 4.7). Criteria are a topic with a subscription's filters, compiled; Match
// answers whether a Change meets them.
//
// The package is pure: it looks nothing up. What it needs of a record it asks
// the Change for, and only if it needs it.
package topic

import (
	"net/url"
	"slices"
	"strings"

	"cairn/fhir/fhirpath"
	"cairn/fhir/resource"
	"cairn/fhir/search"
)

// Base begins the canonical URL of every topic here.
const Base = "urn:cairn:topic:"

// Interaction is what happened to a record (FHIR R5 4.7.4, supportedInteraction).
type Interaction string

// The interactions.
const (
	Create Interaction = "create"
	Update Interaction = "update"
	Delete Interaction = "delete"
)

// Topic is something that can be subscribed to.
type Topic struct {
	URL         string // canonical
	Title       string
	Description string
	Triggers    []Trigger
}

// Trigger says which changes of a type make an event. Previous and Current are
// search conditions ("status:not=finished"), "" for none. A record that was not
// there before meets Previous, and one that is deleted does not meet Current;
// both must hold.
type Trigger struct {
	Type              string
	Interactions      []Interaction
	Previous, Current string
	// FHIRPath must hold, too, where it is said; %previous and %current are the
	// two versions, of which either may be nothing.
	FHIRPath string

	previous, current *search.Query
	expression        *fhirpath.Program
}

// Change is one change of a record. Current is what can be found of it after
// the change, of a deleted one what was found before; Previous of the version
// before, nil if there was none. They are called when they are needed, and at
// most once each.
type Change struct {
	Type              string
	Interaction       Interaction
	Subject           string // local id of the patient whom it is about, or ""
	Current, Previous func() (*search.Index, error)
	// Compare asks a question about the bytes of both versions, nil for one that
	// is not there, and keeps nothing of them.
	Compare func(question func(previous, current []byte) (bool, error)) (bool, error)
}

var all = []Interaction{Create, Update, Delete}

// unsubscribable are the types of which no records are kept here.
var unsubscribable = []string{"Subscription", "Parameters"}

// topics are all topics, in the order in which they are listed.
var topics, byURL = build()

func build() ([]Topic, map[string]*Topic) {
	list := slices.Clone(clinical)
	for _, typ := range resource.Types() {
		if slices.Contains(unsubscribable, typ) {
			continue
		}
		list = append(list, Topic{
			URL: Base + typ, Title: typ + " changed",
			Description: "A record of the type " + typ + " was created, updated or deleted.",
			Triggers:    []Trigger{{Type: typ, Interactions: all}},
		})
	}
	byURL := make(map[string]*Topic, len(list))
	for i := range list {
		t := &list[i]
		for j := range t.Triggers {
			t.Triggers[j].compile()
		}
		byURL[t.URL] = t
	}
	return list, byURL
}

// compile reads the conditions; they are constants of this package.
func (t *Trigger) compile() {
	t.previous, t.current, t.expression = mustQuery(t.Type, t.Previous), mustQuery(t.Type, t.Current), mustExpression(t.FHIRPath)
}

func mustQuery(typ, text string) *search.Query {
	if text == "" {
		return nil
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		panic(err)
	}
	q, err := parse(typ, values)
	if err != nil {
		panic(typ + "?" + text + ": " + err.Error())
	}
	return &q
}

// All returns every topic.
func All() []Topic { return slices.Clone(topics) }

// Find returns the topic with this canonical URL.
func Find(canonical string) (*Topic, bool) {
	t, ok := byURL[canonical]
	return t, ok
}

// Types returns the types of the records that the topic is about.
func (t *Topic) Types() (out []string) {
	for _, trigger := range t.Triggers {
		if !slices.Contains(out, trigger.Type) {
			out = append(out, trigger.Type)
		}
	}
	return out
}

// meets tells whether a change sets the trigger off.
func (t *Trigger) meets(c *Change) (bool, error) {
	if t.Type != c.Type || !slices.Contains(t.Interactions, c.Interaction) {
		return false, nil
	}
	if ok, err := t.became(c); !ok || t.expression == nil {
		return ok, err
	}
	return c.Compare(func(previous, current []byte) (bool, error) { return expressionHolds(t.expression, previous, current) })
}

// became judges the search conditions.
func (t *Trigger) became(c *Change) (bool, error) {
	if t.current != nil {
		if c.Interaction == Delete {
			return false, nil
		}
		if ok, err := holds(t.current, c.Current); !ok {
			return false, err
		}
	}
	if t.previous == nil || c.Interaction == Create {
		return true, nil
	}
	return holds(t.previous, c.Previous)
}

func holds(q *search.Query, of func() (*search.Index, error)) (bool, error) {
	x, err := of()
	if err != nil || x == nil {
		return false, err
	}
	return q.Match(x), nil
}

// String returns the last part of the topic's URL.
func (t *Topic) String() string { return strings.TrimPrefix(t.URL, Base) }
