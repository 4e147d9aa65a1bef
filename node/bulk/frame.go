package bulk

import (
	"bufio"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"cairn/node/fault"
)

// A file of an export is a row of frames: a length in four bytes, big endian,
// a nonce, and AES-256-GCM over the compressed lines. Each frame is bound to
// its job, its file and its place, so that frames cannot be swapped, left out
// or taken from elsewhere; how many there are stands in the job's row, so that
// a file cannot be cut off.
const (
	frameBytes = 256 << 10 // of lines before a frame is closed
	frameLimit = 32 << 20  // of a sealed frame
)

// writer appends frames to one file.
type writer struct {
	aead   cipher.AEAD
	enc    *zstd.Encoder
	file   *os.File
	name   string // "job/number"
	lines  []byte
	frames uint32
	size   int64
}

// openWriter goes on with a file after the frames that are known of it; what
// stands behind them, of a run that was broken off, is cut away.
func openWriter(path, name string, aead cipher.AEAD, enc *zstd.Encoder, frames uint32, size int64) (*writer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, unwritable(err)
	}
	if err := f.Truncate(size); err != nil {
		return nil, unwritable(errors.Join(err, f.Close()))
	}
	if _, err := f.Seek(size, io.SeekStart); err != nil {
		return nil, unwritable(errors.Join(err, f.Close()))
	}
	return &writer{aead: aead, enc: enc, file: f, name: name, frames: frames, size: size}, nil
}

// add appends one resource as a line.
func (w *writer) add(raw []byte) error {
	for _, c := range raw {
		if c != '\n' && c != '\r' {
			w.lines = append(w.lines, c)
		}
	}
	w.lines = append(w.lines, '\n')
	if len(w.lines) < frameBytes {
		return nil
	}
	return w.close()
}

// close ends the frame that is open, if any.
func (w *writer) close() error {
	if len(w.lines) == 0 {
		return nil
	}
	nonce := make([]byte, w.aead.NonceSize())
	rand.Read(nonce) // never fails: crypto/rand, Go 1.24
	plain := w.enc.EncodeAll(w.lines, nil)
	frame := binary.BigEndian.AppendUint32(nil, uint32(len(nonce)+len(plain)+w.aead.Overhead())) //nolint:gosec // below frameLimit
	frame = w.aead.Seal(append(frame, nonce...), nonce, plain, bound(w.name, w.frames))
	if _, err := w.file.Write(frame); err != nil {
		return unwritable(err)
	}
	w.lines, w.frames, w.size = w.lines[:0], w.frames+1, w.size+int64(len(frame))
	return nil
}

// sync makes durable what was added.
func (w *writer) sync() error {
	if err := w.close(); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return unwritable(err)
	}
	return nil
}

func bound(name string, frame uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte("cairn/bulk/v1\x00"+name+"\x00"), frame)
}

// copyFile writes the lines of a file that has so many frames.
func copyFile(w io.Writer, path, name string, aead cipher.AEAD, dec *zstd.Decoder, frames uint32) error {
	f, err := os.Open(path)
	if err != nil {
		return fault.Wrap(fault.Broken, "export-file", "a file of this export cannot be read", err)
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 64<<10)
	for n := range frames {
		lines, err := readFrame(in, name, aead, dec, n)
		if err != nil {
			return fault.Wrap(fault.Broken, "export-file", "a file of this export was altered or damaged", err).
				WithHint("start the export again")
		}
		if _, err := w.Write(lines); err != nil {
			return err
		}
	}
	return nil
}

func readFrame(in io.Reader, name string, aead cipher.AEAD, dec *zstd.Decoder, n uint32) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > frameLimit || int(size) < aead.NonceSize() {
		return nil, fmt.Errorf("frame %d has a length that no frame has", n)
	}
	sealed := make([]byte, size)
	if _, err := io.ReadFull(in, sealed); err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], bound(name, n))
	if err != nil {
		return nil, fmt.Errorf("frame %d: %w", n, err)
	}
	return dec.DecodeAll(plain, nil)
}

func unwritable(err error) error {
	return fault.Wrap(fault.Full, "export-disk", "the export cannot be written to disk", err).
		WithHint("free space on the disk that holds the data directory, then start the export again")
}
