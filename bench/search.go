package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
)

// search measures searches for one patient's results under one code, such as all
// her haemoglobin values.
func search(ctx context.Context, r *runner) error {
	if err := r.site.stock(ctx); err != nil {
		return err
	}
	var asked, hits atomic.Int64
	return r.measure(ctx, flow{
		scenario: "search", name: "by patient and code", unit: "/s", target: 3000, limit: groups, who: &physician, status: http.StatusOK,
		requests: func(token string) (out []ready) {
			for i, path := range r.site.searches {
				if i%7 == 0 {
					out = append(out, ready{request(http.MethodGet, r.site.first().URL, path, token, "", nil), 1})
				}
			}
			return out
		},
		check: func(body []byte) error {
			if !bytes.Contains(body, []byte(`"fullUrl"`)) {
				return errors.New("a search for what is there found nothing")
			}
			asked.Add(1)
			hits.Add(int64(bytes.Count(body, []byte(`"fullUrl"`))))
			return nil
		},
		note: func(tally) string {
			return fmt.Sprintf("%.1f results on a page", float64(hits.Load())/float64(asked.Load()))
		},
	})
}

// page measures searches for one patient's laboratory results, as a physician
// opens them: the first page of up to 50.
func page(ctx context.Context, r *runner) error {
	if err := r.site.stock(ctx); err != nil {
		return err
	}
	var pages, hits atomic.Int64
	return r.measure(ctx, flow{
		scenario: "page", name: "by patient and category", unit: "/s", limit: groups, who: &physician, status: http.StatusOK,
		requests: func(token string) (out []ready) {
			for _, patient := range r.site.patients {
				path := "/fhir/Observation?patient=" + patient + "&category=laboratory"
				out = append(out, ready{request(http.MethodGet, r.site.first().URL, path, token, "", nil), 1})
			}
			return out
		},
		check: func(body []byte) error {
			if !bytes.HasPrefix(body, []byte(`{"resourceType":"Bundle"`)) {
				return errors.New("the answer is no bundle")
			}
			pages.Add(1)
			hits.Add(int64(bytes.Count(body, []byte(`"fullUrl"`))))
			return nil
		},
		note: func(tally) string {
			return fmt.Sprintf("%d patients; %.1f results on a page", len(r.site.patients), float64(hits.Load())/float64(pages.Load()))
		},
	})
}
