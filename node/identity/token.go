package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"

	"cairn/node/fault"
)

// lifetime is how long an access token works: SMART Backend Services 2.0,
// 4.1.4 recommends at most five minutes.
const lifetime = 5 * time.Minute

// peerLifetime is how long the token of another member works: a minute, since
// it is for one person, one purpose and one answer.
const peerLifetime = time.Minute

// life returns how long a token of an actor works.
func life(a Actor) time.Duration {
	if a.kind == Peer {
		return peerLifetime
	}
	return lifetime
}

// Token is what a successful sign-in gives.
type Token struct {
	Access  string        // the token, shown once; a bearer token unless Actor.Key says otherwise
	Expires time.Duration // how long it works
	Actor   Actor
}

// sessions maps the hash of each live token to its actor. A restart forgets
// them all; clients sign in again.
type sessions struct {
	mu    sync.RWMutex
	live  map[[32]byte]session
	sweep time.Time
}

type session struct {
	actor   Actor
	expires time.Time
}

func (s *sessions) issue(a Actor, now time.Time) (Token, error) {
	raw := make([]byte, 32)
	rand.Read(raw) // never fails: crypto/rand, Go 1.24
	access := base64.RawURLEncoding.EncodeToString(raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live == nil {
		s.live = make(map[[32]byte]session)
	}
	if now.After(s.sweep) {
		for h, old := range s.live {
			if now.After(old.expires) {
				delete(s.live, h)
			}
		}
		s.sweep = now.Add(time.Minute)
	}
	s.live[sha256.Sum256([]byte(access))] = session{a, now.Add(life(a))}
	return Token{Access: access, Expires: life(a), Actor: a}, nil
}

func (s *sessions) find(_ context.Context, access string, now time.Time) (Actor, time.Time, error) {
	s.mu.RLock()
	found, ok := s.live[sha256.Sum256([]byte(access))]
	s.mu.RUnlock()
	if !ok || now.After(found.expires) {
		return Actor{}, time.Time{}, badToken()
	}
	return found.actor, found.expires, nil
}

func (s *sessions) forget(_ context.Context, access string, _, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, sha256.Sum256([]byte(access)))
	return nil
}

func badToken() error {
	return fault.New(fault.Unauthenticated, "token", "the access token is unknown or has expired").
		WithHint("sign in again at /auth/token")
}
