package identity

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"errors"
	"slices"
	"strings"
	"time"

	"cairn/consent/slip"
	"cairn/node/fault"
	"cairn/node/identity/nonce"
	"cairn/node/identity/passkey"
	"cairn/node/store"
)

// levelOf is what an assertion by the passkey proves.
func levelOf(k *passkey.Key) Level {
	if k.Eligible {
		return LevelSynced
	}
	return LevelBound
}

// asserted checks an assertion over a challenge by a passkey that is registered
// here, made at this hospital's own site: what was made at another's is worth
// nothing here, so that no hospital can use at another what it was given.
func (d *Door) asserted(ctx context.Context, a slip.Assertion, challenge []byte) (*passkey.Key, *ecdsa.PublicKey, error) {
	row, unknown, err := d.registered(ctx, a.CredentialID)
	if err == nil && d.settler != nil && !isStaff(row.Subject) && !IsRelated(row.Subject) {
		if err = d.settler.Settle(ctx, row.Subject); err == nil {
			row, unknown, err = d.registered(ctx, a.CredentialID) // a recovery may have ended it
		}
	}
	if err != nil {
		return nil, nil, err
	}
	c, key, err := passkey.Open(d.box, row)
	if err != nil {
		return nil, nil, err
	}
	m, _ := d.book.Member(d.member)
	d.checks.Add(1)
	err = slip.VerifyAssertion(a, key, challenge, m.RPID, m.Origins)
	switch {
	case unknown:
		return nil, nil, passkey.Bad(errors.Join(err, errors.New("not registered here")))
	case err != nil:
		return nil, nil, passkey.Bad(err)
	case a.BackupEligible() != c.Eligible: // it never changes (WebAuthn Level 3, 7.2)
		return nil, nil, passkey.Bad(errors.New("the passkey says another thing of copies than when it was made"))
	}
	c.BackedUp = a.BackedUp()
	return c, key, nil
}

