package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"cairn/consent"
	"cairn/fhir/er7"
	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// Reason says why a message was refused and where it is wrong; it holds no
// value of the message.
type Reason struct {
	Place string `json:"place"` // OBX[3]-5.1
	Code  int    `json:"code"`  // of table HL70357
	Text  string `json:"text"`
}

// Waiting is a refused message as everybody who deals with the queue may see
// it.
type Waiting struct {
	ID      string   `json:"id"`
	Sender  string   `json:"sender"`
	Kind    string   `json:"kind"`  // ORU^R01
	First   int64    `json:"first"` // Unix milliseconds
	Last    int64    `json:"last"`
	Times   int64    `json:"times"` // how often it came, or was replayed in vain
	Reasons []Reason `json:"reasons"`
}

// Queue is a page of the queue, oldest first, and how the feed is doing.
type Queue struct {
	Waiting  []Waiting `json:"waiting"`
	Messages int64     `json:"messages"` // that wait, on all pages
	Bytes    int64     `json:"bytes"`
	Accepted uint64    `json:"accepted"` // since the node started
	Repeated uint64    `json:"repeated"`
	Refused  uint64    `json:"refused"`
	Rejected uint64    `json:"rejected"`
}

// kindForm is what of MSH-9 may stand in the queue's list: anything else could
// be a value in the wrong place.
var kindForm = regexp.MustCompile(`^[A-Z]{3}\^[A-Z][A-Z0-9]{2}$`)

// nextID names a message in the queue. Names of one process are in the order in
// which they were given.
func (d *Desk) nextID(now int64) string {
	return fmt.Sprintf("%012x%04x", now, d.kept.Add(1)&0xffff)
}

func kindOf(h *er7.Header) string {
	if kind := h.Type + "^" + h.Event; kindForm.MatchString(kind) {
		return kind
	}
	return "?"
}

// refusedKey is that of the message in the queue.
func (t *taking) refusedKey() [32]byte { return t.desk.mac("refused", t.sender.Name, string(t.raw)) }

// refuse keeps a message that is at fault, and says AE; where it cannot be
// kept, AR.
func (d *Desk) refuse(ctx context.Context, s *Sender, h er7.Header, raw []byte, subject string, errs []*er7.Error) Answer {
	id, err := d.keep(ctx, s, &h, raw, subject, errs)
	if err != nil {
		f := fault.As(err)
		d.log.Error("a refused message could not be kept", "sender", s.Name, "code", f.Code, "cause", f.Cause)
		text := f.Text
		if f.Code == "store.refused-full" {
			text = "queue full: the message was not kept"
		}
		return Answer{Header: h, Code: er7.Reject, Errors: append([]*er7.Error{{Code: er7.ApplicationError, Text: text}}, errs...)}
	}
	d.log.Warn("a message was refused", "sender", s.Name, "kind", kindOf(&h), "place", errs[0].At.String(), "code", int(errs[0].Code), "kept", id)
	return Answer{Header: h, Code: er7.Fault, Errors: errs, Kept: true}
}

// keep puts a message into the queue, or counts it once more.
func (d *Desk) keep(ctx context.Context, s *Sender, h *er7.Header, raw []byte, subject string, errs []*er7.Error) (id string, err error) {
	now := time.Now().UnixMilli()
	r := &store.Refused{ID: d.nextID(now), Key: d.mac("refused", s.Name, string(raw)), Sender: s.Name, Subject: subject, Kind: kindOf(h), First: now, Last: now}
	if r.Faults, err = json.Marshal(Reasons(errs)); err != nil {
		return "", fmt.Errorf("encoding the reasons: %w", err)
	}
	if r.Body, err = d.chest.Seal(ctx, d.cfg.Key, raw, bound(r.Sender, r.Key)); err != nil {
		return "", err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		id, err = tx.AddRefused(r, d.cfg.Limit)
		return err
	})
	return id, err
}

// Reasons tells errors as the queue does.
func Reasons(errs []*er7.Error) []Reason {
	out := make([]Reason, len(errs))
	for i, e := range errs {
		out[i] = Reason{e.At.String(), int(e.Code), e.Text}
	}
	return out
}

// bound is what a message is sealed for: the row that it is in.
func bound(sender string, key [32]byte) []byte {
	return append([]byte("cairn/feed/refused/v1\x00"+sender+"\x00"), key[:]...)
}

// may refuses who has nothing to do with the queue: it is for software of this
// hospital that operates the node or has to do with records.
func (d *Desk) may(ctx context.Context, actor identity.Actor) error {
	if actor.May(identity.RightOperate) || actor.May(identity.RightRecords) {
		return nil
	}
	return fault.New(fault.Refused, "policy.feed", "this needs a client of the hospital with the right `operate` or `records`")
}

// maxPage bounds a page of the queue.
const maxPage = 200

