package staff

import (
	"net/http"

	"cairn/api/face"
	"cairn/node/emergency"
	"cairn/node/identity"
)

type reasonShown struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

func reasonsShown(list []emergency.Reason) (out []reasonShown) {
	for _, r := range list {
		out = append(out, reasonShown(r))
	}
	return out
}

func (s *Server) emergencyReasons(w http.ResponseWriter, _ *http.Request, _ identity.Actor) error {
	of, delay := emergency.Reasons()
	face.Write(w, http.StatusOK, map[string]any{"reasons": reasonsShown(of), "delay_reasons": reasonsShown(delay)})
	return nil
}

// breakGlass opens a patient's summary for some hours, and gives the token with
// which the FHIR interface shows it.
func (s *Server) breakGlass(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	var in struct {
		Patient    string `json:"patient"`
		Reason     string `json:"reason"`
		Text       string `json:"text"`
		Delay      string `json:"delay_reason,omitempty"`
		DelayHours int    `json:"delay_hours,omitempty"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	e, token, err := s.Emergencies.Break(r.Context(), actor, emergency.Wish(in))
	if err != nil {
		return err
	}
	out := EmergencyShown(e)
	out["access_token"], out["token_type"], out["expires_in"] = token.Access, "bearer", int(token.Expires.Seconds())
	face.Write(w, http.StatusCreated, out)
	return nil
}

// widen opens the rest, because the summary is not enough.
func (s *Server) widen(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	var in struct {
		Text string `json:"text"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	e, err := s.Emergencies.Widen(r.Context(), actor, r.PathValue("id"), in.Text)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, EmergencyShown(e))
	return nil
}

func (s *Server) endEmergency(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	if err := s.Emergencies.End(r.Context(), actor, r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// tell ends the time in which the patient is not told.
func (s *Server) tell(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	if _, err := s.Emergencies.Tell(r.Context(), actor, r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// emergencies lists one's own; to a privacy officer all, a page at a time.
func (s *Server) emergencies(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	before, err := beforeOf(r, "begun")
	if err != nil {
		return err
	}
	list, err := s.Emergencies.List(r.Context(), actor, before)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, Emergencies(list))
	return nil
}

// reviews lists what waits for a review, those that are due first.
func (s *Server) reviews(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	list, err := s.Emergencies.Queue(r.Context(), actor)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, Emergencies(list))
	return nil
}

func (s *Server) review(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	var in struct {
		Outcome string `json:"outcome"`
		Text    string `json:"text"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	e, err := s.Emergencies.Review(r.Context(), actor, r.PathValue("id"), in.Outcome, in.Text)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, EmergencyShown(e))
	return nil
}

// Emergencies is a list of emergencies as JSON shows it.
func Emergencies(list []emergency.Emergency) map[string]any {
	out := make([]map[string]any, len(list))
	for i, e := range list {
		out[i] = EmergencyShown(e)
	}
	return map[string]any{"emergencies": out}
}

// EmergencyShown is an emergency as JSON shows it.
func EmergencyShown(e emergency.Emergency) map[string]any {
	out := map[string]any{
		"id": e.ID, "patient": e.Subject, "person": e.Person, "name": e.Name, "role": e.Role, "unit": e.Unit, "reason": e.Reason, "text": e.Text,
		"begun": at(e.Begun), "ends": at(e.Ends), "ended": !e.Valid, "reaches": "summary", "types": e.Types, "patient_told": at(e.Shows),
		"review": map[string]any{"state": e.State, "due": at(e.Due), "overdue": e.Overdue, "by": e.Reviewer, "name": e.ReviewerName, "text": e.Finding, "at": at(e.Reviewed)},
	}
	if e.Types == nil {
		out["reaches"], out["more"] = "all", e.More
		delete(out, "types")
	}
	if e.Delay != "" {
		out["delay_reason"] = e.Delay
	}
	return out
}
