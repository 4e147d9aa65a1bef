package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"cairn/ledger/member"
	"cairn/node/fault"
)

// vouching is what a member says of a person.
func vouching(id string, now int64) string {
	return fmt.Sprintf(`{"iss":%q,"sub":%q,"aud":"http://x/auth/token","iat":%d,"exp":%d,"jti":%q,"extensions":{"hl7-b2b":{"version":"1","organization_id":%q,`+
		`"subject_id":"p-1","subject_name":"Dr. South","subject_role":"physician","purpose_of_use":["TREAT"]}}}`, id, id, now, now+60, uuid.NewString(), id)
}

// TestAssertionsOfMembers: what a member signs with the key of the book is taken,
// once, and makes its person; everything else makes nobody.
func TestAssertionsOfMembers(t *testing.T) {
	keyOf := func() (*ecdsa.PrivateKey, []byte) {
		key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key, must(x509.MarshalPKIXPublicKey(&key.PublicKey))
	}
	south, public := keyOf()
	thief, thiefs := keyOf()
	inForce := func(der []byte) []member.Key {
		return []member.Key{{Use: member.UseClient, Public: der, From: 1}}
	}
	d := doors(t)(book{
		"north": {ID: "north", Active: true, Keys: inForce(thiefs)},
		"south": {ID: "south", Active: true, Keys: inForce(public)},
		"gone":  {ID: "gone", Keys: inForce(public)},
	})
	now := time.Now().Unix() // after the door began: what is older is refused
	m := assertions{t, d, south, nil}
	es := func(payload string) string { return m.sign(jose.ES384, south, nil, payload) }
	changed := func(old, with string) string {
		payload := vouching("south", now)
		if !strings.Contains(payload, old) {
			t.Fatalf("%s is not in %s", old, payload)
		}
		return es(strings.Replace(payload, old, with, 1))
	}
	good := es(vouching("south", now))
	if a, err := d.signIn(bg, good, time.Now()); err != nil || a.Kind() != Peer || a.Person() != "south/p-1" || a.Organisation() != "south" {
		t.Fatalf("%+v %v", a, err)
	}
	parts := strings.Split(es(vouching("south", now)), ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	for name, a := range map[string]string{
		"replayed":                       good,
		"alg none":                       none,
		"alg none with a signature":      none + parts[2],
		"no signature":                   parts[0] + "." + parts[1] + ".",
		"another payload":                parts[0] + "." + strings.Split(es(vouching("south", now)), ".")[1] + "." + parts[2],
		"a public key as an HMAC secret": m.sign(jose.HS256, public, nil, vouching("south", now)),
		"the same with 384 bits":         m.sign(jose.HS384, public, nil, vouching("south", now)),
		"the thief's key":                m.sign(jose.ES384, thief, nil, vouching("south", now)),
		"the thief's jku":                m.sign(jose.ES384, thief, map[jose.HeaderKey]any{"jku": "https://thief.example/jwks"}, vouching("south", now)),
		"the thief's x5u":                m.sign(jose.ES384, thief, map[jose.HeaderKey]any{"x5u": "https://thief.example/cert"}, vouching("south", now)),
		"the thief's jwk":                m.sign(jose.ES384, thief, map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: &thief.PublicKey}}, vouching("south", now)),
		"its own jwk":                    m.sign(jose.ES384, south, map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: &south.PublicKey}}, vouching("south", now)),
		"a member that left":             es(vouching("gone", now)),
		"no member":                      es(vouching("west", now)),
		"this hospital":                  m.sign(jose.ES384, thief, nil, vouching("north", now)),
		"another organisation's person":  changed(`"organization_id":"south"`, `"organization_id":"north"`),
		"another audience":               changed("http://x/auth/token", "http://y/auth/token"),
		"in milliseconds":                changed(fmt.Sprintf(`"iat":%d,"exp":%d`, now, now+60), fmt.Sprintf(`"iat":%d,"exp":%d`, now*1000, (now+60)*1000)),
		"exp in milliseconds":            changed(fmt.Sprint(now+60), fmt.Sprint((now+60)*1000)),
		"a day later":                    changed(fmt.Sprintf(`"iat":%d,"exp":%d`, now, now+60), fmt.Sprintf(`"iat":%d,"exp":%d`, now-86400, now-86340)),
		"a day later, good for long":     changed(fmt.Sprint(now+60), fmt.Sprint(now+86400)),
		"a person twice":                 changed(`"subject_id":"p-1"`, `"subject_id":"p-2","subject_id":"p-1"`),
		"a person in two cases":          changed(`"subject_id":"p-1"`, `"subject_id":"p-1","Subject_ID":"p-2"`),
		"a person in another case":       changed(`"subject_id"`, `"Subject_ID"`),
		"two purposes":                   changed(`["TREAT"]`, `["TREAT","HRESCH"]`),
		"nobody":                         changed(`"hl7-b2b"`, `"hl7-c2c"`),
	} {
		if a, err := d.signIn(bg, a, time.Now()); !fault.Is(err, fault.Unauthenticated) || a.Kind() != "" {
			t.Errorf("%s: %+v %v", name, a, err)
		}
	}
}
