package index

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"testing"
)

// taken is a sum over all that is taken out of the Synthea records and posted.
const taken = "b37ba75ed7d686158575b9132ca45d61788dcaef63d21c2e239afcd96fc16132"

// TestRevision notices that values are taken out, encoded or posted otherwise than before.
func TestRevision(t *testing.T) {
	h := sha256.New()
	for _, doc := range synthea(t) {
		x, err := Extract(doc)
		if err != nil {
			t.Fatal(err)
		}
		h.Write(x.Encode())
		fmt.Fprintf(h, "%v", x.Postings())
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != taken {
		t.Errorf("Other values are taken out of records than were, or they are encoded or posted otherwise. If that is because a definition in the "+
			"tables changed, this sum is to become %s. If it is because of the code, Revision is to be counted up as well: otherwise records that are "+
			"stored are not found as they should be.", got)
	}
}

func TestSince(t *testing.T) {
	all := CurrentPrints()
	if len(all["Patient"]) < 15 || len(all["Resource"]) < 4 || all["Resource"]["_id"] != "" || all["Resource"]["_text"] != "" {
		t.Fatalf("%v %v", all["Patient"], all["Resource"])
	}
	if d := all.Since(all); len(d.Types)+len(d.Fresh) > 0 || d.Moved {
		t.Errorf("nothing changed: %+v", d)
	}
	fresh := map[string]map[string]bool{"Patient": {"name": true, "family": true}}
	if d := all.Since(all.Without(fresh)); !slices.Equal(d.Types, []string{"Patient"}) || d.Moved || !maps.Equal(d.Fresh["Patient"], fresh["Patient"]) {
		t.Errorf("two are new: %+v", d)
	}
	if d := all.Without(fresh).Since(all); !slices.Equal(d.Types, []string{"Patient"}) || d.Moved || len(d.Fresh) != 0 {
		t.Errorf("two are gone: %+v", d)
	}
	other := all.Without(nil)
	other["Observation"]["code"] = "another"
	if d := all.Since(other); !slices.Equal(d.Types, []string{"Observation"}) || !d.Moved || !d.Fresh["Observation"]["code"] {
		t.Errorf("one is another: %+v", d)
	}
	if d := all.Since(all.Without(map[string]map[string]bool{"Resource": {"_tag": true}})); len(d.Types) < 140 || !d.Fresh["Resource"]["_tag"] {
		t.Errorf("one of all types is new: %d types", len(d.Types))
	}
	if all.Sum() == other.Sum() {
		t.Error("one sum for different definitions")
	}
}
