package admin

import (
	"net/http"

	"cairn/api/face"
	"cairn/node/fault"
	"cairn/node/feed"
	"cairn/node/identity"
)

// feedRoutes are those of the queue of refused HL7 version 2 messages. Unlike
// the others of this face they are not for the operator alone: the feed desk
// says who may what.
func (s *Server) feedRoutes() map[string]func(http.ResponseWriter, *http.Request, identity.Actor) error {
	return map[string]func(http.ResponseWriter, *http.Request, identity.Actor) error{
		"GET /admin/feed":               s.feedList,
		"GET /admin/feed/{id}":          s.feedShow,
		"POST /admin/feed/{id}/replay":  s.feedReplay,
		"POST /admin/feed/{id}/discard": s.feedDiscard,
	}
}

// feedGuard signs the actor in.
func (s *Server) feedGuard(serve func(http.ResponseWriter, *http.Request, identity.Actor) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		actor, err := s.Node.Door.Actor(r)
		if err == nil && s.Node.Feed == nil {
			err = fault.New(fault.Unsupported, "feed.off", "this node does not listen for HL7 v2 messages: its configuration has no [mllp]")
		}
		if err == nil {
			err = serve(w, r, actor)
		}
		if err != nil {
			face.Problem(w, r, err)
		}
	}
}

func (s *Server) feedList(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	queue, err := s.Node.Feed.List(r.Context(), actor, r.URL.Query().Get("after"))
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, queue)
	return nil
}

// feedShow answers with the message's bytes as they were received.
func (s *Server) feedShow(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	raw, err := s.Node.Feed.Show(r.Context(), actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(raw) //nolint:errcheck // the client has gone
	return nil
}

func (s *Server) feedReplay(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	answer, err := s.Node.Feed.Replay(r.Context(), actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, map[string]any{"code": answer.Code, "reasons": feed.Reasons(answer.Errors)})
	return nil
}

func (s *Server) feedDiscard(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	if err := s.Node.Feed.Discard(r.Context(), actor, r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
