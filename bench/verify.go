package bench

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"cairn/proof"
)

// verify times the verification of the proof of a record, which was fetched
// from a hospital, as a stranger does it.
func verify(ctx context.Context, r *runner) error {
	h := r.site.first()
	raw, err := os.ReadFile(h.Trust())
	if err != nil {
		return err
	}
	trust, err := proof.DecodeTrust(raw)
	if err != nil {
		return err
	}
	bundle, err := r.site.evidence(ctx)
	if err != nil {
		return err
	}
	q, err := r.timed(ctx, func() error {
		if v := proof.Verify(bundle, trust); v.Status != proof.OK {
			return fmt.Errorf("a real proof is %s (%s)", v.Status, v.Code)
		}
		return nil
	})
	if err != nil {
		return err
	}
	signatures := bytes.Count(bundle, []byte("\u2014 ")) // each line of a signed note begins so
	f := less("verify", "a bundle with a record", q.P50, "ms", 1).
		of(float64(signatures)*r.report.Limits.Ed25519/1000, fmt.Sprintf("%d Ed25519 signatures", signatures))
	f.Times, f.Note = &q, fmt.Sprintf("a bundle of %d bytes; each time is the mean of a batch of 50", len(bundle))
	r.add(f)
	return nil
}

// evidence fetches the proof of one of the loaded Observations.
func (s *site) evidence(ctx context.Context) ([]byte, error) {
	h := s.first()
	for _, location := range s.loaded.Stored[h.ID] {
		if strings.HasPrefix(location, "Observation/") {
			who := h.EHR.As(physician.SubjectID, physician.SubjectName, physician.SubjectRole, physician.Unit, physician.PurposeOfUse[0])
			a, err := who.Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/"+location+"/$evidence", nil)
			return a.Body, err
		}
	}
	return nil, fmt.Errorf("no Observation was loaded at %s", h.ID)
}
