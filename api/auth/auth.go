// Package auth is the face for software that signs in: the token endpoint of
// SMART Backend Services.
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
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Handler serves POST /auth/token and the SMART configuration document.
func Handler(door *identity.Door, root string) http.Handler {
	mux := face.NewMux()
	mux.HandleFunc("POST /auth/token", func(w http.ResponseWriter, r *http.Request) { token(w, r, door) })
	mux.HandleFunc("GET /fhir/.well-known/smart-configuration", func(w http.ResponseWriter, _ *http.Request) {
		face.Write(w, http.StatusOK, map[string]any{
			"token_endpoint":                                   root + "/auth/token",
			"grant_types_supported":                            []string{"client_credentials"},
			"token_endpoint_auth_methods_supported":            []string{"private_key_jwt"},
			"token_endpoint_auth_signing_alg_values_supported": []string{"ES384", "RS384"},
			"dpop_signing_alg_values_supported":                dpop.Algorithms,
			"scopes_supported":                                 []string{"system/*.cruds"},
			"capabilities":                                     []string{"client-confidential-asymmetric", "permission-v2"},
		})
	})
	return mux
}

// token answers a client-credentials request (RFC 6749 4.4, RFC 7523 2.2).
func token(w http.ResponseWriter, r *http.Request, door *identity.Door) {
	body, err := face.Body(w, r, "application/x-www-form-urlencoded")
	if err != nil {
		refuse(w, r, "invalid_request", err)
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form["client_assertion"]) != 1 {
		refuse(w, r, "invalid_request", fault.Wrap(fault.Invalid, "form", "the form needs exactly one client_assertion", err))
		return
	}
	if form.Get("grant_type") != "client_credentials" {
		refuse(w, r, "unsupported_grant_type", fault.New(fault.Invalid, "grant", "grant_type must be client_credentials"))
		return
	}
	if form.Get("client_assertion_type") != assertionType {
		refuse(w, r, "invalid_request", fault.New(fault.Invalid, "form", "client_assertion_type must be "+assertionType))
		return
	}
	asked, err := askedScopes(form)
	if err != nil {
		refuse(w, r, "invalid_scope", err)
		return
	}
	p, err := door.Possession(r, "")
	if err != nil {
		refuse(w, r, "invalid_dpop_proof", err)
		return
	}
	t, err := door.SignIn(r.Context(), form.Get("client_assertion"), p, asked)
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
	w.Header().Set("Cache-Control", "no-store")
	face.Write(w, http.StatusOK, map[string]any{
		"access_token": t.Access, "token_type": kind, "expires_in": int(t.Expires.Seconds()), "scope": granted(t.Actor),
	})
}

// askedScopes reads the scopes of a request, nil if it names none.
func askedScopes(form url.Values) (*scope.Set, error) {
	if form.Get("scope") == "" {
		return nil, nil
	}
	s, err := scope.Parse(form.Get("scope"))
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
	face.Write(w, status, map[string]string{"error": code, "error_description": f.Text + ". " + f.Hint})
}
