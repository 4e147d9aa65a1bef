package bench

import (
	"context"
	"fmt"
	"net/http"
)

// write measures creates of Observations: each is decided, encrypted, indexed,
// and durable together with its log entry before the answer.
func write(ctx context.Context, r *runner) error {
	if err := r.site.stock(ctx); err != nil {
		return err
	}
	bytes := 0
	for _, b := range r.site.bodies {
		bytes += len(b)
	}
	return r.measure(ctx, flow{
		scenario: "write", name: "creates", unit: "/s", target: 1200, limit: groups, status: http.StatusCreated,
		requests: func(token string) (out []ready) {
			for _, body := range r.site.bodies {
				out = append(out, ready{request(http.MethodPost, r.site.first().URL, "/fhir/Observation", token, fhirJSON, body), 1})
			}
			return out
		},
		note: func(tally) string {
			return fmt.Sprintf("%d different Observations of %d bytes on average", len(r.site.bodies), bytes/max(len(r.site.bodies), 1))
		},
	})
}
