package gate

import (
	"cairn/consent"
	"cairn/node/fault"
)

// RuleErased says that the patient was erased here.
const RuleErased = "policy.erased"

// Erasures says who was erased here, by the ledger: whatever came back into the
// database, from a backup or otherwise, is not shown.
type Erasures interface {
	Erased(subject string) bool
}

// ErasedBy has the gate ask who was erased. It is for the time before the first
// request.
func (g *Gate) ErasedBy(e Erasures) { g.erasures = e }

// Erased tells whether a patient was erased here: nothing about her is opened, and
// nothing is written, any more. It costs a hash and a look-up in memory.
func (g *Gate) Erased(subject string) bool {
	return subject != "" && g.erasures != nil && g.erasures.Erased(subject)
}

// Writable fails with Gone where the patient was erased. A desk asks in the
// transaction that writes: what is erased after it goes with the rest.
func (g *Gate) Writable(subject string) error {
	if !g.Erased(subject) {
		return nil
	}
	return fault.New(fault.Gone, "patient-erased", "this patient was erased at this hospital, at her own wish").
		WithHint("if she is treated here again, register her under another id")
}

func erased() consent.Decision {
	return consent.Decision{Outcome: consent.NotPermitted, Rule: RuleErased,
		Explanation: "The patient was erased at this hospital, at her own wish."}
}
