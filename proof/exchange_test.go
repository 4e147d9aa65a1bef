package proof

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"testing"

	"cairn/ledger/member"
)

// clientKey makes a member's client key from a number, the same for ever.
func clientKey(t testing.TB, n int64) (*ecdsa.PrivateKey, member.Key) {
	t.Helper()
	seed := sha512.Sum384([]byte("cairn test client key " + big.NewInt(n).String()))
	seed[0] = 0 // below the order of the curve
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P384(), seed[:])
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	prefix := []byte{0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00}
	return key, member.Key{Use: member.UseClient, Public: append(prefix, point...)}
}

func sampleRequest() Request {
	return Request{
		Party: Party{Network: [32]byte{1}, From: "south", To: "north", Height: 12, Time: 1_767_323_045_000},
		ID:    "5f0c1a52-8a2e-4c7f-9b53-0d6a3cf0c1e7", Method: "GET", Target: "/fhir/Observation?category=laboratory&patient=17",
		Body:    BodyHash(nil),
		Actor:   Actor{Kind: ActorStaff, Organisation: "south", Person: "south/p-1", Name: `Dr. "Ü" Test`, Role: "physician", Unit: "ward 3"},
		Purpose: "TREAT", Consent: strings.Repeat("ab", 32),
	}
}

func sampleAnswer(request [32]byte) Answer {
	return Answer{
		Party:   Party{Network: [32]byte{1}, From: "north", To: "south", Height: 13, Time: 1_767_323_045_100},
		Request: request, Status: 200, Body: BodyHash([]byte("{}")), Entries: []Entry{{Index: 41, Event: "e-1", Leaf: [32]byte{7}}},
	}
}

func sampleAcknowledgement(request, answer [32]byte) Acknowledgement {
	return Acknowledgement{
		Party:   Party{Network: [32]byte{1}, From: "south", To: "north", Height: 13, Time: 1_767_323_045_200},
		Request: request, Answer: answer, Entry: Entry{Index: 9, Event: "e-2", Leaf: [32]byte{8}},
	}
}

