package admin

import (
	"net/http"

	"cairn/api/face"
	"cairn/node/identity"
	"cairn/node/oauth/registration"
)

// appRoutes are those of the register of apps.
func (s *Server) appRoutes() map[string]func(http.ResponseWriter, *http.Request, identity.Actor) error {
	return map[string]func(http.ResponseWriter, *http.Request, identity.Actor) error{
		"GET /admin/apps":         s.apps,
		"POST /admin/apps":        s.appAdd,
		"DELETE /admin/apps/{id}": s.appRemove,
	}
}

func (s *Server) apps(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	list, err := s.Node.Apps.Apps(r.Context(), actor)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, map[string]any{"apps": list})
	return nil
}

// appAdd registers an app. The answer holds its secret, if it has one, once.
func (s *Server) appAdd(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	var in registration.App
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	app, secret, err := s.Node.Apps.Add(r.Context(), actor, in)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	face.Write(w, http.StatusCreated, registration.Answered(app, secret, ""))
	return nil
}

// appRemove takes an app out of the register; whatever it was allowed is over.
func (s *Server) appRemove(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	if err := s.Node.Apps.Remove(r.Context(), actor, r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
