package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/ory/fosite"

	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// Kinds of tickets.
const (
	ticketCode    = "code"
	ticketPKCE    = "pkce"
	ticketOpenID  = "openid"
	ticketRefresh = "refresh"
	ticketLaunch  = "launch"
)

// storage is the desk as fosite keeps things in it. What is written within one
// exchange is collected, and written in one transaction of the store by Commit.
type storage struct{ *Desk }

// pending is what an exchange will write.
type pending struct{ writes []func(*store.Tx) error }

type pendingKey struct{}

// BeginTX begins to collect.
func (s storage) BeginTX(ctx context.Context) (context.Context, error) {
	return context.WithValue(ctx, pendingKey{}, new(pending)), nil
}

// Commit writes what was collected, all of it or nothing.
func (s storage) Commit(ctx context.Context) error {
	p, _ := ctx.Value(pendingKey{}).(*pending)
	if p == nil || len(p.writes) == 0 {
		return nil
	}
	return s.Store.Update(ctx, func(tx *store.Tx) error {
		for _, write := range p.writes {
			if err := write(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// Rollback forgets what was collected.
func (s storage) Rollback(ctx context.Context) error {
	if p, _ := ctx.Value(pendingKey{}).(*pending); p != nil {
		p.writes = nil
	}
	return nil
}

// write writes at once, or with the rest of an exchange.
func (s storage) write(ctx context.Context, f func(*store.Tx) error) error {
	if p, _ := ctx.Value(pendingKey{}).(*pending); p != nil {
		p.writes = append(p.writes, f)
		return nil
	}
	return s.Store.Update(ctx, f)
}

// put keeps a ticket.
func (s storage) put(ctx context.Context, kind, secret, family string, ends time.Time, plain []byte) error {
	hash := sha256.Sum256([]byte(secret))
	body, err := s.seal(ctx, kind, hex.EncodeToString(hash[:]), plain)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *store.Tx) error {
		return tx.AddTicket(&store.Ticket{Hash: hash, Kind: kind, Family: family, Ends: millis(ends), Body: body})
	})
}

// get returns what a ticket holds. It fails with fosite.ErrNotFound.
func (d *Desk) get(ctx context.Context, kind, secret string) (t *store.Ticket, plain []byte, err error) {
	hash := sha256.Sum256([]byte(secret))
	err = d.Store.Once(ctx, func(v *store.View) (err error) {
		t, err = v.Ticket(hash, kind)
		return err
	})
	if fault.Is(err, fault.NotFound) || err == nil && time.Now().UnixMilli() >= t.Ends {
		return nil, nil, fosite.ErrNotFound
	}
	if err != nil {
		return nil, nil, err
	}
	plain, err = d.open(ctx, kind, hex.EncodeToString(hash[:]), t.Body)
	return t, plain, err
}

// keepRequest keeps a request as a ticket.
func (s storage) keepRequest(ctx context.Context, kind, secret string, ends time.Time, r fosite.Requester) error {
	plain, err := keep(r)
	if err != nil {
		return err
	}
	return s.put(ctx, kind, secret, r.GetID(), ends, plain)
}

// getRequest returns a request that was kept, and whether its ticket was spent.
func (s storage) getRequest(ctx context.Context, kind, secret string) (r fosite.Requester, spent bool, err error) {
	t, plain, err := s.get(ctx, kind, secret)
	if err != nil {
		return nil, false, err
	}
	r, err = s.request(ctx, plain)
	return r, err == nil && t.Spent, err
}

// spend marks a ticket spent; who is second fails with otherwise.
func (s storage) spend(ctx context.Context, kind, secret string, otherwise error) error {
	hash := sha256.Sum256([]byte(secret))
	return s.write(ctx, func(tx *store.Tx) error {
		first, err := tx.SpendTicket(hash, kind)
		if err == nil && !first {
			err = otherwise
		}
		return err
	})
}

// GetClient is fosite.ClientManager's.
func (s storage) GetClient(ctx context.Context, id string) (fosite.Client, error) {
	app, err := s.find(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil, fosite.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return client{app}, nil
}

// ClientAssertionJWTValid and SetClientAssertionJWT are not used: the door checks
// assertions.
func (s storage) ClientAssertionJWTValid(context.Context, string) error { return fosite.ErrJTIKnown }

// SetClientAssertionJWT refuses.
func (s storage) SetClientAssertionJWT(context.Context, string, time.Time) error {
	return fosite.ErrJTIKnown
}

// CreateAuthorizeCodeSession is oauth2.AuthorizeCodeStorage's, as are those below.
func (s storage) CreateAuthorizeCodeSession(ctx context.Context, code string, r fosite.Requester) error {
	// A spent code is known for as long as what came of it may last, so that who
	// shows it again ends that.
	return s.keepRequest(ctx, ticketCode, code, time.Now().Add(onlineIdle), r)
}

// GetAuthorizeCodeSession returns the request of a code.
func (s storage) GetAuthorizeCodeSession(ctx context.Context, code string, _ fosite.Session) (fosite.Requester, error) {
	r, spent, err := s.getRequest(ctx, ticketCode, code)
	if err == nil && spent {
		err = fosite.ErrInvalidatedAuthorizeCode
	}
	return r, err
}

// InvalidateAuthorizeCodeSession spends a code.
func (s storage) InvalidateAuthorizeCodeSession(ctx context.Context, code string) error {
	return s.spend(ctx, ticketCode, code, fosite.ErrInvalidatedAuthorizeCode)
}

// CreatePKCERequestSession keeps the challenge of a code.
func (s storage) CreatePKCERequestSession(ctx context.Context, code string, r fosite.Requester) error {
	return s.keepRequest(ctx, ticketPKCE, code, time.Now().Add(codeLife), r)
}

// GetPKCERequestSession returns the challenge of a code.
func (s storage) GetPKCERequestSession(ctx context.Context, code string, _ fosite.Session) (fosite.Requester, error) {
	r, _, err := s.getRequest(ctx, ticketPKCE, code)
	return r, err
}

// DeletePKCERequestSession leaves the challenge where it is: it is asked to before
// the verifier is compared, and who has only seen a code must not take it from who
// knows the verifier. The challenge ends with the code.
func (s storage) DeletePKCERequestSession(context.Context, string) error { return nil }

// CreateOpenIDConnectSession keeps what the ID token of a code will say.
func (s storage) CreateOpenIDConnectSession(ctx context.Context, code string, r fosite.Requester) error {
	return s.keepRequest(ctx, ticketOpenID, code, time.Now().Add(codeLife), r)
}

// GetOpenIDConnectSession returns what the ID token of a code says.
func (s storage) GetOpenIDConnectSession(ctx context.Context, code string, _ fosite.Requester) (fosite.Requester, error) {
	r, _, err := s.getRequest(ctx, ticketOpenID, code)
	return r, err
}

// DeleteOpenIDConnectSession leaves it: it ends with the code, which is spent.
func (s storage) DeleteOpenIDConnectSession(context.Context, string) error { return nil }

// CreateAccessTokenSession keeps nothing: an access token holds what it says.
func (s storage) CreateAccessTokenSession(context.Context, string, fosite.Requester) error {
	return nil
}

// GetAccessTokenSession knows none.
func (s storage) GetAccessTokenSession(context.Context, string, fosite.Session) (fosite.Requester, error) {
	return nil, fosite.ErrNotFound
}

// DeleteAccessTokenSession has nothing to delete.
func (s storage) DeleteAccessTokenSession(context.Context, string) error { return nil }

// CreateRefreshTokenSession keeps a refresh token.
func (s storage) CreateRefreshTokenSession(ctx context.Context, refresh, _ string, r fosite.Requester) error {
	return s.keepRequest(ctx, ticketRefresh, refresh, time.Now().Add(idleOf(r)), r)
}

// idleOf is how long a refresh token lives unused.
func idleOf(r fosite.Requester) time.Duration {
	if r.GetGrantedScopes().Has("offline_access") {
		return offlineIdle
	}
	return onlineIdle
}

// livesUntil is when a family that is used at a moment ends, in Unix milliseconds:
// unused, or a year after it began.
func livesUntil(f store.Family, idle time.Duration, now time.Time) int64 {
	return min(millis(now.Add(idle)), f.Begun+familyLife.Milliseconds())
}

// GetRefreshTokenSession returns the request of a refresh token.
func (s storage) GetRefreshTokenSession(ctx context.Context, refresh string, _ fosite.Session) (fosite.Requester, error) {
	r, spent, err := s.getRequest(ctx, ticketRefresh, refresh)
	if err != nil {
		return nil, err
	}
	if spent {
		return r, fosite.ErrInactiveToken
	}
	_, err = s.acting(ctx, r) // the family, the person and her right to sign in, as of now
	if fault.Is(err, fault.Unauthenticated) {
		return nil, fosite.ErrNotFound
	}
	return r, err
}

// DeleteRefreshTokenSession has nothing to do: RevokeRefreshToken takes all.
func (s storage) DeleteRefreshTokenSession(context.Context, string) error { return nil }

// RotateRefreshToken spends a refresh token, and lets its family live on.
func (s storage) RotateRefreshToken(ctx context.Context, family, refresh string) error {
	if err := s.spend(ctx, ticketRefresh, refresh, fosite.ErrInactiveToken); err != nil {
		return err
	}
	r, _, err := s.getRequest(ctx, ticketRefresh, refresh)
	if err != nil {
		return err
	}
	now := time.Now()
	return s.write(ctx, func(tx *store.Tx) error {
		f, err := tx.Family(family)
		if err != nil {
			return fosite.ErrNotFound.WithWrap(err)
		}
		there, err := tx.TouchFamily(family, millis(now), livesUntil(f, idleOf(r), now))
		if err == nil && !there {
			err = fosite.ErrNotFound
		}
		return err
	})
}

// RevokeRefreshToken ends a family, because somebody showed a second time what is
// good once: who of the two has stolen it cannot be told.
func (s storage) RevokeRefreshToken(ctx context.Context, family string) error {
	draft, err := s.ended(ctx, family, "reuse", "policy.once", "A code or refresh token was used a second time.")
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *store.Tx) error {
		if err := tx.EndFamily(family); err != nil {
			return err
		}
		return draft.Append(tx)
	})
}

// RevokeAccessToken has nothing left to do after RevokeRefreshToken.
func (s storage) RevokeAccessToken(context.Context, string) error { return nil }

// ended is the log entry of the end of a sign-in that its person did not ask for.
func (d *Desk) ended(ctx context.Context, family, action, rule, why string) (*evidence.Draft, error) {
	var f store.Family
	err := d.Store.Once(ctx, func(v *store.View) (err error) {
		f, err = v.Family(family)
		return err
	})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	ev := proof.Event{Kind: proof.KindAppStopped, Time: time.Now().UnixMilli(), Actor: proof.Actor{Kind: proof.ActorMachine}, Action: action, Allowed: true,
		Rule: rule, Explanation: why, Detail: "app " + f.App}
	if !strings.HasPrefix(f.Owner, identity.StaffOwner("")) {
		ev.Subject = gate.PatientReference(f.Owner)
	}
	return d.Journal.Draft(ev)
}
