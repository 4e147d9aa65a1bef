package auth

import (
	"net/http"

	"cairn/api/face"
	"cairn/node/fault"
	"cairn/node/oauth"
	"cairn/node/oauth/registration"
)

// register takes a software statement that a member signed (RFC 7591, 3.1; HL7 UDAP
// Security 1.0, 3). Without one, only the operator registers apps.
func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	if !s.registered.Allows(r, 1) {
		face.Problem(w, r, fault.New(fault.Busy, "rate", "too many registrations come from this address").WithHint("wait a little"))
		return
	}
	var in struct {
		Statement      string   `json:"software_statement"`
		UDAP           string   `json:"udap,omitempty"`
		Certifications []string `json:"certifications,omitempty"` // none are known here
	}
	err := face.JSON(w, r, face.MaxJSON, &in)
	if err != nil {
		refuse(w, r, "invalid_client_metadata", err)
		return
	}
	app, secret, err := s.Apps.Registered(r.Context(), in.Statement)
	if f := fault.As(err); err != nil {
		code := f.Code
		if f.Kind != fault.Invalid {
			code = "server_error"
		}
		refuse(w, r, code, err)
		return
	}
	s.registered.Return(r, 1)
	w.Header().Set("Cache-Control", "no-store")
	face.Write(w, http.StatusCreated, registration.Answered(app, secret, in.Statement))
}

// launch makes a launch for the hospital's software (SMART App Launch 2.2, 2.0.4).
func (s *Server) launch(w http.ResponseWriter, r *http.Request) {
	who, err := s.Door.Actor(r)
	if err != nil {
		face.Problem(w, r, err)
		return
	}
	var in oauth.Launch
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		face.Problem(w, r, err)
		return
	}
	launch, life, err := s.Apps.Launch(r.Context(), who, in)
	if err != nil {
		face.Problem(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	face.Write(w, http.StatusCreated, map[string]any{"launch": launch, "iss": s.Apps.Base(), "expires_in": int(life.Seconds())})
}
