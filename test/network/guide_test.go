package network_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestGuide runs every command of docs/connect-your-ehr.md, in its order, in
// one shell, and wants to see what the page shows. Only the ports are others.
func TestGuide(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	page, err := os.ReadFile("../../docs/connect-your-ehr.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, port := range []string{"8101", "8201", "2575"} {
		_, free, _ := strings.Cut(freeAddress(t), ":")
		text = strings.ReplaceAll(text, ":"+port, ":"+free)
	}
	// Each block of commands marks where its output begins, so that each block
	// of output is looked for in its own.
	var script strings.Builder
	script.WriteString("set -eo pipefail\n")
	blocks := regexp.MustCompile("(?ms)^```(sh|text)\n(.*?)^```$").FindAllStringSubmatch(text, -1)
	var wants []string
	for _, b := range blocks {
		if b[1] == "text" {
			wants[len(wants)-1] = b[2]
			continue
		}
		wants = append(wants, "")
		script.WriteString("echo '=== block'\n" + b[2])
	}
	if len(wants) < 8 {
		t.Fatalf("the page has %d blocks of commands", len(wants))
	}
	cmd := exec.CommandContext(ctx, "bash", "-c", script.String())
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
	cmd.WaitDelay = 5 * time.Second // for the hospital, if the script ends before it has told it to
	out, err := cmd.CombinedOutput()
	if err != nil {
		node, _ := os.ReadFile(filepath.Join(cmd.Dir, "node.log"))
		t.Fatalf("%v\n%s\n%s", err, out, node)
	}
	said := strings.Split(string(out), "=== block\n")[1:]
	for i, want := range wants {
		at := 0
		for _, line := range strings.Split(strings.TrimSpace(want), "\n") {
			found := strings.Index(strings.ToLower(said[i][at:]), strings.ToLower(line))
			if found < 0 {
				t.Errorf("block %d does not print %q but\n%s", i+1, line, said[i])
				break
			}
			at += found + len(line)
		}
	}
}
