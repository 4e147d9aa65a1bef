package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"cairn/node/fault"
	"cairn/node/store"
)

// How long sessions last.
const (
	sessionLife = 12 * time.Hour   // in any case
	staffIdle   = 15 * time.Minute // unused, of staff
	patientIdle = 30 * time.Minute // unused, of a patient
	touchEvery  = time.Minute      // how often use is noted: sessions end idle up to this much early
)

// Idle returns how long the sessions of such an actor last unused.
func Idle(a Actor) time.Duration {
	switch a.kind {
	case Patient:
		return patientIdle
	case Emergency, Legal: // they end with what they stand on
		return sessionLife
	}
	return staffIdle
}

// seated is what the row of a session seals: who, and how she signed in. What
// she may do is asked when the session is used.
type seated struct {
	minted
	Device string `json:"device"`
}

// seatBound is what a session's row is sealed for, so that none passes for
// another's.
func seatBound(s *store.Session) []byte {
	return append(append([]byte("cairn/seat/v1\x00"), s.Hash[:]...), s.ID...)
}

// ownerOf returns whose passkeys and sessions an actor's are: a patient's local
// id, or "staff:" and the id of an account, which no patient's id can be.
func (d *Door) ownerOf(a Actor) (string, error) {
	switch {
	case a.kind == Patient && a.patient != "":
		return a.patient, nil
	case a.kind == Representative && a.Holder() != "":
		return a.Holder(), nil
	case a.kind == Staff && a.Personal() && a.organisation == d.member:
		return StaffOwner(strings.TrimPrefix(a.person, d.member+"/")), nil
	}
	return "", fault.New(fault.Refused, "policy.own-session", "only a person who signed in here has a session")
}

// StaffOwner returns how the store names a staff account as an owner of passkeys
// and sessions.
func StaffOwner(account string) string { return staffPrefix + account }

const staffPrefix = "staff:"

func isStaff(owner string) bool { return strings.HasPrefix(owner, staffPrefix) }

// OpenSession begins a session of a person who has just proved who she is, and
// returns its secret, which Cookie puts into an answer. What also writes is
// written in the same transaction; Instead belongs there.
func (d *Door) OpenSession(ctx context.Context, a Actor, device string, also ...func(*store.Tx) error) (secret string, err error) {
	return d.open(ctx, a, "", device, sessionLife, also)
}

// OpenToken is OpenSession for software of hers that is no browser: an access
// token, to be sent as a bearer token, that ends like a session.
func (d *Door) OpenToken(ctx context.Context, a Actor, device string, also ...func(*store.Tx) error) (Token, error) {
	secret, err := d.open(ctx, a, bearerMark, device, lifetime, also)
	return Token{Access: secret, Expires: lifetime, Actor: a}, err
}

// bearerMark begins the secret of a session that is sent as a bearer token, so
// that neither kind passes for the other.
const bearerMark = "s."

func (d *Door) open(ctx context.Context, a Actor, mark, device string, life time.Duration, also []func(*store.Tx) error) (secret string, err error) {
	owner, err := d.ownerOf(a)
	if err != nil {
		return "", err
	}
	return d.openFor(ctx, owner, a, mark, device, life, also)
}

func (d *Door) openFor(ctx context.Context, owner string, a Actor, mark, device string, life time.Duration, also []func(*store.Tx) error) (secret string, err error) {
	raw := make([]byte, 32)
	rand.Read(raw) // never fails: crypto/rand, Go 1.24
	secret = mark + encode(raw)
	row, err := d.seat(a, owner, clip(device), sha256.Sum256([]byte(secret)), time.Now(), life)
	if err != nil {
		return "", err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.AddSession(row); err != nil {
			return err
		}
		return every(tx, also)
	})
	return secret, err
}

// Instead ends the session that a request came with, whoever's it is: a secret
// that a browser had before a sign-in is worth nothing after it.
func (d *Door) Instead(r *http.Request) func(*store.Tx) error {
	var hashes [][32]byte
	for _, c := range r.CookiesNamed(d.cookieName()) {
		hashes = append(hashes, sha256.Sum256([]byte(c.Value)))
	}
	return func(tx *store.Tx) error {
		for _, h := range hashes {
			if err := tx.EndSession(h); err != nil {
				return err
			}
		}
		return nil
	}
}

func every(tx *store.Tx, also []func(*store.Tx) error) error {
	for _, f := range also {
		if err := f(tx); err != nil {
			return err
		}
	}
	return nil
}

// seat makes the row of a session.
func (d *Door) seat(a Actor, owner, device string, hash [32]byte, now time.Time, life time.Duration) (*store.Session, error) {
	row := &store.Session{Hash: hash, ID: rand.Text(), Owner: owner, Begun: now.UnixMilli(), Seen: now.UnixMilli(),
		Idle: Idle(a).Milliseconds(), Ends: now.Add(life).UnixMilli()}
	if a.ends != 0 { // what begins in a session ends with it
		row.Ends = min(row.Ends, a.ends)
	}
	plain, err := json.Marshal(seated{mintUntil(a, row.Ends), device})
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "session", "a session cannot be made", err)
	}
	row.Body = d.box.Seal(plain, seatBound(row))
	return row, nil
}

// SessionActor returns who sends the request, by its session cookie. It fails
// with Unauthenticated when there is none, more than one, or the session is over;
// one that was ended is over at once at every process of the hospital.
func (d *Door) SessionActor(r *http.Request) (Actor, error) {
	cookies := r.CookiesNamed(d.cookieName())
	if len(cookies) != 1 || strings.HasPrefix(cookies[0].Value, bearerMark) { // of two, one may be somebody else's doing
		return Actor{}, noSession()
	}
	return d.session(r.Context(), cookies[0].Value, time.Now())
}

