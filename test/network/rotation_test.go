package network_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cairn/client"
	"cairn/demo"
	"cairn/wallet"
)

// TestEveryKeyRotates has every key of a hospital followed by another while its
// people read and write and hospitals ask each other: nothing fails, what was
// proved before verifies with the trust file of before and that of after, and the
// old keys are good for nothing more. Then it is killed in the middle of rotations.
func TestEveryKeyRotates(t *testing.T) {
	ctx := within(t, 5*time.Minute)
	c, err := demo.Found(demo.Options{Binary: binary, Dir: filepath.Join(t.TempDir(), "town")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	north, south := c.Find("north"), c.Find("south")
	prepend(t, north.Config, "key_days = 20\n")
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	warned(ctx, t, c, north, 4)
	given, taken := twoWays(ctx, t, c, north, south), twoWays(ctx, t, c, south, north)
	before := filepath.Join(t.TempDir(), "before.json")
	export(t, north, "trust", before)
	old := evidence(ctx, t, north, given.lab)
	passed(t, "verify", old, "--trust", before)
	signed := given.signedAt(ctx, t, north)
	passed(t, "verify", signed, "--trust", before)

	stop := traffic(ctx, t, given, taken)
	var wg sync.WaitGroup
	for _, use := range []string{"client", "cosign", "seal", "validator"} {
		wg.Go(func() {
			if out, err := exec.CommandContext(ctx, binary, "keys", "rotate", "--use", use, "--config", north.Config).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", use, err, out)
			}
		})
	}
	wg.Wait()
	if n := stop(); n < 100 {
		t.Errorf("only %d requests meanwhile", n)
	}

	after := filepath.Join(t.TempDir(), "after.json")
	export(t, north, "trust", after)
	passed(t, "verify", old, "--trust", before)
	passed(t, "verify", old, "--trust", after)
	passed(t, "verify", signed, "--trust", after)
	passed(t, "verify", given.signedAt(ctx, t, north), "--trust", after)
	recent := evidence(ctx, t, north, given.vital)
	passed(t, "verify", recent, "--trust", after)
	if out := refused(t, "verify", recent, "--trust", before); !strings.HasPrefix(out, "INCONCLUSIVE (other-trust)") {
		t.Errorf("with the trust file of before: %s", out)
	}
	if a, err := asPeer(t, north, south).Do(ctx, http.MethodGet, "/fhir/Observation/"+taken.lab, nil); err != nil || a.Status != http.StatusUnauthorized {
		t.Errorf("a request that the old client key signed: %d, %v", a.Status, err)
	}
	if keys := listed(t, north); len(keys) != 8 || slices.ContainsFunc(keys, func(k memberKey) bool { return k.State == "in-force" && k.From < 2 }) {
		t.Errorf("%+v", keys)
	}
	for _, h := range []*demo.Hospital{north, south} {
		passed(t, "scrub", "--config", h.Config)
	}
	killedInRotation(ctx, t, c, north)
	if n, codes := given.gather(ctx, t, physician(south), "_type=Observation"); n != 1 || len(codes) != 0 {
		t.Errorf("after the kills: %d records, refusals %v", n, codes)
	}
}

// killedInRotation kills a hospital once between the making of a key and its
// announcement, or about then, and once between that and the block from which it
// counts. Each time it starts again, and the rotation is gone on with; no key is
// left over.
func killedInRotation(ctx context.Context, t *testing.T, c *demo.Consortium, h *demo.Hospital) {
	t.Helper()
	for use, at := range map[string]string{"seal": "The next key is", "validator": "Announced"} {
		before := len(listed(t, h))
		cmd := exec.CommandContext(ctx, binary, "keys", "rotate", "--use", use, "--config", h.Config)
		said, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(said)
		for lines.Scan() && !strings.HasPrefix(lines.Text(), at) {
		}
		h.Kill()
		rest, _ := io.ReadAll(said)
		if err := cmd.Wait(); err == nil || !strings.Contains(string(rest), "cairn: hint: ") {
			t.Errorf("%s: the command ended with %v and said %s", use, err, rest)
		}
		if err := c.StartOne(h); err != nil {
			t.Fatal(err)
		}
		if err := c.Ready(ctx, h); err != nil {
			t.Fatal(err)
		}
		passed(t, "keys", "rotate", "--use", use, "--config", h.Config)
		if keys := listed(t, h); len(keys) != before+1 && use == "seal" || slices.ContainsFunc(keys, func(k memberKey) bool { return k.State == "spare" || k.State == "next" }) {
			t.Errorf("%s: %+v", use, keys)
		}
	}
	passed(t, "scrub", "--config", h.Config)
}

// twoWays is a patient of a custodian who lets another hospital see her results.
func twoWays(ctx context.Context, t *testing.T, c *demo.Consortium, custodian, grantee *demo.Hospital) *scene {
	t.Helper()
	s := &scene{custodian: custodian, grantee: grantee, ids: make(map[*demo.Hospital]string)}
	s.ids[custodian], s.lab, s.vital = newPatient(ctx, t, custodian)
	s.ids[grantee], _ = post(ctx, t, grantee, "Patient", `{"resourceType":"Patient"}`)
	her := demo.Person{IDs: map[string]string{custodian.ID: s.ids[custodian], grantee.ID: s.ids[grantee]}}
	var err error
	if s.wallet, err = demo.NewWallet(c, her, custodian, grantee); err != nil {
		t.Fatal(err)
	}
	s.grant(ctx, t)
	return s
}

// signedAt gathers and writes to a file what the hospitals signed of it.
func (s *scene) signedAt(ctx context.Context, t *testing.T, h *demo.Hospital) string {
	t.Helper()
	if n, codes := s.gather(ctx, t, physician(s.grantee), "_type=Observation"); n != 1 || len(codes) != 0 {
		t.Fatalf("%d records, refusals %v", n, codes)
	}
	var list []wallet.Exchange
	until(ctx, t, "the exchange is whole", func() bool {
		var err error
		if list, err = s.wallet.Exchanges(ctx, h.ID, 1); err != nil {
			t.Fatal(err)
		}
		return len(list) > 0 && list[0].State == "whole"
	})
	raw, err := s.wallet.ExchangeFile(ctx, h.ID, list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "exchange.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// traffic reads, writes and gathers until stop is called, which returns how many
// requests there were. Each that fails is an error.
func traffic(ctx context.Context, t *testing.T, scenes ...*scene) (stop func() int64) {
	t.Helper()
	var done atomic.Bool
	var count atomic.Int64
	var wg sync.WaitGroup
	during := func(what string, do func() error) {
		wg.Go(func() {
			for !done.Load() && !t.Failed() {
				if err := do(); err != nil {
					t.Errorf("%s: %v", what, err)
				}
				count.Add(1)
				time.Sleep(20 * time.Millisecond) // the machine is for the rotation too
			}
		})
	}
	for _, s := range scenes {
		who := physician(s.custodian)
		during("read at "+s.custodian.ID, func() error {
			_, err := who.Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/Observation/"+s.lab, nil)
			return err
		})
		during("write at "+s.custodian.ID, func() error {
			_, err := who.Expect(ctx, http.StatusCreated, http.MethodPost, "/fhir/Observation", []byte(observation(s.ids[s.custodian], "vital-signs", "8867-4")))
			return err
		})
		asking := physician(s.grantee)
		during(s.grantee.ID+" asks "+s.custodian.ID, func() error {
			a, err := asking.Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/Patient/"+s.ids[s.grantee]+"/$gather?_type=Observation", nil)
			if err == nil && !strings.Contains(string(a.Body), `"gather.answered"`) {
				t.Errorf("%s asks %s: %.400s", s.grantee.ID, s.custodian.ID, a.Body)
			}
			return err
		})
	}
	return func() int64 { done.Store(true); wg.Wait(); return count.Load() }
}

// warned compares what /healthz, /metrics and the log say of keys that are due.
func warned(ctx context.Context, t *testing.T, c *demo.Consortium, h *demo.Hospital, n int) {
	t.Helper()
	var s struct{ Warnings []string }
	if err := json.Unmarshal(got(ctx, t, c, h, "/healthz"), &s); err != nil || len(s.Warnings) != n || !strings.Contains(s.Warnings[0], "cairn keys rotate --use seal") {
		t.Errorf("healthz warns of %q, %v", s.Warnings, err)
	}
	metrics := string(got(ctx, t, c, h, "/metrics"))
	if !strings.Contains(metrics, "\ncairn_node_warnings 4\n") || !strings.Contains(metrics, `cairn_keys_due_seconds{use="validator"} `) {
		t.Errorf("metrics: %s", metrics)
	}
	lines := func() int {
		log, err := os.ReadFile(h.LogFile())
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(log), "should be followed by another before")
	}
	until(ctx, t, "the log warns of each key", func() bool { return lines() >= n })
	if got := lines(); got != n {
		t.Errorf("the log warns %d times", got)
	}
}

func got(ctx context.Context, t *testing.T, c *demo.Consortium, h *demo.Hospital, path string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v", path, res.StatusCode, err)
	}
	return body
}

// evidence writes the proof of a record to a file.
func evidence(ctx context.Context, t *testing.T, h *demo.Hospital, lab string) string {
	t.Helper()
	var a client.Answer
	until(ctx, t, "the members have signed", func() bool {
		var err error
		if a, err = physician(h).Do(ctx, http.MethodGet, "/fhir/Observation/"+lab+"/_history/1/$evidence", nil); err != nil {
			t.Fatal(err)
		}
		return a.Status == http.StatusOK
	})
	file := filepath.Join(t.TempDir(), "evidence.json")
	if err := os.WriteFile(file, a.Body, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func export(t *testing.T, h *demo.Hospital, form, file string) {
	t.Helper()
	passed(t, "keys", "export", "--form", form, "--out", file, "--config", h.Config)
}

// memberKey is a key as `cairn keys list` shows it.
type memberKey struct {
	Use, ID, State string
	From           uint64
}

func listed(t *testing.T, h *demo.Hospital) []memberKey {
	t.Helper()
	var out struct{ Keys []memberKey }
	if err := json.Unmarshal([]byte(passed(t, "keys", "list", "--json", "--config", h.Config)), &out); err != nil {
		t.Fatal(err)
	}
	return out.Keys
}

// passed runs the program, which must succeed, and returns what it printed.
func passed(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(binary, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("cairn %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// refused is passed for one that must not succeed.
func refused(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(binary, args...).CombinedOutput()
	if err == nil {
		t.Errorf("cairn %s succeeded\n%s", strings.Join(args, " "), out)
	}
	return string(out)
}

// prepend puts text in front of a file.
func prepend(t *testing.T, file, text string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, append([]byte(text), data...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
