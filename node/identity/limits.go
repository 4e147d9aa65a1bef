package identity

import (
	"cairn/fhir/scope"
)

// limits are the scopes that an actor is held to, as they are kept.
type limits struct {
	Scopes    *string `json:"scopes,omitempty"` // nil: none limit it
	Context   string  `json:"context,omitempty"`
	Delegated bool    `json:"delegated,omitempty"`
	Through   string  `json:"through,omitempty"`
	Family    string  `json:"family,omitempty"`
}

func limitsOf(a Actor) limits {
	l := limits{Context: a.context, Delegated: a.delegated, Through: a.through, Family: a.family}
	if a.scopes != nil {
		text := a.scopes.String()
		l.Scopes = &text
	}
	return l
}

// hold holds an actor to the limits. Scopes that cannot be read any more allow
// nothing.
func (l limits) hold(a Actor) Actor {
	a.context, a.delegated, a.through, a.family = l.Context, l.Delegated, l.Through, l.Family
	if l.Scopes == nil {
		return a
	}
	s, err := scope.Parse(*l.Scopes)
	if err != nil {
		s = scope.Set{}
	}
	a.scopes = &s
	return a
}
