package rest

import (
	"io"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// Of a Synthea bundle, level 1 makes a twelfth at 540 MB/s, level 5 a fifteenth
// at 150 MB/s (go test ./api/rest -bench Levels; one of two cores).
const (
	zipFrom  = 1024 // bytes: a smaller body is one packet anyway
	zipLevel = gzip.BestSpeed
)

// zippers are writers that wait for the next answer; each holds some 100 kB.
var zippers = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(io.Discard, zipLevel)
	if err != nil {
		panic(err) // the level is a constant
	}
	return z
}}

// zip writes a body compressed.
func zip(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z := zippers.Get().(*gzip.Writer)
	z.Reset(w)
	z.Write(body) //nolint:errcheck // the client has gone
	z.Close()     //nolint:errcheck // the client has gone
	z.Reset(io.Discard)
	zippers.Put(z)
}
