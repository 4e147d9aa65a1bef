package wire

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// What a Reader refuses. They are compared with errors.Is.
var (
	ErrShort    = errors.New("wire: the encoding ends too early")
	ErrLong     = errors.New("wire: a part is longer than its limit")
	ErrTrailing = errors.New("wire: bytes follow the end of the value")
	ErrForm     = errors.New("wire: a part does not have its one form")
)

// Reader takes an encoding apart. Its first error sticks: from then on every method returns the zero value, so that a
// caller reads a whole value and asks once, with Done. It never reserves more memory than the input has bytes.
type Reader struct {
	rest []byte
	err  error
}

// NewReader reads from p and does not change it. What the Reader returns shares no memory with p.
func NewReader(p []byte) *Reader { return &Reader{rest: p} }

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

// Done returns the first error, or ErrTrailing when bytes are left over. A value counts only after Done returned nil.
func (r *Reader) Done() error {
	if r.err == nil && len(r.rest) > 0 {
		r.err = ErrTrailing
	}
	return r.err
}

// Refuse makes the Reader fail with ErrForm: for an owner that finds a part out of its form.
func (r *Reader) Refuse() {
	if r.err == nil {
		r.err = ErrForm
	}
}

// Left returns the number of bytes not yet read.
func (r *Reader) Left() int { return len(r.rest) }

func (r *Reader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n > len(r.rest) {
		r.err = ErrShort
		return nil
	}
	p := r.rest[:n]
	r.rest = r.rest[n:]
	return p
}

// Uint8 reads one byte.
func (r *Reader) Uint8() uint8 {
	if p := r.take(1); p != nil {
		return p[0]
	}
	return 0
}

// Bool reads one byte that must be 0 or 1.
func (r *Reader) Bool() bool {
	v := r.Uint8()
	if v > 1 {
		r.Refuse()
	}
	return v == 1
}

// Uint16 reads two bytes.
func (r *Reader) Uint16() uint16 {
	if p := r.take(2); p != nil {
		return binary.BigEndian.Uint16(p)
	}
	return 0
}

// Uint32 reads four bytes.
func (r *Reader) Uint32() uint32 {
	if p := r.take(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

// Uint64 reads eight bytes.
func (r *Reader) Uint64() uint64 {
	if p := r.take(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

// Int64 reads eight bytes in two's complement.
func (r *Reader) Int64() int64 { return int64(r.Uint64()) } //nolint:gosec // the bit pattern is the encoding

// Hash reads 32 bytes.
func (r *Reader) Hash() (h [32]byte) {
	copy(h[:], r.take(32))
	return h
}

// Raw reads exactly len(into) bytes.
func (r *Reader) Raw(into []byte) { copy(into, r.take(len(into))) }

// Hashes reads a list of at most limit hashes. An empty list is nil.
func (r *Reader) Hashes(limit int) [][32]byte {
	n := r.Count(limit, 32)
	if n == 0 {
		return nil
	}
	list := make([][32]byte, n)
	for i := range list {
		list[i] = r.Hash()
	}
	return list
}

// Count reads the length of a list of at most limit items, each at least size bytes long. It refuses a length that the
// bytes left cannot hold, so that a caller may reserve room for that many.
func (r *Reader) Count(limit, size int) int {
	n := int(r.Uint16())
	switch {
	case r.err != nil:
		return 0
	case n > limit:
		r.err = ErrLong
		return 0
	case n*size > len(r.rest):
		r.err = ErrShort
		return 0
	}
	return n
}

// Bytes reads a byte string of at most limit bytes. An empty one is nil.
func (r *Reader) Bytes(limit int) []byte {
	p := r.part(limit)
	if len(p) == 0 {
		return nil
	}
	return append([]byte(nil), p...)
}

// String reads a text of at most limit bytes of valid UTF-8.
func (r *Reader) String(limit int) string {
	p := r.part(limit)
	if !utf8.Valid(p) {
		r.Refuse()
		return ""
	}
	return string(p)
}

func (r *Reader) part(limit int) []byte {
	n := r.Uint32()
	if r.err == nil && uint64(n) > uint64(limit) { //nolint:gosec // limits are positive constants
		r.err = ErrLong
	}
	return r.take(int(n))
}
