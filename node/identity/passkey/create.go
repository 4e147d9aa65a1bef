package passkey

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"cairn/ledger/member"
	"cairn/node/identity/nonce"
	"cairn/node/store"
)

// Options are the PublicKeyCredentialCreationOptions (WebAuthn Level 3, 5.4) of a
// member's site for somebody who has some passkeys already.
func Options(m member.Member, challenge []byte, name string, have []*store.Passkey) (json.RawMessage, error) {
	handle := make([]byte, 16)
	rand.Read(handle) // random: a user handle must say nothing of the person (WebAuthn 14.6.1)
	exclude := make([]map[string]string, len(have))
	for i, k := range have {
		exclude[i] = map[string]string{"type": "public-key", "id": base64.RawURLEncoding.EncodeToString(k.Credential)}
	}
	return json.Marshal(map[string]any{"publicKey": map[string]any{
		"challenge": base64.RawURLEncoding.EncodeToString(challenge),
		"timeout":   nonce.Life.Milliseconds(), "attestation": "none",
		"rp":                     map[string]string{"id": m.RPID, "name": m.Name},
		"user":                   map[string]string{"id": base64.RawURLEncoding.EncodeToString(handle), "name": name, "displayName": m.Name},
		"pubKeyCredParams":       []map[string]any{{"type": "public-key", "alg": -7}},
		"excludeCredentials":     exclude,
		"authenticatorSelection": map[string]any{"userVerification": "required", "residentKey": "required", "requireResidentKey": true},
	}})
}

// Created checks a registration response (WebAuthn Level 3, 7.1): a challenge that
// is ours, origin, RP id, user verified, ES256. It returns the passkey without name
// and owner, and fails with Unauthenticated.
func Created(m member.Member, response []byte, ours func(challenge []byte) bool) (k Key, err error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return k, Bad(err)
	}
	text := parsed.Response.CollectedClientData.Challenge
	challenge, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return k, Bad(err)
	}
	if !ours(challenge) {
		return k, Bad(errors.New("unknown or expired challenge"))
	}
	params := []protocol.CredentialParameter{{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256}}
	if _, err := parsed.Verify(text, m.RPID, m.Origins, nil, nil, protocol.TopOriginDefaultVerificationMode, false, true, true, nil,
		params, protocol.AttestationPolicy{}, protocol.SignaturePolicy{}); err != nil {
		return k, Bad(err)
	}
	data := parsed.Response.AttestationObject.AuthData
	public, err := coseToPKIX(data.AttData.CredentialPublicKey)
	if err != nil {
		return k, Bad(err)
	}
	return Key{Eligible: data.Flags.HasBackupEligible(), BackedUp: data.Flags.HasBackupState(), Public: public,
		Row: store.Passkey{Credential: data.AttData.CredentialID}}, nil
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
