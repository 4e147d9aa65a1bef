package portal

import (
	"net/http"

	"cairn/api/face"
	"cairn/consent/mandate"
	"cairn/node/identity"
	"cairn/node/representative"
)

// give enters a mandate: a patient names a proxy, the hospital a parent or a
// guardian.
func (s *Server) give(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	var in struct {
		Kind       mandate.Kind    `json:"kind"`
		Patient    string          `json:"patient,omitempty"`        // of the hospital's; a patient names proxies for herself
		Name       string          `json:"name"`                     // of who acts
		Holder     string          `json:"holder_patient,omitempty"` // who acts, if a patient here; otherwise she registers with the code
		Powers     []mandate.Power `json:"powers,omitempty"`
		Types      []string        `json:"types,omitempty"`
		Categories []string        `json:"categories,omitempty"`
		Basis      string          `json:"basis,omitempty"`
		Born       string          `json:"born,omitempty"`
		Until      int64           `json:"until,omitempty"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	done, err := s.Acting.Give(r.Context(), actor, representative.Wish{HolderPatient: in.Holder, Given: representative.Given{
		Mandate: mandate.Mandate{Kind: in.Kind, Subject: in.Patient, Powers: in.Powers, Basis: in.Basis, Born: in.Born, Until: in.Until},
		Name:    in.Name, Types: in.Types, Categories: in.Categories,
	}})
	if err != nil {
		return err
	}
	out := map[string]any{"id": done.ID}
	if done.Code != "" {
		out["code"], out["ends"] = done.Code, done.Ends.UnixMilli()
	}
	w.Header().Set("Cache-Control", "no-store")
	face.Write(w, http.StatusCreated, out)
	return nil
}

// mandates lists who acts for her, and for whom she acts.
func (s *Server) mandates(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	list, err := s.Acting.List(r.Context(), actor)
	if err != nil {
		return err
	}
	type shown struct {
		ID         string          `json:"id"`
		Kind       mandate.Kind    `json:"kind"`
		Patient    string          `json:"patient"`
		Name       string          `json:"name"`
		Mine       bool            `json:"mine"`
		Powers     []mandate.Power `json:"powers"` // at this moment
		Sensitive  bool            `json:"sensitive"`
		Types      []string        `json:"types,omitempty"`
		Categories []string        `json:"categories,omitempty"`
		Basis      string          `json:"basis,omitempty"`
		From       int64           `json:"from"`
		Until      int64           `json:"until,omitempty"`
		Changes    int64           `json:"changes,omitempty"`
		Rule       string          `json:"rule"`
		Text       string          `json:"text"`
	}
	out := make([]shown, len(list))
	for i, m := range list {
		out[i] = shown{m.ID, m.Kind, m.Subject, m.Name, m.Mine, m.Now.Powers, m.Now.Sensitive, m.Types, m.Categories, m.Basis, m.From, m.Until, m.Now.Changes, m.Now.Rule, m.Now.Text}
	}
	face.Write(w, http.StatusOK, map[string]any{"mandates": out})
	return nil
}

func (s *Server) endMandate(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	if err := s.Acting.End(r.Context(), actor, r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// act gives who holds a mandate a token with which she acts for a patient.
func (s *Server) act(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	var in struct {
		Patient string `json:"patient"`
		Device  string `json:"device,omitempty"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	token, err := s.Acting.Act(r.Context(), actor, in.Patient, in.Device)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	face.Write(w, http.StatusOK, map[string]any{
		"access_token": token.Access, "token_type": "bearer", "expires_in": int(token.Expires.Seconds()), "patient": token.Actor.Patient(),
	})
	return nil
}
