package identity

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"

	"cairn/node/fault"
	"cairn/node/identity/box"
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
	return Invitation{shown, hex.EncodeToString(hash[:]), ends}, tx.AddInvitation(hash, d.ownerHash(owner), sealSubject(d.box, owner, hash, ends), ends.UnixMilli())
}

// ownerHash is by what all invitations of one person are found.
func (d *Door) ownerHash(owner string) string { return hex.EncodeToString(d.keyed("owner", owner)) }

// InvitationsOf returns how the store names all invitations of an owner.
func (d *Door) InvitationsOf(owner string) string { return d.ownerHash(owner) }

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
	return openSubject(d.box, sealed, hash, time.Time{})
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

func invitationBound(code [32]byte) []byte {
	return append([]byte("cairn/invitation/v1\x00"), code[:]...)
}

// sealSubject returns what an invitation's row holds in the place of the
// patient's id: her id and when the invitation ends.
func sealSubject(b box.Box, subject string, code [32]byte, ends time.Time) string {
	plain := binary.BigEndian.AppendUint64(nil, uint64(ends.UnixMilli())) //nolint:gosec // after 1970
	return base64.RawStdEncoding.EncodeToString(b.Seal(append(plain, subject...), invitationBound(code)))
}

func openSubject(b box.Box, sealed string, code [32]byte, now time.Time) (subject string, err error) {
	raw, err := base64.RawStdEncoding.DecodeString(sealed)
	if err != nil {
		return "", brokenInvitation(err)
	}
	plain, err := b.Open(raw, invitationBound(code))
	if err != nil || len(plain) < 8 {
		return "", brokenInvitation(err)
	}
	if ends := int64(binary.BigEndian.Uint64(plain)); now.UnixMilli() >= ends { //nolint:gosec // we made it
		return "", brokenInvitation(errors.New("its end was moved"))
	}
	return string(plain[8:]), nil
}

func brokenInvitation(cause error) error {
	return fault.Wrap(fault.Broken, "invitation", "a stored invitation was altered or damaged", cause).
		WithHint("run `cairn scrub` and ask the hospital for a new one")
}
