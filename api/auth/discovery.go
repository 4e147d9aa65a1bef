package auth

import (
	"net/http"

	"cairn/api/face"
	"cairn/node/identity/dpop"
	"cairn/node/oauth/registration"
)

// scopesSupported are kinds of scopes, each as one that stands for them (SMART App
// Launch 2.2, 6.1): any type, permission and filter of the form may be asked for.
var scopesSupported = []string{
	"openid", "fhirUser", "profile", "launch", "launch/patient", "launch/encounter", "offline_access", "online_access",
	"patient/*.cruds", "user/*.cruds", "system/*.cruds", "patient/*.read", "patient/*.write", "user/*.read", "user/*.write",
}

// capabilities are those of SMART App Launch 2.2, 6.2, that are there.
var capabilities = []string{
	"launch-ehr", "launch-standalone", "authorize-post", "client-public", "client-confidential-symmetric", "client-confidential-asymmetric",
	"sso-openid-connect", "context-banner", "context-ehr-patient", "context-ehr-encounter", "context-standalone-patient",
	"permission-offline", "permission-online", "permission-patient", "permission-user", "permission-v1", "permission-v2",
}

var (
	authMethods = []string{registration.AuthNone, registration.AuthSecret, registration.AuthKey}
	assertAlgs  = []string{"ES384", "RS384"}
	proofAlgs   = dpop.Algorithms
)

// common is what all documents say (RFC 8414, 2).
func (s *Server) common() map[string]any {
	return map[string]any{
		"issuer": s.Root, "jwks_uri": s.Root + "/auth/jwks",
		"authorization_endpoint": s.Root + "/auth/authorize", "token_endpoint": s.Root + "/auth/token",
		"introspection_endpoint": s.Root + "/auth/introspect", "revocation_endpoint": s.Root + "/auth/revoke", "registration_endpoint": s.Root + "/auth/register",
		"grant_types_supported":                 []string{"authorization_code", "refresh_token", "client_credentials"},
		"response_types_supported":              []string{"code"},
		"code_challenge_methods_supported":      []string{"S256"},
		"scopes_supported":                      scopesSupported,
		"token_endpoint_auth_methods_supported": authMethods, "token_endpoint_auth_signing_alg_values_supported": assertAlgs,
	}
}

// smart answers with the SMART configuration (SMART App Launch 2.2, 6).
func (s *Server) smart(w http.ResponseWriter, _ *http.Request) {
	doc := s.common()
	doc["capabilities"] = capabilities
	face.Write(w, http.StatusOK, doc)
}

// openid answers with the OpenID Connect and OAuth configuration (OpenID Connect
// Discovery 1.0, 3; RFC 8414; RFC 9207, 3; RFC 9449, 5.1).
func (s *Server) openid(w http.ResponseWriter, _ *http.Request) {
	doc := s.common()
	for name, value := range map[string]any{
		"response_modes_supported": []string{"query"}, "subject_types_supported": []string{"pairwise"},
		"id_token_signing_alg_values_supported":         registration.Algorithms,
		"introspection_endpoint_auth_methods_supported": authMethods[1:], "introspection_endpoint_auth_signing_alg_values_supported": assertAlgs,
		"revocation_endpoint_auth_methods_supported": authMethods, "revocation_endpoint_auth_signing_alg_values_supported": assertAlgs,
		"claims_supported":                               []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "at_hash", "fhirUser", "name"},
		"prompt_values_supported":                        []string{"none", "login", "consent", "select_account"},
		"authorization_response_iss_parameter_supported": true, "request_parameter_supported": false, "request_uri_parameter_supported": false,
		"claims_parameter_supported": false, "dpop_signing_alg_values_supported": proofAlgs,
	} {
		doc[name] = value
	}
	face.Write(w, http.StatusOK, doc)
}

// jwks answers with the keys of ID tokens.
func (s *Server) jwks(w http.ResponseWriter, r *http.Request) {
	set, err := s.Apps.JWKS(r.Context())
	if err != nil {
		face.Problem(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=3600")
	face.Write(w, http.StatusOK, set)
}
