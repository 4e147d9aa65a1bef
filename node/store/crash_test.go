package store_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"cairn/node/fault"
	"cairn/node/store"
)

const (
	victimDir = "CAIRN_STORE_TEST_VICTIM"
	victimURL = "CAIRN_STORE_TEST_URL"
)

// victim writes from many goroutines until it is killed, and says on its
// standard output what was acknowledged, after it was.
func victim(dir, url string) {
	s, err := store.Open(dir, store.Options{URL: url})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	base := 2*int(s.Size()) + 64 // beyond every number of earlier rounds, refused ones too
	var mu sync.Mutex
	fmt.Println("ready")
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				n := base + w*1_000_000 + i
				line, err := victimWrite(s, n)
				if err != nil {
					line = fmt.Sprint("error ", err)
				}
				mu.Lock()
				_, _ = os.Stdout.WriteString(line + "\n") // nobody listens once the parent is gone
				mu.Unlock()
			}
		}()
	}
	select {}
}

// victimWrite stores a record with its entry; every fifth fails on purpose. Of
// others every second only logs, as reads do.
func victimWrite(s *store.Store, n int) (string, error) {
	e := logEntry(n, "p")
	if n%5 > 2 {
		err := s.Log(bg, []*store.Entry{e}, nil)
		return fmt.Sprintf("logged %d %x", e.Index, e.ID), err
	}
	id := fmt.Sprint("r", n)
	err := s.Update(bg, func(tx *store.Tx) error {
		if err := tx.Append(e); err != nil {
			return err
		}
		r := observation(id, 1, "p", "1")
		r.Entry = e.Index
		if err := tx.PutRecord(r, 0); err != nil {
			return err
		}
		if n%5 == 0 {
			return fault.New(fault.Refused, "test", "on purpose")
		}
		return nil
	})
	if fault.Is(err, fault.Refused) {
		return "refused " + id, nil
	}
	return fmt.Sprintf("stored %s %d %x", id, e.Index, e.ID), err
}

func TestNothingAcknowledgedIsLostByKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged, refused, logged := map[string]string{}, []string{}, []string{}
	for round := range 6 {
		for _, line := range kill(t, dir, time.Duration(20+60*round)*time.Millisecond) {
			what, rest, _ := strings.Cut(line, " ")
			id, at, _ := strings.Cut(rest, " ")
			switch what {
			case "stored":
				acknowledged[id] = at
			case "logged":
				logged = append(logged, rest)
			case "refused":
				refused = append(refused, id)
			case "ready":
			default:
				t.Fatalf("the victim said %q", line)
			}
		}
		checkSurvivors(t, dir, acknowledged, refused, logged)
	}
	t.Logf("%d acknowledged and %d refused writes, %d entries besides, over six kills", len(acknowledged), len(refused), len(logged))
	if len(acknowledged) < 100 || len(refused) < 10 || len(logged) < 50 {
		t.Fatal("too few writes to say anything")
	}
}

// kill starts a victim, kills it after a while, and returns what it had said.
func kill(t *testing.T, dir string, after time.Duration) (lines []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0]) //nolint:gosec // this test program itself
	cmd.Env = append(os.Environ(), victimDir+"="+dir, victimURL+"="+options(t, dir).URL)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scan := bufio.NewScanner(out)
	for scan.Scan() {
		if lines = append(lines, scan.Text()); len(lines) == 1 {
			time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) // Wait tells if it was not running
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the victim ended by itself: %v", err)
	}
	return lines
}

// checkSurvivors opens the store and looks for everything acknowledged.
func checkSurvivors(t *testing.T, dir string, acknowledged map[string]string, refused, logged []string) {
	t.Helper()
	s, err := store.Open(dir, options(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.Verify(bg); err != nil {
		t.Fatal(err)
	}
	ids := map[uint64]string{} // by entry index
	view(t, s, func(v *store.View) error {
		next := uint64(0)
		err := v.EachEntry(0, func(e *store.Entry) error {
			if e.Index != next {
				t.Fatalf("entry %d follows %d", e.Index, next)
			}
			next++
			ids[e.Index] = fmt.Sprintf("%d %x", e.Index, e.ID)
			return nil
		})
		if err != nil {
			return err
		}
		for id, at := range acknowledged {
			r, err := v.Version("Observation", id, 1)
			if err != nil || ids[r.Entry] != at {
				t.Fatalf("record %s was acknowledged with entry %s: %+v, %v", id, at, r, err)
			}
		}
		for _, at := range logged {
			var index uint64
			if _, err := fmt.Sscan(at, &index); err != nil || ids[index] != at {
				t.Fatalf("entry %s was acknowledged, and there is %q (%v)", at, ids[index], err)
			}
		}
		for _, id := range refused {
			_, err := v.Current("Observation", id)
			wantKind(t, err, fault.NotFound)
		}
		return v.EachVersion(func(r *store.Version) error {
			if ids[r.Entry] == "" {
				t.Fatalf("record %s has no entry", r.ID)
			}
			return nil
		})
	})
}
