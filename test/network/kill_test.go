package network_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cairn/demo"
)

// TestKilled kills a hospital with SIGKILL in the middle of writes, three
// times. After each restart everything that was acknowledged is there, byte for
// byte, and the operator's own scrub finds nothing wrong.
func TestKilled(t *testing.T) {
	ctx := within(t, 3*time.Minute)
	c, err := demo.Found(demo.Options{Binary: binary, Dir: filepath.Join(t.TempDir(), "town")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	h := c.Find("north")
	journal := make(map[string]string) // location -> acknowledged bytes
	patient, _ := post(ctx, t, h, "Patient", `{"resourceType":"Patient"}`)
	for round := range 3 {
		write(ctx, h, patient, journal)
		if err := c.StartOne(h); err != nil {
			t.Fatal(err)
		}
		if err := c.Ready(ctx, h); err != nil {
			t.Fatal(err)
		}
		for location, want := range journal {
			a, err := physician(h).Do(ctx, http.MethodGet, "/fhir/"+location, nil)
			if err != nil || a.Status != http.StatusOK || string(a.Body) != want {
				t.Fatalf("round %d: an acknowledged record reads back with status %d: %v", round, a.Status, err)
			}
		}
	}
	if len(journal) < 50 {
		t.Errorf("only %d records were acknowledged", len(journal))
	}
	scrub := exec.CommandContext(ctx, binary, "scrub", "--config", h.Config)
	if out, err := scrub.CombinedOutput(); err != nil {
		t.Errorf("scrub: %v\n%s", err, out)
	}
	t.Logf("%d acknowledged writes, 3 kills, 0 lost", len(journal))
}

// write creates records from eight clients for a while and kills the hospital
// under them.
func write(ctx context.Context, h *demo.Hospital, patient string, journal map[string]string) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				a, err := h.EHR.Do(ctx, http.MethodPost, "/fhir/Observation", []byte(observation(patient, "laboratory", "4548-4")))
				if err != nil || a.Status != http.StatusCreated {
					return
				}
				_, location, _ := strings.Cut(a.Header.Get("Location"), "/fhir/")
				mu.Lock()
				journal[location] = string(a.Body)
				mu.Unlock()
			}
		})
	}
	time.Sleep(700 * time.Millisecond)
	h.Kill()
	wg.Wait()
}

