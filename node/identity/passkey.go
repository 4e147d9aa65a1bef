package identity

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"cairn/consent/slip"
	"cairn/node/fault"
	"cairn/node/store"
)

const (
	challengeLife  = 5 * time.Minute
	invitationLife = 7 * 24 * time.Hour
	challengeLimit = 100_000
)

// challenges are the random values that a passkey must sign, each good once.
type challenges struct {
	mu   sync.Mutex
	live map[string]pending
}

type pending struct {
	code    [32]byte
	expires time.Time
}

func (c *challenges) issue(p pending, now time.Time) (string, error) {
	raw := make([]byte, 32)
	rand.Read(raw) // never fails: crypto/rand, Go 1.24
	text := base64.RawURLEncoding.EncodeToString(raw)
	p.expires = now.Add(challengeLife)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live == nil {
		c.live = make(map[string]pending)
	}
	if len(c.live) >= challengeLimit {
		for k, old := range c.live {
			if now.After(old.expires) {
				delete(c.live, k)
			}
		}
		if len(c.live) >= challengeLimit {
			return "", fault.New(fault.Busy, "challenges", "too many people are signing in at this moment").WithHint("try again in a minute")
		}
	}
	c.live[text] = p
	return text, nil
}

func (c *challenges) take(text string, now time.Time) (pending, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.live[text]
	delete(c.live, text)
	return p, ok && now.Before(p.expires)
}

// Invite makes a one-time code for a patient whose identity this hospital has
// proved. The code is shown once; the store keeps its hash. The write joins
// the caller's transaction.
func Invite(tx *store.Tx, subject string, now time.Time) (code string, err error) {
	raw := make([]byte, 16)
	rand.Read(raw) // never fails: crypto/rand, Go 1.24
	code = base64.RawURLEncoding.EncodeToString(raw)
	return code, tx.AddInvitation(sha256.Sum256([]byte(code)), subject, now.Add(invitationLife).UnixMilli())
}

// RegisterOptions are the PublicKeyCredentialCreationOptions (WebAuthn Level 2,
// 5.4) for a patient who holds an invitation. The code is used up by Register.
func (d *Door) RegisterOptions(code string) (json.RawMessage, error) {
	m, ok := d.book.Member(d.member)
	if !ok {
		return nil, fault.New(fault.Broken, "member", "this hospital is not in the member book")
	}
	challenge, err := d.challenges.issue(pending{code: sha256.Sum256([]byte(code))}, time.Now())
	if err != nil {
		return nil, err
	}
	handle := make([]byte, 16)
	rand.Read(handle) // random: a user handle must say nothing of the person (WebAuthn 14.6.1)
	return json.Marshal(map[string]any{"publicKey": map[string]any{
		"challenge": challenge, "timeout": challengeLife.Milliseconds(), "attestation": "none",
		"rp":                     map[string]string{"id": m.RPID, "name": m.Name},
		"user":                   map[string]string{"id": base64.RawURLEncoding.EncodeToString(handle), "name": "patient", "displayName": "Patient"},
		"pubKeyCredParams":       []map[string]any{{"type": "public-key", "alg": -7}},
		"authenticatorSelection": map[string]string{"userVerification": "required", "residentKey": "preferred"},
	}})
}

// Registration is a passkey that was checked and may be kept. Keep uses the
// invitation up and adds the passkey in one transaction.
type Registration struct {
	code [32]byte
	key  store.Passkey
	at   time.Time
}

// Register checks a registration response (WebAuthn Level 2, 7.1): challenge,
// origin, RP id, user verified, ES256. It fails with Unauthenticated.
func (d *Door) Register(response []byte, name string) (*Registration, error) {
	now := time.Now()
	m, _ := d.book.Member(d.member)
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return nil, badPasskey(err)
	}
	text := parsed.Response.CollectedClientData.Challenge
	p, ok := d.challenges.take(text, now)
	if !ok {
		return nil, badPasskey(errors.New("unknown or expired challenge"))
	}
	params := []protocol.CredentialParameter{{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256}}
	if _, err := parsed.Verify(text, m.RPID, m.Origins, nil, nil, protocol.TopOriginDefaultVerificationMode, false, true, true, nil,
		params, protocol.AttestationPolicy{}, protocol.SignaturePolicy{}); err != nil {
		return nil, badPasskey(err)
	}
	data := parsed.Response.AttestationObject.AuthData.AttData
	public, err := coseToPKIX(data.CredentialPublicKey)
	if err != nil {
		return nil, badPasskey(err)
	}
	return &Registration{code: p.code, at: now, key: store.Passkey{
		Credential: data.CredentialID, Public: public, Name: clip(name), Added: now.UnixMilli(),
	}}, nil
}

