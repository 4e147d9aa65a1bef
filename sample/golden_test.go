package sample_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"testing"

	"cairn/sample"
)

// golden is the SHA-256 over the first 100 bundles of seed 1. It changes when, and only when, what a seed means changes.
const golden = "ddf20df609bb2b08bb133734b811861d88034140dbb42569c85c81c0dfedcfcd"

func digest() string {
	h := sha256.New()
	for b := range sample.New(1).All(100) {
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// TestMain prints the digest and no more in the child process of TestTwoProcesses.
func TestMain(m *testing.M) {
	if os.Getenv("CAIRN_SAMPLE_DIGEST") != "" {
		os.Stdout.WriteString(digest())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestGolden(t *testing.T) {
	if got := digest(); got != golden {
		t.Errorf("digest %s, want %s", got, golden)
	}
}

func TestTwoProcesses(t *testing.T) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "CAIRN_SAMPLE_DIGEST=1", "TZ=Asia/Tokyo", "LANG=tr_TR.UTF-8", "GOMAXPROCS=1")
	out, err := child.Output()
	if err != nil {
		t.Fatal(err)
	}
	if string(out) != golden {
		t.Errorf("another process gives %s, want %s", out, golden)
	}
}

func TestOrderOfCalls(t *testing.T) {
	g := sample.New(7)
	want := slices.Collect(g.All(30))
	for i := len(want) - 1; i >= 0; i-- {
		if !bytes.Equal(g.Bundle(i), want[i]) {
			t.Fatalf("patient %d depends on the order of calls", i)
		}
	}
	var group sync.WaitGroup
	for i := range want {
		group.Go(func() {
			if !bytes.Equal(g.Bundle(i), want[i]) {
				t.Errorf("patient %d depends on concurrent calls", i)
			}
		})
	}
	group.Wait()
}

func TestSeedsDiffer(t *testing.T) {
	if bytes.Equal(sample.New(1).Bundle(3), sample.New(2).Bundle(3)) {
		t.Error("two seeds give the same patient")
	}
}

func TestAllStops(t *testing.T) {
	n := 0
	for range sample.New(1).All(1 << 30) {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("%d patients after a break at 3", n)
	}
}

// TestFlatMemory streams patients and compares what is alive early and late.
func TestFlatMemory(t *testing.T) {
	alive := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var early uint64
	n, size := 0, 0
	for b := range sample.New(3).All(1500) {
		size += len(b)
		if n++; n == 100 {
			early = alive()
		}
	}
	if late := alive(); late > early+4<<20 {
		t.Errorf("%d bytes alive after 100 patients, %d after %d", early, late, n)
	}
	t.Logf("%d patients, %d MB streamed", n, size>>20)
}

func BenchmarkBundle(b *testing.B) {
	g := sample.New(1)
	size, n := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		size += len(g.Bundle(n))
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "patients/s")
	b.ReportMetric(float64(size)/1e6/b.Elapsed().Seconds(), "MB/s")
}
