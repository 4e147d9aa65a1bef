package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ory/fosite"

	"cairn/fhir/scope"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/store"
)

// Failure is why a request to the token endpoint, or another of its kind, is
// refused: an error of RFC 6749, 5.2.
type Failure struct {
	Code, Text string
	Cause      error
}

func (f *Failure) Error() string { return f.Code + ": " + f.Text }

// Unwrap returns what a log is to say.
func (f *Failure) Unwrap() error { return f.Cause }

// failed turns what fosite says into a Failure; what is this node's fault stays as
// it is.
func failed(err error) error {
	var known *fault.Error
	var f *fosite.RFC6749Error
	if errors.As(err, &known) && !fault.Is(err, fault.Unauthenticated) {
		return err
	}
	if errors.Is(err, fosite.ErrInvalidatedAuthorizeCode) || errors.Is(err, fosite.ErrInactiveToken) {
		return &Failure{"invalid_grant", "the code or refresh token was used before", err}
	}
	if !errors.As(err, &f) || f.CodeField >= http.StatusInternalServerError {
		return err
	}
	text := f.HintField
	if text == "" {
		text = f.DescriptionField
	}
	code := f.ErrorField
	if errors.Is(err, fosite.ErrNotFound) {
		code, text = "invalid_grant", "the code or refresh token is unknown or over"
	}
	return &Failure{code, text, err}
}

// Exchange gives tokens for a code or a refresh token (RFC 6749, 4.1.3 and 6). form
// holds each parameter once; p is the proof of possession that the request brought,
// nil for none. The answer is that of SMART App Launch 2.2, 2.0.9. It fails with a
// *Failure, or with a fault for what is not the app's doing.
func (d *Desk) Exchange(ctx context.Context, r *http.Request, form url.Values, p *identity.Possession) (map[string]any, error) {
	again, err := http.NewRequestWithContext(ctx, http.MethodPost, d.Root+"/auth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	again.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if auth := r.Header.Get("Authorization"); auth != "" {
		again.Header.Set("Authorization", auth)
	}
	request, err := d.provider.NewAccessRequest(ctx, again, new(Session))
	if err != nil {
		return nil, failed(err)
	}
	if _, _, err := narrowed(request); err != nil {
		return nil, failed(err)
	}
	a, err := d.bind(ctx, request, p)
	if err != nil {
		return nil, err
	}
	response, err := d.provider.NewAccessResponse(ctx, request)
	if errors.Is(err, fosite.ErrInvalidatedAuthorizeCode) || errors.Is(err, fosite.ErrInactiveToken) {
		// Two came at once: it is as if one had come after the other.
		if err := (storage{d}).RevokeRefreshToken(ctx, request.GetID()); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, failed(err)
	}
	return d.answer(request, response, a)
}

// bind ties what an app is given to the key that it proved to have (RFC 9449, 5),
// and refuses another key than that of its sign-in.
func (d *Desk) bind(ctx context.Context, request fosite.AccessRequester, p *identity.Possession) (identity.Actor, error) {
	s, ok := request.GetSession().(*Session)
	if !ok {
		return identity.Actor{}, errors.New("not a session of this desk")
	}
	a, err := d.acting(ctx, request)
	if fault.Is(err, fault.Unauthenticated) {
		return a, &Failure{"invalid_grant", "the sign-in is over", err}
	}
	if err != nil {
		return a, err
	}
	if a.Key() != "" && p == nil {
		return a, &Failure{"invalid_dpop_proof", "the sign-in is bound to a key: send its proof", nil}
	}
	if p == nil {
		return a, nil
	}
	thumbprint, err := p.Use(ctx, a.Key())
	if fault.Is(err, fault.Unauthenticated) {
		return a, &Failure{"invalid_dpop_proof", "the proof of the key is not good, or of another key", err}
	}
	if err != nil || a.Key() == thumbprint {
		return a, err
	}
	if a, err = d.Door.Bind(a, thumbprint); err != nil {
		return a, err
	}
	s.actor = a
	s.Actor, err = d.Door.KeepApp(a)
	return a, err
}

