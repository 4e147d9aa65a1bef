package disclosure

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// Late is how long the other half may take before it counts as missing.
const Late = 15 * time.Minute

// State says how the halves of an exchange stand.
type State string

// The states.
const (
	Whole    State = "whole"     // each hospital has the other's signature
	Waiting  State = "waiting"   // the other half may still come
	OneSided State = "one-sided" // the other half did not come
)

// Exchange is one request between this hospital and another, as both signed it.
type Exchange struct {
	ID      [32]byte // of the signed request, in both hospitals
	Asked   bool     // this hospital asked
	Other   string   // member id
	Time    int64    // Unix milliseconds
	Actor   proof.Actor
	Purpose string
	Consent string // commitment of the slip that the asking hospital named, "" for none
	Status  uint64 // of the answer, 0 if there is none
	Rule    string // of a refusal
	Entry   int64  // of this hospital's log, -1 for none
	Event   string // the event of that entry
	State   State
	Owed    bool // this hospital's acknowledgement was not taken yet, or was refused
}

// Page is a page of exchanges, the latest first.
type Page struct {
	Exchanges []Exchange
	Next      string // where to go on, "" at the end
}

// List returns the exchanges about the signed-in patient.
func (d *Desk) List(ctx context.Context, actor identity.Actor, from string, limit int) (Page, error) {
	if actor.Kind() != identity.Patient {
		return Page{}, fault.New(fault.Refused, "policy.own-log", "only the patient sees what hospitals signed to each other about her")
	}
	return d.page(ctx, from, limit, Late, func(v *store.View, at store.After) ([]*store.Half, error) {
		return v.HalvesOf(actor.Patient(), at, limit)
	})
}

// Receipts returns exchanges of all patients, in a state, for the privacy
// officer. Whose they are it does not say; the log entry does. late is how long
// a half may lack its twin before it is one-sided.
func (d *Desk) Receipts(ctx context.Context, actor identity.Actor, state State, late time.Duration, from string, limit int) (Page, error) {
	if !actor.May(identity.RightOperate) {
		return Page{}, fault.New(fault.Refused, "policy.operate", "this needs a client with the right to operate the node")
	}
	return d.page(ctx, from, limit, late, func(v *store.View, at store.After) ([]*store.Half, error) {
		if state == OneSided {
			at = earlier(at, time.Now().Add(-late).UnixMilli())
		}
		return v.Halves(state == Whole, at, limit)
	})
}

// earlier returns the earlier of two places in a list.
func earlier(at store.After, time int64) store.After {
	if time < at.Time {
		return store.After{Time: time}
	}
	return at
}

// OneSided returns how many halves have had no twin for so long.
func (d *Desk) OneSided(ctx context.Context) (n int64, err error) {
	err = d.store.View(ctx, func(v *store.View) (err error) {
		n, err = v.CountHalves(time.Now().Add(-Late).UnixMilli())
		return err
	})
	return n, err
}

func (d *Desk) page(ctx context.Context, from string, limit int, late time.Duration, read func(*store.View, store.After) ([]*store.Half, error)) (out Page, err error) {
	at, err := place(from)
	if err != nil {
		return Page{}, err
	}
	var rows []*store.Half
	events := make(map[int64][16]byte)
	err = d.store.View(ctx, func(v *store.View) (err error) {
		if rows, err = read(v, at); err != nil {
			return err
		}
		for _, h := range rows {
			if h.Entry < 0 {
				continue
			}
			e, err := v.Entry(uint64(h.Entry)) //nolint:gosec // not negative
			if err != nil {
				return err
			}
			events[h.Entry] = e.ID
		}
		return nil
	})
	if err != nil {
		return Page{}, fmt.Errorf("reading what was signed: %w", err)
	}
	for _, h := range rows {
		e, err := d.exchange(ctx, h, late)
		if err != nil {
			return Page{}, err
		}
		if id, found := events[h.Entry]; found {
			e.Event = uuid.UUID(id).String()
		}
		out.Exchanges = append(out.Exchanges, e)
	}
	if len(rows) == limit && limit > 0 {
		last := rows[len(rows)-1]
		out.Next = fmt.Sprintf("%d-%x", last.Time, last.ID)
	}
	return out, nil
}

// exchange reads what a half says.
func (d *Desk) exchange(ctx context.Context, h *store.Half, late time.Duration) (Exchange, error) {
	k, err := d.open(ctx, h)
	if err != nil {
		return Exchange{}, err
	}
	r, err := proof.ParseRequest(k.Request)
	if err != nil {
		return Exchange{}, err
	}
	out := Exchange{
		ID: h.ID, Asked: h.Side == store.Asked, Other: h.Other, Time: h.Time, Actor: r.Statement.Actor, Purpose: r.Statement.Purpose,
		Consent: r.Statement.Consent, Entry: h.Entry, State: Whole, Owed: h.Due > 0 || k.Refused,
	}
	if !h.Twin {
		out.State = Waiting
		if h.Time < time.Now().Add(-late).UnixMilli() {
			out.State = OneSided
		}
	}
	if k.Answer != "" {
		a, err := proof.ParseAnswer(k.Answer)
		if err != nil {
			return Exchange{}, err
		}
		out.Status, out.Rule = a.Statement.Status, a.Statement.Rule
	}
	return out, nil
}

// place reads where a page goes on.
func place(from string) (store.After, error) {
	if from == "" {
		return store.After{Time: math.MaxInt64}, nil
	}
	at, id, _ := strings.Cut(from, "-")
	n, err := strconv.ParseInt(at, 10, 64)
	raw, err2 := hex.DecodeString(id)
	if err := errors.Join(err, err2); err != nil || len(raw) != 32 {
		return store.After{}, fault.Wrap(fault.Invalid, "from", "from is what `next` of the page before says", err)
	}
	return store.After{Time: n, ID: [32]byte(raw)}, nil
}

// Scrub opens every half and returns the first that was altered.
func (d *Desk) Scrub(ctx context.Context, v *store.View) error {
	return v.EachHalf(func(h *store.Half) error {
		if _, err := d.open(ctx, h); err != nil {
			return fault.Wrap(fault.Broken, "half-altered", fmt.Sprintf("the row %x in the table `half` was altered", h.ID[:8]), err)
		}
		return ctx.Err()
	})
}
