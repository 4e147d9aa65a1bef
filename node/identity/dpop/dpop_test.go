package dpop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	address = "https://north.example/fhir/Patient/1"
	access  = "an-access-token"
)

// forge signs a header and claims as they are, whatever they say.
func forge(t testing.TB, key *ecdsa.PrivateKey, alg jose.SignatureAlgorithm, change func(header, claims map[string]any)) string {
	t.Helper()
	now := time.Now()
	raw, err := json.Marshal(jose.JSONWebKey{Key: &key.PublicKey})
	if err != nil {
		t.Fatal(err)
	}
	var jwk map[string]any
	if err := json.Unmarshal(raw, &jwk); err != nil {
		t.Fatal(err)
	}
	head := map[string]any{"typ": typ, "alg": string(alg), "jwk": jwk}
	body := map[string]any{"jti": "1", "htm": "GET", "htu": address, "iat": now.Unix(), "ath": hash(access)}
	if change != nil {
		change(head, body)
	}
	return sign(t, key, alg, encode(t, head), encode(t, body))
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sign signs the bytes of a header and a payload (RFC 7515 5.1).
func sign(t testing.TB, key *ecdsa.PrivateKey, alg jose.SignatureAlgorithm, head, body []byte) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	input := b64(head) + "." + b64(body)
	digest := digestOf(alg, input)
	r, s, err := ecdsa.Sign(rand.Reader, key, digest) //nolint:staticcheck // the parts are what a JWS holds
	if err != nil {
		t.Fatal(err)
	}
	size := (key.Curve.Params().BitSize + 7) / 8
	return input + "." + b64(append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...))
}

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestGood(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		k, err := KeyOf(newKey(t, curve))
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"?_id=1#x", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Sign(req, access); err != nil {
			t.Fatal(err)
		}
		raw, err := Header(req.Header)
		if err != nil || req.Header.Get("Authorization") != "DPoP "+access {
			t.Fatalf("%v %v", req.Header, err)
		}
		p, err := Check(raw, http.MethodGet, address+"?other=2", access, time.Now())
		if err != nil || p.Thumbprint != k.Thumbprint() || p.ID == "" {
			t.Errorf("%s: %+v %v", curve.Params().Name, p, err)
		}
	}
}

