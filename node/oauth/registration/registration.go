// Package registration is what an app is registered with (RFC 7591; SMART App Launch
// 2.2, 2.0.2), and the rules of what can be registered. It keeps nothing.
package registration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"cairn/fhir/scope"
	"cairn/node/fault"
	"cairn/node/identity/claim"
)

// How apps authenticate themselves at the token endpoint (RFC 7591, 2).
const (
	AuthNone   = "none"
	AuthSecret = "client_secret_basic"
	AuthKey    = "private_key_jwt"
)

// App is an app that is registered here. As JSON its members are those of RFC
// 7591, section 2, as far as there are such.
type App struct {
	ID         string          `json:"client_id"`
	Name       string          `json:"client_name"`
	Site       string          `json:"client_uri,omitempty"`
	Redirects  []string        `json:"redirect_uris,omitempty"`
	Launch     string          `json:"initiate_login_uri,omitempty"` // where an EHR starts it
	Scopes     string          `json:"scope"`                        // that it may have at most
	Auth       string          `json:"token_endpoint_auth_method"`
	Keys       json.RawMessage `json:"jwks,omitempty"`
	KeyURL     string          `json:"jwks_uri,omitempty"`
	IDTokenAlg string          `json:"id_token_signed_response_alg,omitempty"`
	Grants     []string        `json:"grant_types,omitempty"` // unset: authorization_code and refresh_token
	Contacts   []string        `json:"contacts,omitempty"`

	Purpose    string `json:"cairn_purpose_of_use,omitempty"` // v3-PurposeOfUse of what it does alone
	Registrant string `json:"cairn_registrant,omitempty"`     // who registered it, in words
	Issued     int64  `json:"client_id_issued_at,omitempty"`  // Unix seconds
}

// Bounds of a registration.
const (
	maxName      = 100
	maxURL       = 2000
	maxRedirects = 10
	maxKeys      = 10
	maxContacts  = 5
)

// The grants that an app may be registered for.
const (
	GrantCode    = "authorization_code"
	GrantRefresh = "refresh_token"
	GrantAlone   = "client_credentials"
)

// Alone tells whether the app signs in for itself.
func (a *App) Alone() bool { return slices.Contains(a.Grants, GrantAlone) }

// ForPersons tells whether the app acts for people.
func (a *App) ForPersons() bool { return len(a.Grants) == 0 || slices.Contains(a.Grants, GrantCode) }

// Algorithms that ID tokens are signed with; the first one where an app names none
// (OpenID Connect Dynamic Client Registration 1.0, 2).
var Algorithms = []string{"RS256", "ES256", "ES384"}

// alonePurposes are the purposes of use that an app may act for on its own.
var alonePurposes = []string{"TREAT", "HPAYMT", "HOPERAT", "HRESCH", "PUBHLTH"}

// Bad is what is wrong with a registration.
func Bad(text, hint string) error {
	return fault.New(fault.Invalid, "invalid_client_metadata", text).WithHint(hint)
}

// Validate refuses what cannot be registered, and fills in what follows.
func (a *App) Validate() error {
	if a.Name == "" || len(a.Name) > maxName || strings.ContainsFunc(a.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return Bad("an app has a client_name of at most 100 characters", "it is what people are shown")
	}
	for _, check := range []func() error{a.checkGrants, a.checkAuth, a.checkRedirects, a.checkScopes, a.checkPlaces} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) checkGrants() error {
	for _, g := range a.Grants {
		if g != GrantCode && g != GrantRefresh && g != GrantAlone {
			return Bad("this grant type is not known here", "grant_types are authorization_code, refresh_token, client_credentials")
		}
	}
	if !a.ForPersons() && !a.Alone() {
		return Bad("an app is for authorization_code or for client_credentials", "name one of them in grant_types")
	}
	if a.Alone() && (a.Auth != AuthKey || !slices.Contains(alonePurposes, a.Purpose)) {
		return Bad("an app that signs in for itself has a key and one purpose of use",
			"use private_key_jwt, and one of "+strings.Join(alonePurposes, ", ")+" as cairn_purpose_of_use")
	}
	if !a.Alone() && a.Purpose != "" {
		return Bad("only an app that signs in for itself has a purpose of use of its own", "leave cairn_purpose_of_use out")
	}
	return nil
}

func (a *App) checkAuth() error {
	switch a.Auth {
	case "":
		a.Auth = AuthSecret // RFC 7591, 2
	case AuthNone, AuthSecret, AuthKey:
	default:
		return Bad("this way to authenticate is not known here", "token_endpoint_auth_method is none, client_secret_basic or private_key_jwt")
	}
	if (a.Auth == AuthKey) != (len(a.Keys) > 0 || a.KeyURL != "") || len(a.Keys) > 0 && a.KeyURL != "" {
		return Bad("keys go with private_key_jwt, and in one place", "give jwks or jwks_uri, and only for private_key_jwt")
	}
	if len(a.Keys) > 0 {
		if _, err := ReadKeys(a.Keys); err != nil {
			return err
		}
	}
	if a.IDTokenAlg == "" {
		a.IDTokenAlg = Algorithms[0]
	}
	if !slices.Contains(Algorithms, a.IDTokenAlg) {
		return Bad("ID tokens are not signed with this algorithm here", "id_token_signed_response_alg is one of "+strings.Join(Algorithms, ", "))
	}
	return nil
}

