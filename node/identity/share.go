package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"cairn/node/fault"
	"cairn/node/identity/box"
	"cairn/node/identity/once"
	"cairn/node/store"
)

// What is here is for a hospital with several processes on one database: who
// signed in at one of them is known at all, and nothing that is good once is
// good once more at another.

// tokens gives access tokens and knows them again.
type tokens interface {
	issue(a Actor, now time.Time) (Token, error)
	find(ctx context.Context, access string, now time.Time) (Actor, time.Time, error)
	// forget ends a token, at once and at every process.
	forget(ctx context.Context, access string, ends, now time.Time) error
}

// sealedTokens holds nothing: a token is its actor, sealed under a key that
// every process of the hospital has. What the actor may do is asked when the
// token is used: software that is not registered any more, or an organisation
// that has left, is nobody.
type sealedTokens struct{ door *Door }

// minted is what a sealed token, and the row of a session, say.
type minted struct {
	kept
	Kind    Kind     `json:"kind"`
	Patient string   `json:"patient"`
	Session string   `json:"session"`
	Key     string   `json:"key"`     // that the token is bound to
	Consent string   `json:"consent"` // that a member believes to act under
	Matter  string   `json:"matter,omitempty"`
	Groups  []string `json:"groups"`  // that were vouched for; nil if nothing was said
	Expires int64    `json:"expires"` // Unix milliseconds
}

func mintUntil(a Actor, expires int64) minted {
	return minted{kept: keep(a), Kind: a.kind, Patient: a.patient, Session: a.session, Key: a.key, Consent: a.consent, Matter: a.matter, Groups: a.groups, Expires: expires}
}

// actor returns who it was, without rights.
func (m minted) actor() Actor {
	a := m.kept.actor()
	a.kind, a.patient, a.session, a.key, a.consent, a.matter, a.groups = m.Kind, m.Patient, m.Session, m.Key, m.Consent, m.Matter, m.Groups
	return a
}

var tokenBound = []byte("cairn/token/v1\x00")

func (s sealedTokens) issue(a Actor, now time.Time) (Token, error) {
	plain, err := mint(a, now)
	if err != nil {
		return Token{}, err
	}
	access := base64.RawURLEncoding.EncodeToString(s.door.box.Seal(plain, tokenBound))
	return Token{Access: access, Expires: life(a), Actor: a}, nil
}

// mint says who an actor is, for as long as a token works.
func mint(a Actor, now time.Time) ([]byte, error) {
	plain, err := json.Marshal(mintUntil(a, now.Add(life(a)).UnixMilli()))
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "token", "an access token cannot be made", err)
	}
	return plain, nil
}

func (s sealedTokens) find(ctx context.Context, access string, now time.Time) (a Actor, ends time.Time, err error) {
	m, ok := s.door.opened.open(s.door.box, access, tokenBound)
	if !ok || now.UnixMilli() > m.Expires {
		return a, ends, badToken()
	}
	forgotten := false
	err = s.door.store.Once(ctx, func(v *store.View) (err error) {
		forgotten, err = v.UsedUp(forgottenHash(access))
		return err
	})
	if err != nil {
		return a, ends, err
	}
	a, ok = s.door.stands(ctx, m.actor())
	if !ok || forgotten {
		return Actor{}, ends, badToken()
	}
	return a, time.UnixMilli(m.Expires), nil
}

func (s sealedTokens) forget(ctx context.Context, access string, ends, now time.Time) error {
	return s.door.store.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Use(forgottenHash(access), ends.UnixMilli(), now.UnixMilli())
		return err
	})
}

func forgottenHash(access string) [32]byte {
	return sha256.Sum256([]byte("cairn/forgotten/v1\x00" + access))
}

// minted returns the actor of what was minted, with the rights of this moment,
// unless the time is over or nobody vouches for it any more.
func (d *Door) minted(ctx context.Context, plain []byte, now time.Time) (Actor, bool) {
	var m minted
	if err := json.Unmarshal(plain, &m); err != nil || now.UnixMilli() > m.Expires {
		return Actor{}, false
	}
	return d.stands(ctx, m.actor())
}

// stands returns the actor of a token with the rights of this moment.
func (d *Door) stands(ctx context.Context, a Actor) (Actor, bool) {
	if a.delegated {
		return d.standingApp(ctx, a)
	}
	switch a.kind {
	case Patient:
		return a, a.organisation == d.member && a.patient != ""
	case Representative:
		return a, a.organisation == d.member && a.Holder() != ""
	case Peer:
		a, err := d.standingPeer(a)
		return a, err == nil
	case Emergency, Legal:
		return d.standingMatter(a)
	case Staff, System, Operator:
		if a.Personal() && a.client == "" {
			return d.standingStaff(a)
		}
		c, found := d.clientOf(ctx, a.client)
		operates := found && len(c.Rights) == 1 && c.Rights[0] == RightOperate
		if !found || a.organisation != d.member || operates != (a.kind == Operator) {
			return Actor{}, false
		}
		a.rights = c.Rights
		return a, true
	}
	return Actor{}, false
}

// first tells whether something that is good once was not used before, at any
// process of the hospital, and marks it used until then.
func (d *Door) first(ctx context.Context, memory *once.Memory, id string, until, now time.Time) (bool, error) {
	if first, err := memory.First(id, until, now); err != nil || !first || !d.store.Shared() {
		return first, err
	}
	return d.firstEver(ctx, id, until, now)
}

// firstEver is first, after a restart too: it writes.
func (d *Door) firstEver(ctx context.Context, id string, until, now time.Time) (first bool, err error) {
	err = d.store.Update(ctx, func(tx *store.Tx) (err error) {
		first, err = tx.Use(sha256.Sum256([]byte("cairn/once/v1\x00"+id)), until.UnixMilli(), now.UnixMilli())
		return err
	})
	return first, err
}

// Secrets of the hospital that are in the store, sealed, and the same at every
// process.
const (
	challengeKey = "identity.challenges" // of nonces, where several processes share the store
	secretKey    = "identity.secret"     // of hashes of codes and the like
)

// secret returns a secret of the hospital, which it makes if there is none. It
// writes nothing if there is one, so that a node starts on a full disk too.
func secret(ctx context.Context, st *store.Store, b box.Box, name string) (out [32]byte, err error) {
	var kept []byte
	err = st.View(ctx, func(v *store.View) (err error) {
		kept, err = v.Meta(name)
		return err
	})
	if err == nil && kept == nil {
		kept, err = newSecret(ctx, st, b, name)
	}
	if err != nil {
		return out, err
	}
	plain, err := b.Open(kept, []byte(name))
	if err != nil || copy(out[:], plain) != len(out) {
		return out, fault.Wrap(fault.Broken, "secret", "a secret of sign-ins was altered or damaged in the database", err).
			WithHint("run `cairn scrub`")
	}
	return out, nil
}

// newSecret keeps a new secret unless another process was faster.
func newSecret(ctx context.Context, st *store.Store, b box.Box, name string) (kept []byte, err error) {
	var raw [32]byte
	rand.Read(raw[:]) // never fails: crypto/rand, Go 1.24
	fresh := b.Seal(raw[:], []byte(name))
	err = st.Update(ctx, func(tx *store.Tx) (err error) {
		if kept, err = tx.Meta(name); err != nil || kept != nil {
			return err
		}
		kept = fresh
		return tx.SetMeta(name, fresh)
	})
	return kept, err
}
