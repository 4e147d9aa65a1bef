package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"cairn/ledger/member"
	"cairn/node/fault"
)

// kept is what of an actor can be kept: who was vouched for, by whom and for
// what purpose. Rights are not among it: they are those of the registration at
// the moment of use.
type kept struct {
	Peer         bool   `json:"peer"`
	Organisation string `json:"organisation"`
	Client       string `json:"client"`
	Person       string `json:"person"`
	Name         string `json:"name"`
	Role         string `json:"role"`
	Unit         string `json:"unit"`
	Purpose      string `json:"purpose"`

	Level   Level    `json:"level"`
	Proved  int64    `json:"proved"` // Unix milliseconds, 0 if nothing was
	Method  string   `json:"method"`
	Parties []string `json:"parties"`

	limits
}

func keep(a Actor) kept {
	k := kept{Peer: a.kind == Peer, Organisation: a.organisation, Client: a.client,
		Person: a.person, Name: a.name, Role: a.role, Unit: a.unit, Purpose: a.purpose,
		Level: a.assurance.Level, Method: a.assurance.Method, Parties: a.parties, limits: limitsOf(a)}
	if !a.assurance.At.IsZero() {
		k.Proved = a.assurance.At.UnixMilli()
	}
	return k
}

// actor returns who was kept, without kind and rights.
func (k kept) actor() Actor {
	a := Actor{organisation: k.Organisation, client: k.Client, person: k.Person, name: k.Name, role: k.Role, unit: k.Unit, purpose: k.Purpose,
		assurance: Assurance{Level: k.Level, Method: k.Method}, parties: k.Parties}
	if k.Proved != 0 {
		a.assurance.At = time.UnixMilli(k.Proved)
	}
	return k.hold(a)
}

// Keep seals who an actor is, so that something can be done later on behalf of
// whom its software vouched for. Only Standing opens it, and only for the thing
// it was kept for. It fails with Refused for an actor without software behind
// it: a patient's session ends with the session.
func (d *Door) Keep(a Actor, thing string) ([]byte, error) {
	if a.kind != Staff && a.kind != System && a.kind != Peer || a.delegated {
		return nil, fault.New(fault.Refused, "policy.standing", "only software that vouches for whom it acts can leave something to be done later")
	}
	plain, err := json.Marshal(keep(a))
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "standing", "who asks cannot be kept", err)
	}
	return d.box.Seal(plain, standingBound(thing)), nil
}

// KeepSession seals the session of a patient, so that what she started in it can
// be finished by any process of the hospital. Only Session opens it, only for the
// thing it was kept for, and for no longer than an access token works. It fails
// with Refused for anybody else.
func (d *Door) KeepSession(a Actor, thing string) ([]byte, error) {
	if a.kind != Patient {
		return nil, fault.New(fault.Refused, "policy.session", "only a patient has a session to be kept")
	}
	plain, err := mint(a, time.Now())
	if err != nil {
		return nil, err
	}
	return d.box.Seal(plain, sessionBound(thing)), nil
}

// Session returns the patient whose session was kept for a thing. It fails with
// Refused when the session has ended, with Broken when what was kept was altered.
func (d *Door) Session(sealed []byte, thing string) (Actor, error) {
	plain, err := d.box.Open(sealed, sessionBound(thing))
	if err != nil {
		return Actor{}, brokenStanding(err)
	}
	a, ok := d.minted(context.Background(), plain, time.Now())
	if !ok || a.kind != Patient {
		return Actor{}, fault.New(fault.Refused, "policy.session", "the session in which this was started has ended").
			WithHint("sign in and start it again")
	}
	return a, nil
}

func sessionBound(thing string) []byte { return append([]byte("cairn/session/v1\x00"), thing...) }

// Standing returns the actor that was kept for a thing, as it stands at this
// moment: with the rights that its software is registered with, or as the member
// whose key is in force. It fails with Refused when the software is not
// registered any more or only operates the node, and when the organisation has
// left; with Broken when what was kept was altered.
func (d *Door) Standing(sealed []byte, thing string) (Actor, error) {
	plain, err := d.box.Open(sealed, standingBound(thing))
	if err != nil {
		return Actor{}, brokenStanding(err)
	}
	var k kept
	dec := json.NewDecoder(bytes.NewReader(plain))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&k); err != nil {
		return Actor{}, brokenStanding(err)
	}
	if k.Peer {
		return d.standingPeer(k.actor())
	}
	return d.standingClient(k.actor())
}

func (d *Door) standingPeer(a Actor) (Actor, error) {
	m, found := d.book.Member(a.organisation)
	_, keyed := d.book.Key(a.organisation, member.UseClient)
	if !found || !m.Active || !keyed || a.organisation == d.member || a.client != a.organisation {
		return Actor{}, fallen("the organisation is no member with a key in force any more")
	}
	a.kind = Peer
	return a, nil
}

// standingStaff gives a person who signed in here the rights of her role.
func (d *Door) standingStaff(a Actor) (Actor, bool) {
	r, known := RoleOf(a.role)
	if !known || a.organisation != d.member {
		return Actor{}, false
	}
	a.rights = r.rightsAt(a.assurance.Level)
	return a, true
}

func (d *Door) standingClient(a Actor) (Actor, error) {
	c, found := d.clientOf(context.Background(), a.client)
	if !found || a.organisation != d.member {
		return Actor{}, fallen("the software is not registered at this hospital any more")
	}
	if len(c.Rights) == 1 && c.Rights[0] == RightOperate {
		return Actor{}, fallen("the software may only operate this node")
	}
	a.rights = c.Rights
	if a.kind = Staff; a.person == "" {
		a.kind, a.name = System, c.Name
	}
	return a, nil
}

func fallen(text string) error { return fault.New(fault.Refused, "policy.standing", text) }

func brokenStanding(cause error) error {
	return fault.Wrap(fault.Broken, "standing", "who was vouched for was altered or damaged in the database", cause).
		WithHint("run `cairn scrub` and have it set up again")
}

func standingBound(thing string) []byte { return append([]byte("cairn/standing/v1\x00"), thing...) }
