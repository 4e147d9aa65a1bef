package rotation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cairn/ledger/machine"
	"cairn/ledger/member"
	"cairn/node/chain"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/keys"
	"cairn/node/store"
	"cairn/proof"
)

// Stages of a rotation.
const (
	StagePlan      = "plan"      // what will happen
	StageMade      = "made"      // the next key is on disk
	StageAnnounced = "announced" // the ledger has it
	StageWaiting   = "waiting"   // the height moves on
	StageEnd       = "end"
)

// Line is one line of the progress; the last one says how it ended.
type Line struct {
	Stage   string `json:"stage"`
	Use     string `json:"use"`
	Current string `json:"current"`           // id of the key in force
	Next    string `json:"next,omitempty"`    // id of the one that follows; "" if it is to be made
	File    string `json:"file,omitempty"`    // of the next key in the keys directory
	From    uint64 `json:"from,omitempty"`    // the height at which the next one begins; 0 while it is not announced
	Height  uint64 `json:"height"`            // of the ledger at this moment
	Resumed bool   `json:"resumed,omitempty"` // a rotation that was interrupted is gone on with
	Ended   bool   `json:"ended,omitempty"`
	Text    string `json:"text,omitempty"` // with Ended: what went wrong; "": nothing
	Hint    string `json:"hint,omitempty"`
}

// Ask is what is to be rotated.
type Ask struct {
	Use   member.Use
	Fresh bool // make a key even where one was made and never announced
	Dry   bool // only say what would happen
}

// announceWithin is how long the ledger may take to take an announcement.
const announceWithin = time.Minute

// margins are how many blocks beyond the least notice a key begins: the first
// that is enough for the announcement to get into a block counts.
var margins = []uint64{2, 20, 200, 2000}

// restful is after how long without a block an entry of the log makes one.
const restful = time.Second

// Rotate has the next key of a use follow the one in force and returns when it
// counts, or when ctx ends: what is announced by then comes into force all the
// same. A rotation that was interrupted is gone on with.
func (d *Desk) Rotate(ctx context.Context, actor identity.Actor, ask Ask, say func(Line)) error {
	err := d.rotate(ctx, actor, ask, say)
	last := Line{Stage: StageEnd, Use: ask.Use.String(), Height: d.chain.Height(), Ended: true}
	if err != nil {
		f := fault.As(err)
		last.Text, last.Hint = f.Text, f.Hint
	}
	say(last)
	return err
}

func (d *Desk) rotate(ctx context.Context, actor identity.Actor, ask Ask, say func(Line)) error {
	if !actor.May(identity.RightOperate) {
		return fault.New(fault.Refused, "policy.operate", "this needs the right to operate the node")
	}
	if ask.Dry {
		p, err := d.plan(ask)
		if err == nil {
			say(p.line)
		}
		return err
	}
	p, err := d.announce(ctx, actor, ask, say)
	if err != nil {
		return err
	}
	return d.await(ctx, p, say)
}

// plan is what there is to do.
type plan struct {
	line  Line
	spare *keys.Held  // a key to be announced
	next  *member.Key // one that is announced already
}

// plan looks how far a rotation is.
func (d *Desk) plan(ask Ask) (p plan, err error) {
	m, _ := d.chain.Member(d.cfg.Home)
	height := max(1, d.chain.Height())
	current, found := m.KeyAt(ask.Use, height)
	if !found {
		return p, fault.New(fault.Conflict, "no-key", "the ledger has no "+ask.Use.String()+" key in force for this hospital, so none can follow it")
	}
	p.line = Line{Stage: StagePlan, Use: ask.Use.String(), Current: keys.Fingerprint(current.Public), Height: height}
	for _, k := range m.Keys {
		if k.Use == ask.Use && k.From > height {
			p.next = &k
			p.line.Next, p.line.From, p.line.Resumed = keys.Fingerprint(k.Public), k.From, true
			return p, nil
		}
	}
	for _, h := range d.spare(m) {
		if h.Use == ask.Use && !ask.Fresh {
			p.spare = &h
			p.line.Next, p.line.File, p.line.Resumed = keys.Fingerprint(h.Public), h.File, true
			return p, nil
		}
	}
	return p, nil
}

