package bench

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/google/uuid"

	"cairn/fhir/resource"
)

// importLines is how many resources one request of the scenario import brings.
const importLines = 500

// importing measures NDJSON imports: Observations of known patients, a resource
// a line, each stored under an id of its own.
func importing(ctx context.Context, r *runner) error {
	if err := r.site.stock(ctx); err != nil {
		return err
	}
	var docs []*resource.Doc
	for _, body := range r.site.bodies {
		doc, err := resource.Parse(body, resource.Limits{})
		if err != nil {
			return fmt.Errorf("reading a record: %w", err)
		}
		docs = append(docs, doc)
	}
	var sent atomic.Int64
	return r.measure(ctx, flow{
		scenario: "import", name: "resources", unit: "/s", target: 6000, status: http.StatusOK,
		fresh: func(token string) func() ready {
			return func() ready {
				at := int(sent.Add(importLines)) - importLines
				var lines bytes.Buffer
				for i := range importLines {
					lines.Write(bytes.ReplaceAll(resource.Stamp(docs[(at+i)%len(docs)], uuid.NewString(), "1", "2026-01-01T00:00:00Z"), []byte("\n"), nil))
					lines.WriteByte('\n')
				}
				return ready{request(http.MethodPost, r.site.first().URL, "/fhir/$import", token, "application/fhir+ndjson", lines.Bytes()), importLines}
			}
		},
		check: func(body []byte) error {
			if !bytes.HasPrefix(body, fmt.Appendf(nil, `{"stored":%d}`, importLines)) {
				return fmt.Errorf("an import was answered with %.80s", body)
			}
			return nil
		},
		entries: func(t, warm tally) uint64 { return t.done + warm.done },
		note: func(tally) string {
			return fmt.Sprintf("%d resources a request; the latency is of whole requests", importLines)
		},
	})
}