// TestAltered changes a good proof in every way that matters.
func TestAltered(t *testing.T) {
	key, big := newKey(t, elliptic.P256()), newKey(t, elliptic.P384())
	now := time.Now()
	if _, err := Check(forge(t, key, jose.ES256, nil), "GET", address, access, now); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for name, c := range map[string]struct {
		change func(head, body map[string]any)
		want   error
	}{
		"another method":        {func(_, b map[string]any) { b["htm"] = "POST" }, ErrMethod},
		"a method in lower":     {func(_, b map[string]any) { b["htm"] = "get" }, ErrMethod},
		"no method":             {func(_, b map[string]any) { delete(b, "htm") }, ErrMethod},
		"another server":        {func(_, b map[string]any) { b["htu"] = "https://east.example/fhir/Patient/1" }, ErrAddress},
		"another path":          {func(_, b map[string]any) { b["htu"] = "https://north.example/fhir/Patient/2" }, ErrAddress},
		"a path in other case":  {func(_, b map[string]any) { b["htu"] = "https://north.example/FHIR/Patient/1" }, ErrAddress},
		"another scheme":        {func(_, b map[string]any) { b["htu"] = "http://north.example/fhir/Patient/1" }, ErrAddress},
		"another port":          {func(_, b map[string]any) { b["htu"] = "https://north.example:444/fhir/Patient/1" }, ErrAddress},
		"user in the address":   {func(_, b map[string]any) { b["htu"] = "https://a@north.example/fhir/Patient/1" }, ErrAddress},
		"a path alone":          {func(_, b map[string]any) { b["htu"] = "/fhir/Patient/1" }, ErrAddress},
		"no address":            {func(_, b map[string]any) { delete(b, "htu") }, ErrAddress},
		"a minute ago":          {func(_, b map[string]any) { b["iat"] = now.Add(-Life - 2*time.Second).Unix() }, ErrTime},
		"a day ago":             {func(_, b map[string]any) { b["iat"] = now.Add(-24 * time.Hour).Unix() }, ErrTime},
		"in a minute":           {func(_, b map[string]any) { b["iat"] = now.Add(Ahead + 2*time.Second).Unix() }, ErrTime},
		"milliseconds":          {func(_, b map[string]any) { b["iat"] = now.UnixMilli() }, ErrTime},
		"time as text":          {func(_, b map[string]any) { b["iat"] = now.Format(time.RFC3339) }, ErrForm},
		"no time":               {func(_, b map[string]any) { delete(b, "iat") }, ErrForm},
		"no id":                 {func(_, b map[string]any) { delete(b, "jti") }, ErrForm},
		"a long id":             {func(_, b map[string]any) { b["jti"] = strings.Repeat("x", maxID+1) }, ErrForm},
		"another token's hash":  {func(_, b map[string]any) { b["ath"] = hash("another") }, ErrAccess},
		"no hash of the token":  {func(_, b map[string]any) { delete(b, "ath") }, ErrAccess},
		"folded claims":         {func(_, b map[string]any) { b["HTM"] = "GET" }, ErrForm},
		"another type":          {func(h, _ map[string]any) { h["typ"] = "JWT" }, ErrForm},
		"no type":               {func(h, _ map[string]any) { delete(h, "typ") }, ErrForm},
		"no key":                {func(h, _ map[string]any) { delete(h, "jwk") }, ErrForm},
		"none":                  {func(h, _ map[string]any) { h["alg"] = "none" }, ErrKey},
		"HS256":                 {func(h, _ map[string]any) { h["alg"] = "HS256" }, ErrKey},
		"RS256":                 {func(h, _ map[string]any) { h["alg"] = "RS256" }, ErrKey},
		"the other algorithm":   {func(h, _ map[string]any) { h["alg"] = "ES384" }, ErrKey},
		"critical":              {func(h, _ map[string]any) { h["crit"] = []string{"b64"} }, ErrForm},
		"a key's address":       {func(h, _ map[string]any) { h["jku"] = "https://evil.example/jwks" }, ErrForm},
		"a certificate's":       {func(h, _ map[string]any) { h["x5u"] = "https://evil.example/cert" }, ErrForm},
		"a certificate in it":   {func(h, _ map[string]any) { jwk(h)["x5c"] = []string{"AA=="} }, ErrKey},
		"a private key":         {func(h, _ map[string]any) { jwk(h)["d"] = jwk(h)["x"] }, ErrKey},
		"a point off the curve": {func(h, _ map[string]any) { jwk(h)["x"] = jwk(h)["y"] }, ErrKey},
		"another curve's name":  {func(h, _ map[string]any) { jwk(h)["crv"] = "P-384" }, ErrKey},
		"another key": {func(h, _ map[string]any) {
			other := map[string]any{}
			if err := json.Unmarshal(encode(t, jose.JSONWebKey{Key: &newKey(t, elliptic.P256()).PublicKey}), &other); err != nil {
				t.Fatal(err)
			}
			h["jwk"] = other
		}, ErrSignature},
	} {
		if _, err := Check(forge(t, key, jose.ES256, c.change), "GET", address, access, now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v instead of %v", name, err, c.want)
		}
	}
	if _, err := Check(forge(t, big, jose.ES256, nil), "GET", address, access, now); !errors.Is(err, ErrKey) {
		t.Errorf("a larger key under the smaller algorithm: %v", err)
	}
	if _, err := Check(forge(t, key, jose.ES256, nil), "GET", address, "", now); !errors.Is(err, ErrAccess) {
		t.Errorf("a proof for a token where there is none: %v", err)
	}
}

