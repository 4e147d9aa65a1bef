package proof

import (
	"errors"
	"fmt"
)

// ErrUnproven is wrapped by [Assemble]'s refusals.
var ErrUnproven = errors.New("the parts do not prove what they say")

// Parts are what a node has in hand for one fact. All of one bundle come from
// the same state of the books and of the calendar.
type Parts struct {
	Event      *OpenedEvent   // nil to keep the event unseen
	Records    []OpenedRecord // in strictly ascending order of At; needs Event
	Log        *LogPath       // nil, with Seal nil, for marks alone
	Seal       *SealPath
	Marks      []MarkPath // in strictly ascending order of Image
	Books      Books
	Calendar   CalendarPath
	Checkpoint *Checkpoint
}

// Assemble makes a bundle for the holders of a trust file and writes its
// sentences. It refuses parts whose bundle would FAIL, with the code in the
// error. A bundle that still lacks cosignatures is made: it is INCONCLUSIVE.
func Assemble(trust *Trust, p Parts) (*Bundle, error) {
	b := &Bundle{
		Network: Network{Name: trust.Network, ID: trust.ID, Trust: trust.Edition(p.Calendar.Height)},
		Event:   p.Event, Records: p.Records, Log: p.Log, Seal: p.Seal, Marks: p.Marks,
		Books: p.Books, Calendar: p.Calendar, Checkpoint: p.Checkpoint,
	}
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("assembling a bundle: %w", err)
	}
	b.Statement = b.statement()
	b.Sentences = b.sentences()
	raw, err := b.Encode()
	if err != nil {
		return nil, fmt.Errorf("assembling a bundle: %w", err)
	}
	if v := Verify(raw, trust); v.Status == Fail {
		return nil, fmt.Errorf("assembling a bundle: %w: %s", ErrUnproven, v.Code)
	}
	return b, nil
}
