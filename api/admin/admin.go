// Package admin is the operator's face: state, scrub and the proof of any
// event. It shows no record.
package admin

import (
	"encoding/json"
	"net/http"
	"time"

	"cairn/api/face"
	"cairn/node"
	"cairn/node/fault"
	"cairn/node/identity"
)

// Server answers the operator's requests below /admin.
type Server struct{ Node *node.Node }

// Handler returns the face.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, serve := range map[string]func(http.ResponseWriter, *http.Request, identity.Actor) error{
		"GET /admin/status":           s.status,
		"GET /admin/subscriptions":    s.subscriptions,
		"POST /admin/scrub":           s.scrub,
		"GET /admin/export":           s.export,
		"GET /admin/evidence/{event}": s.evidence,
	} {
		mux.HandleFunc(pattern, s.guard(serve))
	}
	for pattern, serve := range s.feedRoutes() {
		mux.HandleFunc(pattern, s.feedGuard(serve))
	}
	return mux
}

func (s *Server) guard(serve func(http.ResponseWriter, *http.Request, identity.Actor) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		actor, err := s.Node.Door.Actor(r)
		if err == nil && !actor.May(identity.RightOperate) {
			err = fault.New(fault.Refused, "policy.operate", "this needs a client with the right to operate the node")
		}
		if err == nil {
			err = serve(w, r, actor)
		}
		if err != nil {
			face.Problem(w, r, err)
		}
	}
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
	w.Header().Set("Content-Type", "application/jsonl")
	out := json.NewEncoder(w)
	flush := http.NewResponseController(w)
	if err := flush.SetWriteDeadline(time.Time{}); err != nil {
		return err
	}
	say := func(line node.ScrubLine) {
		out.Encode(line) //nolint:errcheck // the client has gone
		flush.Flush()    //nolint:errcheck // the client has gone
	}
	s.Node.Scrub(r.Context(), say)
	return nil
}

// export streams the whole ledger as this node holds it.
func (s *Server) export(w http.ResponseWriter, r *http.Request, _ identity.Actor) error {
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil {
		return err
	}
	return s.Node.Chain.Export(r.Context(), w, func(uint64, uint64) {})
}
