package identity

import (
	"fmt"
	"slices"

	"cairn/node/fault"
)

// Feed is software of this hospital that speaks to this node over a protocol
// with no place for credentials of its own, such as HL7 v2 over MLLP. Who may
// speak there is settled by the hospital's configuration, where the connection
// comes in; what is said is written in the name of a registered client.
type Feed struct {
	Client  string // id of the client; it has the right `records`
	Purpose string // v3-PurposeOfUse code of all that the feed does
}

// checkFeeds refuses feeds of clients that are not registered or may not write.
func checkFeeds(feeds []Feed, clients map[string]registered) error {
	for _, f := range feeds {
		c, known := clients[f.Client]
		switch {
		case !known:
			return fault.New(fault.Invalid, "feed", fmt.Sprintf("client %q, in whose name a feed writes, is not registered", f.Client))
		case !slices.Contains(c.Rights, RightRecords):
			return fault.New(fault.Invalid, "feed", fmt.Sprintf("client %q, in whose name a feed writes, has not the right `records`", f.Client))
		case !slices.Contains(purposes, f.Purpose):
			return fault.New(fault.Invalid, "feed", fmt.Sprintf("%q is not a purpose that a feed can have", f.Purpose)).
				WithHint("TREAT is what most are for")
		}
	}
	return nil
}

// Feed returns the actor in whose name a feed reads and writes: software, no
// person, with the right to records alone, whatever else its client may do. It
// is refused for anything that the door was not opened with.
func (d *Door) Feed(f Feed) (Actor, error) {
	if !slices.Contains(d.feeds, f) {
		return Actor{}, fault.New(fault.Refused, "policy.feed", "this is no feed of this hospital")
	}
	c := d.clients[f.Client]
	return Actor{kind: System, organisation: d.member, client: c.ID, name: c.Name, purpose: f.Purpose, rights: []Right{RightRecords}}, nil
}
