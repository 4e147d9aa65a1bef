package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/consent"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// Kinds of matters.
const (
	MatterEmergency = "emergency" // somebody broke the glass
	MatterOrder     = "order"     // a court or the police may see something
)

// Matter is what lets a person of this hospital see what nothing else would: a
// broken glass or a legal order. The desks begin, change and end it; the gate asks
// it at every access. Times are Unix milliseconds, of the ledger: see Now.
type Matter struct {
	ID, Kind, Subject, Person string
	State                     string
	Begun, Due, Shows         int64 // as store.Matter has them
	Changed                   int64

	People []string // who may act by it, as "member/id"
	Valid  bool     // it serves until Ends
	Ends   int64

	Types      []string     // of what it reaches; none: any
	Categories []string     // observation categories; none: any
	Data       consent.Span // of the records' clinical dates
	Overrides  bool         // what the patient said does not count

	Reason string          // code
	Rest   json.RawMessage // the desk's own
}

// Rules by which matters allow and refuse.
const (
	RuleEmergency   = "policy.emergency"
	RuleOrder       = "policy.legal-order"
	RuleMatterOver  = "policy.matter-over"
	RuleMatterOther = "policy.matter-other"
	RuleMatterTold  = "policy.matter-told"
)

// matterKey names the data key of matters (keys.ChestMatters).
const matterKey = "~matters"

func matterBound(id string) []byte { return append([]byte("cairn/matter/v1\x00"), id...) }

// KeepMatter prepares a matter for the store.
func (g *Gate) KeepMatter(ctx context.Context, m Matter) (*store.Matter, error) {
	plain, err := json.Marshal(m)
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "matter", "this cannot be kept", err)
	}
	body, err := g.keys.Seal(ctx, matterKey, plain, matterBound(m.ID))
	return &store.Matter{ID: m.ID, Kind: m.Kind, Subject: m.Subject, Person: m.Person, State: m.State, Month: time.UnixMilli(m.Begun).UTC().Format("2006-01"),
		Body: body, Begun: m.Begun, Due: m.Due, Shows: m.Shows, Changed: m.Changed}, err
}

// Matter opens the row of a matter.
func (g *Gate) Matter(ctx context.Context, row *store.Matter) (m Matter, err error) {
	plain, err := g.keys.Open(ctx, matterKey, row.Body, matterBound(row.ID))
	if err == nil {
		err = json.Unmarshal(plain, &m)
	}
	if err == nil && (m.ID != row.ID || m.Kind != row.Kind || m.Subject != row.Subject || m.Person != row.Person || m.State != row.State ||
		m.Begun != row.Begun || m.Due != row.Due || m.Shows != row.Shows || m.Changed != row.Changed) {
		err = fmt.Errorf("it is not what its row says")
	}
	if err != nil {
		return Matter{}, fault.Wrap(fault.Broken, "matter", "a stored emergency or order was altered or damaged", err).WithHint("run `cairn scrub`")
	}
	return m, nil
}

// Now returns the time by which windows are judged: that of the last block, and,
// since a ledger on which nothing happens makes none, this hospital's clock where
// that is ahead. Fresh holds the one to the other.
func (g *Gate) Now() int64 { return max(g.chain.BlockTime(), time.Now().UnixMilli()) }

// byMatter decides about who broke the glass or carries out an order: by what it
// reaches, less what the patient closed, unless that does not count.
func (v *verdicts) byMatter(view *store.View, subject string) (consent.Decision, error) {
	m, err := v.standsOn(view)
	if err != nil {
		return consent.Decision{}, err
	}
	if d := v.shut(m, subject); d != nil {
		return *d, nil
	}
	ask := consent.Ask{Actor: v.actor.For(subject), Action: v.ask.Action, Purpose: v.actor.Purpose(), Now: v.gate.Now()}
	if subject == "" {
		return consent.Decide(ask, nil, consent.Policy{Home: v.gate.home, Purposes: []string{v.actor.Purpose()}}), nil
	}
	grants := []consent.Grant{{Ref: m.ID, Terms: v.reach, Facts: consent.Facts{Committed: true}}}
	if !m.Overrides {
		said, err := v.grants(view, subject)
		if err != nil {
			return consent.Decision{}, err
		}
		grants = append(grants, said...)
		if ask.Actor, err = v.asker(view, subject); err != nil {
			return consent.Decision{}, err
		}
	}
	d := consent.Decide(ask, grants, consent.Policy{Home: v.gate.home})
	if d.Grant == m.ID {
		d.Grant = ""
		if d.Allowed {
			d.Rule, d.Explanation = allowedBy(m)
		}
	}
	return d, nil
}

