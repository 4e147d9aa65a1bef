package slip

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"
)

const (
	site   = "north.example"
	origin = "https://portal.north.example"
)

// passkey is a software authenticator that makes real assertions.
type passkey struct {
	credential virtualwebauthn.Credential
	key        *ecdsa.PrivateKey
	options    virtualwebauthn.AuthenticatorOptions
	party      virtualwebauthn.RelyingParty
}

func newPasskey(t testing.TB) *passkey {
	t.Helper()
	c := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	parsed, err := x509.ParsePKCS8PrivateKey(c.Key.Data)
	if err != nil {
		t.Fatal(err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatal("not an ECDSA key")
	}
	return &passkey{credential: c, key: key, party: virtualwebauthn.RelyingParty{ID: site, Name: "North", Origin: origin}}
}

// assert signs a challenge as a browser and a device would.
func (p *passkey) assert(t testing.TB, challenge []byte) Assertion {
	t.Helper()
	text := virtualwebauthn.CreateAssertionResponse(p.party, virtualwebauthn.NewAuthenticatorWithOptions(p.options),
		p.credential, virtualwebauthn.AssertionOptions{Challenge: challenge, RelyingPartyID: p.party.ID})
	var answer struct {
		RawID    string `json:"rawId"`
		Response struct {
			AuthenticatorData string `json:"authenticatorData"`
			ClientDataJSON    string `json:"clientDataJSON"`
			Signature         string `json:"signature"`
		} `json:"response"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	part := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return Assertion{part(answer.RawID), part(answer.Response.AuthenticatorData), part(answer.Response.ClientDataJSON), part(answer.Response.Signature)}
}

// sign signs whatever parts an authenticator would never put together.
func (p *passkey) sign(t testing.TB, authenticator, client []byte) Assertion {
	t.Helper()
	h := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte(nil), authenticator...), h[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, p.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return Assertion{p.credential.ID, authenticator, client, sig}
}

func (p *passkey) verify(a Assertion, challenge []byte) error {
	return VerifyAssertion(a, &p.key.PublicKey, challenge, site, []string{"https://other.example", origin})
}

var challenge = []byte("0123456789abcdef0123456789abcdef")

func TestAssertionVerifies(t *testing.T) {
	p := newPasskey(t)
	if err := p.verify(p.assert(t, challenge), challenge); err != nil {
		t.Fatal(err)
	}
	p.options.BackupEligible, p.options.BackupState = true, true
	if err := p.verify(p.assert(t, challenge), challenge); err != nil {
		t.Fatalf("a synced passkey: %v", err)
	}
	p.credential.Counter = 7
	if err := p.verify(p.assert(t, challenge), challenge); err != nil {
		t.Fatalf("a counting passkey: %v", err)
	}
}

func TestAssertionOfAnother(t *testing.T) {
	p, other := newPasskey(t), newPasskey(t)
	if err := p.verify(other.assert(t, challenge), challenge); !errors.Is(err, ErrSignature) {
		t.Errorf("another passkey: %v", err)
	}
	if err := p.verify(p.assert(t, []byte("fedcba9876543210fedcba9876543210")), challenge); !errors.Is(err, ErrChallenge) {
		t.Errorf("another challenge: %v", err)
	}
	p.party.Origin = "https://portal.north.example.evil.example"
	if err := p.verify(p.assert(t, challenge), challenge); !errors.Is(err, ErrOrigin) {
		t.Errorf("another origin: %v", err)
	}
	p.party.Origin, p.party.ID = origin, "example"
	if err := p.verify(p.assert(t, challenge), challenge); !errors.Is(err, ErrParty) {
		t.Errorf("another site: %v", err)
	}
}

func TestAssertionFlags(t *testing.T) {
	p := newPasskey(t)
	p.options.UserNotVerified = true
	if err := p.verify(p.assert(t, challenge), challenge); !errors.Is(err, ErrUnverified) {
		t.Errorf("user not verified: %v", err)
	}
	p.options = virtualwebauthn.AuthenticatorOptions{UserNotPresent: true}
	if err := p.verify(p.assert(t, challenge), challenge); !errors.Is(err, ErrUnverified) {
		t.Errorf("user not present: %v", err)
	}
	p.options = virtualwebauthn.AuthenticatorOptions{BackupState: true}
	if err := p.verify(p.assert(t, challenge), challenge); !errors.Is(err, ErrAssertion) {
		t.Errorf("backed up and not eligible: %v", err)
	}
	p.options = virtualwebauthn.AuthenticatorOptions{}
	good := p.assert(t, challenge)
	for name, change := range map[string]func([]byte) []byte{
		"attested credential": func(d []byte) []byte { d[32] |= flagCredential; return d },
		"extensions missing":  func(d []byte) []byte { d[32] |= flagExtensions; return d },
		"extensions not said": func(d []byte) []byte { return append(d, 0xa0) },
		"too short":           func(d []byte) []byte { return d[:36] },
		"empty":               func([]byte) []byte { return nil },
		"too long": func(d []byte) []byte {
			d[32] |= flagExtensions
			return append(d, make([]byte, maxAuthenticatorData)...)
		},
	} {
		d := change(append([]byte(nil), good.AuthenticatorData...))
		if err := p.verify(p.sign(t, d, good.ClientDataJSON), challenge); !errors.Is(err, ErrAssertion) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := append([]byte(nil), good.AuthenticatorData...)
	d[32] |= flagExtensions
	if err := p.verify(p.sign(t, append(d, 0xa0), good.ClientDataJSON), challenge); err != nil {
		t.Errorf("extensions, said and there: %v", err)
	}
}

// clientText returns client data for the challenge with a piece replaced.
func clientText(old, replacement string) []byte {
	text := `{"type":"webauthn.get","challenge":"` + base64.RawURLEncoding.EncodeToString(challenge) + `","origin":"` + origin + `","crossOrigin":false}`
	return []byte(strings.Replace(text, old, replacement, 1))
}

func TestClientData(t *testing.T) {
	p := newPasskey(t)
	data := p.assert(t, challenge).AuthenticatorData
	encoded := base64.RawURLEncoding.EncodeToString(challenge)
	for _, c := range []struct {
		name, old, replacement string
		want                   error
	}{
		{"as it is", "", "", nil},
		{"white space", `"origin"`, ` "origin" `, nil},
		{"a member of a later standard", `"crossOrigin"`, `"later":{"a":[1,{"b":null}]},"crossOrigin"`, nil},
		{"without crossOrigin", `,"crossOrigin":false`, ``, nil},
		{"type of a registration", "webauthn.get", "webauthn.create", ErrType},
		{"type of a payment", "webauthn.get", "payment.get", ErrType},
		{"crossOrigin true", "false", "true", ErrOrigin},
		{"crossOrigin as text", "false", `"false"`, ErrAssertion},
		{"topOrigin", `"crossOrigin"`, `"topOrigin":"https://frame.example","crossOrigin"`, ErrOrigin},
		{"origin twice", `"crossOrigin"`, `"origin":"` + origin + `","crossOrigin"`, ErrAssertion},
		{"origin twice, once escaped", `"crossOrigin"`, `"\u006frigin":"https://evil.example","crossOrigin"`, ErrAssertion},
		{"challenge twice", `"crossOrigin"`, `"challenge":"x","crossOrigin"`, ErrAssertion},
		{"duplicates deeper", `"crossOrigin"`, `"later":{"a":1,"a":2},"crossOrigin"`, ErrAssertion},
		{"type in capitals beside it", `"crossOrigin"`, `"Type":"webauthn.create","crossOrigin"`, nil},
		{"type in capitals instead of it", `"type"`, `"TYPE"`, ErrAssertion},
		{"no origin", `"origin"`, `"origan"`, ErrAssertion},
		{"origin is null", `"` + origin + `"`, `null`, ErrAssertion},
		{"origin in capitals", origin, strings.ToUpper(origin), ErrOrigin},
		{"origin with a slash", origin, origin + "/", ErrOrigin},
		{"origin without a value", origin, ``, ErrOrigin},
		{"challenge with padding", encoded, encoded + "=", ErrChallenge},
		{"challenge in plain base64", encoded, base64.StdEncoding.EncodeToString(challenge), ErrChallenge},
		{"challenge cut", encoded, encoded[:20], ErrChallenge},
		{"challenge with a line break", encoded, encoded[:20] + `\n` + encoded[20:], ErrChallenge},
		{"trailing text", `false}`, `false} {}`, ErrAssertion},
		{"trailing comma", `false}`, `false,}`, ErrAssertion},
		{"not closed", `false}`, `false`, ErrAssertion},
		{"an array", `{"type"`, `[{"type"`, ErrAssertion},
		{"not UTF-8", `"crossOrigin"`, "\"x\":\"\xff\",\"crossOrigin\"", ErrAssertion},
		{"too deep", `"crossOrigin"`, `"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `,"crossOrigin"`, ErrAssertion},
		{"too long", `"crossOrigin"`, `"x":"` + strings.Repeat("x", maxClientData) + `","crossOrigin"`, ErrAssertion},
	} {
		err := p.verify(p.sign(t, data, clientText(c.old, c.replacement)), challenge)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if err := p.verify(p.sign(t, data, nil), challenge); !errors.Is(err, ErrAssertion) {
		t.Errorf("no client data: %v", err)
	}
}

func TestEachByteIsSigned(t *testing.T) {
	p := newPasskey(t)
	good := p.assert(t, challenge)
	parts := map[string]func(*Assertion) []byte{
		"authenticator data": func(a *Assertion) []byte { return a.AuthenticatorData },
		"client data":        func(a *Assertion) []byte { return a.ClientDataJSON },
		"signature":          func(a *Assertion) []byte { return a.Signature },
	}
	for name, part := range parts {
		for i := range part(&good) {
			a := good
			a.AuthenticatorData = append([]byte(nil), good.AuthenticatorData...)
			a.ClientDataJSON = append([]byte(nil), good.ClientDataJSON...)
			a.Signature = append([]byte(nil), good.Signature...)
			part(&a)[i] ^= 1
			if p.verify(a, challenge) == nil {
				t.Fatalf("byte %d of the %s may be anything", i, name)
			}
		}
	}
	long := good
	long.Signature = append(append([]byte(nil), good.Signature...), 0)
	if err := p.verify(long, challenge); !errors.Is(err, ErrSignature) {
		t.Errorf("a byte after the signature: %v", err)
	}
}

// Every ECDSA signature (r, s) has a twin (r, -s) that verifies too, and
// authenticators give either. So nothing may rely on the bytes of a signature.
func TestTheTwinSignatureVerifiesToo(t *testing.T) {
	p := newPasskey(t)
	a := p.assert(t, challenge)
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(a.Signature, &sig); err != nil {
		t.Fatal(err)
	}
	sig.S.Sub(elliptic.P256().Params().N, sig.S)
	var err error
	if a.Signature, err = asn1.Marshal(sig); err != nil {
		t.Fatal(err)
	}
	if err := p.verify(a, challenge); err != nil {
		t.Errorf("the twin: %v", err)
	}
}

func TestAssertionNeedsSomethingToCheckAgainst(t *testing.T) {
	p := newPasskey(t)
	a := p.assert(t, challenge)
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	noID := a
	noID.CredentialID = nil
	for name, err := range map[string]error{
		"no key":          VerifyAssertion(a, nil, challenge, site, []string{origin}),
		"a P-384 key":     VerifyAssertion(a, &other.PublicKey, challenge, site, []string{origin}),
		"no site":         VerifyAssertion(a, &p.key.PublicKey, challenge, "", []string{origin}),
		"no challenge":    VerifyAssertion(a, &p.key.PublicKey, nil, site, []string{origin}),
		"no credential":   VerifyAssertion(noID, &p.key.PublicKey, challenge, site, []string{origin}),
		"the empty value": VerifyAssertion(Assertion{}, &p.key.PublicKey, challenge, site, []string{origin}),
	} {
		if !errors.Is(err, ErrAssertion) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, origins := range map[string][]string{"no origins": nil, "an empty origin": {""}} {
		if err := VerifyAssertion(a, &p.key.PublicKey, challenge, site, origins); !errors.Is(err, ErrOrigin) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnEmptyOriginIsNobodys(t *testing.T) {
	p := newPasskey(t)
	a := p.sign(t, p.assert(t, challenge).AuthenticatorData, clientText(origin, ""))
	if err := VerifyAssertion(a, &p.key.PublicKey, challenge, site, []string{""}); !errors.Is(err, ErrOrigin) {
		t.Errorf("an empty origin: %v", err)
	}
}

// The patient signs once over three slips for one custodian.
func TestOneSignatureForSeveralSlips(t *testing.T) {
	p := newPasskey(t)
	slips := []*Slip{sample(t), sample(t), sample(t)}
	var all []Leaf
	for i, s := range slips {
		s.Salt[5] = byte(i)
		all = append(all, s.Leaf())
	}
	root := Root(all)
	a := p.assert(t, root[:])
	for i, s := range slips {
		path, err := PathOf(all, i)
		if err != nil {
			t.Fatal(err)
		}
		verify := func(s *Slip, path Path) error {
			return s.Verify(path, a, &p.key.PublicKey, site, []string{origin})
		}
		if err := verify(s, path); err != nil {
			t.Errorf("slip %d: %v", i, err)
		}
		for name, change := range changes {
			altered := *s
			altered.Terms = append([]byte(nil), s.Terms...)
			change(&altered)
			if verify(&altered, path) == nil {
				t.Errorf("slip %d verifies with another %s", i, name)
			}
		}
		next, err := PathOf(all, (i+1)%len(all))
		if err != nil {
			t.Fatal(err)
		}
		if verify(s, next) == nil {
			t.Errorf("slip %d verifies with the path of another", i)
		}
		for _, h := range path.Hashes {
			for _, other := range slips {
				if h == other.Commitment() || h == sha256.Sum256(commitmentOf(other)) || h == edge(other.Commitment()) {
					t.Error("a path tells another custodian's commitment")
				}
			}
		}
	}
}

func commitmentOf(s *Slip) []byte { c := s.Commitment(); return c[:] }

func FuzzClientData(f *testing.F) {
	f.Add(clientText("", ""))
	f.Add(clientText(`"crossOrigin"`, `"later":{"a":[1,{"b":null}]},"crossOrigin"`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := parseClientData(raw)
		if err != nil {
			return
		}
		var loose map[string]any
		if json.Unmarshal(raw, &loose) != nil {
			t.Fatal("what is no JSON object is taken")
		}
		if loose["type"] != c.Type || loose["challenge"] != c.Challenge || loose["origin"] != c.Origin {
			t.Fatal("two readers read two things")
		}
	})
}

func BenchmarkVerifyAssertion(b *testing.B) {
	p := newPasskey(b)
	a := p.assert(b, challenge)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.verify(a, challenge); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCommitment(b *testing.B) {
	s := sample(b)
	b.ReportAllocs()
	for b.Loop() {
		s.Commitment()
	}
}