// answer is what an app gets.
func (d *Desk) answer(request fosite.AccessRequester, response fosite.AccessResponder, a identity.Actor) (map[string]any, error) {
	s, ok := request.GetSession().(*Session)
	if !ok {
		return nil, errors.New("not a session of this desk")
	}
	out := response.ToMap()
	out["token_type"] = "Bearer"
	if a.Key() != "" {
		out["token_type"] = "DPoP"
	}
	given, err := scope.Parse(strings.Join(request.GetGrantedScopes(), " "))
	if err != nil {
		return nil, err
	}
	if asked, some, err := narrowed(request); err != nil {
		return nil, failed(err)
	} else if some {
		given = asked
	}
	out["scope"], out["expires_in"] = given.String(), int(accessLife/time.Second)
	if s.Patient != "" {
		out["patient"], out["need_patient_banner"] = s.Patient, s.Banner
	}
	if s.Encounter != "" {
		out["encounter"] = s.Encounter
	}
	return out, nil
}

// Introspect says what an access token is (RFC 7662; SMART App Launch 2.2, 2.3), to
// whom it was given to and to software of this hospital that may see records. The
// request authenticates who asks.
func (d *Desk) Introspect(ctx context.Context, r *http.Request, form url.Values) (map[string]any, error) {
	c, err := d.identify(ctx, r, form)
	if err != nil {
		return nil, failed(err)
	}
	a, ends, err := d.Door.Inspect(ctx, form.Get("token"))
	if fault.Is(err, fault.Unauthenticated) || err == nil && !c.own && a.Client() != c.id {
		return map[string]any{"active": false}, nil
	}
	if err != nil {
		return nil, err
	}
	all := scope.Everything()
	if a.Scopes() != nil {
		all = *a.Scopes()
	}
	out := map[string]any{
		"active": true, "scope": all.String(), "client_id": a.Client(), "exp": ends.Unix(), "token_type": "Bearer", "iss": d.Root, "aud": d.Base(), "sub": a.Client(),
	}
	if owner, err := d.Door.Owner(a); err == nil && a.Delegated() {
		out["sub"] = d.Door.Pairwise(owner, a.Client())
	}
	if a.InContext() != "" {
		out["patient"] = a.InContext()
	}
	if all.Has("fhirUser") {
		out["fhirUser"] = d.Base() + "/" + a.FHIRUser()
	}
	if a.Key() != "" {
		out["token_type"], out["cnf"] = "DPoP", map[string]string{"jkt": a.Key()}
	}
	return out, nil
}

// Revoke ends a token (RFC 7009) for whom it was given to: of an app that acts for a
// person, access or refresh token, the sign-in that it stands on; of software that
// signed in for itself, the access token. One that is not known, or is another's, is
// no error.
func (d *Desk) Revoke(ctx context.Context, r *http.Request, form url.Values) error {
	c, err := d.identify(ctx, r, form)
	if err != nil {
		return failed(err)
	}
	family, err := d.familyOf(ctx, c.id, form.Get("token"))
	if err != nil {
		return err
	}
	if family == "" {
		return d.Door.Forget(ctx, form.Get("token"), c.id)
	}
	draft, err := d.ended(ctx, family, "revoke", "policy.app", "The app gave it back.")
	if err != nil {
		return err
	}
	return d.Store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.EndFamily(family); err != nil {
			return err
		}
		return draft.Append(tx)
	})
}

// familyOf returns what a token of an app stands on, "" for nothing.
func (d *Desk) familyOf(ctx context.Context, app, token string) (string, error) {
	a, _, err := d.Door.Inspect(ctx, token)
	if err == nil && a.Client() == app {
		return a.Family(), nil
	}
	if err != nil && !fault.Is(err, fault.Unauthenticated) {
		return "", err
	}
	_, signature, found := strings.Cut(token, ".")
	if !found {
		return "", nil
	}
	request, _, err := storage{d}.getRequest(ctx, ticketRefresh, signature)
	if errors.Is(err, fosite.ErrNotFound) || err == nil && request.GetClient().GetID() != app {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return request.GetID(), nil
}
