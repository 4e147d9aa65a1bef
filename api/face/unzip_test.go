package face

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cairn/node/fault"
)

func zipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// read reads a body as a face does.
func read(body []byte, encoding string) ([]byte, *fault.Error, int64) {
	from := &counter{from: bytes.NewReader(body)}
	r := httptest.NewRequest(http.MethodPost, "/", io.NopCloser(from))
	r.Header.Set("Content-Encoding", encoding)
	data, err := Body(httptest.NewRecorder(), r)
	return data, fault.As(err), from.n
}

func TestCompressedBody(t *testing.T) {
	noise := make([]byte, 1<<20)
	rand.Read(noise)
	for name, plain := range map[string][]byte{
		"a little": []byte(`{"resourceType":"Patient"}`), "nothing": {}, "noise": noise,
		"plain text": []byte(strings.Repeat("the quick brown fox jumps over the lazy dog, said the one and the other. ", 300)),
	} {
		got, err, _ := read(zipped(t, plain), "gzip")
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(plain), err)
		}
	}
}

// TestBomb: what becomes too large is refused long before it has.
func TestBomb(t *testing.T) {
	noise := make([]byte, MaxBody+1)
	rand.Read(noise)
	bomb := zipped(t, make([]byte, 64<<20))
	for name, c := range map[string]struct {
		body     []byte
		encoding string
		kind     fault.Kind
		code     string
		reads    int64
	}{
		"a bomb":            {bomb, "gzip", fault.TooLarge, "too-costly", 8 << 10},
		"a bomb in a bomb":  {zipped(t, bomb), "gzip", 0, "", 1 << 20},
		"too large inside":  {zipped(t, noise[:MaxBody]), "gzip", fault.TooLarge, "too-large", MaxBody + 1},
		"too large outside": {noise, "identity", fault.TooLarge, "too-large", MaxBody + 1},
		"no gzip":           {[]byte("hello"), "gzip", fault.Invalid, "content-encoding", 5},
		"cut off":           {zipped(t, noise[:1000])[:500], "gzip", fault.Invalid, "content-encoding", 500},
		"another coding":    {[]byte("hello"), "br", fault.Unsupported, "content-encoding", 0},
	} {
		_, err, n := read(c.body, c.encoding)
		if err == nil && c.kind != 0 || err != nil && (err.Kind != c.kind || err.Code != c.code) {
			t.Errorf("%s: %v", name, err)
		}
		if n > c.reads {
			t.Errorf("%s: %d bytes were read", name, n)
		}
	}
}
