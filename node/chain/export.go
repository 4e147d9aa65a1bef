package chain

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cosmos/gogoproto/proto"
)

// An export is a line that names the format, then parts. A part is one byte that says what it is, its height (64-bit),
// its length (64-bit), and its bytes as they are, neither packed nor encrypted.
const (
	exportDomain = "cairn/chain/export/v1\n"

	partGenesis = 'G' // the encoded genesis, height 0
	partBlock   = 'B' // a block as CometBFT encodes it (protobuf tendermint.types.Block), with its transactions
	partCommit  = 'C' // the signatures under the last block (protobuf tendermint.types.Commit); those under the others are in the block above each
	partBooks   = 'S' // machine.Export after the last block
)

// Export writes everything that a member of the ledger holds, and so everything that a stranger could get hold of: the
// genesis, every block with its transactions and signatures, and the books. The blocks go up to the height of the books.
// progress may be nil; it is told how many blocks of how many are written.
func (c *Chain) Export(ctx context.Context, w io.Writer, progress func(done, total uint64)) error {
	books, height, err := c.replica.spool()
	if err != nil {
		return fmt.Errorf("exporting the books: %w", err)
	}
	defer books.Close() //nolint:errcheck // an unnamed file that is given up
	out := bufio.NewWriterSize(w, 1<<16)
	_, err = io.WriteString(out, exportDomain)
	err = errors.Join(err, writePart(out, partGenesis, 0, c.cfg.Genesis.Encode()))
	for h := uint64(1); h <= height && err == nil; h++ {
		if err = ctx.Err(); err == nil {
			err = c.exportBlock(out, h)
		}
		if progress != nil {
			progress(h, height)
		}
	}
	if err == nil {
		err = c.exportEnd(out, height, books)
	}
	if err = errors.Join(err, out.Flush()); err != nil {
		return fmt.Errorf("exporting the ledger: %w", err)
	}
	return nil
}

func (c *Chain) exportBlock(w io.Writer, height uint64) error {
	block := c.node.BlockStore().LoadBlockProto(int64(height)) //nolint:gosec // CometBFT's heights are int64
	if block == nil {
		return fmt.Errorf("block %d is missing", height)
	}
	raw, err := proto.Marshal(block)
	if err != nil {
		return fmt.Errorf("block %d: %w", height, err)
	}
	return writePart(w, partBlock, height, raw)
}

func (c *Chain) exportEnd(w io.Writer, height uint64, books *os.File) error {
	if commit := c.node.BlockStore().LoadSeenCommit(int64(height)); commit != nil { //nolint:gosec // see above
		raw, err := proto.Marshal(commit.ToProto())
		if err != nil {
			return err
		}
		if err := writePart(w, partCommit, height, raw); err != nil {
			return err
		}
	}
	info, err := books.Stat()
	if err != nil {
		return err
	}
	if err := writeHead(w, partBooks, height, uint64(info.Size())); err != nil { //nolint:gosec // not negative
		return err
	}
	_, err = io.Copy(w, books)
	return err
}

func writePart(w io.Writer, kind byte, height uint64, content []byte) error {
	if err := writeHead(w, kind, height, uint64(len(content))); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}

func writeHead(w io.Writer, kind byte, height, size uint64) error {
	head := binary.BigEndian.AppendUint64([]byte{kind}, height)
	_, err := w.Write(binary.BigEndian.AppendUint64(head, size))
	return err
}

// spool writes the books as they are to a file without a name, so that a slow reader of an export does not hold up the
// blocks, and returns it with the books' height.
func (r *replica) spool() (*os.File, uint64, error) {
	file, err := os.CreateTemp(r.dir, "spool-")
	if err != nil {
		return nil, 0, err
	}
	err = os.Remove(file.Name())
	r.mu.RLock()
	height := r.machine.Height()
	err = errors.Join(err, r.machine.Export(file))
	r.mu.RUnlock()
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, height, nil
}
