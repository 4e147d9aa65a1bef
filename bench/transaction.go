package bench

import (
	"context"
	"fmt"
	"net/http"

	"cairn/demo"
	"cairn/fhir/resource"
)

// transactionPatients is how many synthetic patients' bundles are sent over and
// over; each time they are new patients to the hospital.
const transactionPatients = 48

// transaction measures how fast a hospital takes over whole histories: one
// transaction bundle for each patient.
func transaction(ctx context.Context, r *runner) error {
	from := demo.Synthetic(stockSeed+1, transactionPatients)
	if r.Records != "" {
		var err error
		if from, err = demo.Files(r.Records); err != nil {
			return err
		}
	}
	var bundles []ready
	resources, bytes := 0, 0
	for bundle, err := range from.Each {
		if err != nil {
			return fmt.Errorf("reading a bundle: %w", err)
		}
		doc, err := resource.Parse(bundle, resource.Limits{Nodes: bundleNodes})
		if err != nil {
			return fmt.Errorf("reading a bundle: %w", err)
		}
		n := doc.Root().Get("entry").Len()
		bundles, resources, bytes = append(bundles, ready{bundle, n}), resources+n, bytes+len(bundle)
	}
	if resources == 0 {
		return fmt.Errorf("the bundles hold no resources")
	}
	each, size := float64(resources)/float64(len(bundles)), float64(bytes)/float64(resources)
	return r.measure(ctx, flow{
		scenario: "transaction", name: "resources", unit: "/s", target: 4000, status: http.StatusOK,
		requests: func(token string) (out []ready) {
			for _, b := range bundles {
				out = append(out, ready{request(http.MethodPost, r.site.first().URL, "/fhir", token, fhirJSON, b.bytes), b.does})
			}
			return out
		},
		limit: func(l Limits, clients int) (float64, string) {
			limit, of := groups(l, clients)
			// Every byte is hashed for its commitment and encrypted at least once.
			cipher := 1e6 / size / (1/l.AESGCM + 1/l.SHA256) * float64(r.report.Machine.Cores)
			return least(limit*each, of+" of bundles", cipher, "SHA-256 and AES-GCM of every byte")
		},
		entries: func(t, warm tally) uint64 { return t.done + warm.done },
		note: func(tally) string {
			return fmt.Sprintf("%d different bundles of %.0f resources and %.0f kB on average; the latency is of whole bundles", len(bundles), each, size*each/1000)
		},
	})
}
