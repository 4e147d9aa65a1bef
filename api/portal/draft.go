package portal

import (
	"net/http"

	"cairn/api/face"
	"cairn/node/fault"
	"cairn/node/grant"
	"cairn/node/identity"
)

// draft answers a wish with the terms that say it, and the text that she reads
// before her passkey signs. Secrets and signature are made in her browser.
func (s *Server) draft(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	var in struct {
		Says     string   `json:"says"` // yes or no
		Grantee  string   `json:"grantee"`
		What     string   `json:"what"`
		Purposes []string `json:"purposes"`
		Days     int      `json:"days"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	if in.Says != "yes" && in.Says != "no" {
		return fault.New(fault.Invalid, "wish", "a decision says yes or no")
	}
	d, err := s.Grants.Draft(actor, grant.Wish{Refuse: in.Says == "no", Grantee: in.Grantee, What: in.What, Purposes: in.Purposes, Days: in.Days})
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	face.Write(w, http.StatusOK, map[string]any{
		"network": hexOf(d.Network), "custodian": d.Custodian, "subject": d.Subject, "grantee": d.Grantee, "terms": d.Terms, "text": d.Text, "issued": d.Issued,
	})
	return nil
}