// List returns the messages that wait, after the one with the id after ("" for
// the first), without their content.
func (d *Desk) List(ctx context.Context, actor identity.Actor, after string) (q Queue, err error) {
	if err := d.may(ctx, actor); err != nil {
		return Queue{}, err
	}
	q = Queue{Accepted: d.counts.accepted.Load(), Repeated: d.counts.repeated.Load(), Refused: d.counts.refused.Load(), Rejected: d.counts.rejected.Load()}
	err = d.store.View(ctx, func(v *store.View) error {
		all, err := v.RefusedList(after, maxPage)
		if err != nil {
			return err
		}
		for _, r := range all {
			w, err := waiting(r)
			if err != nil {
				return err
			}
			q.Waiting = append(q.Waiting, w)
		}
		q.Messages, q.Bytes, err = v.RefusedSize()
		return err
	})
	return q, err
}

func waiting(r *store.Refused) (Waiting, error) {
	w := Waiting{ID: r.ID, Sender: r.Sender, Kind: r.Kind, First: r.First, Last: r.Last, Times: r.Times}
	if err := json.Unmarshal(r.Faults, &w.Reasons); err != nil {
		return w, fault.Wrap(fault.Broken, "feed.queue", "a message in the queue is damaged", err)
	}
	return w, nil
}

func (d *Desk) find(ctx context.Context, id string) (r *store.Refused, err error) {
	err = d.store.View(ctx, func(v *store.View) error {
		r, err = v.Refused(id)
		return err
	})
	return r, err
}

// open unseals a message.
func (d *Desk) open(ctx context.Context, r *store.Refused) ([]byte, error) {
	return d.chest.Open(ctx, d.cfg.Key, r.Body, bound(r.Sender, r.Key))
}

// Show returns the content of a message that waits. It is a read: the gate
// decides about the patient whom the message is about, as far as that is known,
// and its entry is durable first. It is for who may read records; who operates
// the node sees the list only.
func (d *Desk) Show(ctx context.Context, actor identity.Actor, id string) ([]byte, error) {
	ask := gate.Ask{Interaction: "feed-show", Action: consent.Access, Type: "Binary", Query: "refused message " + id}
	if err := d.gate.MayWrite(ctx, actor, ask); err != nil {
		return nil, err
	}
	r, err := d.find(ctx, id)
	if err != nil {
		return nil, err
	}
	ask.Subject = r.Subject
	allowed := false
	_, err = d.gate.Open(ctx, actor, ask, func(_ context.Context, allow gate.Allow) ([]gate.Record, error) {
		allowed = allow(nil, gate.Older(r.Subject, search.Facets{Type: "Binary"}))
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	if !allowed {
		return nil, fault.New(fault.Refused, "policy.feed", "what this message says may not be shown to you for this purpose")
	}
	return d.open(ctx, r)
}

// Replay takes a message that waits once more, as if its sender had sent it. If
// it goes through it leaves the queue; if not, it stays, with the reasons of
// now.
func (d *Desk) Replay(ctx context.Context, actor identity.Actor, id string) (Answer, error) {
	if err := d.may(ctx, actor); err != nil {
		return Answer{}, err
	}
	r, err := d.find(ctx, id)
	if err != nil {
		return Answer{}, err
	}
	s, err := d.named(r.Sender)
	if err != nil {
		return Answer{}, err
	}
	raw, err := d.open(ctx, r)
	if err != nil {
		return Answer{}, err
	}
	h, err := er7.ReadHeader(raw)
	if err != nil {
		return d.refuse(ctx, s, h, raw, r.Subject, asRefusal(err).(refusal)), nil //nolint:errcheck,forcetypeassert // an error of er7 becomes one
	}
	t := &taking{desk: d, sender: s, raw: raw, header: h, subject: r.Subject, replay: &replay{actor, r.ID}}
	return d.counted(t.answer(ctx)), nil
}

// replay is who has a message taken once more.
type replay struct {
	by identity.Actor
	id string
}

// Discard destroys a message that waits.
func (d *Desk) Discard(ctx context.Context, actor identity.Actor, id string) error {
	if err := d.may(ctx, actor); err != nil {
		return err
	}
	r, err := d.find(ctx, id)
	if err != nil {
		return err
	}
	event, err := d.event(actor, "feed-discard", r.Subject, r.ID)
	if err != nil {
		return err
	}
	return d.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Refused(id); err != nil {
			return err
		}
		if err := event(tx); err != nil {
			return err
		}
		return tx.RemoveRefused(r.Key)
	})
}

// event prepares the entry that says who dealt with a message.
func (d *Desk) event(actor identity.Actor, action, subject, id string) (func(*store.Tx) error, error) {
	draft, err := d.journal.Draft(proof.Event{
		Kind: proof.KindAdmin, Time: time.Now().UnixMilli(), Actor: gate.Describe(actor), Subject: gate.PatientReference(subject),
		Purpose: actor.Purpose(), Action: action, Allowed: true, Rule: "policy.feed", Detail: "refused message " + id,
	})
	if err != nil {
		return nil, err
	}
	return draft.Append, nil
}