func (a *App) checkRedirects() error {
	if a.ForPersons() == (len(a.Redirects) == 0) || len(a.Redirects) > maxRedirects {
		return Bad("an app for people has 1 to 10 redirect_uris, another has none", "")
	}
	for _, one := range a.Redirects {
		if !redirectable(one) {
			return fault.New(fault.Invalid, "invalid_redirect_uri", "one of redirect_uris cannot be used").
				WithHint("use https, http on this machine alone, or a private scheme such as com.example.app:/callback; no fragment, no user, no wildcard")
		}
	}
	return nil
}

// redirectable tells whether codes may be sent to an address (RFC 8252, 7).
func redirectable(text string) bool {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxURL || u.Fragment != "" || strings.ContainsAny(text, "#*\\ \t\r\n") || u.User != nil {
		return false
	}
	switch u.Scheme {
	case "https":
		return u.Hostname() != "" && u.Opaque == ""
	case "http":
		ip, err := netip.ParseAddr(u.Hostname())
		return u.Opaque == "" && (u.Hostname() == "localhost" || err == nil && ip.IsLoopback())
	}
	return strings.Contains(u.Scheme, ".") && u.Host == "" // a private scheme is a domain name turned round
}

func (a *App) checkScopes() error {
	s, err := scope.Parse(a.Scopes)
	if err != nil {
		return Bad(err.Error(), "scopes have the form patient/Observation.rs")
	}
	switch {
	case s.Empty():
		return Bad("an app is registered for some scopes", "name in scope what it may ask for at most")
	case s.Of(scope.System) && !a.Alone():
		return Bad("scopes that begin with system/ are for apps that sign in for themselves", "use patient/ or user/")
	case a.Alone() && !s.Of(scope.System):
		return Bad("an app that signs in for itself has scopes that begin with system/", "")
	}
	a.Scopes = s.String()
	return nil
}

func (a *App) checkPlaces() error {
	for _, one := range []string{a.Site, a.Launch} {
		if u, err := url.Parse(one); one != "" && (err != nil || u.Scheme != "https" && !redirectable(one) || len(one) > maxURL) {
			return Bad("an address of the app is not an https URL", "")
		}
	}
	if len(a.Contacts) > maxContacts || slices.ContainsFunc(a.Contacts, func(c string) bool { return len(c) > 200 }) {
		return Bad("an app has at most five contacts", "")
	}
	return nil
}

// Allowed are the scopes that the app may have at most.
func (a *App) Allowed() scope.Set {
	s, err := scope.Parse(a.Scopes)
	if err != nil {
		return scope.Set{}
	}
	return s
}

// ReadKeys reads a JWK Set: public keys for ES384 and RS384 (SMART App Launch 2.2,
// 5 "Asymmetric client authentication").
func ReadKeys(raw []byte) ([]jose.JSONWebKey, error) {
	if err := claim.Check(raw); err != nil {
		return nil, Bad("jwks is not one JSON object in which each name stands once", "")
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(raw, &set); err != nil || len(set.Keys) == 0 || len(set.Keys) > maxKeys {
		return nil, Bad("jwks holds 1 to 10 keys", "it is a JWK Set (RFC 7517, 5)")
	}
	for _, k := range set.Keys {
		if !usable(k) {
			return nil, Bad("a key in jwks cannot be used", "keys are public, for ES384 (P-384) or RS384 (RSA of 2,048 bits or more)")
		}
	}
	return set.Keys, nil
}

func usable(k jose.JSONWebKey) bool {
	if !k.Valid() || !k.IsPublic() || k.Use != "" && k.Use != "sig" || len(k.KeyID) > maxName {
		return false
	}
	switch key := k.Key.(type) {
	case *ecdsa.PublicKey:
		return key.Curve == elliptic.P384() && (k.Algorithm == "" || k.Algorithm == string(jose.ES384))
	case *rsa.PublicKey:
		return key.N.BitLen() >= 2048 && key.N.BitLen() <= 8192 && (k.Algorithm == "" || k.Algorithm == string(jose.RS384))
	}
	return false
}

// Answer is an app as whoever registered it is answered (RFC 7591, 3.2.1).
type Answer struct {
	App
	Secret    string `json:"client_secret,omitempty"`            // shown once
	Expires   *int64 `json:"client_secret_expires_at,omitempty"` // 0: never
	Statement string `json:"software_statement,omitempty"`
}

// Answered is the answer about an app.
func Answered(app App, secret, statement string) Answer {
	out := Answer{App: app, Secret: secret, Statement: statement}
	if secret != "" {
		out.Expires = new(int64)
	}
	if len(out.Grants) == 0 {
		out.Grants = []string{GrantCode, GrantRefresh}
	}
	return out
}
