package fhir

import (
	"net/http"
	"strconv"

	"cairn/node/fault"
	"cairn/node/identity"
)

// read serves GET [base]/[type]/[id] (FHIR R4 3.1.0.2).
func (s *Server) read(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	v, err := s.Records.Read(r.Context(), actor, r.PathValue("type"), r.PathValue("id"))
	if err != nil {
		return err
	}
	if r.Header.Get("If-None-Match") == etag(v.Version) {
		w.Header().Set("ETag", etag(v.Version))
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	s.answer(w, r, http.StatusOK, v)
	return nil
}

// vread serves GET [base]/[type]/[id]/_history/[vid] (FHIR R4 3.1.0.3).
func (s *Server) vread(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	version, err := strconv.ParseUint(r.PathValue("version"), 10, 63)
	if err != nil {
		return fault.New(fault.NotFound, "not-found", "versions are counted 1, 2, 3...")
	}
	v, err := s.Records.ReadVersion(r.Context(), actor, r.PathValue("type"), r.PathValue("id"), version)
	if err != nil {
		return err
	}
	s.answer(w, r, http.StatusOK, v)
	return nil
}
