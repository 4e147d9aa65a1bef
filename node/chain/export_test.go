package chain

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cosmos/gogoproto/proto"

	"cairn/ledger/machine"
)

func TestAnExportHoldsEverything(t *testing.T) {
	n := newNetwork(t, 1)
	c := start(t, n.configs[0])
	east := newBook(n, "east")
	var txs [][]byte
	var last uint64
	for range 4 {
		east.grow(2)
		txs = append(txs, east.seal(bucket("export")...))
		last = east.submit(t, c, 0, bucket("export")...)
	}
	until(t, "the block after the last", func() bool { return c.Height() > last })
	var out bytes.Buffer
	var done uint64
	if err := c.Export(t.Context(), &out, func(d, _ uint64) { done = d }); err != nil {
		t.Fatal(err)
	}
	for i, tx := range txs {
		if !bytes.Contains(out.Bytes(), tx) {
			t.Errorf("transaction %d is not in it", i)
		}
	}
	parts, heights := readExport(t, &out)
	if !bytes.Equal(parts[partGenesis][0], n.genesis.Encode()) {
		t.Error("the genesis is another one")
	}
	if len(parts[partBlock]) != int(done) || done != c.Height() || len(parts[partCommit]) != 1 {
		t.Errorf("%d blocks and %d commits at height %d", len(parts[partBlock]), len(parts[partCommit]), c.Height())
	}
	// Whoever has it can run it all again.
	again, err := machine.New(n.genesis)
	if err != nil {
		t.Fatal(err)
	}
	for i, raw := range parts[partBlock] {
		var block cmtproto.Block
		if err := proto.Unmarshal(raw, &block); err != nil {
			t.Fatal(err)
		}
		again.Apply(machine.Block{Height: heights[partBlock][i], Time: block.Header.Time.UnixMilli(), Txs: block.Data.Txs})
	}
	books, err := machine.Import(bytes.NewReader(parts[partBooks][0]))
	if err != nil {
		t.Fatal(err)
	}
	if books.Root() != again.Root() || books.BooksRoot() != again.BooksRoot() {
		t.Error("the blocks give other books than those in it")
	}
}

func readExport(t *testing.T, r *bytes.Buffer) (parts map[byte][][]byte, heights map[byte][]uint64) {
	t.Helper()
	if domain := r.Next(len(exportDomain)); string(domain) != exportDomain {
		t.Fatalf("it begins with %q", domain)
	}
	parts, heights = make(map[byte][][]byte), make(map[byte][]uint64)
	for {
		kind, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			return parts, heights
		}
		heights[kind] = append(heights[kind], binary.BigEndian.Uint64(r.Next(8)))
		size := binary.BigEndian.Uint64(r.Next(8))
		if uint64(r.Len()) < size {
			t.Fatal("it is cut short")
		}
		parts[kind] = append(parts[kind], r.Next(int(size)))
	}
}
