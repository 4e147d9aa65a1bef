package identity

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"cairn/node/fault"
	"cairn/node/identity/code"
	"cairn/node/identity/passkey"
	"cairn/node/store"
)

// passkeysAtMost is how many passkeys one person may have.
const passkeysAtMost = 20

// freshFor is how long after a sign-in with a passkey another may be added.
const freshFor = 5 * time.Minute

// RegisterOptions are the PublicKeyCredentialCreationOptions (WebAuthn Level 3,
// 5.4) for who holds a one-time code. They are the same for every code, whether
// it is good or not; the code is used up by Keep.
func (d *Door) RegisterOptions(typed string) (json.RawMessage, error) {
	plain, ok := code.Read(typed)
	if !ok {
		return nil, badCode(errors.New("mistyped")).WithHint("check the code for typing errors: it has sixteen letters and digits")
	}
	hash := d.codeHash(plain)
	return d.creation(toRegister, hash[:], "account", nil)
}

// AddOptions are the same for a person who is signed in and adds a passkey. She
// must have signed in with one just now.
func (d *Door) AddOptions(ctx context.Context, a Actor) (json.RawMessage, error) {
	owner, err := d.mayAdd(a)
	if err != nil {
		return nil, err
	}
	var have []*store.Passkey
	err = d.store.View(ctx, func(v *store.View) (err error) {
		have, err = v.Passkeys(owner)
		return err
	})
	if err != nil {
		return nil, err
	}
	name := "account"
	if a.kind == Staff {
		name = a.name
	}
	return d.creation(toAdd, d.keyed("owner", owner), name, have)
}

// mayAdd returns whose passkeys the actor may add to at this moment.
func (d *Door) mayAdd(a Actor) (owner string, err error) {
	if owner, err = d.ownerOf(a); err != nil {
		return "", err
	}
	return owner, a.Assured(LevelSynced, freshFor)
}

// creation makes creation options about something.
func (d *Door) creation(purpose string, about []byte, name string, have []*store.Passkey) (json.RawMessage, error) {
	m, ok := d.book.Member(d.member)
	if !ok {
		return nil, fault.New(fault.Broken, "member", "this hospital is not in the member book")
	}
	return passkey.Options(m, d.challenges.Issue(purpose, about, time.Now()), name, have)
}

// Registration is a passkey that was checked and may be kept. Keep uses the code
// up, if it came with one, and adds the passkey in one transaction.
type Registration struct {
	door  *Door
	code  *[32]byte // nil: a signed-in person adds it
	owner string    // of a signed-in person
	key   passkey.Key
	at    time.Time

	// Wait, if it is set, is asked before a patient's passkey that came with a code
	// is kept. If it waits, whoever was asked keeps it until its time has come.
	Wait func(tx *store.Tx, subject string, f Fresh) (waits bool, err error)
}

// Register checks a registration response to RegisterOptions (WebAuthn Level 3,
// 7.1): challenge, origin, RP id, user verified, ES256. It fails with
// Unauthenticated. A challenge is good once because its code is.
func (d *Door) Register(response []byte, name string) (*Registration, error) {
	now := time.Now()
	key, about, err := d.created(toRegister, response, name, now)
	if err != nil {
		return nil, err
	}
	if len(about) != sha256.Size {
		return nil, passkey.Bad(errors.New("a challenge about no code"))
	}
	code := [32]byte(about)
	return &Registration{door: d, code: &code, key: key, at: now}, nil
}

// RegisterMore checks a response to AddOptions, by the person who asked for them.
// Staff who signed in with a passkey that may be copied get no stronger one by
// it: for that they need a code.
func (d *Door) RegisterMore(a Actor, response []byte, name string) (*Registration, error) {
	owner, err := d.mayAdd(a)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	key, about, err := d.created(toAdd, response, name, now)
	if err != nil {
		return nil, err
	}
	if string(about) != string(d.keyed("owner", owner)) {
		return nil, passkey.Bad(errors.New("a challenge that was somebody else's"))
	}
	if a.kind == Staff {
		if err := a.Assured(levelOf(&key), freshFor); err != nil {
			return nil, err
		}
	}
	return &Registration{door: d, owner: owner, key: key, at: now}, nil
}

// created checks a registration response and returns the passkey and what its
// challenge was about.
func (d *Door) created(purpose string, response []byte, name string, now time.Time) (key passkey.Key, about []byte, err error) {
	m, _ := d.book.Member(d.member)
	key, err = passkey.Created(m, response, func(challenge []byte) (ours bool) {
		about, ours = d.challenges.About(purpose, challenge, now)
		return ours
	})
	key.Row.Name, key.Row.Added = clip(name), now.UnixMilli()
	return key, about, err
}

// Keep stores the passkey, sealed, and returns whose it is. It uses the code up,
// and with it every other code of the person. It fails with NotFound or Gone when
// the code is unknown, used or expired, with Broken when its row was altered.
func (r *Registration) Keep(tx *store.Tx) (owner string, err error) {
	owner = r.owner
	if r.code != nil {
		sealed, err := tx.UseInvitation(*r.code, r.at.UnixMilli())
		if err != nil {
			return "", err
		}
		if owner, err = openSubject(r.door.box, sealed, *r.code, r.at); err != nil {
			return "", err
		}
		if _, err := tx.DropInvitationsOf(r.door.ownerHash(owner)); err != nil {
			return "", err
		}
	}
	have, err := tx.Passkeys(owner)
	if err != nil {
		return "", err
	}
	if len(have) >= passkeysAtMost {
		return "", fault.New(fault.TooLarge, "passkeys-many", "there are twenty passkeys already").WithHint("remove one that is not needed")
	}
	if r.code != nil && !isStaff(owner) && !IsRelated(owner) && r.Wait != nil {
		if waits, err := r.Wait(tx, owner, Fresh{r.key}); err != nil || waits {
			return owner, err
		}
	}
	r.key.Row.Subject = owner
	return owner, tx.AddPasskey(r.key.Seal(r.door.box))
}

// Synced tells whether the passkey may be copied between devices.
func (r *Registration) Synced() bool { return r.key.Eligible }

func badCode(cause error) *fault.Error {
	return fault.Wrap(fault.Unauthenticated, "invitation", "this code is unknown, used or expired", cause).
		WithHint("ask the hospital for a new one")
}
