package identity

import (
	"net/http"
	"testing"
	"time"

	"cairn/ledger/member"
)

// BenchmarkBearer is the check of an access token of software.
func BenchmarkBearer(b *testing.B) {
	d := doors(b)(book{"north": {ID: "north", Active: true}}, Client{ID: "ehr", Name: "EHR", Rights: []Right{RightRecords}})
	token, err := d.sessions.issue(Actor{kind: System, organisation: "north", client: "ehr"}, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	r := bearing(token.Access)
	for b.Loop() {
		if _, err := d.Scoped(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBound is the check of an access token that is bound to a key, with the
// proof of a request that was made before.
func BenchmarkBound(b *testing.B) {
	d := grown(doors(b)(book{"north": {ID: "north", Active: true, Keys: []member.Key{{Use: member.UseClient}}}}, Client{ID: "ehr", Name: "EHR", Rights: []Right{RightRecords}}))
	h := newHolder(b, d, Actor{kind: System, organisation: "north", client: "ehr"})
	requests := make([]*http.Request, b.N)
	for i := range requests {
		requests[i] = h.signed(http.MethodGet, "/fhir/Patient/7")
	}
	b.ResetTimer()
	for _, r := range requests {
		if _, err := d.Scoped(r); err != nil {
			b.Fatal(err)
		}
	}
}
