package bench

import (
	"context"
	"fmt"
	"net/http"

	"cairn/fhir/resource"
)

// update measures updates of Observations, each the next version of a record
// that is there.
func update(ctx context.Context, r *runner) error {
	if err := r.site.stock(ctx); err != nil {
		return err
	}
	return r.measure(ctx, flow{
		scenario: "update", name: "updates", unit: "/s", target: 800, limit: groups, status: http.StatusOK,
		requests: func(token string) (out []ready) {
			for i, body := range r.site.bodies {
				id := r.site.reads[i][len("Observation/"):]
				doc, err := resource.Parse(body, resource.Limits{})
				if err != nil {
					continue // the hospital took it, so it parses
				}
				body = resource.Stamp(doc, id, "1", "2026-01-01T00:00:00Z")
				out = append(out, ready{request(http.MethodPut, r.site.first().URL, "/fhir/Observation/"+id, token, fhirJSON, body), 1})
			}
			return out
		},
		note: func(tally) string { return fmt.Sprintf("%d records, each updated over and over", len(r.site.reads)) },
	})
}
