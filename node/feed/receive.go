package feed

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"time"

	"cairn/fhir/er7"
	"cairn/node/fault"
	"cairn/node/store"
)

// Answer is how a message is to be acknowledged.
type Answer struct {
	Header er7.Header // of the message; zero where none could be read
	Code   er7.Ack    // AA, AE or AR
	Errors []*er7.Error
	Kept   bool // the message is safe here: stored, or in the queue

	Repeated bool // it was accepted before, and nothing was stored now
}

// maxTime bounds what one message may take.
const maxTime = time.Minute

// Receive takes one message. When it returns, what the answer says is durable.
func (d *Desk) Receive(ctx context.Context, from Source, raw []byte) Answer {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	return d.counted(d.receive(ctx, from, raw))
}

func (d *Desk) counted(a Answer) Answer {
	switch {
	case a.Repeated:
		d.counts.repeated.Add(1)
	case a.Code == er7.Accept:
		d.counts.accepted.Add(1)
	case a.Code == er7.Fault:
		d.counts.refused.Add(1)
	case a.Code == er7.Reject:
		d.counts.rejected.Add(1)
	}
	return a
}

func (d *Desk) receive(ctx context.Context, from Source, raw []byte) Answer {
	h, err := er7.ReadHeader(raw)
	s := d.sender(&h, from)
	var bad *er7.Error
	errors.As(err, &bad)
	switch {
	case s == nil && bad != nil:
		return reject(h, bad)
	case s == nil:
		return reject(h, &er7.Error{At: msh(3), Code: er7.ApplicationError, Text: "this sender is not registered here"})
	case bad == nil && h.Processing != d.cfg.Processing:
		return reject(h, &er7.Error{At: msh(11), Code: er7.UnsupportedID, Text: "this is not the processing id of the messages that are meant for here"})
	case bad != nil:
		return d.refuse(ctx, s, h, raw, "", []*er7.Error{bad})
	}
	t := &taking{desk: d, sender: s, raw: raw, header: h}
	return t.answer(ctx)
}

func msh(field int) er7.Position { return er7.Position{Segment: "MSH", Sequence: 1, Field: field} }

func reject(h er7.Header, why *er7.Error) Answer {
	return Answer{Header: h, Code: er7.Reject, Errors: []*er7.Error{why}}
}

// taking is one message on its way in.
type taking struct {
	desk    *Desk
	sender  *Sender
	raw     []byte
	header  er7.Header
	subject string // local id of the patient, once it is known
	replay  *replay
	entry   func(*store.Tx) error // the entry that says who replayed it; nil if nobody did
}

// answer takes the message, or keeps it where it was not understood.
func (t *taking) answer(ctx context.Context) Answer {
	done, err := t.before(ctx)
	if err == nil && !done {
		err = t.take(ctx)
	}
	var refused refusal
	switch {
	case err == nil && done:
		return Answer{Header: t.header, Code: er7.Accept, Kept: true, Repeated: true}
	case err == nil:
		return Answer{Header: t.header, Code: er7.Accept, Kept: true}
	case errors.As(err, &refused):
		return t.desk.refuse(ctx, t.sender, t.header, t.raw, t.subject, refused)
	}
	f := fault.As(err)
	t.desk.log.Warn("a message was put off", "sender", t.sender.Name, "code", f.Code, "cause", f.Cause)
	code := er7.ApplicationError
	if f.Kind == fault.Busy || f.Kind == fault.Conflict {
		code = er7.ApplicationLocked
	}
	return reject(t.header, &er7.Error{Code: code, Text: f.Text})
}

// refusal is why the message itself is at fault.
type refusal []*er7.Error

func (r refusal) Error() string { return r[0].Error() }

func refuse(at er7.Position, code er7.Code, text string) error {
	return refusal{{At: at, Code: code, Text: text}}
}

// key is under what it is remembered that the message was taken.
func (t *taking) key() [32]byte { return t.desk.mac("taken", t.sender.Name, t.header.ControlID) }

// content tells this message from any other under its control id.
func (t *taking) content() []byte {
	sum := t.desk.mac("content", string(t.raw))
	return sum[:]
}

// before tells whether the message was taken already. It refuses another one
// under the same control id.
func (t *taking) before(ctx context.Context) (done bool, err error) {
	var have []byte
	err = t.desk.store.View(ctx, func(v *store.View) error {
		have, err = v.WasDone(t.key())
		return err
	})
	if err != nil || have == nil {
		return false, err
	}
	if !hmac.Equal(have, t.content()) {
		return false, refuse(msh(10), er7.DuplicateKey, "another message with this control id was accepted before")
	}
	return true, nil
}

// errTaken: the control id was taken while this message was prepared.
var errTaken = errors.New("the control id was taken meanwhile")

// settle is written together with what the message says.
func (t *taking) settle(tx *store.Tx) error {
	have, err := tx.WasDone(t.key())
	if err != nil {
		return err
	}
	if have != nil {
		return errTaken
	}
	if t.entry != nil {
		if err := t.entry(tx); err != nil {
			return err
		}
	}
	if err := tx.RemoveRefused(t.refusedKey()); err != nil {
		return err
	}
	return tx.Done(t.key(), time.Now().UnixMilli(), t.content())
}

// take has the message written.
func (t *taking) take(ctx context.Context) error {
	m, err := er7.Parse(t.raw, t.sender.Charset)
	if err != nil {
		return asRefusal(err)
	}
	err = t.write(ctx, m)
	if !errors.Is(err, errTaken) {
		return asRefusal(err)
	}
	done, err := t.before(ctx)
	if err == nil && !done {
		err = fault.New(fault.Busy, "feed.again", "the message is being taken by another connection")
	}
	return err
}

// asRefusal turns an error into a refusal where the message is to blame, and
// leaves it where sending it again may help.
func asRefusal(err error) error {
	var bad *er7.Error
	var already refusal
	switch {
	case err == nil, errors.As(err, &already):
		return err
	case errors.As(err, &bad):
		return refusal{bad}
	}
	f := fault.As(err)
	switch {
	case f.Kind == fault.Busy, f.Kind == fault.Full, f.Kind == fault.Conflict && f.Code != "business-rule":
		return f
	case f.Kind == fault.Broken && f.Code != "record-damaged":
		return f
	}
	text := "what the message says could not be stored: " + f.Text
	if f.Expression != "" {
		text += " (" + f.Expression + ")"
	}
	return refusal{{Code: er7.ApplicationError, Text: text}}
}

// hash is of the message as it was received.
func (t *taking) hash() [32]byte { return sha256.Sum256(t.raw) }
