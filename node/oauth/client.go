package oauth

import (
	"crypto/sha256"
	"strings"

	"github.com/ory/fosite"

	"cairn/node/oauth/registration"
)

// record is an app as it is kept.
type record struct {
	registration.App
	Secret []byte `json:"secret,omitempty"` // SHA-256 of it
}

func hashOf(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// client is an app as fosite sees it.
type client struct{ *record }

func (c client) GetID() string             { return c.ID }
func (c client) GetHashedSecret() []byte   { return c.Secret }
func (c client) GetRedirectURIs() []string { return c.Redirects }
func (c client) GetGrantTypes() fosite.Arguments {
	return fosite.Arguments{registration.GrantCode, registration.GrantRefresh}
}
func (c client) GetResponseTypes() fosite.Arguments { return fosite.Arguments{"code"} }
func (c client) GetScopes() fosite.Arguments        { return strings.Fields(c.Scopes) }
func (c client) IsPublic() bool                     { return c.Auth == registration.AuthNone }
func (c client) GetAudience() fosite.Arguments      { return nil }
