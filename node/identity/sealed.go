package identity

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"cairn/node/fault"
	"cairn/node/store"
)

// Keys gives out data keys; node/keys has it.
type Keys interface {
	Key(ctx context.Context, name string, create bool) (cipher.AEAD, error)
}

// box seals passkeys and invitations, so that who can write the database but
// has no key cannot make himself a patient. It opens a row only as the one that
// it was sealed for. It does not notice a row that is gone, or that is back as
// it was: a used invitation can be made fresh again, for who has its code.
type box struct{ aead cipher.AEAD }

func (b box) seal(plain, bound []byte) []byte {
	out := make([]byte, b.aead.NonceSize(), b.aead.NonceSize()+len(plain)+b.aead.Overhead())
	rand.Read(out) // never fails: crypto/rand, Go 1.24
	return b.aead.Seal(out, out, plain, bound)
}

func (b box) open(sealed, bound []byte) ([]byte, error) {
	n := b.aead.NonceSize()
	if len(sealed) < n {
		return nil, errors.New("too short")
	}
	return b.aead.Open(nil, sealed[:n], sealed[n:], bound)
}

var errAltered = errors.New("it is not what its row says")

// keyBound is what a passkey's row is sealed for: credential and patient.
func keyBound(k *store.Passkey) []byte {
	out := binary.BigEndian.AppendUint32([]byte("cairn/passkey/v2\x00"), uint32(len(k.Credential))) //nolint:gosec // at most 1,023
	out = append(out, k.Credential...)
	return append(out, k.Subject...)
}

func invitationBound(code [32]byte) []byte {
	return append([]byte("cairn/invitation/v1\x00"), code[:]...)
}

// sealSubject returns what an invitation's row holds in the place of the
// patient's id: her id and when the invitation ends.
func (b box) sealSubject(subject string, code [32]byte, ends time.Time) string {
	plain := binary.BigEndian.AppendUint64(nil, uint64(ends.UnixMilli())) //nolint:gosec // after 1970
	return base64.RawStdEncoding.EncodeToString(b.seal(append(plain, subject...), invitationBound(code)))
}

func (b box) openSubject(sealed string, code [32]byte, now time.Time) (subject string, err error) {
	raw, err := base64.RawStdEncoding.DecodeString(sealed)
	if err != nil {
		return "", brokenInvitation(err)
	}
	plain, err := b.open(raw, invitationBound(code))
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
