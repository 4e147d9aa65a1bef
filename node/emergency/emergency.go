// Package emergency is the desk for break-the-glass: a person of the hospital opens
// the records of a patient whom she has no other reason to see, for some hours, by
// an act with a reason. First the patient summary, by a second act the rest. It
// ends by itself, the patient is told, and somebody else decides afterwards whether
// it was justified. What it reaches the gate decides at every access.
//
// Trust: who writes to the database can end an emergency or take an alert away; he
// cannot make one, move its end or its review, or write for whom it is, since rows
// are sealed, and the log has every act.
package emergency

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// Rules are this hospital's policy.
type Rules struct {
	Window    time.Duration // how long the glass stays broken
	Review    time.Duration // until when somebody must have decided
	Delay     time.Duration // by how much the patient may be told later, for safety; 0: never
	Overrides bool          // what the patient closed is open in an emergency
}

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	home    string
	rules   Rules
	door    *identity.Door
	gate    *gate.Gate
	journal *evidence.Journal
	store   *store.Store
}

// New makes the desk of the member home.
func New(home string, rules Rules, door *identity.Door, g *gate.Gate, j *evidence.Journal, st *store.Store) *Desk {
	return &Desk{home: home, rules: rules, door: door, gate: g, journal: j, store: st}
}

// States of an emergency.
const (
	Waiting      = "waiting" // for its review
	Justified    = "justified"
	NotJustified = "not-justified"
)

// Reason is why somebody breaks the glass, or why the patient is told later.
type Reason struct{ Code, Text string }

var reasons = []Reason{
	{"unresponsive", "The patient cannot be asked: unconscious, confused or too ill"},
	{"life-threat", "Life or limb is in danger, and there is no time to ask"},
	{"urgent", "The patient needs treatment at once, and nothing says yet that I give it"},
	{"danger-to-others", "Others are in danger, as by an infection"},
	{"other", "Another reason, as I write it"},
}

var delays = []Reason{
	{"harm-self", "To be told now could harm the patient"},
	{"harm-other", "Somebody else could be harmed, such as who reported violence"},
	{"watched", "Somebody who is dangerous to the patient reads along"},
}

// Reasons returns the reasons that an emergency, and a delay, may have.
func Reasons() (of, delay []Reason) { return slices.Clone(reasons), slices.Clone(delays) }

func isReason(list []Reason, code string) bool {
	return slices.ContainsFunc(list, func(r Reason) bool { return r.Code == code })
}

// Summary are the types of the patient summary: who she is, allergies, medicines,
// problems (the required sections of the International Patient Summary, ISO 27269).
var Summary = []string{"Patient", "AllergyIntolerance", "MedicationRequest", "MedicationStatement", "Condition"}

// Wish is an emergency that somebody declares.
type Wish struct {
	Patient string // local id
	Reason  string // code of Reasons
	Text    string // in her own words

	Delay      string // code why the patient is told later, "" to tell her at once
	DelayHours int
}

// rest is what a matter seals besides what the gate knows.
type rest struct {
	Text  string // in her own words
	More  string // why the summary was not enough
	Delay string // why the patient is told later

	Name, Role, Unit string // of who broke the glass, as they were then

	Reviewer, ReviewerName, Finding string // who decided, and why so
	Reviewed                        int64
}

// Emergency is one as those who may see it see it. Times are Unix milliseconds.
type Emergency struct {
	gate.Matter
	Text, More, Delay, Name, Role, Unit string
	Reviewer, ReviewerName, Finding     string
	Reviewed                            int64
	Overdue                             bool
}

// Limits.
const (
	leastText  = 10 // characters
	mostText   = 500
	manyInADay = 20 // of one person
	listed     = 200
)

func checkText(text, code string) error {
	n := len([]rune(text))
	if n < leastText || n > mostText || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
		return fault.New(fault.Invalid, code, "say in 10 to 500 characters why").WithHint("the patient and who reviews it read it")
	}
	return nil
}

// Break breaks the glass for one patient and returns the token with which her
// summary can be read, and the rest after Widen. It fails with Refused for who did
// not just now prove who she is with a passkey that is bound to its device.
func (d *Desk) Break(ctx context.Context, actor identity.Actor, w Wish) (Emergency, identity.Token, error) {
	if err := d.mayBreak(actor); err != nil {
		return Emergency{}, identity.Token{}, err
	}
	m, r, err := d.declare(actor, w)
	if err != nil {
		return Emergency{}, identity.Token{}, err
	}
	row, err := d.keep(ctx, &m, r)
	if err != nil {
		return Emergency{}, identity.Token{}, err
	}
	more := "reason " + m.Reason + ", until " + moment(m.Ends) + ": " + r.Text
	if r.Delay != "" {
		more = "the patient is told from " + moment(m.Shows) + " on, because of " + r.Delay + "; " + more
	}
	draft, err := d.journal.Draft(d.event(proof.KindEmergencyBegun, actor, &m, more))
	if err != nil {
		return Emergency{}, identity.Token{}, err
	}
	begun := func(tx *store.Tx) error {
		if err := d.room(tx, &m); err != nil {
			return err
		}
		if err := tx.AddMatter(row); err != nil {
			return err
		}
		return d.tell(tx, draft, &m)
	}
	token, err := d.door.OpenMatter(ctx, actor, identity.Matter{Kind: identity.Emergency, ID: m.ID, Patient: m.Subject, Life: d.rules.Window}, begun)
	return d.shown(m, r), token, err
}

