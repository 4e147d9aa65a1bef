package portal

import (
	"net/http"

	"cairn/api/face"
	request "cairn/consent/erasure"
	"cairn/node/fault"
	"cairn/node/identity"
)

// prospect answers with what would be erased, with the grounds to refuse, and
// with the text that she would sign.
func (s *Server) prospect(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	p, err := s.Erasures.Prospect(r.Context(), actor)
	if err != nil {
		return err
	}
	type ground struct {
		Code  string `json:"code"`
		Text  string `json:"text"`
		Until int64  `json:"until,omitempty"`
	}
	grounds := make([]ground, len(p.Grounds))
	for i, g := range p.Grounds {
		grounds[i] = ground{g.Code, g.Text, g.Until}
	}
	w.Header().Set("Cache-Control", "no-store")
	face.Write(w, http.StatusOK, map[string]any{
		"patient": p.Patient, "text": p.Text, "grounds": grounds, "records": p.Records, "log_entries": p.Entries, "consents": p.Consents,
		"backups_until": p.Backups, "may_have_copies": p.Told,
	})
	return nil
}

// erase takes a request with the passkey's assertion over its id.
func (s *Server) erase(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Request   []byte          `json:"request"` // base64
		Assertion face.Credential `json:"assertion"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	signed, err := in.Assertion.Assertion()
	if err != nil {
		return err
	}
	read, err := request.Decode(in.Request)
	if err != nil {
		return fault.Wrap(fault.Invalid, "erasure", "the request is malformed", err)
	}
	id, err := s.Erasures.Ask(r.Context(), read, signed)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/portal/erasures/"+hexOf(id))
	face.Write(w, http.StatusAccepted, map[string]any{"id": hexOf(id)})
	return nil
}

// erasure says how far an erasure is, and has its receipt once it is done. She
// cannot sign in any more: who knows the id of the request may ask.
func (s *Server) erasure(w http.ResponseWriter, r *http.Request) error {
	id, err := hash(r.PathValue("id"))
	if err != nil {
		return err
	}
	p, err := s.Erasures.Look(r.Context(), id)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	if r.URL.Query().Get("receipt") == "" {
		out := map[string]any{
			"done": p.Done, "sealed": p.Sealed, "asked": p.Asked, "records": p.Records, "versions": p.Versions, "log_entries": p.Entries,
			"exports": p.Exports, "may_have_copies": p.Sent,
		}
		if p.Done {
			out["ended"], out["backups_until"], out["event"] = p.Ended, p.Backups, p.Event
		}
		face.Write(w, http.StatusOK, out)
		return nil
	}
	if !p.Done {
		return fault.New(fault.Busy, "erasure-runs", "the erasure is not done yet").WithHint("ask again in a few seconds")
	}
	file, err := s.Bundles.Erasure(r.Context(), p.Event, p.Image)
	if err != nil {
		return err
	}
	face.File(w, "erasure.json", file)
	return nil
}
