package auth

import (
	"errors"
	"net/http"
	"net/url"

	"cairn/api/face"
	"cairn/fhir/scope"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/identity/dpop"
	"cairn/node/oauth"
)

// maxForm bounds a form that is read before anyone knows who asks.
const maxForm = 64 << 10

// form reads a form in which each parameter stands once (RFC 6749, 3.2).
func form(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	body, err := face.BodyUpTo(w, r, maxForm, "application/x-www-form-urlencoded")
	if err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "form", "the form cannot be read", err)
	}
	for _, list := range values {
		if len(list) > 1 {
			return nil, fault.New(fault.Invalid, "form", "a parameter stands more than once in the form")
		}
	}
	return values, nil
}

// token answers at the token endpoint (RFC 6749, 3.2).
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	f, err := form(w, r)
	if err != nil {
		refuse(w, r, "invalid_request", err)
		return
	}
	p, err := s.Door.Possession(r, "")
	if err != nil {
		refuse(w, r, "invalid_dpop_proof", err)
		return
	}
	switch f.Get("grant_type") {
	case "client_credentials":
		s.alone(w, r, f, p)
	case "authorization_code", "refresh_token":
		answer, err := s.Apps.Exchange(r.Context(), r, f, p)
		if err != nil {
			fail(w, r, err)
			return
		}
		write(w, answer)
	default:
		refuse(w, r, "unsupported_grant_type", fault.New(fault.Invalid, "grant", "grant_type must be authorization_code, refresh_token or client_credentials"))
	}
}

// alone signs software in for itself (SMART Backend Services: RFC 6749 4.4, RFC
// 7523 2.2).
func (s *Server) alone(w http.ResponseWriter, r *http.Request, f url.Values, p *identity.Possession) {
	if !f.Has("client_assertion") {
		refuse(w, r, "invalid_request", fault.New(fault.Invalid, "form", "the form needs exactly one client_assertion"))
		return
	}
	if f.Get("client_assertion_type") != oauth.AssertionType {
		refuse(w, r, "invalid_request", fault.New(fault.Invalid, "form", "client_assertion_type must be "+oauth.AssertionType))
		return
	}
	asked, err := askedScopes(f)
	if err != nil {
		refuse(w, r, "invalid_scope", err)
		return
	}
	t, err := s.Door.SignIn(r.Context(), f.Get("client_assertion"), p, asked)
	if f := fault.As(err); err != nil && f.Code == identity.CodeScope {
		refuse(w, r, "invalid_scope", err)
		return
	}
	if err != nil {
		refuse(w, r, "invalid_client", err)
		return
	}
	kind := "bearer"
	if t.Actor.Key() != "" {
		kind = "DPoP"
	}
	write(w, map[string]any{
		"access_token": t.Access, "token_type": kind, "expires_in": int(t.Expires.Seconds()), "scope": granted(t.Actor),
	})
}

func write(w http.ResponseWriter, answer map[string]any) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache") // RFC 6749, 5.1
	face.Write(w, http.StatusOK, answer)
}

// askedScopes reads the scopes of a request, nil if it names none.
func askedScopes(f url.Values) (*scope.Set, error) {
	if f.Get("scope") == "" {
		return nil, nil
	}
	s, err := scope.Parse(f.Get("scope"))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, identity.CodeScope, err.Error(), err)
	}
	return &s, nil
}

// granted are the scopes of an actor, as a token response has them.
func granted(a identity.Actor) string {
	if a.Scopes() == nil {
		return scope.Everything().String()
	}
	return a.Scopes().String()
}

// introspect answers what a token is (RFC 7662).
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	f, err := form(w, r)
	if err == nil && f.Get("token") == "" {
		err = fault.New(fault.Invalid, "form", "the form needs a token")
	}
	if err != nil {
		refuse(w, r, "invalid_request", err)
		return
	}
	answer, err := s.Apps.Introspect(r.Context(), r, f)
	if err != nil {
		fail(w, r, err)
		return
	}
	write(w, answer)
}

// revoke ends a token (RFC 7009).
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	f, err := form(w, r)
	if err == nil && f.Get("token") == "" {
		err = fault.New(fault.Invalid, "form", "the form needs a token")
	}
	if err != nil {
		refuse(w, r, "invalid_request", err)
		return
	}
	if err := s.Apps.Revoke(r.Context(), r, f); err != nil {
		fail(w, r, err)
		return
	}
	write(w, map[string]any{})
}

// fail answers with what a desk says is wrong.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	var f *oauth.Failure
	if !errors.As(err, &f) {
		refuse(w, r, "server_error", err)
		return
	}
	kind := fault.Invalid
	if f.Code == "invalid_client" {
		kind = fault.Unauthenticated
		if _, _, basic := r.BasicAuth(); basic {
			w.Header().Set("WWW-Authenticate", `Basic realm="cairn"`) // RFC 6749, 5.2
		}
	}
	refuse(w, r, f.Code, fault.Wrap(kind, f.Code, f.Text, f.Cause))
}

// refuse answers with an OAuth error (RFC 6749 5.2, RFC 9449 12.2).
func refuse(w http.ResponseWriter, r *http.Request, code string, err error) {
	f := fault.As(err)
	face.Note(r, f)
	status := http.StatusBadRequest
	var unproved *dpop.Refusal
	switch {
	case errors.As(err, &unproved): // RFC 9449 5 and 8
		code = unproved.Code()
		dpop.Challenge(w.Header(), err)
	case code == "invalid_client" && f.Kind == fault.Unauthenticated:
		status = http.StatusUnauthorized
	case f.Kind != fault.Invalid && f.Kind != fault.Unauthenticated:
		status = face.Status(f.Kind)
	}
	w.Header().Set("Cache-Control", "no-store")
	text := f.Text
	if f.Hint != "" {
		text += ". " + f.Hint
	}
	face.Write(w, status, map[string]string{"error": code, "error_description": text})
}