// announce makes the next key, unless it is there, and has the ledger take it.
func (d *Desk) announce(ctx context.Context, actor identity.Actor, ask Ask, say func(Line)) (plan, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, err := d.plan(ask)
	if err != nil {
		return p, err
	}
	say(p.line)
	if p.next != nil {
		return p, nil
	}
	if p.spare == nil {
		made, err := d.ring.Make(ask.Use)
		if err != nil {
			return p, err
		}
		p.spare = &made
	}
	if ask.Use != member.UseValidator && d.store.Shared() { // only one process votes
		if err := d.chest.Share(ctx, *p.spare); err != nil {
			return p, err
		}
	}
	p.line.Stage, p.line.Next, p.line.File = StageMade, keys.Fingerprint(p.spare.Public), p.spare.File
	say(p.line)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceWithin)
	defer cancel()
	p.line.From, err = d.submit(ctx, actor, *p.spare)
	if err != nil {
		return p, err
	}
	p.line.Stage, p.line.Height = StageAnnounced, d.chain.Height()
	p.next = &member.Key{Use: ask.Use, Public: p.spare.Public, From: p.line.From}
	say(p.line)
	return p, nil
}

// submit has the ledger take a key and returns the height at which it begins.
func (d *Desk) submit(ctx context.Context, actor identity.Actor, h keys.Held) (from uint64, err error) {
	for _, margin := range margins {
		from = d.chain.Height() + 1 + machine.MinNotice + margin
		e, err := d.pen.Announce(h, from, d.cfg.Network)
		if err != nil {
			return 0, err
		}
		if err := d.note(ctx, gate.Describe(actor), proof.KindKeyAnnounced, h.Use, h.Public, fmt.Sprintf(", from block %d", from)); err != nil {
			return 0, err
		}
		_, err = d.chain.Submit(ctx, machine.EpochTx(e))
		var refusal *chain.Refusal
		switch {
		case err == nil:
			return from, nil
		case errors.As(err, &refusal) && refusal.Code == machine.CodeBadHeight: // blocks passed faster
			continue
		case errors.As(err, &refusal):
			return 0, fault.Wrap(fault.Conflict, "key-refused", "the ledger refuses the next key: "+refusal.Code.String(), err).
				WithHint("nothing has changed: the key in force stays. `cairn keys list` shows how the keys stand")
		}
		return 0, fault.Wrap(fault.Busy, "key-waits", "the ledger has not taken the next key within a minute; the key in force stays", err).
			WithHint("nothing is lost. See whether enough members are there (`height` in /healthz grows), then call it again: it goes on where it stopped")
	}
	return 0, fault.New(fault.Busy, "key-waits", "blocks pass too fast for the next key to be announced in time").WithHint("nothing is lost; call it again")
}

// note writes an entry of the log about a key.
func (d *Desk) note(ctx context.Context, who proof.Actor, kind string, use member.Use, public []byte, more string) error {
	draft, err := d.journal.Draft(d.event(who, kind, use, public, more))
	if err != nil {
		return err
	}
	return d.store.Update(ctx, func(tx *store.Tx) error { return draft.Append(tx) })
}

func (d *Desk) event(who proof.Actor, kind string, use member.Use, public []byte, more string) proof.Event {
	return proof.Event{
		Kind: kind, Time: time.Now().UnixMilli(), Actor: who, Action: "rotate", Allowed: true,
		Detail: use.String() + " key " + keys.Fingerprint(public) + more,
	}
}

// program is the node itself, as the log names it.
func (d *Desk) program() proof.Actor {
	return proof.Actor{Kind: proof.ActorMachine, Organisation: d.cfg.Home, Name: "cairn"}
}

// await returns when an announced key counts. Where no hospital has anything to
// seal, no block is made; entries of the log then make some.
func (d *Desk) await(ctx context.Context, p plan, say func(Line)) error {
	line := p.line
	line.Stage = StageWaiting
	for {
		changed := d.chain.Changed()
		if height := d.chain.Height(); height != line.Height {
			line.Height = height
			say(line)
		}
		if line.Height >= p.next.From {
			return nil
		}
		select {
		case <-ctx.Done():
			return fault.Wrap(fault.Busy, "key-announced", fmt.Sprintf("the next key is announced and begins at block %d; nobody waits for it any more", p.next.From), ctx.Err()).
				WithHint("nothing more has to be done; `cairn keys list` shows when it is in force")
		case <-changed:
		case <-time.After(restful):
			if err := d.note(ctx, d.program(), proof.KindKeyAwaited, p.next.Use, p.next.Public, fmt.Sprintf(", from block %d", p.next.From)); err != nil {
				return err
			}
		}
	}
}
