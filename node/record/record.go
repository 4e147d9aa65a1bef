// Package record is the desk for clinical records: create, read, version read,
// update, patch, delete, history, search and transaction, by id or by a
// condition. Every one of them goes through the gate; what is stored is the
// exact bytes that were acknowledged.
//
// A condition is a read: what it finds was decided and logged by the gate
// before it makes a difference that somebody can see. Whether it still holds is
// looked up again in the transaction that writes.
package record

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"

	"cairn/fhir/resource"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/store"
	"cairn/node/vault"
)

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	gate    *gate.Gate
	vault   *vault.Vault
	journal *evidence.Journal
	store   *store.Store
	rules   Rules
	claims  Claims // nil: what resources claim is not held against them
	imports *semaphore.Weighted
}

// Rules are what a hospital may choose about its records.
type Rules struct {
	// ServerIDs: a new record gets an id from this node only; an update of a
	// record that is not there is refused.
	ServerIDs bool
	// DeleteMany is how many records one conditional delete may delete; one of
	// which more are found deletes nothing. 0 or 1: a condition must find one.
	DeleteMany int
	// Base is the URL of the FHIR endpoint: a reference to a record below it is
	// kept as a relative one. "": such references are not told from those to others.
	Base string
}

// New makes the desk.
func New(g *gate.Gate, v *vault.Vault, j *evidence.Journal, st *store.Store, rules Rules) *Desk {
	return &Desk{gate: g, vault: v, journal: j, store: st, rules: rules, imports: semaphore.NewWeighted(importing)}
}

// Rules returns what the hospital chose.
func (d *Desk) Rules() Rules { return d.rules }

// Version is one version of a record as the desk answers.
type Version struct {
	Type, ID string
	Version  uint64
	Updated  int64  // Unix milliseconds
	Raw      []byte // the exact bytes; nil when Deleted
	Deleted  bool
	Created  bool // by this request, or brought back after it was deleted
	Mode     Mode // on the page of a search
	Receipt  evidence.Receipt
}

// Ref returns which version this is.
func (v Version) Ref() gate.Ref { return gate.Ref{Type: v.Type, ID: v.ID, Version: v.Version} }

// freshID makes the id of a new record. Ids that grow with time keep the indexes
// of the store small and fast; they tell to the millisecond when a record was
// made, which its lastUpdated tells as well until it is changed.
func freshID() string { return uuid.Must(uuid.NewV7()).String() }

// Location returns the version's relative URL (FHIR R4 3.1.0.8).
func (v Version) Location() string {
	return fmt.Sprintf("%s/%s/_history/%d", v.Type, v.ID, v.Version)
}

// parse reads a resource and checks that it is of the type that the URL names.
func parse(typ string, body []byte) (*resource.Doc, error) {
	doc, err := resource.Parse(body, resource.Limits{})
	if err != nil {
		return nil, Invalid(err)
	}
	if typ != "" && doc.Type() != typ {
		return nil, fault.New(fault.Invalid, "invalid", "the resource is not of the type that the URL names").At("resourceType")
	}
	return doc, nil
}

// Invalid turns an error of the resource room into a fault that keeps its
// issue code and expression.
func Invalid(err error) error {
	var e *resource.Error
	if !errors.As(err, &e) {
		return fault.Wrap(fault.Invalid, "invalid", "this is not a valid resource", err)
	}
	kind := fault.Invalid
	if e.Code == "too-long" || e.Code == "too-costly" {
		kind = fault.TooLarge
	}
	return fault.New(kind, string(e.Code), e.Text).At(e.Expression)
}
