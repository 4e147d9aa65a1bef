package network_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/client"
	"cairn/demo"
	"cairn/proof"
	"cairn/wallet"
)

// canary stands in everything of hers that could be found in a file.
const canary = "Unforgettable"

// erasable makes a patient of a hospital with records that bear the canary, and
// with whom others are alike but for that.
func erasable(ctx context.Context, t *testing.T, c *demo.Consortium, h *demo.Hospital) (patient, lab string, w *wallet.Wallet) {
	t.Helper()
	patient, _ = post(ctx, t, h, "Patient", `{"resourceType":"Patient","name":[{"family":"`+canary+`"}],"identifier":[{"system":"http://h.example/mrn","value":"`+canary+`-7"}]}`)
	for n := range 30 {
		lab, _ = post(ctx, t, h, "Observation", strings.Replace(observation(patient, "laboratory", "4548-4"), `"resourceType"`, fmt.Sprintf(`"identifier":[{"value":"%s-%d"}],"resourceType"`, canary, n), 1))
	}
	w, err := demo.NewWallet(c, demo.Person{IDs: map[string]string{h.ID: patient}}, h)
	if err != nil {
		t.Fatal(err)
	}
	return patient, lab, w
}

// finish waits until a hospital says that it has erased her.
func finish(ctx context.Context, t *testing.T, w *wallet.Wallet, e *wallet.Erasing, at string) wallet.Erased {
	t.Helper()
	for {
		if got, err := w.Erased(ctx, e, at); err == nil && got.Done {
			return got
		}
		select {
		case <-ctx.Done():
			t.Fatal("the erasure does not end")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// waysTo are all ways to her records at a hospital.
func waysTo(patient, lab string) []string {
	return []string{
		"Patient/" + patient, "Observation/" + lab, "Observation/" + lab + "/_history/1", "Observation/" + lab + "/_history",
		"Observation?patient=" + patient, "Observation?_summary=count&patient=" + patient, "Patient?family=" + canary, "Patient?identifier=" + canary + "-7",
		"Patient?_has:Observation:patient:code=4548-4&family=" + canary, "Observation?patient.family=" + canary, "Observation?_id=" + lab + "&_include=Observation:patient",
		"Patient/" + patient + "/$everything", "Patient/" + patient + "/Observation", "Observation/" + lab + "/$evidence",
	}
}

// knowsNothing fails if any exit says something about her.
func knowsNothing(ctx context.Context, t *testing.T, h *demo.Hospital, patient, lab string) {
	t.Helper()
	for who, c := range map[string]*client.Client{"a physician": physician(h), "the hospital's software": h.EHR} {
		for _, path := range waysTo(patient, lab) {
			a, err := c.Do(ctx, http.MethodGet, "/fhir/"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			var bundle struct {
				ResourceType string
				Total        int
				Entry        []json.RawMessage
			}
			_ = json.Unmarshal(a.Body, &bundle) // anything else has no entries
			if a.Status == http.StatusOK && (bundle.ResourceType != "Bundle" || bundle.Total != 0 || len(bundle.Entry) != 0) || bytes.Contains(a.Body, []byte(canary)) && a.Status == http.StatusOK && bundle.Total != 0 {
				t.Errorf("%s sees at %s: %d %s", who, path, a.Status, a.Body)
			}
		}
	}
	for method, path := range map[string]string{http.MethodPut: "Patient/" + patient, http.MethodPost: "Observation"} {
		body := `{"resourceType":"Patient","id":"` + patient + `"}`
		if method == http.MethodPost {
			body = observation(patient, "laboratory", "4548-4")
		}
		if a, err := h.EHR.Do(ctx, method, "/fhir/"+path, []byte(body)); err != nil || a.Status < 400 || a.Status >= 500 {
			t.Errorf("%s of her comes back: %d %v", path, a.Status, err)
		}
	}
}

// inFiles returns in which files of a folder one of some texts stands.
func inFiles(t *testing.T, dir string, texts ...string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		for _, text := range texts {
			if bytes.Contains(raw, []byte(text)) {
				found = append(found, d.Name()+": "+text)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func scrubbed(ctx context.Context, t *testing.T, h *demo.Hospital) {
	t.Helper()
	if out, err := exec.CommandContext(ctx, binary, "scrub", "--config", h.Config).CombinedOutput(); err != nil {
		t.Errorf("scrub: %v\n%s", err, out)
	}
}

// TestErasure has a patient erased at a hospital of a network of its own: nothing
// shows her, nothing of her is in a file, the log stays whole, the receipt
// verifies, and what an old copy of the database has of her is not shown and is
// erased again.
func TestErasure(t *testing.T) {
	ctx := within(t, 4*time.Minute)
	c, err := demo.Found(demo.Options{Binary: binary, Dir: filepath.Join(t.TempDir(), "town")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	h := c.Find("north")
	patient, lab, w := erasable(ctx, t, c, h)
	other, _, _ := newPatient(ctx, t, h)
	if _, err := w.Grant(ctx, labsFor(c.Find("south")), h.ID); err != nil {
		t.Fatal(err)
	}
	if a, err := asPeer(t, c.Find("south"), h).Do(ctx, http.MethodGet, "/fhir/Observation?patient="+patient, nil); err != nil || a.Status != http.StatusOK {
		t.Fatalf("granted, status %d %v", a.Status, err)
	}
	if _, err := physician(h).Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/Patient/"+patient, nil); err != nil {
		t.Fatal(err)
	}
	entries, _, err := w.Log(ctx, h.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	event, err := proof.DecodeEvent(entries[0].Event)
	if err != nil {
		t.Fatal(err)
	}
	old, err := w.Evidence(ctx, h.ID, event.ID)
	if err != nil {
		t.Fatal(err)
	}
	// A copy of the database from before.
	untilSealed(ctx, t, h)
	if err := c.StopOne(h); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(h.Dir, "data", "store")
	backup := filepath.Join(t.TempDir(), "backup")
	if err := os.CopyFS(backup, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	if len(inFiles(t, data, canary, strings.ToLower(canary), patient)) == 0 {
		t.Fatal("the canary was not planted")
	}
	if err := c.StartOne(h); err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(ctx, h); err != nil {
		t.Fatal(err)
	}

	e, err := w.Erase(ctx, h.ID)
	if err != nil {
		t.Fatal(err)
	}
	done := finish(ctx, t, w, e, h.ID)
	if done.Records != 31 || done.Entries < 31 || done.Backups == "" {
		t.Errorf("erased: %+v", done)
	}
	knowsNothing(ctx, t, h, patient, lab)
	if a, err := asPeer(t, c.Find("south"), h).Do(ctx, http.MethodGet, "/fhir/Observation?patient="+patient, nil); err != nil || a.Status == http.StatusOK {
		t.Errorf("another hospital reads on: %d %v", a.Status, err)
	}
	w.Forget(h.ID)
	if _, _, err := w.Log(ctx, h.ID, 1); err == nil {
		t.Error("her passkey lets her in")
	}
	if n := total1(ctx, t, h, "Observation?patient="+other); n != 2 {
		t.Errorf("of another patient %d observations are left", n)
	}

	receipt, err := w.Receipt(ctx, e, h.ID)
	if err != nil {
		t.Fatal(err)
	}
	verified(ctx, t, h, receipt, "OK")
	verified(ctx, t, h, old, "OK") // what she has of her log proves what it did
	said, err := proof.Decode(receipt)
	if err != nil || said.Event.Content.Kind != proof.KindErasureDone || len(said.Marks) != 1 || !said.Marks[0].Present || bytes.Contains(receipt, []byte(patient)) {
		t.Errorf("the receipt says %s", receipt)
	}
	verified(ctx, t, h, bytes.Replace(receipt, []byte("records 31"), []byte("records 30"), 1), "FAIL")

	untilSealed(ctx, t, h)
	if err := c.StopOne(h); err != nil {
		t.Fatal(err)
	}
	scrubbed(ctx, t, h)
	if found := inFiles(t, h.Dir, canary, strings.ToLower(canary), patient, lab); len(found) != 0 {
		t.Errorf("files hold something of hers: %v", found)
	}
	t.Run("entries that are emptied by hand", func(t *testing.T) { emptied(ctx, t, h) })
	if err := c.StartOne(h); err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(ctx, h); err != nil {
		t.Fatal(err)
	}
	knowsNothing(ctx, t, h, patient, lab)

	killed(ctx, t, c, h)
	restored(ctx, t, c, h, backup, patient, lab)
}

// emptied removes the content of an entry of somebody else: scrub says so.
func emptied(ctx context.Context, t *testing.T, h *demo.Hospital) {
	for _, edit := range []string{
		"UPDATE entry SET body = x'', subject = '' WHERE idx = (SELECT min(idx) FROM entry WHERE length(body) > 0)",
		"UPDATE erasure SET entries = entries || x'01'",
	} {
		copied := *h
		copied.Dir = filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(copied.Dir, os.DirFS(h.Dir)); err != nil {
			t.Fatal(err)
		}
		keepPrivate(t, filepath.Join(copied.Dir, "keys"))
		copied.Config = filepath.Join(copied.Dir, "cairn.toml")
		sabotage(t, &copied, edit)
		if out, err := exec.CommandContext(ctx, binary, "scrub", "--config", copied.Config).CombinedOutput(); err == nil {
			t.Errorf("scrub found nothing after %s: %s", edit, out)
		}
	}
}

// killed kills a hospital while it erases somebody: it goes on when it is back.
func killed(ctx context.Context, t *testing.T, c *demo.Consortium, h *demo.Hospital) {
	t.Helper()
	patient, lab, w := erasable(ctx, t, c, h)
	e, err := w.Erase(ctx, h.ID)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); { // the mark is sealed: it is in the midst
		if got, err := w.Erased(ctx, e, h.ID); err == nil && got.Sealed {
			break
		}
	}
	h.Kill()
	if err := c.StartOne(h); err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(ctx, h); err != nil {
		t.Fatal(err)
	}
	if got := finish(ctx, t, w, e, h.ID); got.Records != 31 {
		t.Errorf("of her 31 records %d were erased", got.Records)
	}
	knowsNothing(ctx, t, h, patient, lab)
}

// restored puts the database from before the erasure back. The hospital's node
// cannot go on with it, since its log is shorter than what was sealed: but while it
// is up it shows nothing of hers, and it erases her again.
func restored(ctx context.Context, t *testing.T, c *demo.Consortium, h *demo.Hospital, backup, patient, lab string) {
	t.Helper()
	if err := c.StopOne(h); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(h.Dir, "data", "store")
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(data, os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	if err := c.StartOne(h); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		a, err := physician(h).Do(ctx, http.MethodGet, "/fhir/Patient/"+patient, nil)
		if err == nil && a.Status == http.StatusOK {
			t.Fatal("a restored database shows her")
		}
		if len(inFiles(t, data, canary, strings.ToLower(canary), patient, lab)) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("what came back is not erased: %v", inFiles(t, data, canary, strings.ToLower(canary), patient, lab))
		}
	}
}

// verified has the program verify a bundle offline.
func verified(ctx context.Context, t *testing.T, h *demo.Hospital, bundle []byte, want string) {
	t.Helper()
	dir := t.TempDir()
	a, err := h.EHR.Do(ctx, http.MethodGet, "/network.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	file, trust := filepath.Join(dir, "bundle.json"), filepath.Join(dir, "network.json")
	for path, raw := range map[string][]byte{file: bundle, trust: a.Body} {
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, _ := exec.CommandContext(ctx, binary, "verify", "--trust", trust, file).CombinedOutput() //nolint:gosec // our own program
	if !strings.Contains(string(out), want) {
		t.Errorf("verify says %s, not %s", out, want)
	}
}
