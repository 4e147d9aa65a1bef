// Package auth is the face of the authorization server: what SMART App Launch 2.2
// and OpenID Connect ask of one, and the pages on which people let apps act for
// them. It decodes, calls the desk and encodes; it decides nothing.
package auth

import (
	"html/template"
	"net/http"

	"cairn/api/face"
	"cairn/node/identity"
	"cairn/node/oauth"
	"cairn/node/record"
	"cairn/web"
)

// Server answers below /auth, and the documents by which apps find it.
type Server struct {
	Door    *identity.Door
	Apps    *oauth.Desk
	Records *record.Desk
	Root    string // of this node: the issuer

	pages      *template.Template
	registered face.Limit // registrations, by address
}

// Registrations by statement from one address.
const (
	registersPerSecond = 1
	registersBurst     = 20
)

// Handler returns the face.
func (s *Server) Handler() http.Handler {
	s.pages = web.Pages()
	s.registered.PerSecond, s.registered.Burst = registersPerSecond, registersBurst
	mux := face.NewMux()
	for _, at := range []string{"/fhir/.well-known/smart-configuration", "/.well-known/smart-configuration"} {
		mux.Handle("GET "+at, face.AnyOrigin(http.HandlerFunc(s.smart)))
	}
	for _, at := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		mux.Handle("GET "+at, face.AnyOrigin(http.HandlerFunc(s.openid)))
	}
	mux.Handle("GET /auth/jwks", face.AnyOrigin(http.HandlerFunc(s.jwks)))
	for pattern, serve := range map[string]http.HandlerFunc{"/auth/token": s.token, "/auth/revoke": s.revoke} {
		mux.Handle("POST "+pattern, face.AnyOrigin(serve))
		mux.Handle("OPTIONS "+pattern, face.AnyOrigin(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })))
	}
	mux.HandleFunc("POST /auth/introspect", s.introspect)
	mux.HandleFunc("POST /auth/register", s.register)
	mux.HandleFunc("POST /auth/launch", s.launch)

	mux.HandleFunc("GET /auth/authorize", s.page(s.authorize))
	mux.HandleFunc("POST /auth/authorize", s.page(s.authorize)) // from the app's page: it changes nothing
	mux.HandleFunc("GET /auth/start", s.page(s.startPage))
	mux.Handle("POST /auth/start", face.SameOrigin(s.page(s.start)))
	mux.Handle("POST /auth/patient", face.SameOrigin(s.page(s.patient)))
	mux.Handle("POST /auth/decision", face.SameOrigin(s.page(s.decision)))
	return mux
}
