package identity

import (
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
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"cairn/consent/slip"
	"cairn/ledger/member"
	"cairn/node/fault"
	"cairn/node/store"
)

// invitationLife is how long a patient may take to register a passkey.
const invitationLife = 7 * 24 * time.Hour

// Invite makes a one-time code for a patient whose identity this hospital has
// proved. The code is shown once; the store keeps its hash and, sealed, whose
// it is. The write joins the caller's transaction, and so does the removal of
// invitations that have ended.
func (d *Door) Invite(tx *store.Tx, subject string, now time.Time) (code string, err error) {
	if _, err := tx.DropInvitations(now.UnixMilli()); err != nil {
		return "", err
	}
	raw := make([]byte, 16)
	rand.Read(raw) // never fails: crypto/rand, Go 1.24
	code = base64.RawURLEncoding.EncodeToString(raw)
	hash, ends := sha256.Sum256([]byte(code)), now.Add(invitationLife)
	return code, tx.AddInvitation(hash, d.box.sealSubject(subject, hash, ends), ends.UnixMilli())
}

// RegisterOptions are the PublicKeyCredentialCreationOptions (WebAuthn Level 2,
// 5.4) for a patient who holds an invitation. The code is used up by Register.
func (d *Door) RegisterOptions(code string) (json.RawMessage, error) {
	m, ok := d.book.Member(d.member)
	if !ok {
		return nil, fault.New(fault.Broken, "member", "this hospital is not in the member book")
	}
	hash := sha256.Sum256([]byte(code))
	challenge := base64.RawURLEncoding.EncodeToString(d.challenges.issue(toRegister, hash[:], time.Now()))
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
	box  box
	code [32]byte
	key  store.Passkey // its public key in the clear until Keep
	at   time.Time
}

// Register checks a registration response (WebAuthn Level 2, 7.1): challenge,
// origin, RP id, user verified, ES256. It fails with Unauthenticated. A
// challenge is good once because the invitation that it is about is.
func (d *Door) Register(response []byte, name string) (*Registration, error) {
	now := time.Now()
	m, _ := d.book.Member(d.member)
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return nil, badPasskey(err)
	}
	text := parsed.Response.CollectedClientData.Challenge
	nonce, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, badPasskey(err)
	}
	hash, ok := d.challenges.about(toRegister, nonce, now)
	if !ok || len(hash) != sha256.Size {
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
	return &Registration{box: d.box, code: [32]byte(hash), at: now, key: store.Passkey{
		Credential: data.CredentialID, Public: public, Name: clip(name), Added: now.UnixMilli(),
	}}, nil
}

// Keep uses the invitation up and stores the passkey, sealed. It returns the
// patient whom the invitation was for. It fails with NotFound or Gone when the
// invitation is unknown, used or expired, with Broken when its row was altered.
func (r *Registration) Keep(tx *store.Tx) (subject string, err error) {
	sealed, err := tx.UseInvitation(r.code, r.at.UnixMilli())
	if err != nil {
		return "", err
	}
	row := r.key
	if row.Subject, err = r.box.openSubject(sealed, r.code, r.at); err != nil {
		return "", err
	}
	row.Public = r.box.seal(r.key.Public, keyBound(&row))
	return row.Subject, tx.AddPasskey(&row)
}

// SignInPatient exchanges a passkey's assertion over SignInChallenge of a nonce
// of this node for an access token; each nonce is good once. It fails with
// Unauthenticated.
func (d *Door) SignInPatient(ctx context.Context, nonce []byte, a slip.Assertion) (Token, error) {
	now := time.Now()
	if _, ok := d.challenges.about(toSignIn, nonce, now); !ok {
		return Token{}, badPasskey(errors.New("unknown or expired nonce"))
	}
	challenge := SignInChallenge(d.member, nonce)
	subject, _, err := d.VerifyPasskey(ctx, a, challenge[:], d.member)
	if err != nil {
		return Token{}, err
	}
	// Only what a registered passkey has signed is remembered.
	if first, err := d.first(ctx, &d.answered, "nonce "+string(nonce), now.Add(challengeLife), now); err != nil {
		return Token{}, err
	} else if !first {
		return Token{}, badPasskey(errors.New("the nonce was used"))
	}
	actor := Actor{kind: Patient, organisation: d.member, patient: subject, person: d.member + "/Patient/" + subject, name: "the patient", purpose: "PATRQT",
		assurance: assured(a, now)}
	return d.sessions.issue(actor, now)
}

// assured is what an assertion that was checked is worth.
func assured(a slip.Assertion, now time.Time) Assurance {
	if a.BackupEligible() {
		return Assurance{Level: LevelSynced, At: now}
	}
	return Assurance{Level: LevelBound, At: now}
}

// VerifyPasskey checks an assertion by a passkey that is registered here over
// the given challenge. It returns the local patient whose it is and the member
// at whose portal she signed: `only`, or any member if only is "" (this
// hospital, if it is one portal of several members). It fails with
// Unauthenticated, and with Broken when the stored passkey was altered.
func (d *Door) VerifyPasskey(ctx context.Context, a slip.Assertion, challenge []byte, only string) (subject, portal string, err error) {
	subject, key, err := d.passkey(ctx, a.CredentialID)
	if err != nil {
		return "", "", err
	}
	errs := []error{errors.New("no portal of that kind")}
	for _, m := range d.portals(only) {
		err := slip.VerifyAssertion(a, key, challenge, m.RPID, m.Origins)
		if err == nil {
			return subject, m.ID, nil
		}
		errs = append(errs, err)
	}
	return "", "", badPasskey(errors.Join(errs...))
}

// portals returns the active member `only`, or all with this hospital first.
func (d *Door) portals(only string) []member.Member {
	var out []member.Member
	for _, m := range d.book.Members() {
		switch {
		case !m.Active || only != "" && m.ID != only:
		case m.ID == d.member:
			out = slices.Insert(out, 0, m)
		default:
			out = append(out, m)
		}
	}
	return out
}

// passkey opens a registered passkey.
func (d *Door) passkey(ctx context.Context, credential []byte) (subject string, key *ecdsa.PublicKey, err error) {
	var row *store.Passkey
	err = d.store.View(ctx, func(v *store.View) (err error) {
		row, err = v.Passkey(credential)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return "", nil, badPasskey(errors.New("not registered here"))
	}
	if err != nil {
		return "", nil, err
	}
	plain, err := d.box.open(row.Public, keyBound(row))
	if err != nil {
		return "", nil, brokenPasskey(err)
	}
	public, err := x509.ParsePKIXPublicKey(plain)
	if err != nil {
		return "", nil, brokenPasskey(err)
	}
	key, ok := public.(*ecdsa.PublicKey)
	if !ok {
		return "", nil, brokenPasskey(errors.New("not an ECDSA key"))
	}
	return row.Subject, key, nil
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

func brokenPasskey(cause error) error {
	return fault.Wrap(fault.Broken, "passkey", "a stored passkey was altered or damaged", cause)
}
