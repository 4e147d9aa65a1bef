package bulk

import (
	"context"
	"crypto/cipher"
	"io"
	"strconv"

	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/store"
)

// Reader reads one file of an export.
type Reader struct {
	Receipt evidence.Receipt // of the entry that says it left

	desk   *Desk
	aead   cipher.AEAD
	job    string
	file   int64
	frames uint32
}

// WriteTo writes the file as NDJSON, a frame at a time. An error after the first
// bytes means that the file is damaged or the export was cancelled meanwhile,
// and what was written is not all of it.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	c := &counter{w: w}
	err := copyFrames(c, name(r.job, r.file), r.aead, r.desk.dec, r.frames, r.frame)
	return c.n, err
}

// frame reads one frame from the store.
func (r *Reader) frame(n uint32) (sealed []byte, err error) {
	err = r.desk.store.View(context.Background(), func(v *store.View) error {
		if _, err := v.Job(r.job); fault.Is(err, fault.NotFound) {
			return noJob()
		} else if err != nil {
			return err
		}
		sealed, err = v.Chunk(r.job, r.file, int64(n))
		return err
	})
	if fault.Is(err, fault.NotFound) && fault.As(err).Code == "store.no-chunk" {
		err = fault.Wrap(fault.Broken, "export-file", "a part of a file of this export is missing", err).WithHint("start the export again")
	}
	return sealed, err
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

// name is what a file's frames are bound to.
func name(job string, file int64) string { return job + "/" + strconv.FormatInt(file, 10) }
