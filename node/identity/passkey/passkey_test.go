package passkey

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/x509"
	"testing"

	"github.com/descope/virtualwebauthn"

	"cairn/ledger/member"
	"cairn/node/fault"
	"cairn/node/identity/box"
	"cairn/node/store"
)

var (
	site   = member.Member{ID: "north", Name: "North", RPID: "north.example", Origins: []string{"https://north.example"}}
	asked  = []byte("0123456789abcdef0123456789abcdef")
	ours   = func(challenge []byte) bool { return bytes.Equal(challenge, asked) }
	always = func([]byte) bool { return true }
)

// response is what a browser at a site answers to Options.
func response(t testing.TB, origin, rp string, unverified bool, kind virtualwebauthn.KeyType) []byte {
	t.Helper()
	options, err := Options(site, asked, "account", nil)
	if err != nil {
		t.Fatal(err)
	}
	attestation, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		t.Fatal(err)
	}
	device := virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{BackupEligible: true, UserNotVerified: unverified})
	party := virtualwebauthn.RelyingParty{ID: rp, Name: "x", Origin: origin}
	for { // of one key in 128 this authenticator drops a zero byte (RFC 9053, 7.1.1 has it stay)
		key := virtualwebauthn.NewCredential(kind)
		if kind != virtualwebauthn.KeyTypeEC2 || len(key.Key.AttestationData()) == 77 {
			return []byte(virtualwebauthn.CreateAttestationResponse(party, device, key, *attestation))
		}
	}
}

// TestCreated: a passkey that was made at this site, by a verified user, over our
// challenge, with ES256, and no other.
func TestCreated(t *testing.T) {
	good := response(t, "https://north.example", "north.example", false, virtualwebauthn.KeyTypeEC2)
	k, err := Created(site, good, ours)
	if err != nil || !k.Eligible || k.BackedUp || len(k.Row.Credential) == 0 {
		t.Fatalf("%+v %v", k, err)
	}
	if _, err := x509.ParsePKIXPublicKey(k.Public); err != nil {
		t.Error(err)
	}
	never := func([]byte) bool { return false }
	for name, c := range map[string]struct {
		raw  []byte
		ours func([]byte) bool
	}{
		"another challenge": {good, never}, "nothing": {nil, always},
		"another page":      {response(t, "https://evil.example", "north.example", false, virtualwebauthn.KeyTypeEC2), ours},
		"another site":      {response(t, "https://north.example", "evil.example", false, virtualwebauthn.KeyTypeEC2), ours},
		"unverified":        {response(t, "https://north.example", "north.example", true, virtualwebauthn.KeyTypeEC2), ours},
		"another algorithm": {response(t, "https://north.example", "north.example", false, virtualwebauthn.KeyTypeRSA), ours},
	} {
		if k, err := Created(site, c.raw, c.ours); !fault.Is(err, fault.Unauthenticated) || len(k.Public) != 0 {
			t.Errorf("%s: %+v %v", name, k, err)
		}
	}
}

func newBox(t *testing.T) box.Box {
	t.Helper()
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return box.New(aead)
}

// TestSeal: a row opens as whose and which it was sealed, and a passkey that waits
// comes back as it was.
func TestSeal(t *testing.T) {
	b := newBox(t)
	k, err := Created(site, response(t, "https://north.example", "north.example", false, virtualwebauthn.KeyTypeEC2), ours)
	if err != nil {
		t.Fatal(err)
	}
	k.Row.Subject, k.Row.Name, k.BackedUp = "hers", "laptop", true
	row := k.Seal(b)
	back, _, err := Open(b, row)
	if err != nil || !back.Eligible || !back.BackedUp || !bytes.Equal(back.Public, k.Public) || bytes.Contains(row.Public, k.Public) {
		t.Fatalf("%+v %v", back, err)
	}
	for name, alter := range map[string]func(r *store.Passkey){
		"given to another": func(r *store.Passkey) { r.Subject = "his" }, "under another id": func(r *store.Passkey) { r.Credential = []byte("x") },
		"another's content": func(r *store.Passkey) { r.Public = k.Public }, "none": func(r *store.Passkey) { r.Public = nil },
	} {
		bad := *row
		alter(&bad)
		if _, _, err := Open(b, &bad); !fault.Is(err, fault.Broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	waits, err := Decode(k.Encode())
	if k.Row.Subject = ""; err != nil || !bytes.Equal(waits.Encode(), k.Encode()) || waits.Row.Subject != "" {
		t.Errorf("%+v %v", waits, err)
	}
	for _, raw := range []string{"", "{}", `{"credential":"AA=="}`, `{"public":"AA=="}`} {
		if _, err := Decode([]byte(raw)); !fault.Is(err, fault.Broken) {
			t.Errorf("%q: %v", raw, err)
		}
	}
	decoy, err := Decoy(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(b, decoy); err != nil {
		t.Errorf("the decoy: %v", err)
	}
}

// FuzzCreated: whatever a browser sends is refused, or is a passkey with an ES256
// key.
func FuzzCreated(f *testing.F) {
	f.Add(response(f, "https://north.example", "north.example", false, virtualwebauthn.KeyTypeEC2))
	f.Add([]byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"oA"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		k, err := Created(site, raw, always)
		if err != nil {
			if !fault.Is(err, fault.Unauthenticated) {
				t.Fatal(err)
			}
			return
		}
		if _, err := x509.ParsePKIXPublicKey(k.Public); err != nil || len(k.Row.Credential) == 0 {
			t.Fatalf("%+v %v", k, err)
		}
	})
}
