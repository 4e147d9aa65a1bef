package fhir

import (
	"net/http"

	"cairn/node/identity"
)

// delete serves DELETE [base]/[type]/[id] (FHIR R4 3.1.0.7): 204 whether or not
// it was there.
func (s *Server) delete(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	version, err := ifMatch(r)
	if err != nil {
		return err
	}
	v, err := s.Records.Delete(r.Context(), actor, r.PathValue("type"), r.PathValue("id"), version)
	if err != nil {
		return err
	}
	if v.Version > 0 {
		w.Header().Set("ETag", etag(v.Version))
		w.Header().Set("Cairn-Receipt", v.Receipt.String())
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
