package gate

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"cairn/consent"
	"cairn/fhir/search"
	"cairn/fhir/search/index"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/store"
)

// Relationships say when staff of this hospital may treat a patient who said
// nothing.
type Relationships struct {
	Vouched bool          // people for whom registered software vouches need a relationship too
	Around  time.Duration // how long before it begins and after it ends one counts
}

// RuleRelationship is the rule by which who does not treat a patient is refused.
const RuleRelationship = "policy.relationship"

// bearing says how records of a type tell who treats a patient.
type bearing struct {
	params   []string // search parameters whose references name people, units and teams
	dates    []string // those of its time
	statuses []string // with which it counts
	bare     bool     // it counts without a status too
	going    []string // statuses with which it goes on while it has no end
}

var bearings = map[string]bearing{
	"Encounter": {params: []string{"participant", "practitioner", "service-provider", "location"}, dates: []string{"date"},
		statuses: []string{"planned", "arrived", "triaged", "in-progress", "onleave", "finished"}, going: []string{"planned", "arrived", "triaged", "in-progress", "onleave"}},
	"Appointment": {params: []string{"actor", "practitioner", "location"}, dates: []string{"date"},
		statuses: []string{"pending", "booked", "arrived", "fulfilled", "checked-in"}},
	"CareTeam": {params: []string{"participant"}, dates: []string{"date"}, statuses: []string{"active"}, bare: true, going: []string{"active", ""}},
	"EpisodeOfCare": {params: []string{"care-manager", "organization"}, dates: []string{"date"},
		statuses: []string{"planned", "waitlist", "active", "onhold", "finished"}, going: []string{"planned", "waitlist", "active", "onhold"}},
	"ServiceRequest": {params: []string{"performer", "requester"}, dates: []string{"authored", "occurrence"},
		statuses: []string{"active", "on-hold", "completed"}, going: []string{"active", "on-hold"}},
}

// goesOn is for how long, since it was last stored, something counts that has
// begun and says no end: it may have been forgotten.
const goesOn = 365 * 24 * time.Hour

// Ties tells whether records of a type say who treats a patient.
func Ties(typ string) bool { _, ok := bearings[typ]; return ok }

// tie is why somebody may treat a patient, within a time (Unix milliseconds).
type tie struct {
	why         string // for the log: "Encounter/4 version 2 names Practitioner/17"
	from, until int64
}

func (t tie) at(now int64) bool { return t.from <= now && now < t.until }

// said is what the log keeps of it.
func (t tie) said() string {
	return "relationship: " + t.why + ", until " + time.UnixMilli(t.until).UTC().Format("2006-01-02T15:04Z")
}

// tied are the ties between one person and one patient, as of a generation of
// what says so.
type tied struct {
	generation int64
	ties       []tie
}

// tiesLimit bounds how many of them are kept in memory.
const tiesLimit = 50_000

// bound tells whether the actor needs a relationship to treat a patient.
func (g *Gate) bound(a identity.Actor) bool {
	if a.Kind() != identity.Staff || a.Organisation() != g.home || !treats(a.Purpose()) {
		return false
	}
	return a.Personal() || g.related.Vouched
}

func treats(purpose string) bool { return slices.Contains([]string{"TREAT", "ETREAT"}, purpose) }

// relationship returns why the actor may treat the patient at this moment, nil if
// nothing says so. It is looked up with postings, by a few index reads; what was
// found is kept until something that could tell otherwise is stored, in this or in
// another process.
func (g *Gate) relationship(ctx context.Context, view *store.View, a identity.Actor, subject string) (*tie, error) {
	parties := a.Parties()
	key := subject + "\x00" + a.Person() + "\x00" + strings.Join(parties, "\x00")
	have, err := g.kept(ctx, view, subject, key)
	if err == nil && have == nil {
		have, err = g.looked(ctx, view, a, subject, key, parties)
	}
	if err != nil {
		return nil, err
	}
	now := time.Now().UnixMilli()
	for _, t := range have.ties {
		if t.at(now) {
			return &t, nil
		}
	}
	return nil, nil
}

// kept returns what is in memory if nothing has changed since, else nil. It costs
// one read.
func (g *Gate) kept(ctx context.Context, view *store.View, subject, key string) (*tied, error) {
	have, known := g.tiesOf(key)
	if !known {
		return nil, nil
	}
	var generation int64
	err := within(ctx, g.store.Once, view, func(v *store.View) (err error) {
		generation, err = v.Ties(subject)
		return err
	})
	if err != nil || have.generation != generation {
		return nil, err
	}
	return &have, nil
}

// looked looks everything up, in one view with the generation that it is of.
func (g *Gate) looked(ctx context.Context, view *store.View, a identity.Actor, subject, key string, parties []string) (*tied, error) {
	var have tied
	err := within(ctx, g.store.View, view, func(v *store.View) (err error) {
		if have.generation, err = v.Ties(subject); err != nil {
			return err
		}
		have.ties, err = g.findTies(ctx, v, a, subject, parties)
		return err
	})
	if err == nil {
		g.keepTies(key, have)
	}
	return &have, err
}

// within calls f with the view that is open, or with one of its own.
func within(ctx context.Context, open func(context.Context, func(*store.View) error) error, view *store.View, f func(*store.View) error) error {
	if view != nil {
		return f(view)
	}
	return open(ctx, f)
}

func (g *Gate) tiesOf(key string) (tied, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	have, ok := g.ties[key]
	return have, ok
}

func (g *Gate) keepTies(key string, have tied) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.ties) >= tiesLimit {
		clear(g.ties)
	}
	g.ties[key] = have
}

