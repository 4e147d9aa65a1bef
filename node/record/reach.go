package record

import (
	"context"

	"cairn/consent"
	"cairn/node/gate"
	"cairn/node/identity"
)

// Wanted is what somebody asks for, as far as it is known before anything is
// looked up.
type Wanted struct {
	Interaction string // as in gate.Ask
	Type, ID    string // "" if it may be any
	Subject     string // the patient that is named, "" if none is
	Asked       string // as it stands in the log
}

// Reach refuses what the scopes of whom asks cannot reach whatever there is
// (gate.Reach).
func (d *Desk) Reach(ctx context.Context, actor identity.Actor, w Wanted) error {
	ask := gate.Ask{Interaction: w.Interaction, Action: consent.Access, Type: w.Type, Subject: w.Subject, Query: w.Asked}
	return d.gate.Reach(ctx, actor, ask, w.ID)
}
