package record

import (
	"fmt"

	"cairn/node/fault"
)

// MostValues bounds what one record can be found by: the values of search
// parameters that the store keeps a row for. The largest of the official
// examples of FHIR R4 has 6,413 (npm hl7.fhir.r4.examples 4.0.1).
const MostValues = 10_000

// bounded refuses a record that can be found by more: all others would wait
// while they are written, with every change of it.
func bounded(out *draft) error {
	rows := out.ready.Rows()
	if rows <= MostValues {
		return nil
	}
	param, values := out.index.Fullest()
	return fault.New(fault.Invalid, "too-costly",
		fmt.Sprintf("this %s has %d values that searches look at, and a record may have %d", out.version.Type, rows, MostValues)).
		WithHint(fmt.Sprintf("most are values of the search parameter %s (%d): leave some out, or divide them among several resources", param, values)).
		At(out.version.Type)
}
