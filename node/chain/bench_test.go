package chain

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The ways of gossip that are compared: what the node does, and CometBFT alone at a short and at its usual pause.
var ways = []struct {
	name    string
	pause   time.Duration
	courier bool
}{
	{"courier", 0, true},
	{"plain-2ms", 2 * time.Millisecond, false},
	{"plain-100ms", 100 * time.Millisecond, false},
}

// BenchmarkCommit seals at one member after the other and reports how long Submit takes: go test -bench Commit -benchtime 400x
func BenchmarkCommit(b *testing.B) {
	for _, members := range []int{1, 4} {
		for _, way := range ways {
			if members == 1 && way.name != "courier" {
				continue
			}
			b.Run(fmt.Sprintf("members=%d/%s", members, way.name), func(b *testing.B) {
				n := newNetwork(b, members)
				for i := range n.configs {
					n.configs[i].gossip, n.configs[i].plain = way.pause, !way.courier
				}
				chains := startAll(b, n)
				books := warm(b, n, chains)
				var took []time.Duration
				for b.Loop() {
					i := len(took) % members
					begin := time.Now()
					books[i].submit(b, chains[i], 5)
					took = append(took, time.Since(begin))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			})
		}
	}
}

func warm(b *testing.B, n *network, chains []*Chain) []*book {
	var books []*book
	for i, c := range chains {
		books = append(books, newBook(n, names[i]))
		books[i].submit(b, c, 5)
	}
	return books
}

// BenchmarkIdle reports the processor time of four members at rest, as a share of one core, and the memory of the whole
// process: go test -bench Idle -benchtime 1x
func BenchmarkIdle(b *testing.B) {
	for _, way := range ways {
		b.Run(way.name, func(b *testing.B) {
			n := newNetwork(b, 4)
			for i := range n.configs {
				n.configs[i].gossip, n.configs[i].plain = way.pause, !way.courier
			}
			chains := startAll(b, n)
			warm(b, n, chains)
			time.Sleep(2 * time.Second)
			for b.Loop() {
				const span = 20 * time.Second
				before := processorTime(b)
				time.Sleep(span)
				b.ReportMetric(100*float64(processorTime(b)-before)/float64(span), "%core")
			}
			runtime.GC()
			debug.FreeOSMemory()
			b.ReportMetric(residentMB(b)/4, "MB/member")
		})
	}
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func residentMB(b *testing.B) float64 {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("no /proc")
	}
	pages, err := strconv.Atoi(strings.Fields(string(raw))[1])
	if err != nil {
		b.Fatal(err)
	}
	return float64(pages*os.Getpagesize()) / (1 << 20)
}

// BenchmarkDisk lets four members seal once a second, as far as that goes, with eight marks a minute, and reports what a
// node's directory grows by a block pair, part by part: go test -bench Disk -benchtime 600x
func BenchmarkDisk(b *testing.B) {
	n := newNetwork(b, 4)
	chains := startAll(b, n)
	books := warm(b, n, chains)
	dir := n.configs[0].Dir
	parts := []string{"blockstore.db", "state.db", "evidence.db", "wal", "leaves", "nodes", "books"}
	size := func(part string) int64 { return folderSize(filepath.Join(dir, part)) }
	before := make(map[string]int64)
	for _, p := range parts {
		before[p] = size(p)
	}
	from := chains[0].Height()
	rounds := 0
	for b.Loop() {
		var marks [][32]byte
		if rounds%15 == 0 {
			marks = bucket(fmt.Sprint(rounds))
		}
		together(b, chains, books, marks)
		rounds++
	}
	blocks := float64(chains[0].Height() - from)
	b.ReportMetric(blocks/float64(rounds), "blocks/beat")
	for _, p := range parts {
		b.ReportMetric(float64(size(p)-before[p])/float64(rounds), p+"-B/beat")
	}
}

// together seals at every member at the same time and waits for all, and for the block after.
func together(b *testing.B, chains []*Chain, books []*book, marks [][32]byte) {
	done := make(chan error, len(chains))
	for i, c := range chains {
		books[i].grow(1000)
		go func() {
			_, err := books[i].offer(c, marks...)
			done <- err
		}()
	}
	for range chains {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	time.Sleep(30 * time.Millisecond)
}

// BenchmarkFresh reports what the gate pays before every disclosure.
func BenchmarkFresh(b *testing.B) {
	c := start(b, newNetwork(b, 1).configs[0])
	now := time.Now().UnixMilli()
	until(b, "the node is fresh", func() bool { return c.Fresh(now) == nil })
	for b.Loop() {
		if err := c.Fresh(now); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScrub reports the time to check one block: go test -bench Scrub -benchtime 1x
func BenchmarkScrub(b *testing.B) {
	n := newNetwork(b, 4)
	chains := startAll(b, n)
	books := warm(b, n, chains)
	for range 100 {
		books[0].submit(b, chains[0], 5)
	}
	for b.Loop() {
		if err := chains[0].Scrub(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(chains[0].Height()), "us/block")
}
