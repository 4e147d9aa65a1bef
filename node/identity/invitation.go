package identity

import (
	"encoding/hex"
	"time"

	"cairn/node/fault"
	"cairn/node/identity/code"
	"cairn/node/store"
)

// invitationLife is how long a person may take to register a passkey.
const invitationLife = 7 * 24 * time.Hour

// codeHash is by what a code is kept: a thief of the database cannot try codes
// without the key.
func (d *Door) codeHash(code string) [32]byte { return [32]byte(d.keyed("code", code)) }

// Invitation is a one-time code for somebody whose identity the hospital has
// proved. Code is shown once.
type Invitation struct {
	Code string
	ID   string // names it without opening anything
	Ends time.Time
}

// Invite makes a one-time code with which the owner may register a passkey:
// a patient's local id, or StaffOwner. The store keeps its hash and, sealed,
// whose it is. The write joins the caller's transaction, and so does the removal
// of invitations that have ended.
func (d *Door) Invite(tx *store.Tx, owner string, now time.Time) (Invitation, error) {
	if _, err := tx.DropInvitations(now.UnixMilli()); err != nil {
		return Invitation{}, err
	}
	shown := code.New()
	plain, _ := code.Read(shown)
	hash, ends := d.codeHash(plain), now.Add(invitationLife)
	return Invitation{shown, hex.EncodeToString(hash[:]), ends}, tx.AddInvitation(hash, d.ownerHash(owner), d.box.sealSubject(owner, hash, ends), ends.UnixMilli())
}

// ownerHash is by what all invitations of one person are found.
func (d *Door) ownerHash(owner string) string { return hex.EncodeToString(d.keyed("owner", owner)) }

// Revoke takes an unused invitation back and returns whose it was. It fails with
// NotFound for one that is used, over or never was.
func (d *Door) Revoke(tx *store.Tx, id string) (owner string, err error) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != 32 {
		return "", noInvitation()
	}
	hash := [32]byte(raw)
	sealed, there, err := tx.DropInvitation(hash)
	if err == nil && !there {
		err = noInvitation()
	}
	if err != nil {
		return "", err
	}
	return d.box.openSubject(sealed, hash, time.Time{})
}

// Shut takes everything away with which a person signs in: passkeys, invitations,
// sessions, those of her apps too, at once and at every process. It returns how
// many passkeys there
// were.
func (d *Door) Shut(tx *store.Tx, owner string) (passkeys int, err error) {
	if _, err = tx.DropInvitationsOf(d.ownerHash(owner)); err != nil {
		return 0, err
	}
	if err = tx.EndFamilies(owner); err != nil {
		return 0, err
	}
	if _, err = tx.DeleteSessions(owner); err != nil {
		return 0, err
	}
	return tx.DeletePasskeys(owner)
}

func noInvitation() error {
	return fault.New(fault.NotFound, "not-found", "there is no such invitation, or it was used")
}
