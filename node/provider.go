package node

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strings"

	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/identity/provider"
)

// ProviderConfig is the hospital's OpenID Connect provider. The zero value is
// none.
type ProviderConfig struct {
	Issuer       string   `toml:"issuer" comment:"its issuer, exactly as it stands in ID tokens; https"`
	ClientID     string   `toml:"client_id" comment:"as which this node is registered there"`
	ClientSecret string   `toml:"client_secret" comment:"file with the secret that it has there"`
	Scopes       []string `toml:"scopes,omitempty" comment:"asked for beside openid; profile if left out"`
	IDClaim      string   `toml:"id_claim,omitempty" comment:"claim that becomes the account's id; sub if left out"`
	NameClaim    string   `toml:"name_claim,omitempty" comment:"claim with the person's name; name if left out"`
	RoleClaim    string   `toml:"role_claim" comment:"claim that says what a person is"`
	Roles        []string `toml:"roles" comment:"what its values mean: VALUE=ROLE"`
	UnitClaim    string   `toml:"unit_claim,omitempty" comment:"claim that says where a person works"`
	Units        []string `toml:"units,omitempty" comment:"what its values mean: VALUE=Organization/ID"`
	TeamClaim    string   `toml:"team_claim,omitempty" comment:"claim that says in which teams a person is"`
	Teams        []string `toml:"teams,omitempty" comment:"what its values mean: VALUE=CareTeam/ID"`
	Practitioner string   `toml:"practitioner_claim,omitempty" comment:"claim with the reference by which records name the person: Practitioner/ID"`
	ACR          string   `toml:"acr,omitempty" comment:"authentication context that a sign-in there must have"`
}

var (
	roleForm = regexp.MustCompile(`^(.+)=([a-z-]+)$`)
	unitForm = regexp.MustCompile(`^(.+)=((?:Organization|Location|HealthcareService)/[A-Za-z0-9.-]{1,64})$`)
	teamForm = regexp.MustCompile(`^(.+)=(CareTeam/[A-Za-z0-9.-]{1,64})$`)
)

// providerProblems returns what is wrong with the provider.
func (c Config) providerProblems() (out []problem) {
	p := c.Provider
	if reflect.ValueOf(p).IsZero() {
		return nil
	}
	add := func(ok bool, key, format string, args ...any) {
		if !ok {
			out = append(out, problem{key: "provider: " + key, text: fmt.Sprintf(format, args...)})
		}
	}
	add(strings.HasPrefix(p.Issuer, "https://") || strings.HasPrefix(p.Issuer, "http://localhost") || strings.HasPrefix(p.Issuer, "http://127.0.0.1"), "issuer",
		"%q is not https://...", p.Issuer)
	add(p.ClientID != "", "client_id", "is missing")
	add(p.ClientSecret != "", "client_secret", "is missing")
	add(p.RoleClaim != "", "role_claim", "is missing")
	add(len(p.Roles) > 0, "roles", "is missing: without one nobody may do anything")
	roles, bad := pairs(p.Roles, roleForm)
	add(bad == "", "roles", "%q is not VALUE=ROLE", bad)
	for _, role := range roles {
		_, known := identity.RoleOf(role)
		add(known, "roles", "there is no role %q", role)
	}
	_, bad = pairs(p.Units, unitForm)
	add(bad == "", "units", "%q is not VALUE=Organization/ID, Location/ID or HealthcareService/ID", bad)
	_, bad = pairs(p.Teams, teamForm)
	add(bad == "", "teams", "%q is not VALUE=CareTeam/ID", bad)
	add(p.UnitClaim != "" || len(p.Units) == 0, "unit_claim", "is missing")
	add(p.TeamClaim != "" || len(p.Teams) == 0, "team_claim", "is missing")
	return out
}

// maxSecret bounds the file with the secret, in bytes.
const maxSecret = 4096

// provider returns this node as a relying party, nil if the hospital has no
// provider.
func (c Config) provider() (*provider.Provider, error) {
	p := c.Provider
	if p.Issuer == "" {
		return nil, nil
	}
	secret, err := os.ReadFile(p.ClientSecret)
	if err != nil || len(secret) > maxSecret {
		return nil, fault.Wrap(fault.Invalid, "provider", "the file with the secret for the OpenID provider cannot be read", err).
			WithHint("check client_secret of [provider] in the configuration")
	}
	roles, _ := pairs(p.Roles, roleForm)
	units, _ := pairs(p.Units, unitForm)
	teams, _ := pairs(p.Teams, teamForm)
	scopes := p.Scopes
	if scopes == nil {
		scopes = []string{"profile"}
	}
	return provider.New(provider.Config{
		Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: strings.TrimSpace(string(secret)), Redirect: strings.TrimSuffix(c.URL, "/") + identity.ProviderReturn,
		Scopes: scopes, ID: cmp.Or(p.IDClaim, "sub"), Name: cmp.Or(p.NameClaim, "name"), Practitioner: p.Practitioner,
		Role: p.RoleClaim, Unit: p.UnitClaim, Team: p.TeamClaim, Roles: roles, Units: units, Teams: teams, ACR: p.ACR,
	}, http.DefaultTransport), nil
}
