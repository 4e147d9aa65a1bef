package identity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// challengeLife is how long a passkey may take to sign.
const challengeLife = 5 * time.Minute

// Purposes of nonces, so that none passes for another.
const (
	toSignIn   = "sign-in"
	toRegister = "register"
	toAdd      = "add"
	toRecover  = "recover"
)

// challenges makes nonces and knows its own again without remembering them, so
// that nobody fills a table by asking: a nonce carries its end, what it is
// about, and a MAC under a key that lives as long as the process.
type challenges struct{ key [32]byte }

const (
	nonceRandom = 16
	nonceAbout  = nonceRandom + 8 // where `about` begins, after the end in Unix milliseconds
)

func newChallenges() (c challenges) {
	rand.Read(c.key[:]) // never fails: crypto/rand, Go 1.24
	return c
}

// issue makes a nonce: 16 random bytes, its end, about, a MAC.
func (c *challenges) issue(purpose string, about []byte, now time.Time) []byte {
	nonce := make([]byte, nonceRandom, nonceAbout+len(about)+sha256.Size)
	rand.Read(nonce)                                                                         // as above
	nonce = binary.BigEndian.AppendUint64(nonce, uint64(now.Add(challengeLife).UnixMilli())) //nolint:gosec // after 1970
	nonce = append(nonce, about...)
	return append(nonce, c.mac(purpose, nonce)...)
}

// about returns what a nonce of ours is about; ok is false for another's, one
// for another purpose and one that has ended.
func (c *challenges) about(purpose string, nonce []byte, now time.Time) (about []byte, ok bool) {
	if len(nonce) < nonceAbout+sha256.Size {
		return nil, false
	}
	body, mac := nonce[:len(nonce)-sha256.Size], nonce[len(nonce)-sha256.Size:]
	if !hmac.Equal(mac, c.mac(purpose, body)) {
		return nil, false
	}
	end := time.UnixMilli(int64(binary.BigEndian.Uint64(body[nonceRandom:]))) //nolint:gosec // we made it
	return body[nonceAbout:], now.Before(end)
}

func (c *challenges) mac(purpose string, body []byte) []byte {
	h := hmac.New(sha256.New, c.key[:])
	h.Write([]byte(purpose + "\x00"))
	h.Write(body)
	return h.Sum(nil)
}

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
	nonce := d.challenges.issue(toSignIn, nil, time.Now())
	challenge := SignInChallenge(d.member, nonce)
	m, _ := d.book.Member(d.member)
	return SignIn{base64.RawURLEncoding.EncodeToString(nonce), base64.RawURLEncoding.EncodeToString(challenge[:]), m.RPID, challengeLife}
}
