package fhir

import (
	"net/http"

	"cairn/node/fault"
	"cairn/node/identity"
)

// create serves POST [base]/[type] (FHIR R4 3.1.0.8).
func (s *Server) create(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	if r.Header.Get("If-None-Exist") != "" {
		return fault.New(fault.Unsupported, "not-supported", "conditional create is not supported")
	}
	data, err := body(w, r)
	if err != nil {
		return err
	}
	v, err := s.Records.Create(r.Context(), actor, r.PathValue("type"), data)
	if err != nil {
		return err
	}
	s.answer(w, r, http.StatusCreated, v)
	return nil
}
