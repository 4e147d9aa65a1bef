package portal

import (
	"encoding/json"
	"net/http"

	"cairn/api/face"
	people "cairn/api/staff"
	"cairn/node/identity"
)

// alerts answers with what the patient is told of, newest first. Each event is the
// exact bytes of its entry in her log.
func (s *Server) alerts(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	list, err := s.Patients.Alerts(r.Context(), actor)
	if err != nil {
		return err
	}
	type alert struct {
		ID    string          `json:"id"`
		Told  int64           `json:"told"`
		Seen  int64           `json:"seen,omitempty"`
		Index uint64          `json:"index"`
		Event json.RawMessage `json:"event"`
	}
	out := make([]alert, len(list))
	for i, a := range list {
		out[i] = alert{a.ID, a.Told, a.Seen, a.Entry.Index, a.Entry.Raw}
	}
	face.Write(w, http.StatusOK, map[string]any{"alerts": out})
	return nil
}

// see takes it that she has read an alert.
func (s *Server) see(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	if err := s.Patients.See(r.Context(), actor, r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// emergencies answers with who broke the glass, why, and what the review said.
func (s *Server) emergencies(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	list, err := s.Emergencies.About(r.Context(), actor, s.Acting)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, people.Emergencies(list))
	return nil
}

// orders answers with the orders of courts and others about her, once it is time.
func (s *Server) orders(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	list, err := s.Orders.About(r.Context(), actor, s.Acting)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, people.Orders(list))
	return nil
}
