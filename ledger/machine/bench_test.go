package machine_test

import (
	"fmt"
	"testing"

	"cairn/ledger/machine"
	"cairn/ledger/seal"
)

// entriesPerSeal is what a hospital with 1,000 events a second seals at each beat.
const entriesPerSeal = 1000

// seals prepares a chain of seals of one member, each with a full consistency proof, so that nothing but the machine is
// measured.
func seals(b *testing.B, n *network, count, marks int) [][]byte {
	b.Helper()
	log, last := new(history), uint64(0)
	txs := make([][]byte, count)
	for i := range txs {
		log.grow(entriesPerSeal)
		s := &seal.Seal{Member: "north", Size: log.size(), Root: log.root(), Consistency: log.since(last), Marks: n.fresh(marks)}
		txs[i] = n.signed("north", s)
		last = log.size()
	}
	return txs
}

// BenchmarkApply runs blocks of one seal of 1,000 entries each, and reports the bytes of the seal per entry.
func BenchmarkApply(b *testing.B) {
	for _, marks := range []int{0, 8, 64, 512} {
		b.Run(fmt.Sprintf("marks=%d", marks), func(b *testing.B) {
			n := newNetwork(b, "north", "south", "west", "east")
			txs := seals(b, n, min(b.N, 2000), marks)
			bytes, start := 0, n.Machine
			b.ResetTimer()
			for i := range b.N {
				if i%len(txs) == 0 {
					b.StopTimer()
					start = newNetwork(b, "north", "south", "west", "east").Machine
					b.StartTimer()
				}
				tx := txs[i%len(txs)]
				out := start.Apply(machine.Block{Height: start.Height() + 1, Time: start.Time() + 1, Txs: [][]byte{tx}})
				if out.Codes[0] != machine.CodeOK {
					b.Fatal(out.Codes[0])
				}
				bytes += len(tx)
			}
			b.ReportMetric(float64(bytes)/float64(b.N)/entriesPerSeal, "B/entry")
		})
	}
}

// BenchmarkCheck judges a seal as the mempool does.
func BenchmarkCheck(b *testing.B) {
	n := newNetwork(b, "north", "south", "west", "east")
	tx := seals(b, n, 1, 8)[0]
	b.ResetTimer()
	for range b.N {
		if code := n.Check(tx); code != machine.CodeOK {
			b.Fatal(code)
		}
	}
}
