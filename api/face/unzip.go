package face

import (
	"compress/gzip"
	"errors"
	"io"

	"cairn/node/fault"
)

const (
	maxRatio  = 100      // how much larger a compressed body may become
	ratioFrom = 64 << 10 // bytes from which on the ratio counts
)

// unzip reads a body that was compressed with gzip (RFC 9110 8.4.1.3), up to
// limit bytes of what it holds. It gives up at the first byte too many, so a
// bomb costs no more than an honest body of the same size.
func unzip(body io.Reader, limit int64) ([]byte, error) {
	packed := &counter{from: body}
	z, err := gzip.NewReader(packed)
	if err != nil {
		return nil, badZip(err)
	}
	var out []byte
	chunk := make([]byte, 32<<10)
	for {
		n, err := z.Read(chunk)
		out = append(out, chunk[:n]...)
		switch {
		case int64(len(out)) > limit:
			return nil, tooLarge(limit)
		case len(out) > ratioFrom && int64(len(out)) > maxRatio*packed.n:
			return nil, fault.New(fault.TooLarge, "too-costly", "the request body becomes more than a hundred times larger when it is unpacked").
				WithHint("send it without Content-Encoding")
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, badZip(err)
		}
	}
}

// counter counts the bytes that are read.
type counter struct {
	from io.Reader
	n    int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}

func badZip(err error) error {
	return fault.Wrap(fault.Invalid, "content-encoding", "the request body is not sound gzip", err).
		WithHint("send it without Content-Encoding")
}
