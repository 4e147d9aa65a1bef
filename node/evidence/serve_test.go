package evidence_test

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"cairn/ledger/calendar"
	"cairn/ledger/seal"
	"cairn/node/evidence"
)

// tileReader reads tiles over HTTP as a stranger's client does.
type tileReader struct {
	t      testing.TB
	server *httptest.Server
}

func (r tileReader) Height() int { return 8 }

func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, tile := range tiles {
		status, body := get(r.t, r.server, strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if status != http.StatusOK {
			r.t.Fatalf("%s: %d", tile.Path(), status)
		}
		out[i] = body
	}
	return out, nil
}

func (r tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

func get(t testing.TB, server *httptest.Server, path string) (int, []byte) {
	t.Helper()
	w := httptest.NewRecorder()
	server.Config.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/"+path, nil))
	return w.Code, w.Body.Bytes()
}

func TestStrangerFollowsTheLogOverHTTP(t *testing.T) {
	const size = 70_000
	st := openStore(t, t.TempDir())
	appendTo(t, st, size+5)
	l := openLog(t, st)
	origin := calendar.LogOrigin("test", "north")
	private, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	var last seal.Entry
	handler := evidence.NewHandler(l, origin, func(string) (note.Signer, error) { return signer, nil }, func() (seal.Entry, bool) { return last, last.Size > 0 })
	server := &httptest.Server{Config: &http.Server{Handler: handler}} //nolint:gosec // it listens nowhere

	if status, _ := get(t, server, "checkpoint"); status != http.StatusNotFound {
		t.Fatalf("a checkpoint before the first seal: %d", status)
	}
	root, err := l.Root(size)
	if err != nil {
		t.Fatal(err)
	}
	last = seal.Entry{Member: "north", Size: size, Root: root}
	_, raw := get(t, server, "checkpoint")
	checkpoint, _, _, err := log.ParseCheckpoint(raw, origin, verifier)
	if err != nil || checkpoint.Size != size {
		t.Fatalf("%+v, %v", checkpoint, err)
	}

	tree := tlog.Tree{N: int64(checkpoint.Size), Hash: tlog.Hash(checkpoint.Hash)}
	reader := tlog.TileHashReader(tree, tileReader{t, server})
	for _, i := range []int64{0, 255, 256, 65_535, 65_536, size - 1} {
		path, err := tlog.ProveRecord(tree.N, i, reader) // checks the tiles against the checkpoint
		if err != nil {
			t.Fatal(err)
		}
		status, bundle := get(t, server, entriesPath(i, size))
		if status != http.StatusOK {
			t.Fatalf("%s: %d", entriesPath(i, size), status)
		}
		leaf := bundle[i%256*34:][:34]
		if leaf[0] != 0 || leaf[1] != 32 {
			t.Fatalf("length % x", leaf[:2])
		}
		if err := tlog.CheckRecord(path, tree.N, tree.Hash, i, tlog.RecordHash(leaf[2:])); err != nil {
			t.Fatal(err)
		}
	}
}

func entriesPath(i, size int64) string {
	w := min(256, size-i/256*256)
	return strings.Replace(tlog.Tile{H: 8, L: -1, N: i / 256, W: int(w)}.Path(), "tile/8/data/", "tile/entries/", 1)
}

func TestWhatTheLogDoesNotServe(t *testing.T) {
	st := openStore(t, t.TempDir())
	appendTo(t, st, 300)
	server := &httptest.Server{Config: &http.Server{Handler: evidence.NewHandler(openLog(t, st), "o", nil, func() (seal.Entry, bool) { return seal.Entry{}, false })}} //nolint:gosec // it listens nowhere
	for path, want := range map[string]int{
		"tile/0/000": 200, "tile/0/000.p/7": 200, "tile/0/001.p/44": 200, "tile/1/000.p/1": 200, "tile/entries/001.p/44": 200,
		"": 404, "tile": 404, "tile/": 404, "tile/0": 404, "tile/0/0": 404, "tile/0/001": 404, "tile/0/001.p/45": 404, "tile/0/002": 404,
		"tile/1/000.p/2": 404, "tile/-1/000": 404, "tile/data/000": 404, "tile/entries/001.p/45": 404, "tile/entries/002": 404,
		"tile/entries/x072/x057/x594/x037/x927/936": 404, "tile/entries/x9999/000": 404, "tile/0/../checkpoint": 404,
	} {
		if status, _ := get(t, server, path); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
	w := httptest.NewRecorder()
	server.Config.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/checkpoint", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}
