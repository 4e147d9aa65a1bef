package demo

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"cairn/node"
	"cairn/proof"
)

func readTrust(h *Hospital) (*proof.Trust, error) {
	raw, err := os.ReadFile(h.Trust())
	if err != nil {
		return nil, err
	}
	return proof.DecodeTrust(raw)
}

// strangerChecks takes a proof from her log to the program that verifies, in a
// process of its own, and then an altered one.
func (k *check) strangerChecks() (string, error) {
	at, event, _ := strings.Cut(k.logged, " ")
	bundle, err := k.wallet.Evidence(k.ctx, at, event)
	if err != nil {
		return "", err
	}
	file := filepath.Join(k.c.Dir, "disclosure.json")
	if err := os.WriteFile(file, bundle, 0o600); err != nil {
		return "", err
	}
	start := time.Now()
	text, code, err := k.run("verify", file, "--trust", k.stranger.Trust())
	if err != nil || code != 0 || !strings.HasPrefix(text, "OK") {
		return "", fmt.Errorf("cairn verify ended with %d: %s: %w", code, text, err)
	}
	took := time.Since(start)
	forged := bytes.Replace(bundle, []byte(`"purpose":"TREAT"`), []byte(`"purpose":"HRESC"`), 1)
	if bytes.Equal(forged, bundle) {
		return "", errors.New("the bundle does not name the purpose")
	}
	if err := os.WriteFile(file+".forged", forged, 0o600); err != nil {
		return "", err
	}
	text, code, err = k.run("verify", file+".forged", "--trust", k.stranger.Trust())
	if err != nil || code == 0 || !strings.HasPrefix(text, "FAIL") {
		return "", fmt.Errorf("a forged bundle was not refused: %s: %w", text, err)
	}
	return fmt.Sprintf("cairn verify says OK in %d ms (%d bytes); with one word changed it says FAIL", took.Milliseconds(), len(bundle)), nil
}

// stop stops the consent and asks both custodians, over and over, until each
// has refused.
func (k *check) stop() (string, error) {
	start := time.Now()
	times := make([]time.Duration, len(k.custodians))
	errs := make([]error, len(k.custodians)+1)
	var wg sync.WaitGroup
	wg.Go(func() { _, errs[len(k.custodians)] = k.wallet.Stop(k.ctx, k.stranger.URL, k.granted) })
	for i, h := range k.custodians {
		wg.Go(func() { times[i], errs[i] = k.untilRefused(h, start) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	got, err := k.clinician().gather(k.ctx, k.her.IDs[k.asking.ID], labs)
	if err != nil {
		return "", err
	}
	if len(matches(got)) != 0 || len(refusals(got)) != 2 {
		return "", errors.New("a stopped consent still opens records")
	}
	return fmt.Sprintf("handed to %s, a hospital with no part in it; refused by %s after %d ms and by %s after %d ms", k.stranger.Name,
		k.custodians[0].Name, times[0].Milliseconds(), k.custodians[1].Name, times[1].Milliseconds()), nil
}

// untilRefused asks through the asking hospital until the custodian refuses.
func (k *check) untilRefused(h *Hospital, start time.Time) (time.Duration, error) {
	for time.Since(start) < 30*time.Second {
		got, err := k.clinician().gather(k.ctx, k.her.IDs[k.asking.ID], labs)
		if err != nil {
			return 0, err
		}
		for _, e := range got.Entry {
			if e.Search.Mode == "outcome" && bytes.Contains(e.Resource, []byte(`"diagnostics":"`+h.ID+`"`)) && !bytes.Contains(e.Resource, []byte("gather.answered")) {
				return time.Since(start), nil
			}
		}
	}
	return 0, fmt.Errorf("%s still answers 30 s after the stop", h.Name)
}

// ledger exports one node's whole ledger and looks for anything personal.
func (k *check) ledger() (string, error) {
	answer, err := k.c.Hospitals[0].Operator.Expect(k.ctx, http.StatusOK, http.MethodGet, "/admin/export", nil)
	if err != nil {
		return "", err
	}
	searched := 0
	for _, secret := range k.loaded.Secrets {
		if len(secret) < 3 { // "Al" is in any random bytes
			continue
		}
		searched++
		for _, form := range forms(secret) {
			if bytes.Contains(answer.Body, form) {
				return "", errors.New("the exported ledger holds a name, identifier or id of a patient")
			}
		}
	}
	return fmt.Sprintf("%d names, identifiers, birth dates, addresses and record ids are not among its %d bytes", searched, len(answer.Body)), nil
}

// forms are the ways in which a text may stand in bytes. Very short texts are
// looked for as they are only: their hexadecimal is in any random bytes.
func forms(s string) [][]byte {
	out := [][]byte{[]byte(s)}
	if len(s) >= 6 {
		out = append(out, []byte(hex.EncodeToString([]byte(s))))
		if raw, err := hex.DecodeString(strings.ReplaceAll(s, "-", "")); err == nil && len(raw) >= 8 {
			out = append(out, raw)
		}
	}
	return out
}

// tamper plays the database administrator on one record, then shows that scrub
// names it and that it has no proof any more.
func (k *check) tamper() (string, error) {
	h := k.custodians[0]
	victim := ""
	for _, s := range k.loaded.Stored[h.ID] {
		if strings.HasPrefix(s, "Observation/") {
			victim = s
			break
		}
	}
	cfg, err := node.ReadConfig(h.Config)
	if err == nil {
		err = EditRow(k.ctx, cfg, victim)
	}
	if err != nil {
		return "", err
	}
	text, code, err := k.run("scrub", "--config", h.Config)
	named := strings.TrimSuffix(victim, "/_history/1")
	if err != nil || code != 1 || !strings.Contains(text, named) {
		return "", fmt.Errorf("cairn scrub ended with %d and did not name the row: %s: %w", code, text, err)
	}
	answer, err := local(h).Do(k.ctx, http.MethodGet, "/fhir/"+victim+"/$evidence", nil)
	if err != nil {
		return "", err
	}
	if answer.Status == http.StatusOK {
		return "", errors.New("an edited record still has a proof")
	}
	why, _ := answer.Refusal()
	return fmt.Sprintf("cairn scrub names the row in %s's database; the record is not shown and its proof FAILs (%s)", h.Name, why), nil
}

// run runs the cairn program and returns what it printed.
func (k *check) run(args ...string) (out string, code int, err error) {
	var buf bytes.Buffer
	cmd := exec.CommandContext(k.ctx, k.c.binary, args...) //nolint:gosec // our own program
	cmd.Stdout, cmd.Stderr = &buf, &buf
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return buf.String(), exit.ExitCode(), nil
	}
	return buf.String(), 0, err
}
