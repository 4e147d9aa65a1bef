// Package er7 reads HL7 Version 2 messages in their ER7 encoding ("pipes and
// hats", HL7 v2.8.2 chapter 2), versions 2.3 to 2.8.2, and writes
// acknowledgements. Messages are values here: the package knows no server, no
// clock and no FHIR; package mapping makes FHIR of them.
//
// Parse is strict where a mistake could change what a message says (delimiters,
// character set, control characters, limits) and lenient where senders differ
// harmlessly (line ends, segments nobody knows, a stray escape character). It
// never panics, and its memory is bounded by the limits below.
//
// An Error says where a message is wrong and in what way, as a code of table
// HL70357. It never holds a value of the message.
package er7

// Limits in front of everything else.
const (
	MaxMessage     = 1 << 20  // bytes of a message
	MaxSegments    = 10_000   // segments of a message
	MaxFields      = 500      // fields of a segment
	MaxField       = 64 << 10 // bytes of a field other than OBX-5, which may fill the message
	MaxRepetitions = 1_000    // repetitions of a field
)
