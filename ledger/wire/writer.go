// Package wire is the one encoding of every ledger value that is hashed, signed or ordered.
//
// Integers are fixed-width and big-endian, hashes are their 32 bytes, byte strings and texts are a 32-bit length and
// then their bytes, lists are a 16-bit count and then their items. There are no optional parts, no padding and no
// alternatives, so a value has one encoding and an encoding has one value. The reader refuses everything else: what
// decodes encodes to the same bytes.
package wire

import "encoding/binary"

// Writer builds one encoding. The zero Writer is ready to use. It does not know the limits of what it writes: the owner
// of a value keeps them, and a Reader refuses what breaks them.
type Writer struct{ out []byte }

// NewWriter returns a Writer whose output begins with a domain, a constant that keeps the hashes and signatures of one
// kind of value apart from those of every other kind.
func NewWriter(domain string) *Writer { return &Writer{out: []byte(domain)} }

// Out returns what was written. The bytes are the Writer's own until it is no longer used.
func (w *Writer) Out() []byte { return w.out }

// Raw appends bytes as they are, for a part whose length is fixed or that is itself an encoding at the end.
func (w *Writer) Raw(p []byte) { w.out = append(w.out, p...) }

// Uint8 appends one byte.
func (w *Writer) Uint8(v uint8) { w.out = append(w.out, v) }

// Bool appends 1 for true, 0 for false.
func (w *Writer) Bool(v bool) {
	if v {
		w.Uint8(1)
		return
	}
	w.Uint8(0)
}

// Uint16 appends two bytes.
func (w *Writer) Uint16(v uint16) { w.out = binary.BigEndian.AppendUint16(w.out, v) }

// Uint32 appends four bytes.
func (w *Writer) Uint32(v uint32) { w.out = binary.BigEndian.AppendUint32(w.out, v) }

// Uint64 appends eight bytes.
func (w *Writer) Uint64(v uint64) { w.out = binary.BigEndian.AppendUint64(w.out, v) }

// Int64 appends eight bytes in two's complement.
func (w *Writer) Int64(v int64) { w.Uint64(uint64(v)) } //nolint:gosec // the bit pattern is the encoding

// Hash appends the 32 bytes of a hash.
func (w *Writer) Hash(h [32]byte) { w.out = append(w.out, h[:]...) }

// Hashes appends a count of at most 65,535 and the hashes. A longer list is written with a count that does not fit it,
// which no Reader takes.
func (w *Writer) Hashes(list [][32]byte) {
	w.Count(len(list))
	for _, h := range list {
		w.Hash(h)
	}
}

// Count appends the length of a list. A length that 16 bits cannot hold is written as 65,535, so that the encoding of an
// impossible list is one that no Reader takes.
func (w *Writer) Count(n int) { w.Uint16(uint16(min(n, 1<<16-1))) } //nolint:gosec // bounded by min

// Bytes appends a 32-bit length and the bytes.
func (w *Writer) Bytes(p []byte) {
	w.Uint32(uint32(len(p))) //nolint:gosec // values are far below 4 GiB
	w.out = append(w.out, p...)
}

// String appends a text as Bytes does.
func (w *Writer) String(s string) {
	w.Uint32(uint32(len(s))) //nolint:gosec // values are far below 4 GiB
	w.out = append(w.out, s...)
}