func TestStatements(t *testing.T) {
	key, public := clientKey(t, 1)
	_, other := clientKey(t, 2)
	r, err := sampleRequest().Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	a, err := sampleAnswer(r.ID).Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	k, err := sampleAcknowledgement(r.ID, a.ID).Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	read, err := ParseRequest(r.Text)
	if err != nil || read.Statement != r.Statement || read.ID != r.ID || read.Verify(public.Public) != nil {
		t.Errorf("%+v, %v", read, err)
	}
	if again, err := sampleRequest().Sign(key); err != nil || again.Text != r.Text {
		t.Errorf("the same statement has another form: %v", err)
	}
	if !errors.Is(read.Verify(other.Public), ErrSigned) || !errors.Is(read.Verify(nil), ErrSigned) {
		t.Error("another key, or none, verifies")
	}
	answer, err := ParseAnswer(a.Text)
	if err != nil || answer.Verify(public.Public) != nil || answer.Statement.Entries[0] != a.Statement.Entries[0] {
		t.Errorf("%+v, %v", answer, err)
	}
	known, err := ParseAcknowledgement(k.Text)
	if err != nil || known.Verify(public.Public) != nil || known.Statement != k.Statement {
		t.Errorf("%+v, %v", known, err)
	}
	for name, parse := range map[string]func() error{
		"an answer as a request": func() error { _, err := ParseRequest(a.Text); return err },
		"a request as an answer": func() error { _, err := ParseAnswer(r.Text); return err },
		"an answer as known":     func() error { _, err := ParseAcknowledgement(a.Text); return err },
		"too long":               func() error { _, err := ParseRequest(r.Text + strings.Repeat("A", MaxSignedBytes)); return err },
	} {
		if err := parse(); !errors.Is(err, ErrStatement) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStatementAltered turns every character of a signed statement: none
// verifies.
func TestStatementAltered(t *testing.T) {
	key, public := clientKey(t, 1)
	r, err := sampleRequest().Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Text {
		other := byte('A')
		if r.Text[i] == other {
			other = 'B'
		}
		read, err := ParseRequest(r.Text[:i] + string(other) + r.Text[i+1:])
		if err == nil && read.Verify(public.Public) == nil {
			t.Errorf("character %d can be changed", i)
		}
	}
	for _, text := range []string{r.Text + "\n", r.Text + "=", r.Text + ".", " " + r.Text, r.Text[:len(r.Text)-4]} {
		if _, err := ParseRequest(text); !errors.Is(err, ErrStatement) {
			t.Errorf("%q: %v", text[len(text)-8:], err)
		}
	}
	// The other s under which an ECDSA signature holds.
	at := strings.LastIndexByte(r.Text, '.') + 1
	raw, err := base64.RawURLEncoding.DecodeString(r.Text[at:])
	if err != nil {
		t.Fatal(err)
	}
	s := new(big.Int).Sub(elliptic.P384().Params().N, new(big.Int).SetBytes(raw[partSize:]))
	s.FillBytes(raw[partSize:])
	twin, err := ParseRequest(r.Text[:at] + base64.RawURLEncoding.EncodeToString(raw))
	if err != nil || twin.ID != r.ID || !errors.Is(twin.Verify(public.Public), ErrSigned) {
		t.Errorf("a signature has two forms: %v", err)
	}
}

// TestStatementRules breaks each rule of the encodings.
func TestStatementRules(t *testing.T) {
	key, _ := clientKey(t, 1)
	for name, change := range map[string]func(*Request){
		"from": func(r *Request) { r.From = "South" }, "to": func(r *Request) { r.To = "" }, "height": func(r *Request) { r.Height = maxInteger + 1 },
		"time": func(r *Request) { r.Time = -1 }, "late": func(r *Request) { r.Time = maxMillis + 1 }, "id": func(r *Request) { r.ID = "a b" },
		"method": func(r *Request) { r.Method = "get" }, "no target": func(r *Request) { r.Target = "" }, "target": func(r *Request) { r.Target = "fhir" },
		"space": func(r *Request) { r.Target = "/a b" }, "long": func(r *Request) { r.Target = "/" + strings.Repeat("x", MaxTarget) },
		"consent": func(r *Request) { r.Consent = "AB" }, "upper": func(r *Request) { r.Consent = strings.Repeat("AB", 32) },
		"name": func(r *Request) { r.Actor.Name = strings.Repeat("x", maxField+1) }, "utf8": func(r *Request) { r.Actor.Role = "\xff" },
	} {
		r := sampleRequest()
		change(&r)
		if _, err := r.Sign(key); !errors.Is(err, ErrStatement) {
			t.Errorf("request, %s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*Answer){
		"from": func(a *Answer) { a.From = "" }, "status": func(a *Answer) { a.Status = 99 }, "high": func(a *Answer) { a.Status = 600 },
		"entries": func(a *Answer) { a.Entries = make([]Entry, MaxEntries+1) }, "entry": func(a *Answer) { a.Entries[0].Event = "" },
		"rule": func(a *Answer) { a.Rule = strings.Repeat("x", maxField+1) },
	} {
		a := sampleAnswer([32]byte{})
		change(&a)
		if _, err := a.Sign(key); !errors.Is(err, ErrStatement) {
			t.Errorf("answer, %s: %v", name, err)
		}
	}
	k := sampleAcknowledgement([32]byte{}, [32]byte{})
	k.Entry.Index = maxInteger + 1
	if _, err := k.Sign(key); !errors.Is(err, ErrStatement) {
		t.Errorf("acknowledgement: %v", err)
	}
	small, err := ecdsa.GenerateKey(elliptic.P256(), twos{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sampleRequest().Sign(small); err == nil {
		t.Error("a P-256 key signs")
	}
}

// twos is a source of bytes that are not random; a key of it is good enough to
// be refused.
type twos struct{}

func (twos) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 2
	}
	return len(p), nil
}

func FuzzStatements(f *testing.F) {
	key, _ := clientKey(f, 1)
	r, err := sampleRequest().Sign(key)
	if err != nil {
		f.Fatal(err)
	}
	a, err := sampleAnswer(r.ID).Sign(key)
	if err != nil {
		f.Fatal(err)
	}
	k, err := sampleAcknowledgement(r.ID, a.ID).Sign(key)
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{r.Text, a.Text, k.Text} {
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[1])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		// What is read from a payload is written as that payload.
		for typ, encode := range map[string]func(*scanner) []byte{
			typRequest:         func(s *scanner) []byte { r := s.request(); return written(s, r.check, r.append) },
			typAnswer:          func(s *scanner) []byte { a := s.answer(); return written(s, a.check, a.append) },
			typAcknowledgement: func(s *scanner) []byte { k := s.acknowledgement(); return written(s, k.check, k.append) },
		} {
			if out := encode(&scanner{in: payload}); out != nil && string(out) != string(payload) {
				t.Errorf("%s: %q becomes %q", typ, payload, out)
			}
		}
		_, _ = ParseRequest(string(payload))
		_, _ = ParseAnswer(string(payload))
		_, _ = ParseAcknowledgement(string(payload))
	})
}

func written(s *scanner, check func() error, encode func([]byte) []byte) []byte {
	if s.done() != nil || check() != nil {
		return nil
	}
	return encode(nil)
}
