package portal

import (
	"net/http"

	"cairn/api/face"
	"cairn/node/identity"
)

// app is an app that the person has let act for her.
type app struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Site       string   `json:"site,omitempty"`
	Registrant string   `json:"registrant"`
	Scopes     []string `json:"scopes"`
	Given      string   `json:"given"`
	Used       string   `json:"used,omitempty"`  // when it had a token last
	Until      string   `json:"until,omitempty"` // when it is over unless it is used
}

// apps lists the apps that she has let act for her, patient or staff.
func (s *Server) apps(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	list, err := s.Apps.Mine(r.Context(), actor)
	if err != nil {
		return err
	}
	out := make([]app, 0, len(list))
	for _, a := range list {
		one := app{ID: a.App.ID, Name: a.App.Name, Site: a.App.Site, Registrant: a.App.Registrant, Scopes: a.Scopes.List(), Given: moment(a.Given)}
		if !a.Used.IsZero() {
			one.Used, one.Until = moment(a.Used), moment(a.Until)
		}
		out = append(out, one)
	}
	face.Write(w, http.StatusOK, map[string]any{"apps": out})
	return nil
}

// stopApp takes back what she has let an app do: its tokens are over at once.
func (s *Server) stopApp(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	return done(w, s.Apps.Stop(r.Context(), actor, r.PathValue("id")))
}
