package compare

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"cosmossdk.io/log"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/cosmos/iavl"
	idb "github.com/cosmos/iavl/db"
	ics23 "github.com/cosmos/ics23/go"

	"cairn/ledger/register"
)

const batch = 1000

func mark(n uint64) (m [32]byte) {
	binary.BigEndian.PutUint64(m[24:], n)
	return m
}

// contender is an authenticated set of images with heights.
type contender interface {
	// add puts in the marks from..from+batch-1 and makes the root.
	add(from uint64)
	// proof returns the size of the proof of a mark, present or absent, after verifying it.
	proof(n uint64, present bool) int
}

type ours struct{ book *register.Book }

func (o *ours) add(from uint64) {
	for i := range uint64(batch) {
		o.book.Add(mark(from+i), from)
	}
	o.book.Root()
}

func (o *ours) proof(n uint64, present bool) int {
	image := register.Image(mark(n))
	raw := o.book.Prove(image).Encode()
	p, err := register.DecodeProof(raw)
	if err != nil {
		panic(err)
	}
	if _, there, err := p.Verify(o.book.Root(), image); err != nil || there != present {
		panic("the register does not prove it")
	}
	return len(raw)
}

type theirs struct{ tree *iavl.MutableTree }

func (t *theirs) add(from uint64) {
	var height [8]byte
	binary.BigEndian.PutUint64(height[:], from)
	for i := range uint64(batch) {
		image := register.Image(mark(from + i))
		if _, err := t.tree.Set(image[:], height[:]); err != nil {
			panic(err)
		}
	}
	if _, _, err := t.tree.SaveVersion(); err != nil {
		panic(err)
	}
}

func (t *theirs) proof(n uint64, present bool) int {
	image := register.Image(mark(n))
	p, err := t.tree.GetProof(image[:])
	if err != nil {
		panic(err)
	}
	root := t.tree.Hash()
	var good bool
	if present {
		value, err := t.tree.Get(image[:])
		if err != nil {
			panic(err)
		}
		good = ics23.VerifyMembership(ics23.IavlSpec, root, p, image[:], value)
	} else {
		good = ics23.VerifyNonMembership(ics23.IavlSpec, root, p, image[:])
	}
	raw, err := p.Marshal()
	if err != nil || !good {
		panic("iavl does not prove it")
	}
	return len(raw)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func disk(b *testing.B, dir string) (total int64) {
	err := filepath.Walk(dir, func(_ string, info fs.FileInfo, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // a compaction took the file away
			return nil
		}
		if err == nil && !info.IsDir() {
			total += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return total
}

// processor returns the processor time that this process took so far, on all cores, which other work on the machine
// disturbs less than it does the clock.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure fills a contender to a size, then times further batches and proofs. It reports the memory per mark that is
// held after filling, and the bytes per mark below dir when there is one.
func measure(b *testing.B, size uint64, dir string, fill func(b *testing.B) contender) {
	before := heap()
	c := fill(b)
	for from := uint64(0); from < size; from += batch {
		c.add(from)
	}
	perMark := (float64(heap()) - float64(before)) / float64(size)
	next := size
	b.Run("add", func(b *testing.B) {
		start := processor(b)
		for range b.N {
			c.add(next)
			next += batch
		}
		took := processor(b) - start
		b.ReportMetric(float64(b.N)*batch/b.Elapsed().Seconds(), "marks/s")
		b.ReportMetric(float64(took.Microseconds())/float64(b.N)/batch, "cpu-us/mark")
		b.ReportMetric(perMark, "B/mark")
		if dir != "" {
			b.ReportMetric(float64(disk(b, dir))/float64(next), "disk-B/mark")
		}
	})
	for _, present := range []bool{true, false} {
		b.Run(fmt.Sprintf("proof/present=%v", present), func(b *testing.B) {
			bytes := 0
			for i := range b.N {
				n := uint64(i) * 7919 % size
				if !present {
					n += 1 << 40
				}
				bytes += c.proof(n, present)
			}
			b.ReportMetric(float64(bytes)/float64(b.N), "B/proof")
		})
	}
	runtime.KeepAlive(c)
}

func BenchmarkRegister(b *testing.B) {
	for _, size := range []uint64{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("marks=%d", size), func(b *testing.B) {
			measure(b, size, "", func(*testing.B) contender { return &ours{register.New()} })
		})
	}
}

// BenchmarkIAVL keeps its tree in pebble on disk, which is how it is run, or in memory. Its cache has room for every node.
func BenchmarkIAVL(b *testing.B) {
	for _, size := range []uint64{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("store=memory/marks=%d", size), func(b *testing.B) {
			measure(b, size, "", func(*testing.B) contender { return tree(dbm.NewMemDB(), size) })
		})
		b.Run(fmt.Sprintf("store=pebble/marks=%d", size), func(b *testing.B) {
			dir := b.TempDir()
			measure(b, size, dir, func(b *testing.B) contender {
				db, err := dbm.NewPebbleDB("iavl", dir, nil)
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { db.Close() })
				return tree(db, size)
			})
		})
	}
}

func tree(db dbm.DB, size uint64) *theirs {
	return &theirs{iavl.NewMutableTree(idb.NewWrapper(db), 2*int(size)+batch, false, log.NewNopLogger())}
}
