// Package scope reads SMART scopes (SMART App Launch 2.2, 3 "Scopes and Launch Context"), of version 1
// (patient/Observation.read) and version 2 (patient/Observation.rs?category=...), and answers what they allow: whether
// an interaction with a type may be done at all, and with which records of it.
//
// A Set has one meaning and one normal form. What it says of a record is what a search with its filter would find
// (fhir/search, Query.Match): a filter never widens, and one that cannot be judged allows nothing.
//
// The package is pure.
package scope

import (
	"fmt"
	"slices"
	"strings"

	"cairn/fhir/resource"
)

// Context is on whose behalf a scope allows something.
type Context string

// The contexts of resource scopes.
const (
	Patient Context = "patient" // records of the one patient in the launch context
	User    Context = "user"    // what the person who signed in may see
	System  Context = "system"  // software with no person in front of it
)

var contexts = []Context{Patient, User, System}

// Permission is a set of what may be done with records of a type.
type Permission uint8

// The permissions, in the order in which they are written.
const (
	Create Permission = 1 << iota // type: create
	Read                          // instance: read, vread, history
	Update                        // instance: update, patch
	Delete                        // instance: delete
	Search                        // type and system: search, history

	All = Create | Read | Update | Delete | Search
)

const letters = "cruds"

// String writes the letters of version 2: "rs".
func (p Permission) String() string {
	var out strings.Builder
	for i := range len(letters) {
		if p&(1<<i) != 0 {
			out.WriteByte(letters[i])
		}
	}
	return out.String()
}

// Each calls f with every single permission of p.
func (p Permission) Each(f func(Permission)) {
	for one := Create; one <= Search; one <<= 1 {
		if p&one != 0 {
			f(one)
		}
	}
}

// legacy are the permissions as version 1 names them (SMART App Launch 2.2, 3.0.4).
var legacy = map[string]Permission{"read": Read | Search, "write": Create | Update | Delete, "*": All}

// Any is the Type of a scope that is of all types.
const Any = "*"

// Scope is one resource scope.
type Scope struct {
	Context    Context
	Type       string // or Any
	Permission Permission
	Filter     *Filter // which records; nil: all
	old        string  // the permission as version 1 writes it, when it was read so
}

// String writes the scope as it was read: in version 1 what is wholly of that version, else in version 2.
func (s Scope) String() string {
	if s.old != "" && s.Filter == nil && legacy[s.old] == s.Permission {
		return string(s.Context) + "/" + s.Type + "." + s.old
	}
	return s.normal()
}

// normal writes the scope in version 2.
func (s Scope) normal() string {
	text := string(s.Context) + "/" + s.Type + "." + s.Permission.String()
	if s.Filter != nil {
		text += "?" + s.Filter.text
	}
	return text
}

// covers tells whether s allows everything that o does.
func (s Scope) covers(o Scope) bool {
	return s.Context == o.Context && (s.Type == Any || s.Type == o.Type) && o.Permission&^s.Permission == 0 &&
		(s.Filter == nil || o.Filter != nil && s.Filter.text == o.Filter.text)
}

// of tells whether the scope is of a type. With the type "" it is of some.
func (s Scope) of(typ string) bool { return s.Type == Any || typ == "" || s.Type == typ }

// Words are the scopes that are not of resources, in the order in which they are written (SMART App Launch 2.2, 3.0.2
// and 3.0.3; OpenID Connect Core 1.0, 5.4 and 11).
var Words = []string{"openid", "fhirUser", "profile", "launch", "launch/patient", "launch/encounter", "offline_access", "online_access"}

// Bounds of a set.
const (
	maxText   = 8 << 10
	maxScopes = 100
)

// Error says which scope cannot be granted and why. It can be shown: a scope comes from the software that asks, and its
// values are left out.
type Error struct {
	Scope string // without its values
	Text  string
}

func (e *Error) Error() string {
	if e.Scope == "" {
		return e.Text
	}
	return "the scope " + e.Scope + ": " + e.Text
}

// Parse reads scopes with spaces between them. Words that are not known are passed over (RFC 6749 3.3): nothing is
// granted for them. A scope that has the form of one of resources and is none, by its type, permission or filter, is
// refused with an *Error.
func Parse(text string) (Set, error) {
	if len(text) > maxText {
		return Set{}, &Error{Text: fmt.Sprintf("scopes are at most %d characters together", maxText)}
	}
	var out Set
	for _, part := range strings.Fields(text) {
		if slices.Contains(Words, part) {
			out.words = append(out.words, part)
			continue
		}
		s, known, err := parseOne(part)
		if err != nil {
			return Set{}, err
		}
		if known {
			out.scopes = append(out.scopes, s)
		}
	}
	if len(out.scopes) > maxScopes {
		return Set{}, &Error{Text: fmt.Sprintf("at most %d scopes can be asked for", maxScopes)}
	}
	return out.tidy(), nil
}

// parseOne reads one scope; known is false for one that is not of resources.
func parseOne(text string) (s Scope, known bool, err error) {
	head, query, filtered := strings.Cut(text, "?")
	context, rest, ok := strings.Cut(head, "/")
	if !ok || !slices.Contains(contexts, Context(context)) {
		return Scope{}, false, nil
	}
	typ, permission, ok := strings.Cut(rest, ".")
	if !ok {
		return Scope{}, false, &Error{shown(head), "it has the form context/Type.cruds, as patient/Observation.rs"}
	}
	s = Scope{Context: Context(context), Type: typ}
	if typ != Any && !resource.IsType(typ) {
		return Scope{}, false, &Error{shown(head), "FHIR R4 has no such resource type"}
	}
	if s.Permission = legacy[permission]; s.Permission != 0 {
		s.old = permission
	} else if s.Permission = permissionOf(permission); s.Permission == 0 {
		return Scope{}, false, &Error{shown(head), "what may be done is some of the letters cruds, in that order, or read, write or *"}
	}
	if filtered {
		if s.Filter, err = parseFilter(typ, query); err != nil {
			return Scope{}, false, &Error{shown(head), err.Error()}
		}
		s.old = ""
	}
	return s, true, nil
}

// permissionOf reads letters, each once and in their order; 0 for anything else.
func permissionOf(text string) (p Permission) {
	at := 0
	for i := range len(text) {
		next := strings.IndexByte(letters[at:], text[i])
		if next < 0 {
			return 0
		}
		at += next + 1
		p |= 1 << (at - 1)
	}
	return p
}

// shown lets into an error only what has the form of a scope without a filter.
func shown(head string) string {
	for i := range len(head) {
		c := head[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '/' && c != '.' && c != '*' {
			return ""
		}
	}
	if len(head) > 100 {
		return ""
	}
	return head
}
