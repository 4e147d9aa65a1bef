package bench

import (
	"context"
	"net/http"
)

// read measures single reads: each is decided by the gate, its log entry
// durable before the answer, the record decrypted and checked.
func read(ctx context.Context, r *runner) error {
	if err := r.site.stock(ctx); err != nil {
		return err
	}
	return r.measure(ctx, flow{
		scenario: "read", name: "reads", unit: "/s", target: 5000, limit: groups, who: &physician, status: http.StatusOK,
		requests: func(token string) (out []ready) {
			for _, record := range r.site.reads {
				out = append(out, ready{request(http.MethodGet, r.site.first().URL, "/fhir/"+record, token, "", nil), 1})
			}
			return out
		},
	})
}
