package bulk

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"

	"cairn/node/fault"
	"cairn/node/store"
)

// A file of an export is a row of frames, each a chunk of the store: a nonce,
// and AES-256-GCM over the compressed lines. Each frame is bound to its job, its
// file and its place, so that frames cannot be swapped, left out or taken from
// elsewhere; how many there are stands in the job's row, so that a file cannot
// be cut off.
const (
	frameBytes = 256 << 10 // of lines before a frame is closed
	frameLimit = 32 << 20  // of the lines of a frame
)

// writer makes the frames of one file.
type writer struct {
	aead   cipher.AEAD
	enc    *zstd.Encoder
	job    string
	file   int64
	frames uint32
	lines  []byte
}

// add appends one resource as a line and reports whether the frame is to be
// closed.
func (w *writer) add(raw []byte) (full bool) {
	for _, c := range raw {
		if c != '\n' && c != '\r' {
			w.lines = append(w.lines, c)
		}
	}
	w.lines = append(w.lines, '\n')
	return len(w.lines) >= frameBytes
}

// close ends the frame that is open, if any, and returns it.
func (w *writer) close() []store.Chunk {
	if len(w.lines) == 0 {
		return nil
	}
	nonce := make([]byte, w.aead.NonceSize())
	rand.Read(nonce) // never fails: crypto/rand, Go 1.24
	body := w.aead.Seal(nonce, nonce, w.enc.EncodeAll(w.lines, nil), bound(name(w.job, w.file), w.frames))
	c := store.Chunk{File: w.file, N: int64(w.frames), Body: body}
	w.lines, w.frames = w.lines[:0], w.frames+1
	return []store.Chunk{c}
}

func bound(name string, frame uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte("cairn/bulk/v1\x00"+name+"\x00"), frame)
}

// copyFrames writes the lines of a file that has so many frames; get returns
// the n-th.
func copyFrames(w io.Writer, name string, aead cipher.AEAD, dec *zstd.Decoder, frames uint32, get func(n uint32) ([]byte, error)) error {
	for n := range frames {
		sealed, err := get(n)
		if err != nil {
			return err
		}
		lines, err := openFrame(sealed, name, aead, dec, n)
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

func openFrame(sealed []byte, name string, aead cipher.AEAD, dec *zstd.Decoder, n uint32) ([]byte, error) {
	if len(sealed) < aead.NonceSize() {
		return nil, errors.New("a frame is too short")
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], bound(name, n))
	if err != nil {
		return nil, err
	}
	return dec.DecodeAll(plain, nil)
}
