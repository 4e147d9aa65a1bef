package portal

import (
	"net/http"
	"strconv"

	"cairn/api/face"
	"cairn/node/fault"
	"cairn/node/identity"
)

// exchanges answers with a page of what this hospital and others signed to each
// other about her, the latest first.
func (s *Server) exchanges(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	limit, err := pageSize(r)
	if err != nil {
		return err
	}
	page, err := s.Disclosures.List(r.Context(), actor, r.URL.Query().Get("from"), limit)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, face.Exchanges(page))
	return nil
}

// exchange answers with the file of one of them, which anybody can check.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	file, err := s.Disclosures.File(r.Context(), actor, r.PathValue("id"), s.Trust())
	if err != nil {
		return err
	}
	face.File(w, "exchange.json", file)
	return nil
}

// pageSize reads the limit of a page: 50 unless it is said.
func pageSize(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return 50, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > 500 {
		return 0, fault.New(fault.Invalid, "limit", "limit is between 1 and 500")
	}
	return limit, nil
}
