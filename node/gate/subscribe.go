package gate

import (
	"context"
	"time"

	"cairn/node/fault"
	"cairn/node/identity"
)

// Subscribe decides whether somebody may ask to be told of changes of records.
// It fails with Refused and the rule, which is in the log first, when at this
// moment nothing of it could be told. What a notification may say is decided
// when it is sent, by Open.
func (g *Gate) Subscribe(ctx context.Context, actor identity.Actor, ask Ask) error {
	if actor.Kind() == "" {
		return fault.New(fault.Unauthenticated, "nobody", "this needs a signed-in actor")
	}
	if err := g.fresh(); err != nil {
		return err
	}
	return settled(func() error { return g.subscribe(ctx, actor, ask) })
}

// subscribe decides once.
func (g *Gate) subscribe(ctx context.Context, actor identity.Actor, ask Ask) error {
	v := g.verdicts(ctx, actor, ask)
	d, err := v.named()
	if err != nil {
		return err
	}
	if d == nil {
		unnamed, err := v.decision(nil, "")
		if err != nil {
			return err
		}
		d = &unnamed
	}
	if missing := v.lacking(need("notify")); missing != nil {
		d = missing
	}
	if !d.Allowed {
		return g.refuse(ctx, actor, ask, *d, v)
	}
	return nil
}

// fresh refuses while the replica must not be relied on.
func (g *Gate) fresh() error {
	err := g.chain.Fresh(time.Now().UnixMilli())
	if err == nil {
		return nil
	}
	return fault.Wrap(fault.Busy, "ledger-doubt", "this hospital cannot be sure that it knows the patient's latest decision: "+err.Error(), err).
		WithHint("try again shortly; the operator sees the state of the ledger in the node's log")
}
