package network_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/demo"
)

// TestGatherAfterRestart stops and starts a custodian, who forgets all tokens:
// the next gather, and the custodian's own software, sign in again by
// themselves.
func TestGatherAfterRestart(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	c, err := demo.Found(demo.Options{Binary: binary, Dir: filepath.Join(t.TempDir(), "town")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	s := &scene{custodian: c.Find("north"), grantee: c.Find("south"), ids: make(map[*demo.Hospital]string)}
	s.ids[s.custodian], s.lab, _ = newPatient(ctx, t, s.custodian)
	s.ids[s.grantee], _ = post(ctx, t, s.grantee, "Patient", `{"resourceType":"Patient"}`)
	her := demo.Person{IDs: map[string]string{s.custodian.ID: s.ids[s.custodian], s.grantee.ID: s.ids[s.grantee]}}
	if s.wallet, err = demo.NewWallet(c, her, s.custodian, s.grantee); err != nil {
		t.Fatal(err)
	}
	s.grant(ctx, t)
	asking, own := physician(s.grantee), physician(s.custodian)
	for _, when := range []string{"before", "after"} {
		if n, codes := s.gather(ctx, t, asking, "_type=Observation"); n != 1 || len(codes) != 0 {
			t.Errorf("%s the restart: %d records, refusals %v", when, n, codes)
		}
		if _, err := own.Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/Observation/"+s.lab, nil); err != nil {
			t.Errorf("%s the restart: %v", when, err)
		}
		if when == "after" {
			break
		}
		if err := c.StopOne(s.custodian); err != nil {
			t.Fatal(err)
		}
		if err := c.StartOne(s.custodian); err != nil {
			t.Fatal(err)
		}
		if err := c.Ready(ctx, s.custodian); err != nil {
			t.Fatal(err)
		}
	}
}

// grant lets the grantee see laboratory results of the custodian.
func (s *scene) grant(ctx context.Context, t *testing.T) {
	t.Helper()
	g, err := s.wallet.Grant(ctx, labsFor(s.grantee), s.custodian.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.wallet.Locate(ctx, s.grantee.ID, g); err != nil {
		t.Fatal(err)
	}
}

// TestGatherMuch gathers more pages than are followed: what came is shown, and
// that it is not all is said. Without a page size of the caller all come.
func TestGatherMuch(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	s.grant(ctx, t)
	var entries []string
	for range 100 {
		entries = append(entries, `{"request":{"method":"POST","url":"Observation"},"resource":`+observation(s.ids[s.custodian], "laboratory", "4548-4")+`}`)
	}
	bundle := fmt.Sprintf(`{"resourceType":"Bundle","type":"transaction","entry":[%s]}`, strings.Join(entries, ","))
	if _, err := s.custodian.EHR.Expect(ctx, http.StatusOK, http.MethodPost, "/fhir", []byte(bundle)); err != nil {
		t.Fatal(err)
	}
	who := physician(s.grantee)
	if n, codes := s.gather(ctx, t, who, "_type=Observation"); n != 101 || len(codes) != 0 {
		t.Errorf("%d records instead of 101, refusals %v", n, codes)
	}
	if n, codes := s.gather(ctx, t, who, "_type=Observation&_count=1"); n != 100 || !slices.Equal(codes, []string{"gather-truncated"}) {
		t.Errorf("%d records instead of 100, refusals %v", n, codes)
	}
}

// TestGatherNonsense asks for a type that there is not.
func TestGatherNonsense(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	for _, typ := range []string{"Nonsense", "observation", "../Observation", "Observation?x="} {
		a, err := physician(s.grantee).Do(ctx, http.MethodGet, "/fhir/Patient/"+s.ids[s.grantee]+"/$gather?_type="+strings.ReplaceAll(typ, "?", "%3F"), nil)
		if err != nil || a.Status != http.StatusBadRequest {
			t.Errorf("%s: status %d: %v", typ, a.Status, err)
		}
	}
}