func jwk(head map[string]any) map[string]any { return head["jwk"].(map[string]any) }

// TestTwice hides a second value behind the same name.
func TestTwice(t *testing.T) {
	key := newKey(t, elliptic.P256())
	good := strings.Split(forge(t, key, jose.ES256, nil), ".")
	head, _ := base64.RawURLEncoding.DecodeString(good[0])
	body, _ := base64.RawURLEncoding.DecodeString(good[1])
	twice := func(raw []byte, member string) []byte { return append([]byte("{"+member+","), raw[1:]...) }
	for name, raw := range map[string]string{
		"a claim":        sign(t, key, jose.ES256, head, twice(body, `"htm":"POST"`)),
		"the algorithm":  sign(t, key, jose.ES256, twice(head, `"alg":"none"`), body),
		"folded":         sign(t, key, jose.ES256, twice(head, `"Alg":"none"`), body),
		"trailing bytes": sign(t, key, jose.ES256, head, append(body, "{}"...)),
		"cut off":        strings.Join(good[:2], "."),
		"four parts":     strings.Join(good, ".") + ".AA",
		"padding":        good[0] + "=." + good[1] + "." + good[2],
		"nothing":        "",
		"huge":           strings.Repeat("A", maxProof) + ".A.A",
	} {
		if _, err := Check(raw, "GET", address, access, time.Now()); !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"https://n.example/a", "HTTPS://N.Example:443/a?x=1#y", true}, {"http://n.example:80/a", "http://n.example/a", true},
		{"https://n.example", "https://n.example/", true}, {"https://n.example/a%2Fb", "https://n.example/a/b", false},
		{"https://n.example/a", "https://n.example/a/", false}, {"https://n.example:80/a", "https://n.example/a", false}, {"", "", false},
	} {
		if got := same(c.a, c.b); got != c.same {
			t.Errorf("%q and %q: %t", c.a, c.b, got)
		}
	}
}

// TestNonces follows a server that asks for a nonce.
func TestNonces(t *testing.T) {
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	answer := func(status int, nonce string) *http.Response {
		res := &http.Response{StatusCode: status, Header: http.Header{}, Request: req}
		if nonce != "" {
			res.Header.Set(nonceHeader, nonce)
		}
		return res
	}
	for i, c := range []struct {
		res   *http.Response
		again bool
	}{
		{answer(401, ""), false}, {answer(401, "one"), true}, {answer(401, "one"), false}, {answer(200, "two"), false}, {answer(400, "three"), true},
	} {
		if got := k.Again(c.res); got != c.again {
			t.Errorf("%d: again %t", i, got)
		}
	}
	if err := k.Sign(req, ""); err != nil {
		t.Fatal(err)
	}
	raw, _ := Header(req.Header)
	if p, err := Check(raw, "GET", address, "", time.Now()); err != nil || p.Nonce != "three" {
		t.Errorf("%+v %v", p, err)
	}
	req.Header.Add(header, raw)
	if _, err := Header(req.Header); !errors.Is(err, ErrCount) {
		t.Errorf("two proofs: %v", err)
	}
}

func FuzzCheck(f *testing.F) {
	key := newKey(f, elliptic.P256())
	f.Add(forge(f, key, jose.ES256, nil))
	f.Add("e30.e30.")
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := Check(raw, "GET", address, access, time.Now())
		if err == nil && (p.ID == "" || p.Thumbprint == "") {
			t.Errorf("%+v", p)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	raw, now := forge(b, newKey(b, elliptic.P256()), jose.ES256, nil), time.Now()
	for b.Loop() {
		if _, err := Check(raw, "GET", address, access, now); err != nil {
			b.Fatal(err)
		}
	}
}

func digestOf(alg jose.SignatureAlgorithm, input string) []byte {
	if alg == jose.ES384 {
		sum := sha512.Sum384([]byte(input))
		return sum[:]
	}
	sum := sha256.Sum256([]byte(input))
	return sum[:]
}
