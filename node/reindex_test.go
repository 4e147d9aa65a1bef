package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cairn/fhir/search/index"
	"cairn/node/fault"
	"cairn/node/reindex"
	"cairn/node/store"
	"cairn/proof"
)

// TestReindex has a hospital whose records were stored by a program that knew
// fewer search parameters: they are taken apart anew, from where an end of the
// process broke it off, then they are found, and scrub is content.
func TestReindex(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "north")
	if err := Found("test", []Founder{{ID: "north", Name: "North Hospital", Dir: dir, Listen: free(t), P2P: free(t)}}); err != nil {
		t.Fatal(err)
	}
	cfg, err := ReadConfig(filepath.Join(dir, "cairn.toml"))
	if err != nil {
		t.Fatal(err)
	}
	onStore(t, &cfg)
	const observations = 150
	runNode(t, cfg, func(w *ward) {
		w.stored(observations)
		w.older()
	})
	brokenOff(t, cfg, observations)
	runNode(t, cfg, func(w *ward) {
		for {
			lags, err := w.Reindex.Lags(w.ctx)
			if err != nil {
				t.Fatal(err)
			}
			if !lags {
				if _, d := noted(t, w.Node); !slices.Equal(d.Types, []string{"Observation"}) || d.Done != observations || d.Total != observations || d.Changed != observations || d.Failed != 0 {
					t.Errorf("what was done: %+v", d)
				}
				break
			}
			select {
			case <-time.After(20 * time.Millisecond):
			case <-w.ctx.Done():
				t.Fatal("it does not end")
			}
		}
		if got := len(w.found("Observation", "code=c-7")); got != observations/10 {
			t.Errorf("%d are found by code", got)
		}
		w.content()
		if got := w.reindexed(); len(got) != 2 || got[0] != "reindexing begins: search parameters changed of Observation" ||
			got[1] != "reindexing ends: 150 records, 150 of them changed, 0 not readable, 0 rows removed" {
			t.Errorf("in the log: %q", got)
		}
		var last reindex.Line
		if err := w.Reindex.All(w.ctx, false, func(l reindex.Line) {
			if !l.Ended {
				last = l
			}
		}); err != nil || last.Done != observations+1 || last.Changed != 0 || last.Removed != 0 || last.Stage != "rows" {
			t.Errorf("once more, asked for: %+v, %v", last, err)
		}
		w.content()
	})
}

// stored stores a patient and observations of her.
func (w *ward) stored(n int) {
	w.Helper()
	who := w.as("ehr", purpose("TREAT"))
	p, err := w.Records.Create(w.ctx, who, "Patient", []byte(`{"resourceType":"Patient"}`))
	if err != nil {
		w.Fatal(err)
	}
	for i := range n {
		body := fmt.Sprintf(`{"resourceType":"Observation","status":"final","code":{"coding":[{"code":"c-%d"}]},"subject":{"reference":"Patient/%s"}}`, i%10, p.ID)
		if _, err := w.Records.Create(w.ctx, who, "Observation", []byte(body)); err != nil {
			w.Fatal(err)
		}
	}
}

// older makes the store what a program that did not know Observation's code
// would have left.
func (w *ward) older() {
	w.Helper()
	err := w.store.View(w.ctx, func(v *store.View) error {
		hits, _, err := v.Each([]string{"Observation"}, "", 0, 1000, nil)
		if err != nil {
			return err
		}
		return w.store.Update(w.ctx, func(tx *store.Tx) error {
			for i := range hits {
				x, err := hits[i].Load()
				if err != nil {
					return err
				}
				x.Tokens = slices.DeleteFunc(x.Tokens, func(t index.Token) bool { return t.Param == "code" })
				if err := tx.Refind(&hits[i], store.Prepare("Observation", x), false); err != nil {
					return err
				}
			}
			return tx.SetIndexPrints(index.CurrentPrints().Without(map[string]map[string]bool{"Observation": {"code": true}}))
		})
	})
	if err != nil {
		w.Fatal(err)
	}
}

// reindexed are the details of the log's entries about reindexing.
func (w *ward) reindexed() (details []string) {
	w.Helper()
	err := w.store.View(w.ctx, func(v *store.View) error {
		return v.EachEntry(0, func(e *store.Entry) error {
			opened, err := w.journal.Open(e)
			if err == nil && opened.Event.Kind == proof.KindReindexed {
				details = append(details, opened.Event.Detail)
			}
			return err
		})
	})
	if err != nil {
		w.Fatal(err)
	}
	return details
}

// content has scrub find nothing.
func (w *ward) content() {
	w.Helper()
	var last ScrubLine
	if err := w.Scrub(w.ctx, func(l ScrubLine) { last = l }); err != nil {
		w.Errorf("scrub: %+v", last)
	}
}

// noted is what the store says of work that is under way and that was done last.
func noted(t *testing.T, n *Node) (work, done *store.Reindex) {
	t.Helper()
	err := n.store.View(context.Background(), func(v *store.View) (err error) {
		if work, err = v.Reindexing(); err == nil {
			done, err = v.Reindexed()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return work, done
}

// brokenOff begins the work and breaks it off after the first records.
func brokenOff(t *testing.T, cfg Config, of int64) {
	t.Helper()
	n, err := Open(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := n.Reindex.Pending(ctx, func(reindex.Line) { cancel() }); !errors.Is(err, context.Canceled) && !fault.Is(err, fault.Busy) {
		t.Fatalf("broken off: %v", err)
	}
	if work, _ := noted(t, n); work == nil || work.Done == 0 || work.Done >= of || work.After == 0 {
		t.Errorf("how far it was is not kept: %+v", work)
	}
	var last ScrubLine
	if err := n.Scrub(context.Background(), func(l ScrubLine) { last = l }); !fault.Is(err, fault.Busy) || last.Code != "reindexing" {
		t.Errorf("scrub meanwhile: %+v, %v", last, err)
	}
}
