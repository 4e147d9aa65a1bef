package identity

import (
	"testing"

	"cairn/node/fault"
)

// TestFeed: the door makes an actor for the feeds that it was opened with and
// for nothing else, and one that may do no more than records.
func TestFeed(t *testing.T) {
	lab := Client{ID: "lab", Name: "Laboratory", Rights: []Right{RightRecords, RightOperate}}
	other := Client{ID: "ehr", Name: "EHR", Rights: []Right{RightRecords}}
	d := doors(t)(nil, lab, other)
	d.feeds = []Feed{{"lab", "TREAT"}}
	a, err := d.Feed(Feed{"lab", "TREAT"})
	if err != nil || a.Kind() != System || a.Organisation() != "north" || a.Person() != "" || a.Purpose() != "TREAT" || a.Client() != "lab" || !a.May(RightRecords) || a.May(RightOperate) || a.May(RightInvite) {
		t.Errorf("%+v %v", a, err)
	}
	for _, f := range []Feed{{"lab", "HRESCH"}, {"ehr", "TREAT"}, {"", ""}, {"nobody", "TREAT"}} {
		if a, err := d.Feed(f); !fault.Is(err, fault.Refused) || a.Kind() != "" {
			t.Errorf("%+v gives %+v, %v", f, a, err)
		}
	}
}

// TestFeedsAreChecked: a door does not open with a feed of somebody who may not
// write.
func TestFeedsAreChecked(t *testing.T) {
	clients := map[string]registered{
		"lab": {Client: Client{ID: "lab", Rights: []Right{RightRecords}}}, "operator": {Client: Client{ID: "operator", Rights: []Right{RightOperate}}},
	}
	for f, ok := range map[Feed]bool{{"lab", "TREAT"}: true, {"operator", "TREAT"}: false, {"nobody", "TREAT"}: false, {"lab", "FUN"}: false, {"lab", ""}: false} {
		if err := checkFeeds([]Feed{f}, clients); (err == nil) != ok {
			t.Errorf("%+v: %v", f, err)
		}
	}
}
