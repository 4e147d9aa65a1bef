package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"cairn/demo"
)

const starts = 5

// start measures how long a hospital takes from the start of its process until
// a physician has her first record: once all four together, as after a power
// cut, several times, and as often one alone while the others run.
func start(ctx context.Context, r *runner) error {
	var together, alone []time.Duration
	for range starts {
		if err := r.site.Close(); err != nil {
			return err
		}
		took, err := r.site.firstReads(ctx, r.site.Hospitals)
		if err != nil {
			return err
		}
		together = append(together, took)
	}
	for range starts {
		if err := r.site.StopOne(r.site.first()); err != nil {
			return err
		}
		took, err := r.site.firstReads(ctx, r.site.Hospitals[:1])
		if err != nil {
			return err
		}
		alone = append(alone, took)
	}
	for _, m := range []struct {
		name  string
		times []time.Duration
	}{{"all four at once, the last one", together}, {"one, while three run", alone}} {
		q := quantiles(m.times)
		f := less("start", m.name, q.Max/1000, "s", 3).of(r.report.Limits.Program/1000, "printing the version")
		f.Times, f.Note = &q, fmt.Sprintf("the worst of %d; sign-in included", starts)
		r.add(f)
	}
	return nil
}

// firstReads starts hospitals and returns when each has answered a read of one
// of its records.
func (s *site) firstReads(ctx context.Context, hospitals []*demo.Hospital) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	begin := time.Now()
	for _, h := range hospitals {
		if err := s.StartOne(h); err != nil {
			return 0, err
		}
	}
	if err := each(ctx, len(hospitals), func(ctx context.Context, i int) error { return s.firstRead(ctx, hospitals[i]) }); err != nil {
		return 0, err
	}
	took := time.Since(begin)
	for _, h := range hospitals {
		if err := errors.Join(s.Ready(ctx, h), s.equip(h)); err != nil {
			return 0, err
		}
	}
	return took, nil
}

// firstRead asks until there is an answer.
func (s *site) firstRead(ctx context.Context, h *demo.Hospital) error {
	path := ""
	for _, location := range s.loaded.Stored[h.ID] {
		if strings.HasPrefix(location, "Observation/") {
			path, _, _ = strings.Cut("/fhir/"+location, "/_history")
			break
		}
	}
	for {
		token, err := s.ehr(ctx, h, &physician)
		if err == nil {
			var l *line
			if l, err = dial(h.URL); err == nil {
				_, err = l.expect(http.StatusOK, request(http.MethodGet, h.URL, path, token, "", nil))
				_ = l.conn.Close() // it was only read from
			}
		}
		if err == nil {
			return nil
		}
		if !sleepUntil(ctx, time.Now().Add(5*time.Millisecond)) {
			return fmt.Errorf("%s does not answer a read: %w", h.ID, err)
		}
	}
}
