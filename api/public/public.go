// Package public is the face that needs no sign-in: it takes marks from anyone
// and serves what anyone may check. Nothing here is about a person.
package public

import (
	"encoding/hex"
	"io"
	"net/http"

	"cairn/api/face"
	"cairn/node"
	"cairn/node/fault"
	"cairn/node/grant"
	"cairn/proof"
)

// Server answers public requests.
type Server struct {
	Node *node.Node

	limit face.Limit
}

// Marks from one address: a whole call's at once, then 10 a second.
const (
	marksPerSecond = 10
	marksBurst     = grant.MarkLimit
)

// Handler returns the face.
func (s *Server) Handler() http.Handler {
	s.limit.PerSecond, s.limit.Burst = marksPerSecond, marksBurst
	mux := face.NewMux()
	for pattern, serve := range map[string]func(http.ResponseWriter, *http.Request) error{
		"POST /marks":              s.marks,
		"POST /calendar/cosign":    s.cosign,
		"POST /acknowledgements":   s.acknowledge,
		"GET /calendar/checkpoint": s.checkpoint,
		"GET /network.json":        s.network,
		"GET /emergencies":         s.emergencies,
		"GET /healthz":             s.health,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := serve(w, r); err != nil {
				face.Problem(w, r, err)
			}
		})
	}
	mux.Handle("GET /metrics", metrics(s.Node))
	mux.Handle("GET /log/", http.StripPrefix("/log", s.Node.LogHandler()))
	return mux
}

// marks takes 32-byte values for the ledger. Handing one in twice does no harm.
func (s *Server) marks(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Marks []string `json:"marks"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	marks := make([][32]byte, len(in.Marks))
	for i, text := range in.Marks {
		raw, err := hex.DecodeString(text)
		if err != nil || len(raw) != 32 {
			return fault.New(fault.Invalid, "mark", "a mark is 64 hexadecimal digits")
		}
		marks[i] = [32]byte(raw)
	}
	if !s.limit.Allows(r, len(marks)) {
		return fault.New(fault.Busy, "rate", "too many marks come from this address").WithHint("wait a few seconds, or hand them to another hospital")
	}
	height, err := s.Node.Grants.Mark(r.Context(), marks)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, map[string]uint64{"height": height})
	return nil
}

// cosign answers another member that gathers cosignatures of the calendar. The
// body is a checkpoint without signatures, the answer a signature line (C2SP
// tlog-cosignature).
func (s *Server) cosign(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4096))
	if err != nil {
		return fault.Wrap(fault.TooLarge, "checkpoint", "this is not a checkpoint", err)
	}
	line, err := s.Node.Witness.Cosign(body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, line) //nolint:errcheck // the client has gone
	return nil
}

// acknowledge takes what another hospital signs when it has an answer of this
// one. It needs no sign-in: the signature is all that counts, and one that is of
// no answer of this hospital costs a look-up.
func (s *Server) acknowledge(w http.ResponseWriter, r *http.Request) error {
	text, err := face.Body(w, r, "application/jose")
	if err == nil && len(text) > proof.MaxSignedBytes {
		err = fault.New(fault.TooLarge, "acknowledgement", "this is no signed acknowledgement")
	}
	if err == nil {
		err = s.Node.Disclosures.Acknowledge(r.Context(), string(text))
	}
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

func (s *Server) checkpoint(w http.ResponseWriter, _ *http.Request) error {
	note, err := s.Node.Witness.Latest()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write(note) //nolint:errcheck // the client has gone
	return nil
}

// network serves the trust file. Who wants to rely on it compares its
// fingerprint over another channel.
func (s *Server) network(w http.ResponseWriter, _ *http.Request) error {
	file, err := s.Node.Trust().Encode()
	if err != nil {
		return err
	}
	face.File(w, "network.json", file)
	return nil
}

// emergencies says how often the glass was broken at this hospital, and how the
// reviews ended: numbers a month.
func (s *Server) emergencies(w http.ResponseWriter, r *http.Request) error {
	months, err := s.Node.Emergencies.Counts(r.Context())
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, map[string]any{"member": s.Node.Config.Member, "months": months})
	return nil
}

// health says whether this node discloses records at this moment, and why not.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) error {
	status := s.Node.Status()
	code := http.StatusOK
	if status.Doubt != "" {
		code = http.StatusServiceUnavailable
	}
	face.Write(w, code, status)
	return nil
}
