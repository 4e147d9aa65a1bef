package register_test

import (
	"encoding/hex"
	"fmt"
	"runtime"
	"testing"

	"cairn/ledger/register"
)

func hexOf(h [32]byte) string { return hex.EncodeToString(h[:]) }

const batch = 1000

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkAdd adds batches of 1,000 marks and asks for the root after each, with so many marks in the book before.
func BenchmarkAdd(b *testing.B) {
	for _, size := range []uint64{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("marks=%d", size), func(b *testing.B) {
			before := heap()
			book := register.New()
			for i := range size {
				book.Add(number(i), 1)
			}
			book.Root()
			perMark := float64(heap()-before) / float64(size)
			next := size
			b.ResetTimer()
			for range b.N {
				for range batch {
					book.Add(number(next), 2)
					next++
				}
				book.Root()
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)*batch/b.Elapsed().Seconds(), "marks/s")
			b.ReportMetric(perMark, "B/mark")
			runtime.KeepAlive(book)
		})
	}
}

// BenchmarkProve proves and verifies marks, every other one absent.
func BenchmarkProve(b *testing.B) {
	for _, size := range []uint64{100_000, 1_000_000} {
		book := register.New()
		for i := range size {
			book.Add(number(i), 1)
		}
		root := book.Root()
		image := func(i int) [32]byte { return register.Image(number(uint64(i) * 2_654_435_761 % (2 * size))) }
		b.Run(fmt.Sprintf("prove/marks=%d", size), func(b *testing.B) {
			bytes := 0
			for i := range b.N {
				bytes += len(book.Prove(image(i)).Encode())
			}
			b.ReportMetric(float64(bytes)/float64(b.N), "B/proof")
		})
		b.Run(fmt.Sprintf("verify/marks=%d", size), func(b *testing.B) {
			proofs := make([]register.Proof, 1000)
			for i := range proofs {
				proofs[i] = book.Prove(image(i))
			}
			b.ResetTimer()
			for i := range b.N {
				if _, _, err := proofs[i%1000].Verify(root, image(i%1000)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("look/marks=%d", size), func(b *testing.B) {
			for i := range b.N {
				book.Height(image(i))
			}
		})
	}
}
