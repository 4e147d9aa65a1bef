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
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"cairn/node/fault"
	"cairn/node/identity/code"
	"cairn/node/identity/nonce"
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
	handle := make([]byte, 16)
	rand.Read(handle) // random: a user handle must say nothing of the person (WebAuthn 14.6.1)
	exclude := make([]map[string]string, len(have))
	for i, k := range have {
		exclude[i] = map[string]string{"type": "public-key", "id": base64.RawURLEncoding.EncodeToString(k.Credential)}
	}
	return json.Marshal(map[string]any{"publicKey": map[string]any{
		"challenge": base64.RawURLEncoding.EncodeToString(d.challenges.Issue(purpose, about, time.Now())),
		"timeout":   nonce.Life.Milliseconds(), "attestation": "none",
		"rp":                     map[string]string{"id": m.RPID, "name": m.Name},
		"user":                   map[string]string{"id": base64.RawURLEncoding.EncodeToString(handle), "name": name, "displayName": m.Name},
		"pubKeyCredParams":       []map[string]any{{"type": "public-key", "alg": -7}},
		"excludeCredentials":     exclude,
		"authenticatorSelection": map[string]any{"userVerification": "required", "residentKey": "required", "requireResidentKey": true},
	}})
}

// Registration is a passkey that was checked and may be kept. Keep uses the code
// up, if it came with one, and adds the passkey in one transaction.
type Registration struct {
	door  *Door
	code  *[32]byte // nil: a signed-in person adds it
	owner string    // of a signed-in person
	key   credential
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
		return nil, badPasskey(errors.New("a challenge about no code"))
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
		return nil, badPasskey(errors.New("a challenge that was somebody else's"))
	}
	if a.kind == Staff {
		if err := a.Assured(key.level(), freshFor); err != nil {
			return nil, err
		}
	}
	return &Registration{door: d, owner: owner, key: key, at: now}, nil
}

// created checks a registration response and returns the passkey and what its
// challenge was about.
func (d *Door) created(purpose string, response []byte, name string, now time.Time) (c credential, about []byte, err error) {
	m, _ := d.book.Member(d.member)
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return c, nil, badPasskey(err)
	}
	text := parsed.Response.CollectedClientData.Challenge
	nonce, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return c, nil, badPasskey(err)
	}
	about, ok := d.challenges.About(purpose, nonce, now)
	if !ok {
		return c, nil, badPasskey(errors.New("unknown or expired challenge"))
	}
	params := []protocol.CredentialParameter{{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256}}
	if _, err := parsed.Verify(text, m.RPID, m.Origins, nil, nil, protocol.TopOriginDefaultVerificationMode, false, true, true, nil,
		params, protocol.AttestationPolicy{}, protocol.SignaturePolicy{}); err != nil {
		return c, nil, badPasskey(err)
	}
	data := parsed.Response.AttestationObject.AuthData
	public, err := coseToPKIX(data.AttData.CredentialPublicKey)
	if err != nil {
		return c, nil, badPasskey(err)
	}
	c = credential{eligible: data.Flags.HasBackupEligible(), backedUp: data.Flags.HasBackupState(), public: public,
		row: store.Passkey{Credential: data.AttData.CredentialID, Name: clip(name), Added: now.UnixMilli()}}
	return c, about, nil
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
	r.key.row.Subject = owner
	return owner, tx.AddPasskey(r.door.sealCredential(&r.key))
}

// Synced tells whether the passkey may be copied between devices.
func (r *Registration) Synced() bool { return r.key.eligible }

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

func badCode(cause error) *fault.Error {
	return fault.Wrap(fault.Unauthenticated, "invitation", "this code is unknown, used or expired", cause).
		WithHint("ask the hospital for a new one")
}