// Keep uses the invitation up and stores the passkey. It returns the patient
// whom the invitation was for; it fails with Unauthenticated when the
// invitation is unknown, used or expired.
func (r *Registration) Keep(tx *store.Tx) (subject string, err error) {
	if r.key.Subject, err = tx.UseInvitation(r.code, r.at.UnixMilli()); err != nil {
		return "", err
	}
	return r.key.Subject, tx.AddPasskey(&r.key)
}

// Challenge returns what a passkey must sign to sign in.
func (d *Door) Challenge() (string, error) { return d.challenges.issue(pending{}, time.Now()) }

// SignInPatient exchanges a passkey's assertion over a challenge of this node
// for an access token. It fails with Unauthenticated.
func (d *Door) SignInPatient(ctx context.Context, a slip.Assertion) (Token, error) {
	now := time.Now()
	challenge, err := clientChallenge(a.ClientDataJSON)
	if err != nil {
		return Token{}, badPasskey(err)
	}
	if _, ok := d.challenges.take(challenge, now); !ok {
		return Token{}, badPasskey(errors.New("unknown or expired challenge"))
	}
	raw, err := base64.RawURLEncoding.DecodeString(challenge)
	if err != nil {
		return Token{}, badPasskey(err)
	}
	subject, err := d.VerifyPasskey(ctx, a, raw, d.member)
	if err != nil {
		return Token{}, err
	}
	actor := Actor{kind: Patient, organisation: d.member, patient: subject, person: d.member + "/Patient/" + subject, name: "the patient", purpose: "PATRQT"}
	return d.sessions.issue(actor, now), nil
}

// VerifyPasskey checks an assertion by a passkey that is registered here over
// the given challenge and returns the local patient whose it is. The origin
// must be one of the members' portals: of `only`, or of any member if only is
// "". It fails with Unauthenticated.
func (d *Door) VerifyPasskey(ctx context.Context, a slip.Assertion, challenge []byte, only string) (subject string, err error) {
	var key *store.Passkey
	err = d.store.View(ctx, func(v *store.View) (err error) {
		key, err = v.Passkey(a.CredentialID)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return "", badPasskey(errors.New("not registered here"))
	}
	if err != nil {
		return "", err
	}
	public, err := x509.ParsePKIXPublicKey(key.Public)
	if err != nil {
		return "", fault.Wrap(fault.Broken, "passkey", "a stored passkey is damaged", err)
	}
	ecdsaKey, ok := public.(*ecdsa.PublicKey)
	if !ok {
		return "", fault.New(fault.Broken, "passkey", "a stored passkey is damaged")
	}
	errs := []error{errors.New("no portal of that kind")}
	for _, m := range d.book.Members() {
		if !m.Active || only != "" && m.ID != only {
			continue
		}
		if err := slip.VerifyAssertion(a, ecdsaKey, challenge, m.RPID, m.Origins); err == nil {
			return key.Subject, nil
		} else {
			errs = append(errs, err)
		}
	}
	return "", badPasskey(errors.Join(errs...))
}

func clientChallenge(clientData []byte) (string, error) {
	var c struct {
		Challenge string `json:"challenge"`
	}
	if err := json.NewDecoder(bytes.NewReader(clientData)).Decode(&c); err != nil {
		return "", err
	}
	return c.Challenge, nil
}

// coseToPKIX turns a COSE EC2 P-256 key (RFC 9053, 7.1.1) into PKIX DER.
func coseToPKIX(cose []byte) ([]byte, error) {
	var key webauthncose.EC2PublicKeyData
	if err := webauthncbor.Unmarshal(cose, &key); err != nil {
		return nil, err
	}
	if key.Algorithm != int64(webauthncose.AlgES256) || key.Curve != int64(webauthncose.P256) || len(key.XCoord) != 32 || len(key.YCoord) != 32 {
		return nil, errors.New("not an ES256 key")
	}
	public := &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).SetBytes(key.XCoord), Y: new(big.Int).SetBytes(key.YCoord)}
	if _, err := public.ECDH(); err != nil { // not a point of the curve
		return nil, err
	}
	return x509.MarshalPKIXPublicKey(public)
}

func clip(name string) string {
	name = strings.ToValidUTF8(name, "")
	if len(name) > 60 {
		name = strings.ToValidUTF8(name[:60], "")
	}
	return name
}

func badPasskey(cause error) error {
	return fault.Wrap(fault.Unauthenticated, "passkey", "this passkey was not accepted", cause).
		WithHint("start again; use the device on which the passkey was made")
}