// registered returns the row of a passkey, or that of the decoy and true.
func (d *Door) registered(ctx context.Context, credential []byte) (row *store.Passkey, unknown bool, err error) {
	err = d.store.Once(ctx, func(v *store.View) (err error) {
		row, err = v.Passkey(credential)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return d.decoy, true, nil
	}
	return row, false, err
}

// Signed is a patient's signature that was checked.
type Signed struct {
	Subject string           // her local id
	Key     *ecdsa.PublicKey // of her passkey
	RPID    string           // this hospital's site
}

// Signed checks an assertion by a patient's passkey that is registered here over
// the given challenge, made at this hospital's site. It fails with
// Unauthenticated, and with Broken when the stored passkey was altered.
func (d *Door) Signed(ctx context.Context, a slip.Assertion, challenge []byte) (Signed, error) {
	c, key, err := d.asserted(ctx, a, challenge)
	if err != nil {
		return Signed{}, err
	}
	if isStaff(c.Row.Subject) {
		return Signed{}, passkey.Bad(errors.New("not a patient's"))
	}
	m, _ := d.book.Member(d.member)
	return Signed{c.Row.Subject, key, m.RPID}, nil
}

// Attempt is what somebody signs in with.
type Attempt struct {
	Nonce     []byte // of Challenge
	Assertion slip.Assertion
	Role      string // of the staff: in which of her roles; "" for her first
	Now       Actor  // who is signed in already in the same browser; the zero Actor if nobody
}

// Proven is somebody who proved who she is. Touch notes it in the transaction
// that opens her session.
type Proven struct {
	door  *Door
	Actor Actor
	key   *passkey.Key // nil: the provider vouches
	acc   *Account     // nil: a patient
	at    time.Time

	unkept bool  // the account is to be written as the provider says it is
	kept   int64 // Changed of the account as Keep wrote it
}

// ErrAccount is in the cause when a passkey was good and its account is not: it is
// disabled, or has not the role.
var ErrAccount = errors.New("the account does not let her in")

// Prove checks a passkey's assertion over SignInChallenge of a nonce of this node;
// each nonce is good once. It fails with Unauthenticated, in the same words
// whatever the reason is.
func (d *Door) Prove(ctx context.Context, at Attempt) (*Proven, error) {
	now := time.Now()
	_, ours := d.challenges.About(toSignIn, at.Nonce, now)
	challenge := SignInChallenge(d.member, at.Nonce)
	key, _, err := d.asserted(ctx, at.Assertion, challenge[:])
	if err != nil {
		return nil, err
	}
	if !ours {
		return nil, passkey.Bad(errors.New("unknown or expired nonce"))
	}
	// Only what a registered passkey has signed is remembered.
	if first, err := d.first(ctx, &d.answered, "nonce "+string(at.Nonce), now.Add(nonce.Life), now); err != nil {
		return nil, err
	} else if !first {
		return nil, passkey.Bad(errors.New("the nonce was used"))
	}
	p := &Proven{door: d, key: key, at: now}
	as := Assurance{Level: levelOf(key), At: now}
	switch owner := key.Row.Subject; {
	case IsRelated(owner):
		p.Actor = d.related(owner, as)
		return p, nil
	case !isStaff(owner):
		p.Actor = d.patient(owner, as)
		return p, nil
	}
	return p, d.proveStaff(ctx, p, at, as)
}

// proveStaff finds the account of a passkey that was checked.
func (d *Door) proveStaff(ctx context.Context, p *Proven, at Attempt, as Assurance) error {
	var acc Account
	err := d.store.View(ctx, func(v *store.View) (err error) {
		acc, err = d.AccountIn(v, strings.TrimPrefix(p.key.Row.Subject, staffPrefix))
		return err
	})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	actor, ok := d.staff(&acc, at.Role, as)
	if !ok {
		return passkey.Bad(ErrAccount)
	}
	// The provider's word is what an account of its own stands on: a passkey
	// strengthens a session that it began, and begins none.
	if acc.Provider != "" {
		if at.Now.person != actor.person || at.Now.session == "" {
			return passkey.Bad(errors.New("the provider has not signed her in"))
		}
		actor.ends = at.Now.ends // and no longer than that
	}
	p.Actor, p.acc = actor, &acc
	return nil
}

func (d *Door) patient(subject string, as Assurance) Actor {
	return Actor{kind: Patient, organisation: d.member, patient: subject, person: d.member + "/Patient/" + subject, name: "the patient", purpose: "PATRQT",
		assurance: as}
}

// Touch notes when the passkey was used, and refuses if it, or the account, has
// changed since it was looked at.
func (p *Proven) Touch(tx *store.Tx) error {
	if p.acc != nil {
		row, err := tx.Account(p.acc.ID)
		if err != nil || row.Changed != cmp.Or(p.kept, p.acc.Changed) {
			return passkey.Bad(ErrAccount)
		}
	}
	if p.key == nil {
		return nil
	}
	err := tx.TouchPasskey(p.key.Row.Credential, p.key.Seal(p.door.box).Public, p.at.UnixMilli())
	if fault.Is(err, fault.NotFound) {
		return passkey.Bad(errors.New("it was removed"))
	}
	return err
}

// Passkey is a passkey of somebody as she is shown it.
type Passkey struct {
	ID          string
	Name        string
	Added, Used time.Time // Used is zero if it never was
	Synced      bool      // it may be copied between devices
	BackedUp    bool      // it was, when it was used last
}

// Passkeys returns the passkeys of the person who asks, oldest first.
func (d *Door) Passkeys(ctx context.Context, a Actor) (out []Passkey, err error) {
	owner, err := d.ownerOf(a)
	if err != nil {
		return nil, err
	}
	err = d.store.View(ctx, func(v *store.View) (err error) {
		out, err = d.PasskeysIn(v, owner)
		return err
	})
	return out, err
}

// PasskeysIn returns the passkeys of an owner, oldest first.
func (d *Door) PasskeysIn(v *store.View, owner string) ([]Passkey, error) {
	rows, err := v.Passkeys(owner)
	if err != nil {
		return nil, err
	}
	out := make([]Passkey, 0, len(rows))
	for _, row := range rows {
		c, _, err := passkey.Open(d.box, row)
		if err != nil {
			return nil, err
		}
		k := Passkey{ID: passkey.ID(row.Credential), Name: row.Name, Added: time.UnixMilli(row.Added), Synced: c.Eligible, BackedUp: c.BackedUp}
		if row.Used != 0 {
			k.Used = time.UnixMilli(row.Used)
		}
		out = append(out, k)
	}
	return out, nil
}

// RenamePasskey gives a passkey of the person who asks another name.
func (d *Door) RenamePasskey(tx *store.Tx, a Actor, id, name string) error {
	row, _, err := d.ownPasskey(tx, a, id)
	if err != nil {
		return err
	}
	return tx.RenamePasskey(row.Credential, clip(name))
}

// RemovePasskey removes a passkey of the person who asks, who must have signed in
// with one just now. The last one stays unless there is another way in: of staff,
// the provider. All her other sessions end, and those of her apps: any may have
// begun with it.
func (d *Door) RemovePasskey(tx *store.Tx, a Actor, id string) error {
	if err := a.Assured(LevelSynced, freshFor); err != nil {
		return err
	}
	row, left, err := d.ownPasskey(tx, a, id)
	if err != nil {
		return err
	}
	if left == 0 {
		other, err := d.otherWay(tx, row.Subject)
		if err != nil {
			return err
		}
		if !other {
			return fault.New(fault.Conflict, "last-passkey", "this is the only passkey, and without it there is no way in").
				WithHint("add another one first")
		}
	}
	if _, err := tx.DeletePasskey(row.Credential); err != nil {
		return err
	}
	if err := tx.EndFamilies(row.Subject); err != nil {
		return err
	}
	return tx.DeleteOtherSessions(row.Subject, a.session)
}

// otherWay tells whether an owner has a way in without any passkey.
func (d *Door) otherWay(tx *store.Tx, owner string) (bool, error) {
	if !isStaff(owner) {
		return false, nil
	}
	acc, err := d.AccountIn(&tx.View, strings.TrimPrefix(owner, staffPrefix))
	return err == nil && acc.Provider != "", err
}

// ownPasskey finds a passkey of the person who asks and says how many others she
// has.
func (d *Door) ownPasskey(tx *store.Tx, a Actor, id string) (row *store.Passkey, others int, err error) {
	owner, err := d.ownerOf(a)
	if err != nil {
		return nil, 0, err
	}
	all, err := tx.Passkeys(owner)
	if err != nil {
		return nil, 0, err
	}
	i := slices.IndexFunc(all, func(k *store.Passkey) bool { return passkey.ID(k.Credential) == id })
	if i < 0 {
		return nil, 0, fault.New(fault.NotFound, "not-found", "there is no such passkey")
	}
	return all[i], len(all) - 1, nil
}

func clip(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	if len(name) > 60 {
		name = strings.ToValidUTF8(name[:60], "")
	}
	return name
}
