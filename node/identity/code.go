package identity

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"time"

	"cairn/node/fault"
	"cairn/node/store"
)

// A one-time code is four groups of four of Crockford's base 32: 75 random bits
// and a check character, so that who mistypes one is told at once.
const (
	crockford  = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	codeLength = 16
)

// invitationLife is how long a person may take to register a passkey.
const invitationLife = 7 * 24 * time.Hour

func newCode() string {
	digits := make([]byte, codeLength, 2*codeLength)
	rand.Read(digits[:codeLength-1]) // never fails: crypto/rand, Go 1.24
	for i := range digits {
		digits[i] %= 32 // no bias: 256 is a multiple of it
	}
	digits[codeLength-1] = checkDigit(digits[:codeLength-1])
	var out strings.Builder
	for i, d := range digits {
		if i > 0 && i%4 == 0 {
			out.WriteByte('-')
		}
		out.WriteByte(crockford[d])
	}
	return out.String()
}

// checkDigit is that of Luhn's scheme for 32 characters: it tells every single
// wrong one, and two neighbours that changed places but for 0 and Z.
func checkDigit(digits []byte) byte {
	sum := 0
	for i := range digits {
		n := int(digits[len(digits)-1-i])
		if i%2 == 0 {
			n *= 2
		}
		sum += n/32 + n%32
	}
	return byte((32 - sum%32) % 32)
}

// readCode returns a code as it was made, from what a person typed: in any case,
// with or without spaces and hyphens, O for 0, I and L for 1.
func readCode(typed string) (code string, ok bool) {
	if len(typed) > 4*codeLength {
		return "", false
	}
	typed = strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(typed))
	digits := make([]byte, 0, codeLength)
	for _, c := range []byte(typed) {
		d := strings.IndexByte(crockford, c)
		if d < 0 {
			return "", false
		}
		digits = append(digits, byte(d)) //nolint:gosec // below 32
	}
	if len(digits) != codeLength || checkDigit(digits[:codeLength-1]) != digits[codeLength-1] {
		return "", false
	}
	return typed, true
}

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
	code := newCode()
	plain, _ := readCode(code)
	hash, ends := d.codeHash(plain), now.Add(invitationLife)
	return Invitation{code, hex.EncodeToString(hash[:]), ends}, tx.AddInvitation(hash, d.ownerHash(owner), d.box.sealSubject(owner, hash, ends), ends.UnixMilli())
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