// standsOn returns the matter that the actor stands on, looked up once a request.
func (v *verdicts) standsOn(view *store.View) (*Matter, error) {
	if v.matter != nil {
		return v.matter, nil
	}
	var row *store.Matter
	var epoch uint64
	err := within(v.ctx, v.gate.store.Once, view, func(view *store.View) (err error) {
		epoch = view.Epoch()
		row, err = view.Matter(v.actor.Matter())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading what lets somebody see records: %w", err)
	}
	m, err := v.gate.Matter(v.ctx, row)
	if err == nil {
		v.reach, err = m.terms(v.gate.home)
	}
	if err != nil {
		return nil, err
	}
	v.saw(epoch)
	v.matter = &m
	return v.matter, nil
}

// shut is the refusal of what a matter never reaches: somebody else, and
// everything once it is over.
func (v *verdicts) shut(m *Matter, subject string) *consent.Decision {
	no := func(rule, text string) *consent.Decision {
		return &consent.Decision{Outcome: consent.NotPermitted, Rule: rule, Explanation: text}
	}
	switch {
	case !m.Valid || v.gate.Now() >= m.Ends:
		return no(RuleMatterOver, "The time in which this was allowed is over.")
	case !slices.Contains(m.People, v.actor.Person()) || m.Subject != v.actor.Patient() || m.Kind != matterKinds[v.actor.Kind()]:
		return no(RuleMatterOther, "This was allowed to somebody else.")
	case subject != m.Subject && (subject != "" || m.Kind == MatterOrder):
		return no(RuleMatterOther, "This was allowed for one patient, and this is not about her.")
	case v.ask.Elsewhere && v.gate.Now() < m.Shows:
		return no(RuleMatterTold, "The patient is told of this later, and another hospital would tell her at once.")
	}
	return nil
}

var matterKinds = map[identity.Kind]string{identity.Emergency: MatterEmergency, identity.Legal: MatterOrder}

// exceptional tells whether the actor stands on a matter.
func exceptional(a identity.Actor) bool { return matterKinds[a.Kind()] != "" }

func allowedBy(m *Matter) (rule, text string) {
	if m.Kind == MatterOrder {
		return RuleOrder, "A court or another authority ordered this, and two people of this hospital approved it."
	}
	return RuleEmergency, "The glass was broken in an emergency: this is open for a few hours, and somebody else reviews it."
}

// terms returns what the matter reaches as terms of a consent.
func (m *Matter) terms(home string) (consent.Terms, error) {
	raw, err := consent.Build(consent.Draft{Patient: m.Subject, Custodian: home, Signed: 1, Types: m.Types, Categories: m.Categories, DataPeriod: m.Data})
	if err != nil {
		return consent.Terms{}, fault.Wrap(fault.Invalid, "matter-scope", "what this is limited to is not known in FHIR", err)
	}
	t, err := consent.Compile(raw)
	if err != nil {
		return consent.Terms{}, fault.Wrap(fault.Broken, "matter", "what this reaches cannot be decided", err)
	}
	return t, nil
}

// CheckMatter refuses a matter whose reach cannot be said.
func (g *Gate) CheckMatter(m Matter) error {
	_, err := m.terms(g.home)
	return err
}

// MatterDetail is how the log says that an entry is about a matter: more may
// follow.
func MatterDetail(kind, id, more string) string {
	out := kind + " " + id
	if more != "" {
		out += "; " + more
	}
	return out
}

// MatterOf returns the id of the matter that an entry is about, "" for none.
func MatterOf(ev *proof.Event) string {
	first, _, _ := strings.Cut(ev.Detail, ";")
	for _, kind := range []string{MatterEmergency, MatterOrder} {
		if id, ok := strings.CutPrefix(first, kind+" "); ok {
			return id
		}
	}
	return ""
}

// matterSaid is what the log keeps of the matter that an actor stands on.
func (v *verdicts) matterSaid(a identity.Actor) string {
	reason := ""
	if v != nil && v.matter != nil && v.matter.Reason != "" {
		reason = "reason " + v.matter.Reason
	}
	return MatterDetail(matterKinds[a.Kind()], a.Matter(), reason)
}
