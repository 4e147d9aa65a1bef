package bench

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	good := Options{Seconds: 1, Clients: 1, Scenarios: []string{"read", "decide"}}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for _, wrong := range []Options{
		{Seconds: 1, Clients: 1, Scenarios: []string{"reed"}}, {Clients: 1}, {Seconds: MaxSeconds + 1, Clients: 1}, {Seconds: 1}, {Seconds: 1, Clients: MaxClients + 1},
	} {
		if wrong.Validate() == nil {
			t.Errorf("%+v was taken", wrong)
		}
	}
}

// The line about storage must be what node/store really sets.
func TestStorageIsWhatTheStoreSets(t *testing.T) {
	source, err := os.ReadFile("../node/store/sqlite.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range strings.Fields(storage[:strings.Index(storage, ";")]) {
		if strings.Contains(word, "=") && !strings.Contains(string(source), `"`+word+`"`) {
			t.Errorf("the store does not set %s", word)
		}
	}
}

// TestRun measures one scenario for a second on four real hospitals.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("starts four hospitals")
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "cairn")
	if out, err := exec.Command("go", "build", "-o", binary, "cairn/cmd/cairn").CombinedOutput(); err != nil {
		t.Fatalf("building cairn: %v\n%s", err, out)
	}
	report, err := Run(t.Context(), Options{
		Binary: binary, Dir: dir, Scenarios: []string{"read"}, Seconds: 1, Clients: 4, Profile: filepath.Join(dir, "profile"), Progress: io.Discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Figures) != 1 {
		t.Fatalf("%d figures", len(report.Figures))
	}
	f := report.Figures[0]
	if f.Value <= 0 || f.Latency == nil || f.Latency.P50 <= 0 || f.Latency.P99 < f.Latency.P50 || f.Share.Hospital <= 0 || f.Limit < f.Value || f.Memory.Peak < 10<<20 {
		t.Errorf("the figure is %+v, latency %+v, processor %+v", f, f.Latency, f.Share)
	}
	m, l := report.Machine, report.Limits
	if m.Cores < 1 || m.CPU == "" || m.MemoryMB < 1 || l.Fsync <= 0 || l.AESGCM <= 0 || l.SHA256 <= 0 || l.Ed25519 <= 0 || l.P256 <= 0 || l.Program <= 0 {
		t.Errorf("machine %+v, limits %+v", m, l)
	}
	if info, err := os.Stat(filepath.Join(dir, "profile", "read.pprof")); err != nil || info.Size() == 0 {
		t.Errorf("no profile was written: %v", err)
	}
	if err := exec.Command("pgrep", "-f", filepath.Join(dir, "hospitals")).Run(); err == nil {
		t.Error("a hospital is still running")
	}
}
