package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

type appCommand struct {
	Add    appAddCommand    `cmd:"" help:"Register an app."`
	List   appListCommand   `cmd:"" help:"List the registered apps."`
	Remove appRemoveCommand `cmd:"" help:"Take an app out of the register; all that it was allowed is over."`
}

// waitApp is how long one request about an app may take.
const waitApp = time.Minute

// registeredApp is an app as the node answers with it (RFC 7591, 2).
type registeredApp struct {
	ID         string          `json:"client_id,omitempty"`
	Name       string          `json:"client_name"`
	Site       string          `json:"client_uri,omitempty"`
	Redirects  []string        `json:"redirect_uris,omitempty"`
	Launch     string          `json:"initiate_login_uri,omitempty"`
	Scopes     string          `json:"scope"`
	Auth       string          `json:"token_endpoint_auth_method"`
	Keys       json.RawMessage `json:"jwks,omitempty"`
	KeyURL     string          `json:"jwks_uri,omitempty"`
	IDTokenAlg string          `json:"id_token_signed_response_alg,omitempty"`
	Grants     []string        `json:"grant_types,omitempty"`
	Contacts   []string        `json:"contacts,omitempty"`
	Purpose    string          `json:"cairn_purpose_of_use,omitempty"`
	Registrant string          `json:"cairn_registrant,omitempty"`
	Issued     int64           `json:"client_id_issued_at,omitempty"`
	Secret     string          `json:"client_secret,omitempty"`
}

type appAddCommand struct {
	Name     string   `arg:"" help:"What people are shown as the app's name."`
	Redirect []string `placeholder:"URL" help:"Address of the app that answers are sent to, to the letter; may stand several times."`
	Scope    []string `required:"" placeholder:"SCOPE" help:"SMART scope that it may ask for at most; may stand several times."`
	Auth     string   `default:"none" enum:"none,client_secret_basic,private_key_jwt" help:"How it proves who it is: none, client_secret_basic or private_key_jwt."`
	Keys     string   `type:"existingfile" placeholder:"FILE" help:"Its public keys, a JWK Set; with private_key_jwt."`
	KeyURL   string   `placeholder:"URL" help:"Where its public keys are kept instead."`
	IDToken  string   `placeholder:"ALG" help:"Signature of its ID tokens: RS256, ES256 or ES384; RS256 if left out."`
	Alone    bool     `help:"It signs in for itself, with no person: SMART Backend Services."`
	Purpose  string   `placeholder:"CODE" help:"What it does alone for: a v3-PurposeOfUse code, such as HOPERAT."`
	Site     string   `placeholder:"URL" help:"Its site."`
	Launch   string   `placeholder:"URL" help:"Where an EHR starts it."`
	Config   string   `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
}

// Help is shown below the flags.
func (appAddCommand) Help() string {
	return `Prints the app's client_id and, with client_secret_basic, its secret, once. People who use it are
shown its name, that this hospital's operator registered it, and what it asks for. The node's operator
key is used.

  cairn app add "Growth Chart" --redirect https://chart.example/callback --scope "patient/*.rs" \
      --scope launch/patient --scope "openid" --scope fhirUser --config my-hospital/cairn.toml`
}

func (c appAddCommand) Run(e *env) error {
	app := registeredApp{
		Name: c.Name, Site: c.Site, Redirects: c.Redirect, Launch: c.Launch, Scopes: strings.Join(c.Scope, " "), Auth: c.Auth, KeyURL: c.KeyURL,
		IDTokenAlg: c.IDToken, Purpose: c.Purpose,
	}
	if c.Alone {
		app.Grants = []string{"client_credentials"}
	}
	if c.Keys != "" {
		raw, err := os.ReadFile(c.Keys)
		if err != nil {
			return err
		}
		app.Keys = raw
	}
	a, err := ask(c.Config, "operator", nil, waitApp)
	if err != nil {
		return err
	}
	body, err := json.Marshal(app)
	if err != nil {
		return err
	}
	answer, err := a.answer(a.With(e.ctx, http.MethodPost, "/admin/apps", http.Header{"Content-Type": {"application/json"}}, body))
	if err != nil {
		return err
	}
	if err := read(answer, &app); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "client_id      %s\n", app.ID)
	if app.Secret != "" {
		fmt.Fprintf(e.out, "client_secret  %s  shown once\n", app.Secret)
	}
	_, err = fmt.Fprintf(e.out, "FHIR base      %s/fhir\n", a.cfg.URL)
	return err
}

type appListCommand struct {
	Config string `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
	JSON   bool   `name:"json" help:"Print what the node answers, as JSON."`
}

func (c appListCommand) Run(e *env) error {
	a, err := ask(c.Config, "operator", nil, waitApp)
	if err != nil {
		return err
	}
	body, err := a.answer(a.Do(e.ctx, http.MethodGet, "/admin/apps", nil))
	if err != nil {
		return err
	}
	var in struct {
		Apps []registeredApp `json:"apps"`
	}
	if err := read(body, &in); err != nil {
		return err
	}
	if c.JSON {
		out := json.NewEncoder(e.out)
		out.SetIndent("", "  ")
		return out.Encode(in)
	}
	for _, app := range in.Apps {
		fmt.Fprintf(e.out, "%s  %s\n    %s; registered by %s\n    %s\n", app.ID, app.Name, app.Auth, app.Registrant, app.Scopes)
		for _, to := range app.Redirects {
			fmt.Fprintf(e.out, "    %s\n", to)
		}
	}
	_, err = fmt.Fprintf(e.out, "%d apps\n", len(in.Apps))
	return err
}

type appRemoveCommand struct {
	ID     string `arg:"" help:"The app's client_id."`
	Config string `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
}

func (c appRemoveCommand) Run(e *env) error {
	a, err := ask(c.Config, "operator", nil, waitApp)
	if err != nil {
		return err
	}
	if _, err := a.answer(a.Do(e.ctx, http.MethodDelete, "/admin/apps/"+url.PathEscape(c.ID), nil)); err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.out, "removed; whatever it was allowed is over")
	return err
}
