// Package sample makes believable synthetic patients as FHIR R4 transaction bundles.
//
// Nobody in it exists: names, addresses, numbers and histories come from a seed. The i-th patient of a seed is the same
// bytes on every machine, in every process and in whatever order patients are asked for, because each patient draws from
// its own stream of random numbers, no clock is read and no floating-point arithmetic is done.
//
// A bundle holds one Patient and the resources about her: Encounter, Condition, Observation, DiagnosticReport,
// MedicationRequest, Procedure, Immunization, AllergyIntolerance, DocumentReference, with the Practitioner and Organization
// that they name. Entries refer to each other by urn:uuid (FHIR R4 3.1.0.11.2) and are created by POST. What belongs to a
// person is labelled N (normal) of v3-Confidentiality, what belongs to her mental health R (restricted) and PSY, and the
// directory of organisations and practitioners U (unrestricted).
package sample

import (
	"encoding/binary"
	"iter"

	"cairn/sample/dice"
	"cairn/sample/life"
	"cairn/sample/record"
)

// Reference is the moment at which every record ends, 2026-01-01T00:00:00Z, in Unix milliseconds.
// Everything that a bundle tells lies before it.
const Reference = int64(life.Reference) * 86_400_000

// A Generator makes the patients of one seed. It holds no state besides the seed and is safe for concurrent use.
type Generator struct {
	seed uint64
}

// New returns the generator of a seed.
func New(seed uint64) *Generator {
	return &Generator{seed: seed}
}

// Bundle returns the transaction bundle of the i-th patient, counted from 0, as compact JSON that the caller owns.
//
// Patient 0 of every seed is a woman in her fifties, alive, with type 2 diabetes, high blood pressure, depression and an
// allergy to penicillin, so that whoever shows or tests consent has something to allow and something to hold back.
func (g *Generator) Bundle(i int) []byte {
	return record.Write(life.New(g.dice("life", i), i == 0), g.dice("identifiers", i), g.dice)
}

// All yields the bundles of patients 0 to n-1, one at a time: nothing is kept between two of them.
func (g *Generator) All(n int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range n {
			if !yield(g.Bundle(i)) {
				return
			}
		}
	}
}

// dice returns the stream of random numbers of one thing of this seed.
func (g *Generator) dice(kind string, number int) *dice.Dice {
	name := append([]byte("cairn/sample/"+kind), 0)
	name = binary.BigEndian.AppendUint64(name, g.seed)
	return dice.New(binary.BigEndian.AppendUint64(name, uint64(number))) // #nosec G115 -- any bits name a stream
}
