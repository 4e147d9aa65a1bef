package admin

import (
	"net/http"
	"time"

	"cairn/api/face"
	"cairn/node/disclosure"
	"cairn/node/fault"
	"cairn/node/identity"
)

// receipts answers with a page of what this hospital and others signed to each
// other: GET /admin/receipts?state=one-sided&late=15m. Of whom it was is not
// told; the proof of the event tells it.
func (s *Server) receipts(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	query := r.URL.Query()
	state := disclosure.State(query.Get("state"))
	switch state {
	case "":
		state = disclosure.OneSided
	case disclosure.Whole, disclosure.Waiting, disclosure.OneSided:
	default:
		return fault.New(fault.Invalid, "state", "state is whole, waiting or one-sided")
	}
	late := disclosure.Late
	if text := query.Get("late"); text != "" {
		var err error
		if late, err = time.ParseDuration(text); err != nil || late < 0 {
			return fault.New(fault.Invalid, "late", "late is a duration such as 15m or 36h")
		}
	}
	page, err := s.Node.Disclosures.Receipts(r.Context(), actor, state, late, query.Get("from"), receiptsAtOnce)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, face.Exchanges(page))
	return nil
}

// receipt answers with the file of one of them, which anybody can check: GET
// /admin/receipts/{id}. It names the patient and the person who asked.
func (s *Server) receipt(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	file, err := s.Node.Disclosures.File(r.Context(), actor, r.PathValue("id"), s.Node.Trust())
	if err != nil {
		return err
	}
	face.File(w, "exchange.json", file)
	return nil
}

const receiptsAtOnce = 200
