package bulk

import (
	"crypto/cipher"
	"io"
	"strconv"

	"cairn/node/evidence"
)

// Reader reads one file of an export.
type Reader struct {
	Receipt evidence.Receipt // of the entry that says it left

	desk       *Desk
	aead       cipher.AEAD
	path, name string
	frames     uint32
}

// WriteTo writes the file as NDJSON. An error after the first bytes means that
// the file is damaged, and what was written is not all of it.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	c := &counter{w: w}
	err := copyFile(c, r.path, r.name, r.aead, r.desk.dec, r.frames)
	return c.n, err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func name(id string, number int) string { return id + "/" + strconv.Itoa(number) }

func fileName(number int) string { return strconv.Itoa(number) + ".sealed" }
