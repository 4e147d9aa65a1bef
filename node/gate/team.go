package gate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/consent"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/store"
)

// team is a team that a consent names.
type team struct {
	ref  string
	deny bool // in a rule that denies
}

// teamsIn adds the teams that a rule and its exceptions name.
func teamsIn(r *consent.Rule, into []team) []team {
	for i := range r.Actors {
		if p := &r.Actors[i]; p.Type == "CareTeam" || p.Type == "Group" {
			into = append(into, team{p.Ref, r.Says == consent.Deny})
		}
	}
	for i := range r.Rules {
		into = teamsIn(&r.Rules[i], into)
	}
	return into
}

// asker returns the actor as a decision about the subject sees it: with the teams
// that the patient's consents name and that the actor belongs to at this moment.
// Why is noted for the log. grants must have been looked at.
//
// Who has not said to which teams she belongs may belong to any: a rule that denies
// something to a team that she cannot be told from keeps it from her.
func (v *verdicts) asker(view *store.View, subject string) (consent.Actor, error) {
	out, named := v.actor.For(subject), v.groups[subject]
	if len(named) == 0 || v.actor.Person() == "" || v.actor.Kind() == identity.Patient {
		return out, nil
	}
	mine, doubt := v.vouched(), false
	known := mine != nil
	var said []string
	for i, t := range named {
		ref := strings.TrimPrefix(t.ref, v.gate.home+"/")
		why, err := v.memberOf(view, ref, subject, mine)
		switch {
		case err != nil:
			return out, err
		case why == "":
			doubt = doubt || t.deny
		case !slices.ContainsFunc(named[:i], func(o team) bool { return o.ref == t.ref }):
			mine, said = append(mine, ref), append(said, "member of "+ref+": "+why)
		}
	}
	if v.member[subject] = strings.Join(said, "; "); known || !doubt {
		out.Teams = mine
	}
	return out, nil
}

// vouched returns the teams of the actor as consents name them, nil if nothing was
// said.
func (v *verdicts) vouched() []string {
	mine := v.actor.Teams()
	if v.actor.Organisation() != v.gate.home {
		for i, t := range mine {
			mine[i] = v.actor.Organisation() + "/" + t
		}
	}
	return mine
}

// memberOf says why the actor belongs to a team at this moment, "" if she does not.
func (v *verdicts) memberOf(view *store.View, ref, subject string, mine []string) (why string, err error) {
	switch {
	case slices.Contains(mine, ref):
		return vouchedTeam(v.actor), nil
	case v.actor.Organisation() == v.gate.home:
		return v.inTeam(view, ref, subject)
	}
	return "", nil
}

// vouchedTeam is who says that the actor belongs to a team.
func vouchedTeam(a identity.Actor) string {
	if a.Personal() {
		return "her account says so"
	}
	return a.Organisation() + " vouches for it"
}

// inTeam says by which version of a care team's record the actor belongs to it,
// "" if it does not say so at this moment. A record that is about somebody else than
// the patient counts for nothing.
func (v *verdicts) inTeam(view *store.View, ref, subject string) (why string, err error) {
	id, ok := strings.CutPrefix(ref, "CareTeam/")
	if !ok {
		return "", nil
	}
	err = within(v.ctx, v.gate.store.View, view, func(view *store.View) error {
		h, err := view.Current("CareTeam", id)
		if fault.Is(err, fault.NotFound) || err == nil && (h.Deleted || h.Subject != "" && h.Subject != subject) {
			return nil
		}
		if err != nil {
			return err
		}
		why, err = named(&h, v.actor.Parties())
		return err
	})
	return why, err
}

// named says that a care team's record names one of the parties at this moment, ""
// if it does not.
func named(h *store.Hit, parties []string) (string, error) {
	x, err := h.Load()
	if err != nil {
		return "", err
	}
	if status := statusOf(x); status != "active" && status != "" {
		return "", nil
	}
	now := time.Now().UnixMilli()
	for _, d := range x.Dates {
		if d.Param == "date" && (now < d.Lo || now >= d.Hi) {
			return "", nil
		}
	}
	for _, r := range x.References {
		if r.Param == "participant" && slices.Contains(parties, r.Target) {
			return fmt.Sprintf("%s/%s version %d names %s", h.Type, h.ID, h.Version, r.Target), nil
		}
	}
	return "", nil
}