// namedAtMost is how many records are looked at for one patient and sixteen
// parameters and parties.
const namedAtMost = 64

// findTies looks everything up that ties a person to a patient: those that last
// longest first.
func (g *Gate) findTies(ctx context.Context, v *store.View, a identity.Actor, subject string, parties []string) ([]tie, error) {
	var keys []int64
	for _, typ := range []string{"Encounter", "Appointment", "CareTeam", "EpisodeOfCare", "ServiceRequest"} {
		for _, param := range bearings[typ].params {
			for _, p := range parties {
				keys = append(keys, index.Keys(typ, param, index.Destination(p))...)
			}
		}
	}
	slices.Sort(keys)
	hits, err := v.Naming(subject, slices.Compact(keys), namedAtMost)
	if err != nil {
		return nil, err
	}
	var out []tie
	for i := range hits {
		if t, ok, err := g.tieBy(&hits[i], parties); err != nil {
			return nil, err
		} else if ok {
			out = append(out, t)
		}
	}
	if t, err := g.tieByClaim(ctx, v, a, subject); err != nil {
		return nil, err
	} else if t != nil {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b tie) int { return cmp.Compare(b.until, a.until) })
	return out, nil
}

// tieBy returns the tie that one record is, if it is one.
func (g *Gate) tieBy(h *store.Hit, parties []string) (tie, bool, error) {
	b, bears := bearings[h.Type]
	if !bears {
		return tie{}, false, nil
	}
	x, err := h.Load()
	if err != nil {
		return tie{}, false, err
	}
	who := ""
	for _, r := range x.References {
		if slices.Contains(b.params, r.Param) && slices.Contains(parties, r.Target) {
			who = r.Target
			break
		}
	}
	status := statusOf(x)
	if who == "" || !slices.Contains(b.statuses, status) && !(status == "" && b.bare) {
		return tie{}, false, nil
	}
	from, until := b.span(x, status, h.Updated)
	around := g.related.Around.Milliseconds()
	return tie{why: fmt.Sprintf("%s/%s version %d names %s", h.Type, h.ID, h.Version, who), from: from - around, until: until + around}, true, nil
}

func statusOf(x *search.Index) string {
	for _, t := range x.Tokens {
		if t.Param == "status" && t.Code != "" {
			return t.Code
		}
	}
	return ""
}

// span returns the time of a record: what its dates say, and when it was stored
// where they say nothing.
func (b bearing) span(x *search.Index, status string, updated int64) (from, until int64) {
	from, until = math.MaxInt64, math.MinInt64
	for _, d := range x.Dates {
		if slices.Contains(b.dates, d.Param) {
			from, until = min(from, d.Lo), max(until, d.Hi)
		}
	}
	if from == math.MaxInt64 {
		from, until = updated, updated
	}
	going := slices.Contains(b.going, status)
	switch {
	case going && (until == math.MaxInt64 || until <= updated):
		until = updated + goesOn.Milliseconds()
	case until == math.MaxInt64:
		until = updated
	}
	return max(from, -1<<50), min(until, 1<<50) // far from any overflow
}

// Claim is what somebody says of herself: that she treats a patient, and why.
type Claim struct {
	ID, Subject, Person string
	Reason, Text        string
	Name, Role          string // of the person, as they were then
	Made, Ends          int64  // Unix milliseconds
	Withdrawn           bool   // it was ended before its time
}

// claimKey names the data key of claims (keys.ChestPasskeys).
const claimKey = "~passkeys"

func claimBound(id string) []byte { return append([]byte("cairn/claim/v1\x00"), id...) }

// KeepClaim prepares a claim for the store.
func (g *Gate) KeepClaim(ctx context.Context, c Claim) (*store.Claim, error) {
	plain, err := json.Marshal(c)
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "claim", "a claim cannot be kept", err)
	}
	body, err := g.keys.Seal(ctx, claimKey, plain, claimBound(c.ID))
	return &store.Claim{ID: c.ID, Subject: c.Subject, Person: c.Person, Body: body, Made: c.Made, Ends: c.Ends}, err
}

// Claim opens the row of a claim.
func (g *Gate) Claim(ctx context.Context, row *store.Claim) (c Claim, err error) {
	plain, err := g.keys.Open(ctx, claimKey, row.Body, claimBound(row.ID))
	if err == nil {
		err = json.Unmarshal(plain, &c)
	}
	if err == nil && (c.ID != row.ID || c.Subject != row.Subject || c.Person != row.Person || c.Made != row.Made || c.Ends != row.Ends) {
		err = fmt.Errorf("it is not what its row says")
	}
	if err != nil {
		return Claim{}, fault.Wrap(fault.Broken, "claim", "a stored claim was altered or damaged", err)
	}
	return c, nil
}

// tieByClaim returns the tie of a claim that lasts, nil if there is none.
func (g *Gate) tieByClaim(ctx context.Context, v *store.View, a identity.Actor, subject string) (*tie, error) {
	row, err := v.ClaimBy(a.Person(), subject, time.Now().UnixMilli())
	if err != nil || row == nil {
		return nil, err
	}
	c, err := g.Claim(ctx, row)
	if err != nil {
		return nil, err
	}
	return &tie{why: "claim " + c.ID + " (" + c.Reason + ")", from: c.Made, until: c.Ends}, nil
}

// unrelated is the decision about who does not treat the patient.
func unrelated(d consent.Decision) consent.Decision {
	d.Rule = RuleRelationship
	d.Explanation = "The patient has said nothing about this, and nothing here says that you treat her."
	return d
}