// TestTampered edits rows of a stopped copy by hand: scrub names each.
func TestTampered(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	c, err := demo.Found(demo.Options{Binary: binary, Dir: filepath.Join(t.TempDir(), "town")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	h := c.Find("north")
	patient, _, _ := newPatient(ctx, t, h)
	if n := total1(ctx, t, h, "Observation?patient="+patient); n != 2 {
		t.Fatalf("%d observations", n)
	}
	wish := strings.Replace(string(subscription("Observation", "patient="+patient, "https://hooks.example.org", "empty")), "requested", "off", 1)
	if _, err := physician(h).Expect(ctx, http.StatusCreated, http.MethodPost, "/fhir/Subscription", []byte(wish)); err != nil {
		t.Fatal(err)
	}
	untilSealed(ctx, t, h)
	if err := c.StopOne(h); err != nil {
		t.Fatal(err)
	}
	const second, third = "(SELECT rid FROM version WHERE seq = 2)", "(SELECT rid FROM version WHERE seq = 3)"
	for name, edit := range map[string]string{
		"a subscription":      "UPDATE subscription SET body = substr(body, 1, 60) || x'00' || substr(body, 62)",
		"a subscriber":        "UPDATE subscription SET standing = substr(standing, 1, 20) || x'00' || substr(standing, 22)",
		"a wish's owner":      "UPDATE subscription SET owner = 'north lab'",
		"a sealed body":       "UPDATE version SET body = substr(body, 1, 60) || x'00' || substr(body, 62) WHERE seq = 2",
		"a category":          "UPDATE record SET facets = (SELECT facets FROM record WHERE rid = " + third + ") WHERE rid = " + second,
		"whom it is about":    "UPDATE record SET subject = 'somebody' WHERE rid = " + second,
		"what it is found by": "UPDATE record SET found = (SELECT found FROM record WHERE rid = " + third + ") WHERE rid = " + second,
		"another version":     "UPDATE record SET seq = 3 WHERE rid = " + second,
		"a posting":           "UPDATE posting SET key = key + 1 WHERE rid = " + second,
		"a posting too few":   "DELETE FROM posting WHERE rid = " + second + " AND key = (SELECT max(key) FROM posting WHERE rid = " + second + ")",
		"a posting too many":  "INSERT INTO posting (key, rid) SELECT key, " + second + " FROM posting WHERE rid = " + third + " AND key NOT IN (SELECT key FROM posting WHERE rid = " + second + ")",
		"a word":              "UPDATE word SET value = CAST(value || x'61' AS BLOB)",
		"a span":              "UPDATE span SET lo = lo - 1",
		"a stray record":      "INSERT INTO record SELECT rid + 1000000, type, id || 'x', version, seq, subject, deleted, updated, facets, found FROM record WHERE rid = " + second,
		"a deleted version":   "DELETE FROM version WHERE seq = 2",
		"a leaf":              "UPDATE entry SET leaf = zeroblob(32) WHERE idx = 1",
		"an entry's body":     "UPDATE entry SET body = zeroblob(100) WHERE idx = 1",
		"an entry's kind":     "UPDATE entry SET kind = 'access.allowed' WHERE idx = 1",
		"a deleted entry":     "DELETE FROM entry WHERE idx = 1",
		"swapped entries":     "UPDATE entry SET idx = CASE idx WHEN 1 THEN -2 ELSE -1 END WHERE idx IN (1, 2); UPDATE entry SET idx = -idx WHERE idx < 0",
		"a truncated log":     "DELETE FROM entry WHERE idx >= 2",
		"two swapped bodies":  "UPDATE version SET body = (SELECT body FROM version WHERE seq = 3) WHERE seq = 2",
	} {
		t.Run(name, func(t *testing.T) {
			copied := *h
			copied.Dir = filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(copied.Dir, os.DirFS(h.Dir)); err != nil {
				t.Fatal(err)
			}
			keepPrivate(t, filepath.Join(copied.Dir, "keys"))
			copied.Config = filepath.Join(copied.Dir, "cairn.toml")
			if out, err := exec.CommandContext(ctx, binary, "scrub", "--config", copied.Config).CombinedOutput(); err != nil {
				t.Fatalf("scrub of an honest copy: %v\n%s", err, out)
			}
			sabotage(t, &copied, edit)
			out, err := exec.CommandContext(ctx, binary, "scrub", "--config", copied.Config).CombinedOutput()
			if err == nil || !strings.Contains(string(out), "FAIL") && !strings.Contains(string(out), "error") {
				t.Errorf("scrub found nothing: %s", out)
			}
			t.Logf("%s", out)
			if !strings.HasPrefix(name, "a posting") && name != "a word" && name != "a span" && name != "what it is found by" {
				return
			}
			for _, command := range []string{"reindex", "scrub"} { // it can be made anew of what the records say
				if out, err := exec.CommandContext(ctx, binary, command, "--config", copied.Config).CombinedOutput(); err != nil { //nolint:gosec // our own program
					t.Errorf("%s: %v\n%s", command, err, out)
				}
			}
		})
	}
}

// untilSealed waits until the hospital's whole log is sealed.
func untilSealed(ctx context.Context, t *testing.T, h *demo.Hospital) {
	t.Helper()
	for ctx.Err() == nil {
		a, err := h.Operator.Expect(ctx, http.StatusOK, http.MethodGet, "/admin/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		var s struct {
			LogSize    uint64 `json:"log_size"`
			SealedSize uint64 `json:"sealed_size"`
		}
		if err := json.Unmarshal(a.Body, &s); err != nil {
			t.Fatal(err)
		}
		if s.LogSize > 0 && s.LogSize == s.SealedSize {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal(ctx.Err())
}

func keepPrivate(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.Chmod(filepath.Join(dir, f.Name()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func total1(ctx context.Context, t *testing.T, h *demo.Hospital, query string) int {
	t.Helper()
	a, err := physician(h).Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b struct{ Total int }
	if err := json.Unmarshal(a.Body, &b); err != nil {
		t.Fatal(err)
	}
	return b.Total
}
