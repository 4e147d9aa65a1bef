package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/token/jwt"

	"cairn/fhir/scope"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/oauth/registration"
)

// Session is what a sign-in of an app stands for: who let it, and what an answer
// with tokens says besides. It implements openid.Session.
type Session struct {
	Actor     []byte                         `json:"actor"` // sealed by the door
	Subject   string                         `json:"sub"`
	Claims    *jwt.IDTokenClaims             `json:"claims"`
	Headers   *jwt.Headers                   `json:"headers"`
	Ends      map[fosite.TokenType]time.Time `json:"ends"`
	Patient   string                         `json:"patient,omitempty"` // in the launch context
	Encounter string                         `json:"encounter,omitempty"`
	Banner    bool                           `json:"banner"`            // the app is to show whose records it shows
	Browser   string                         `json:"browser,omitempty"` // the session with which online access ends

	actor identity.Actor // set where the app is at work; else Actor is opened
}

// SetExpiresAt and the methods below are fosite's.
func (s *Session) SetExpiresAt(of fosite.TokenType, at time.Time) {
	if s.Ends == nil {
		s.Ends = make(map[fosite.TokenType]time.Time)
	}
	s.Ends[of] = at
}

// GetExpiresAt returns when a token of the session ends.
func (s *Session) GetExpiresAt(of fosite.TokenType) time.Time { return s.Ends[of] }

// GetUsername returns nothing: the name of a person is not told.
func (s *Session) GetUsername() string { return "" }

// GetSubject returns the person's identifier for this app.
func (s *Session) GetSubject() string { return s.Subject }

// IDTokenClaims returns what an ID token says.
func (s *Session) IDTokenClaims() *jwt.IDTokenClaims {
	if s.Claims == nil {
		s.Claims = &jwt.IDTokenClaims{}
	}
	return s.Claims
}

// IDTokenHeaders returns the header of an ID token.
func (s *Session) IDTokenHeaders() *jwt.Headers {
	if s.Headers == nil {
		s.Headers = jwt.NewHeaders()
	}
	return s.Headers
}

// Clone returns a copy.
func (s *Session) Clone() fosite.Session {
	raw, err := json.Marshal(s)
	out := new(Session)
	if err != nil || json.Unmarshal(raw, out) != nil {
		return new(Session) // stands for nobody
	}
	out.actor = s.actor
	return out
}

// kept is a request as it is kept for later: its form is what fosite leaves of it.
type kept struct {
	ID      string     `json:"id"`
	At      time.Time  `json:"at"`
	App     string     `json:"app"`
	Asked   []string   `json:"asked"`
	Granted []string   `json:"granted"`
	Form    url.Values `json:"form"`
	Session *Session   `json:"session"`
}

func keep(r fosite.Requester) ([]byte, error) {
	s, ok := r.GetSession().(*Session)
	if !ok {
		return nil, errors.New("not a session of this desk")
	}
	return json.Marshal(kept{r.GetID(), r.GetRequestedAt(), r.GetClient().GetID(), r.GetRequestedScopes(), r.GetGrantedScopes(), r.GetRequestForm(), s})
}

// request returns what was kept.
func (d *Desk) request(ctx context.Context, raw []byte) (fosite.Requester, error) {
	var k kept
	if err := json.Unmarshal(raw, &k); err != nil || k.Session == nil {
		return nil, fault.Wrap(fault.Broken, "ticket", "what a token stands for was altered or damaged", err)
	}
	app, err := d.find(ctx, k.App)
	if fault.Is(err, fault.NotFound) {
		return nil, fosite.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return &fosite.Request{ID: k.ID, RequestedAt: k.At, Client: client{app}, RequestedScope: k.Asked, GrantedScope: k.Granted, Form: k.Form, Session: k.Session}, nil
}

// acting returns the app that a request is for, as it stands at this moment.
func (d *Desk) acting(ctx context.Context, r fosite.Requester) (identity.Actor, error) {
	s, ok := r.GetSession().(*Session)
	if !ok {
		return identity.Actor{}, errors.New("not a session of this desk")
	}
	if s.actor.Kind() != "" {
		return s.actor, nil
	}
	a, err := d.Door.KeptApp(ctx, s.Actor, r.GetID())
	if err == nil {
		s.actor = a
	}
	return a, err
}

// narrowed reads the scopes that a refresh asks for: fewer than were granted (RFC
// 6749, 6).
func narrowed(r fosite.Requester) (asked scope.Set, some bool, err error) {
	text := r.GetRequestForm().Get("scope")
	if text == "" || r.GetRequestForm().Get("grant_type") != registration.GrantRefresh {
		return scope.Set{}, false, nil
	}
	if asked, err = scope.Parse(text); err != nil {
		return scope.Set{}, false, fosite.ErrInvalidScope.WithHint(err.Error())
	}
	granted, err := scope.Parse(strings.Join(r.GetGrantedScopes(), " "))
	if err != nil {
		return scope.Set{}, false, err
	}
	if asked = scope.Intersect(asked, granted); asked.Empty() {
		return scope.Set{}, false, fosite.ErrInvalidScope.WithHint("none of these scopes was granted")
	}
	return asked, true, nil
}