// mayBreak refuses who treats nobody, and who did not step up.
func (d *Desk) mayBreak(a identity.Actor) error {
	r, known := identity.RoleOf(a.Role())
	if err := d.door.MayBegin(a); err != nil {
		return err
	}
	if !known || !slices.Contains(r.Purposes, "ETREAT") {
		return fault.New(fault.Refused, "policy.emergency-role", "only who treats patients breaks the glass")
	}
	return nil
}

// declare makes the matter of a wish.
func (d *Desk) declare(a identity.Actor, w Wish) (m gate.Matter, r rest, err error) {
	w.Text = strings.TrimSpace(w.Text)
	if !isReason(reasons, w.Reason) {
		return m, r, fault.New(fault.Invalid, "emergency-reason", "this is not a reason to break the glass").WithHint("GET /staff/emergencies/reasons lists them")
	}
	if err := checkText(w.Text, "emergency-text"); err != nil {
		return m, r, err
	}
	delay := time.Duration(w.DelayHours) * time.Hour
	switch {
	case w.Delay == "" && w.DelayHours == 0:
	case !isReason(delays, w.Delay):
		return m, r, fault.New(fault.Invalid, "emergency-delay", "this is not a reason to tell the patient later").WithHint("GET /staff/emergencies/reasons lists them")
	case d.rules.Delay == 0:
		return m, r, fault.New(fault.Refused, "policy.emergency-delay", "this hospital tells patients at once")
	case w.DelayHours < 1 || delay > d.rules.Delay:
		return m, r, fault.New(fault.Invalid, "emergency-delay", fmt.Sprintf("the patient is told at most %d hours later", int(d.rules.Delay.Hours())))
	}
	now := d.gate.Now()
	m = gate.Matter{ID: uuid.NewString(), Kind: gate.MatterEmergency, Subject: w.Patient, Person: a.Person(), State: Waiting, Begun: now,
		Due: now + d.rules.Review.Milliseconds(), Shows: now + delay.Milliseconds(), Changed: now, People: []string{a.Person()}, Valid: true,
		Ends: now + d.rules.Window.Milliseconds(), Types: Summary, Overrides: d.rules.Overrides, Reason: w.Reason}
	return m, rest{Text: w.Text, Delay: w.Delay, Name: a.Name(), Role: a.Role(), Unit: a.Unit()}, nil
}

// room refuses an emergency about nobody, and one of somebody who had too many.
func (d *Desk) room(tx *store.Tx, m *gate.Matter) error {
	head, err := tx.Head("Patient", m.Subject)
	if fault.Is(err, fault.NotFound) || err == nil && head.Deleted {
		return fault.New(fault.NotFound, "not-found", "there is no such patient at this hospital")
	}
	if err != nil {
		return err
	}
	mine, err := tx.MattersOf(gate.MatterEmergency, m.Person, manyInADay)
	if err == nil && len(mine) == manyInADay && mine[manyInADay-1].Begun > m.Begun-24*time.Hour.Milliseconds() {
		err = fault.New(fault.TooLarge, "emergencies-many", "twenty emergencies of one person in a day are too many").WithHint("somebody else can break the glass; the privacy officer should know")
	}
	return err
}

// tell appends an entry, and tells the patient of it.
func (d *Desk) tell(tx *store.Tx, draft *evidence.Draft, m *gate.Matter) error {
	if err := draft.Append(tx); err != nil {
		return err
	}
	event, err := uuid.Parse(draft.Receipt().ID)
	if err != nil {
		return err
	}
	now := d.gate.Now()
	return tx.AddAlert(&store.Alert{ID: uuid.NewString(), Subject: m.Subject, Matter: m.ID, Event: event, Made: now, Shows: max(now, m.Shows)})
}

// keep prepares a matter for the store.
func (d *Desk) keep(ctx context.Context, m *gate.Matter, r rest) (*store.Matter, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "emergency", "an emergency cannot be kept", err)
	}
	m.Rest = raw
	return d.gate.KeepMatter(ctx, *m)
}

func (d *Desk) event(kind string, actor identity.Actor, m *gate.Matter, more string) proof.Event {
	return proof.Event{Kind: kind, Time: time.Now().UnixMilli(), Actor: gate.Describe(actor), Subject: gate.PatientReference(m.Subject), Purpose: "BTG",
		Action: "emergency", Allowed: true, Rule: gate.RuleEmergency, Detail: gate.MatterDetail(m.Kind, m.ID, more)}
}

func (d *Desk) shown(m gate.Matter, r rest) Emergency {
	return Emergency{Matter: m, Text: r.Text, More: r.More, Delay: r.Delay, Name: r.Name, Role: r.Role, Unit: r.Unit,
		Reviewer: r.Reviewer, ReviewerName: r.ReviewerName, Finding: r.Finding, Reviewed: r.Reviewed, Overdue: m.State == Waiting && d.gate.Now() > m.Due}
}

func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04Z") }
