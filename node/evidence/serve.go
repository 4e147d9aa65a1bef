package evidence

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"cairn/ledger/seal"
	"cairn/node/fault"
	"cairn/node/store"
)

// Handler serves the log to anyone as C2SP tlog-tiles
// (https://c2sp.org/tlog-tiles), below wherever it is mounted:
//
//	GET /checkpoint                  signed note of the latest sealed size and root
//	GET /tile/<L>/<N>[.p/<W>]        hashes
//	GET /tile/entries/<N>[.p/<W>]    leaf data, each entry 32 blinded bytes
//
// The checkpoint is never ahead of the ledger, so that what this hospital tells
// one stranger it has told all members. There is none before the first seal.
type Handler struct {
	log    *Log
	origin string
	signer func(origin string) (note.Signer, error)
	sealed func() (seal.Entry, bool)
}

// NewHandler makes the handler. Origin is calendar.LogOrigin of this member, and
// the name of what signer gives; sealed tells the member's latest seal.
func NewHandler(log *Log, origin string, signer func(origin string) (note.Signer, error), sealed func() (seal.Entry, bool)) *Handler {
	return &Handler{log: log, origin: origin, signer: signer, sealed: sealed}
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "Only GET is served here.", http.StatusMethodNotAllowed)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	var body []byte
	var err error
	switch {
	case path == "checkpoint":
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		body, err = h.checkpoint()
	case strings.HasPrefix(path, "tile/"):
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		w.Header().Set("Content-Type", "application/octet-stream")
		body, err = h.tile(r, path)
	default:
		err = fault.New(fault.NotFound, "evidence.no-page", "The log has no such page.")
	}
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // a reader that went away needs no answer
}

func refuse(w http.ResponseWriter, err error) {
	f := fault.As(err)
	status := http.StatusInternalServerError
	switch f.Kind {
	case fault.NotFound:
		status = http.StatusNotFound
	case fault.Busy:
		status = http.StatusServiceUnavailable
	}
	w.Header().Del("Cache-Control")
	http.Error(w, f.Text, status)
}

// checkpoint is the signed note of C2SP tlog-checkpoint.
func (h *Handler) checkpoint() ([]byte, error) {
	last, found := h.sealed()
	if !found {
		return nil, fault.New(fault.NotFound, "evidence.no-checkpoint", "Nothing of this log has been sealed yet.")
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", h.origin, last.Size, base64.StdEncoding.EncodeToString(last.Root[:]))
	signer, err := h.signer(h.origin)
	if err != nil {
		return nil, err
	}
	return note.Sign(&note.Note{Text: text}, signer)
}

func (h *Handler) tile(r *http.Request, path string) ([]byte, error) {
	t, err := parseTile(path)
	if err != nil {
		return nil, noTile()
	}
	if t.L < 0 {
		return h.entries(r, uint64(t.N), t.W)
	}
	return h.log.Tile(t.L, uint64(t.N), t.W)
}

// parseTile reads a path of C2SP tlog-tiles, which is that of package tlog
// without the tile height. The level of a bundle of entries is -1.
func parseTile(path string) (tlog.Tile, error) {
	rest := strings.TrimPrefix(path, "tile/")
	if strings.HasPrefix(rest, "data/") {
		return tlog.Tile{}, noTile()
	}
	if entries, ok := strings.CutPrefix(rest, "entries/"); ok {
		rest = "data/" + entries
	}
	return tlog.ParseTilePath(fmt.Sprintf("tile/%d/%s", tileHeight, rest))
}

// entries is a bundle of C2SP tlog-tiles: each entry after its length in two
// bytes.
func (h *Handler) entries(r *http.Request, n uint64, width int) ([]byte, error) {
	if size, _ := h.log.Hashed(); n > size/tileWidth || n*tileWidth+uint64(width) > size {
		return nil, noTile()
	}
	var leaves [][32]byte
	err := h.log.store.View(r.Context(), func(v *store.View) (err error) {
		leaves, err = v.Leaves(n*tileWidth, n*tileWidth+uint64(width))
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(leaves)*34)
	for i := range leaves {
		out = append(append(out, 0, 32), leaves[i][:]...)
	}
	return out, nil
}
