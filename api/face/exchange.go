package face

import (
	"encoding/hex"

	"cairn/node/disclosure"
)

// exchange is what two hospitals signed to each other, as faces show it.
type exchange struct {
	ID      string `json:"id"`
	Side    string `json:"side"`    // asked or answered: what this hospital did
	Other   string `json:"other"`   // member id
	Time    int64  `json:"time"`    // Unix milliseconds
	Person  string `json:"person"`  // whom the asking hospital vouches for
	Name    string `json:"name"`    // of the person
	Role    string `json:"role"`    // of the person
	Purpose string `json:"purpose"` // v3-PurposeOfUse code
	Consent string `json:"consent,omitempty"`
	Status  uint64 `json:"status,omitempty"` // of the answer; none if there is no answer
	Rule    string `json:"rule,omitempty"`   // of a refusal
	Entry   *int64 `json:"entry,omitempty"`  // of this hospital's log
	Event   string `json:"event,omitempty"`  // the event of that entry
	State   string `json:"state"`            // whole, waiting or one-sided
	Owed    bool   `json:"owed,omitempty"`   // this hospital's acknowledgement was not taken
}

// Exchanges returns a page of exchanges as JSON shows it.
func Exchanges(p disclosure.Page) any {
	out := make([]exchange, len(p.Exchanges))
	for i, e := range p.Exchanges {
		side := "answered"
		if e.Asked {
			side = "asked"
		}
		out[i] = exchange{
			ID: hex.EncodeToString(e.ID[:]), Side: side, Other: e.Other, Time: e.Time, Person: e.Actor.Person, Name: e.Actor.Name, Role: e.Actor.Role,
			Purpose: e.Purpose, Consent: e.Consent, Status: e.Status, Rule: e.Rule, Event: e.Event, State: string(e.State), Owed: e.Owed,
		}
		if e.Entry >= 0 {
			out[i].Entry = &e.Entry
		}
	}
	return map[string]any{"exchanges": out, "next": p.Next}
}
