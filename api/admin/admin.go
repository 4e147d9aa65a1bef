// Package admin is the operator's face: state, scrub, the proof of any event, and
// accounts of the staff. It shows no record.
package admin

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"cairn/api/face"
	"cairn/node"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/reindex"
)

// Server answers the operator's requests below /admin.
type Server struct{ Node *node.Node }

// Handler returns the face.
func (s *Server) Handler() http.Handler {
	mux := face.NewMux()
	for pattern, serve := range map[string]func(http.ResponseWriter, *http.Request, identity.Actor) error{
		"GET /admin/status":        s.status,
		"GET /admin/subscriptions": s.subscriptions,
		"GET /admin/receipts":      s.receipts,
		"POST /admin/scrub":        s.scrub,
		"POST /admin/reindex":      s.reindex,
		"GET /admin/export":        s.export,
	} {
		mux.HandleFunc(pattern, s.guard(serve))
	}
	mux.HandleFunc("GET /admin/evidence/{event}", s.guard(s.evidence, identity.RightReview))
	mux.HandleFunc("GET /admin/receipts/{id}", s.guard(s.receipt, identity.RightReview))
	for pattern, serve := range s.staffRoutes() {
		mux.HandleFunc(pattern, s.guard(serve))
	}
	for pattern, serve := range s.keyRoutes() {
		mux.HandleFunc(pattern, s.guard(serve))
	}
	for pattern, serve := range s.appRoutes() {
		mux.HandleFunc(pattern, s.guard(serve))
	}
	for pattern, serve := range s.feedRoutes() {
		mux.HandleFunc(pattern, s.feedGuard(serve))
	}
	return face.SameOrigin(mux)
}

// signedInWithin is how long ago a person who operates the node may have signed
// in.
const signedInWithin = 15 * time.Minute

// guard lets in who operates the node, or has one of the other rights.
func (s *Server) guard(serve func(http.ResponseWriter, *http.Request, identity.Actor) error, or ...identity.Right) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		actor, err := s.Node.Door.Caller(r)
		if err == nil {
			err = operates(actor, append(or, identity.RightOperate))
		}
		if err == nil {
			err = serve(w, r, actor)
		}
		if err != nil {
			face.Problem(w, r, err)
		}
	}
}

// operates refuses who is not software with one of the rights, or a person whose
// role has it and who signed in, just now, with a passkey bound to its device.
func operates(actor identity.Actor, rights []identity.Right) error {
	if slices.ContainsFunc(rights, actor.Has) {
		if err := actor.Assured(identity.LevelBound, signedInWithin); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(rights, actor.May) {
		return fault.New(fault.Refused, "policy.operate", "this needs the right to operate the node")
	}
	return nil
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request, _ identity.Actor) error {
	face.Write(w, http.StatusOK, s.Node.Status())
	return nil
}

// subscriptions answers with how every subscription stands: what is in error,
// and what lags behind. Whom its filters name is not told.
func (s *Server) subscriptions(w http.ResponseWriter, r *http.Request, _ identity.Actor) error {
	list, err := s.Node.Subscriptions.Overview(r.Context())
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, map[string]any{"subscriptions": list})
	return nil
}

func (s *Server) evidence(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	file, err := s.Node.Bundles.Event(r.Context(), actor, r.PathValue("event"))
	if err != nil {
		return err
	}
	face.File(w, "evidence.json", file)
	return nil
}

// scrub re-reads everything and answers with one JSON line for each step of
// progress, the last one with the result.
func (s *Server) scrub(w http.ResponseWriter, r *http.Request, _ identity.Actor) error {
	say, err := lines(w)
	if err == nil {
		s.Node.Scrub(r.Context(), func(l node.ScrubLine) { say(l) }) //nolint:errcheck // the last line says it
	}
	return err
}

// reindex takes all records apart anew and answers as scrub does. The work goes
// on when nobody listens any more.
func (s *Server) reindex(w http.ResponseWriter, r *http.Request, _ identity.Actor) error {
	say, err := lines(w)
	if err == nil {
		s.Node.Reindex.All(r.Context(), false, func(l reindex.Line) { say(l) }) //nolint:errcheck // the last line says it
	}
	return err
}

// lines begins an answer of JSON lines, for as long as it takes.
func lines(w http.ResponseWriter) (say func(line any), err error) {
	w.Header().Set("Content-Type", "application/jsonl")
	out := json.NewEncoder(w)
	flush := http.NewResponseController(w)
	return func(line any) {
		out.Encode(line) //nolint:errcheck // the client has gone
		flush.Flush()    //nolint:errcheck // the client has gone
	}, flush.SetWriteDeadline(time.Time{})
}

// export streams the whole ledger as this node holds it.
func (s *Server) export(w http.ResponseWriter, r *http.Request, _ identity.Actor) error {
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil {
		return err
	}
	return s.Node.Chain.Export(r.Context(), w, func(uint64, uint64) {})
}