// Caller returns who sends the request, by its bearer token or, if it has none,
// by its session cookie.
func (d *Door) Caller(r *http.Request) (Actor, error) {
	if r.Header.Get("Authorization") == "" && len(r.CookiesNamed(d.cookieName())) > 0 {
		return d.SessionActor(r)
	}
	return d.Actor(r)
}

// session returns whose session a secret is of.
func (d *Door) session(ctx context.Context, secret string, now time.Time) (Actor, error) {
	hash := sha256.Sum256([]byte(secret))
	var row *store.Session
	err := d.store.Once(ctx, func(v *store.View) (err error) {
		row, err = v.Session(hash)
		return err
	})
	switch {
	case fault.Is(err, fault.NotFound):
		return Actor{}, noSession()
	case err != nil:
		return Actor{}, err
	case now.UnixMilli() >= min(row.Ends, row.Seen+row.Idle):
		return Actor{}, noSession()
	}
	s, err := d.unseat(row)
	if err != nil {
		return Actor{}, err
	}
	a, ok := d.stands(ctx, s.actor())
	if !ok || now.UnixMilli() >= s.Expires {
		return Actor{}, noSession()
	}
	a.session, a.ends = row.ID, row.Ends
	if now.UnixMilli()-row.Seen >= touchEvery.Milliseconds() && row.Ends-row.Begun > row.Idle {
		err = d.store.Update(ctx, func(tx *store.Tx) error { return tx.TouchSession(hash, now.UnixMilli()) })
	}
	return a, err
}

// unseat opens a session's row.
func (d *Door) unseat(row *store.Session) (s seated, err error) {
	plain, err := d.box.Open(row.Body, seatBound(row))
	if err == nil {
		err = json.Unmarshal(plain, &s)
	}
	if err != nil {
		err = fault.Wrap(fault.Broken, "session", "a stored session was altered or damaged", err).WithHint("sign in again")
	}
	return s, err
}

// Session returns the id of the session in which the actor asks, "" if none.
func (a Actor) Session() string { return a.session }

// Session is a sign-in of somebody as she is shown it.
type Session struct {
	ID          string
	Device      string // as it called itself: "Firefox on Linux"
	Level       Level
	Begun, Seen time.Time
	Ends        time.Time // in any case
	Own         bool      // it is the one in which she asks
}

// Sessions returns the sessions of the person who asks that are not over, newest
// first.
func (d *Door) Sessions(ctx context.Context, a Actor) ([]Session, error) {
	owner, err := d.ownerOf(a)
	if err != nil {
		return nil, err
	}
	var rows []*store.Session
	err = d.store.View(ctx, func(v *store.View) (err error) {
		rows, err = v.Sessions(owner, time.Now().UnixMilli())
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]Session, 0, len(rows))
	for _, row := range rows {
		s, err := d.unseat(row)
		if err != nil {
			return nil, err
		}
		out = append(out, Session{ID: row.ID, Device: s.Device, Level: s.Level, Begun: time.UnixMilli(row.Begun), Seen: time.UnixMilli(row.Seen),
			Ends: time.UnixMilli(row.Ends), Own: row.ID == a.session})
	}
	return out, nil
}

// EndSession ends a session of the person who asks, such as a.Session(), at once
// at every process. It fails with NotFound for one that is not hers or is over.
func (d *Door) EndSession(ctx context.Context, a Actor, id string, also ...func(*store.Tx) error) error {
	return d.store.Update(ctx, func(tx *store.Tx) error {
		if err := d.EndSessionIn(tx, a, id); err != nil {
			return err
		}
		return every(tx, also)
	})
}

// EndOthersIn ends all sessions of the person who asks but the one in which she
// does, within a transaction.
func (d *Door) EndOthersIn(tx *store.Tx, a Actor) error {
	owner, err := d.ownerOf(a)
	if err != nil {
		return err
	}
	return tx.DeleteOtherSessions(owner, a.session)
}

// EndSessionIn is EndSession within a transaction.
func (d *Door) EndSessionIn(tx *store.Tx, a Actor, id string) error {
	owner, err := d.ownerOf(a)
	if err != nil {
		return err
	}
	there, err := tx.DeleteSession(owner, id)
	if err == nil && !there {
		err = fault.New(fault.NotFound, "not-found", "there is no such session")
	}
	return err
}

// cookieName is that of the session cookie: __Host- ties it to this host, over
// https (RFC 6265bis 4.1.3.2). On this machine alone, where there is no https,
// it has the member's name instead, because there hospitals differ by port only,
// and cookies do not know ports (RFC 6265 8.5).
func (d *Door) cookieName() string {
	if d.secure() {
		return "__Host-cairn"
	}
	return "cairn-" + d.member
}

func (d *Door) secure() bool { return strings.HasPrefix(d.url, "https:") }

// Cookie returns the cookie that carries a session's secret. It ends with the
// browser or with the session, whichever is first.
func (d *Door) Cookie(secret string) *http.Cookie {
	return &http.Cookie{Name: d.cookieName(), Value: secret, Path: "/", Secure: d.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// NoCookie returns the cookie that takes a session's secret away.
func (d *Door) NoCookie() *http.Cookie {
	c := d.Cookie("")
	c.MaxAge = -1
	return c
}

func noSession() error {
	return fault.New(fault.Unauthenticated, "session", "nobody is signed in here, or the session is over").WithHint("sign in at /signin")
}
