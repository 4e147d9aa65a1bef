package fhir

import (
	"net/http"
	"strconv"

	"cairn/api/face"
	"cairn/node/fault"
	"cairn/node/identity"
)

// evidence serves GET [base]/[type]/[id]/_history/[vid]/$evidence: the proof
// bundle of one record version. It is a read like any other.
func (s *Server) evidence(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	version, err := strconv.ParseUint(r.PathValue("version"), 10, 63)
	if err != nil || version == 0 {
		return fault.New(fault.NotFound, "not-found", "versions are counted 1, 2, 3...")
	}
	file, err := s.Bundles.Record(r.Context(), actor, r.PathValue("type"), r.PathValue("id"), version)
	if err != nil {
		return err
	}
	face.File(w, "evidence.json", file)
	return nil
}
