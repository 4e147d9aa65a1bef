package fhir

import (
	"net/http"

	"cairn/node/fault"
	"cairn/node/identity"
)

// update serves PUT [base]/[type]/[id] (FHIR R4 3.1.0.4). A record that is not
// there is created under the client's id.
func (s *Server) update(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	if r.Header.Get("If-None-Match") != "" {
		return fault.New(fault.Unsupported, "not-supported", "If-None-Match is not supported on update").
			WithHint("POST creates a record under an id of its own")
	}
	version, err := ifMatch(r)
	if err != nil {
		return err
	}
	data, err := body(w, r)
	if err != nil {
		return err
	}
	v, err := s.Records.Update(r.Context(), actor, r.PathValue("type"), r.PathValue("id"), data, version)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if v.Created {
		status = http.StatusCreated
	}
	s.answer(w, r, status, v)
	return nil
}
