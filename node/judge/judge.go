// Package judge is the desk for validation: whether a resource is what FHIR R4
// and the profiles say that it should be. It stores nothing and shows nothing
// but its own findings, which name elements and rules, never values.
//
// Profiles, value sets and code systems come from the folder that the
// configuration names, read at start, and from the StructureDefinition,
// ValueSet and CodeSystem resources that this hospital stores. A stored one is
// used through the gate like any other record, by whoever asks, with its entry
// in the log. What the folder has stands before what is built in, R4's own
// profiles and US Core's, and that before what is stored. Other hospitals and patients
// are answered from the folder and what is built in.
package judge

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"

	"cairn/fhir/judge"
	"cairn/fhir/profile"
	"cairn/fhir/resource"
	"cairn/fhir/term"
	"cairn/node/fault"
	"cairn/node/identity"
)

// Definitions finds the resource of a type with a canonical URL that this
// hospital stores, the newest of several, through the gate. nil: there is none.
type Definitions func(ctx context.Context, actor identity.Actor, typ, url, version string) ([]byte, error)

// Codes is what an actor may know of stored and built-in codes.
type Codes func(ctx context.Context, actor identity.Actor) term.Source

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	library *judge.Library
	stored  Definitions
	codes   Codes

	mu   sync.Mutex
	read map[[32]byte]*judge.Profile // by the hash of the bytes
}

// New makes the desk of a library, which nobody changes any more.
func New(library *judge.Library, stored Definitions, codes Codes) *Desk {
	return &Desk{library: library, stored: stored, codes: codes, read: make(map[[32]byte]*judge.Profile)}
}

// Bounds of one validation and of what is kept.
const (
	maxAsked = 16  // profiles that are asked for or claimed
	maxUsed  = 256 // profiles that those lead to
	maxKept  = 256
)

// Validate returns what is wrong with a resource by R4, by the profiles named
// and by those that it claims in meta.profile (FHIR R4 3.1.0.11,
// Resource/$validate). A profile that is not known is an issue.
func (d *Desk) Validate(ctx context.Context, actor identity.Actor, doc *resource.Doc, profiles []string) ([]profile.Issue, error) {
	asked := slices.Clone(profiles)
	for _, url := range judge.Claimed(doc) {
		if !slices.Contains(asked, url) {
			asked = append(asked, url)
		}
	}
	if len(asked) > maxAsked {
		return nil, fault.New(fault.TooLarge, "too-costly", "these are more profiles than one validation takes").WithHint("validate against some of them at a time")
	}
	set, err := d.set(ctx, actor, asked, judge.Extensions(doc))
	if err != nil {
		return nil, err
	}
	return set.Validate(doc, asked), nil
}

// Claims refuses a resource that does not meet a profile that it claims. Each
// mistake is an error of its own. A profile that is not known here cannot be
// met.
func (d *Desk) Claims(ctx context.Context, actor identity.Actor, doc *resource.Doc) ([]profile.Issue, error) {
	if len(judge.Claimed(doc)) == 0 {
		return nil, nil
	}
	issues, err := d.Validate(ctx, actor, doc, nil)
	return slices.DeleteFunc(issues, func(i profile.Issue) bool { return i.Severity != profile.Error }), err
}

// Knows reports whether a profile is known to an actor.
func (d *Desk) Knows(ctx context.Context, actor identity.Actor, url string) (bool, error) {
	p, err := d.profile(ctx, actor, url)
	return p != nil, err
}

// set gathers the profiles that are asked for and all that they lead to, and the
// definitions of extensions.
func (d *Desk) set(ctx context.Context, actor identity.Actor, asked, extensions []string) (*judge.Set, error) {
	var more []*judge.Profile
	queue, met := slices.Concat(asked, extensions), make(map[string]bool)
	for i := 0; i < len(queue); i++ {
		url := queue[i]
		if met[url] {
			continue
		}
		if met[url] = true; len(met) > maxUsed {
			return nil, fault.New(fault.TooLarge, "too-costly", "these profiles lead to more others than one validation takes")
		}
		p, err := d.profile(ctx, actor, url)
		if err != nil {
			return nil, err
		}
		if p == nil {
			continue
		}
		if d.library.Profiles().Find(url) != p {
			more = append(more, p)
		}
		if queue = append(queue, p.Needs()...); i < len(asked) {
			queue = append(queue, p.Targets()...)
		}
	}
	return d.library.For(d.codes(ctx, actor)).With(more...), nil
}

// profile finds one profile, nil if there is none of that URL: a loaded one
// before a built-in one before a stored one. What is built in stays what its
// publisher says: a stored one with its URL counts where its version is asked for.
func (d *Desk) profile(ctx context.Context, actor identity.Actor, canonical string) (*judge.Profile, error) {
	if p := d.library.Profiles().Loaded(canonical); p != nil || judge.IsCore(canonical) {
		return p, nil
	}
	if p := judge.Builtin(canonical); p != nil {
		return p, nil
	}
	if staff(actor) {
		url, version, _ := strings.Cut(canonical, "|")
		raw, err := d.stored(ctx, actor, "StructureDefinition", url, version)
		if err != nil {
			return nil, err
		}
		if raw != nil {
			return d.compile(raw)
		}
	}
	return nil, nil
}

// staff reports whether an actor may use what this hospital stores for its own.
func staff(actor identity.Actor) bool {
	return actor.Kind() != identity.Peer && actor.Kind() != identity.Patient
}

// compile reads a stored profile, or finds it read.
func (d *Desk) compile(raw []byte) (*judge.Profile, error) {
	sum := sha256.Sum256(raw)
	d.mu.Lock()
	p := d.read[sum]
	d.mu.Unlock()
	if p != nil {
		return p, nil
	}
	doc, err := resource.Parse(raw, resource.Limits{})
	if err == nil {
		p, err = judge.Read(doc)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "processing", "a profile that is stored here cannot be used: "+err.Error(), err).
			WithHint("store its StructureDefinition anew")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.read) >= maxKept {
		clear(d.read)
	}
	d.read[sum] = p
	return p, nil
}
