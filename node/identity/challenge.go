package identity

import (
	"crypto/sha256"
	"encoding/base64"
	"time"

	"cairn/node/identity/nonce"
)

// Purposes of nonces, so that none passes for another.
const (
	toSignIn   = "sign-in"
	toRegister = "register"
	toAdd      = "add"
	toRecover  = "recover"
)

// signInDomain keeps what is signed to sign in apart from what is signed to
// consent, which is the root of a tree of slips.
const signInDomain = "cairn/sign-in/v1\x00"

// SignInChallenge returns what a passkey signs to sign in at a member with a
// nonce of that member. Her device computes it too, from the nonce that it is
// shown, and signs nothing else: so no hospital can have her sign a consent, or
// a sign-in at another hospital, in the place of its own challenge.
func SignInChallenge(member string, nonce []byte) [32]byte {
	return sha256.Sum256(append([]byte(signInDomain+member+"\x00"), nonce...))
}

// SignIn is what a person is given to sign in with.
type SignIn struct {
	Nonce     string // base64url, goes back with the assertion
	Challenge string // base64url of SignInChallenge
	RPID      string // of this hospital
	Timeout   time.Duration
}

// Challenge returns what a passkey must sign to sign in.
func (d *Door) Challenge() SignIn {
	made := d.challenges.Issue(toSignIn, nil, time.Now())
	challenge := SignInChallenge(d.member, made)
	m, _ := d.book.Member(d.member)
	return SignIn{base64.RawURLEncoding.EncodeToString(made), base64.RawURLEncoding.EncodeToString(challenge[:]), m.RPID, nonce.Life}
}
