package proof

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"cairn/ledger/member"
)

// The network of the exchanges: north's client key was followed at block 20.
const exchangeChange = 20

// clients are north's first and second client key, and south's.
func exchangeKeys(t testing.TB) (first, second, south *ecdsa.PrivateKey) {
	first, _ = clientKey(t, 1)
	second, _ = clientKey(t, 2)
	south, _ = clientKey(t, 3)
	return first, second, south
}

// exchangeTrust is the trust file of the network; changed also knows north's
// second client key.
func exchangeTrust(t testing.TB, changed bool) *Trust {
	t.Helper()
	w := newWorld(t, "vectors")
	key := func(n int64, from, until uint64) member.Key {
		_, k := clientKey(t, n)
		k.From, k.Until = from, until
		return k
	}
	var members []member.Member
	for _, id := range memberIDs {
		m := member.Member{ID: id, Name: "Hospital " + id, Active: true, Keys: []member.Key{
			{Use: member.UseCosign, Public: w.key(id, "cosign").Public().(ed25519.PublicKey)},
		}}
		switch {
		case id == "north" && changed:
			m.Keys = append(m.Keys, key(1, 0, exchangeChange), key(2, exchangeChange, 0))
		case id == "north":
			m.Keys = append(m.Keys, key(1, 0, 0))
		case id == "south":
			m.Keys = append(m.Keys, key(3, 0, 0))
		}
		members = append(members, m)
	}
	book, err := member.New(members)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := NewLasting(w.machine.Network(), w.name, book)
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

// halves signs an exchange: south asks, north answers with a key, as of a height.
func signedHalves(t testing.TB, trust *Trust, north *ecdsa.PrivateKey, height uint64, change func(*Request, *Answer, *Acknowledgement)) (*Signed[Request], *Signed[Answer], *Signed[Acknowledgement]) {
	t.Helper()
	_, _, south := exchangeKeys(t)
	r := sampleRequest()
	r.Network = trust.ID
	a, k := sampleAnswer([32]byte{}), sampleAcknowledgement([32]byte{}, [32]byte{})
	a.Network, a.Height, k.Network = trust.ID, height, trust.ID
	change(&r, &a, &k)
	request := made(r.Sign(south))
	if a.Request == ([32]byte{}) {
		a.Request = request.ID
	}
	answer := made(a.Sign(north))
	if k.Request == ([32]byte{}) {
		k.Request = request.ID
	}
	if k.Answer == ([32]byte{}) {
		k.Answer = answer.ID
	}
	return request, answer, made(k.Sign(south))
}

func unchanged(*Request, *Answer, *Acknowledgement) {}

// exchangeFile writes a file without judging it.
func exchangeFile(t testing.TB, trust *Trust, request *Signed[Request], answer *Signed[Answer], known *Signed[Acknowledgement]) []byte {
	t.Helper()
	e := &Exchange{Request: request, Answer: answer, Acknowledgement: known}
	e.Network = Network{Name: trust.Network, ID: trust.ID, Trust: trust.Edition(e.height())}
	e.Sentences = e.sentences()
	return must(e.Encode())
}

func goodExchange(t testing.TB) ([]byte, *Trust) {
	t.Helper()
	trust := exchangeTrust(t, true)
	first, _, _ := exchangeKeys(t)
	r, a, k := signedHalves(t, trust, first, 13, unchanged)
	return must(made(AssembleExchange(trust, r, a, k)).Encode()), trust
}

// exchangeCases are files and what is said of them.
func exchangeCases(t testing.TB) map[string]struct {
	raw   []byte
	trust *Trust
	code  Code
} {
	first, second, _ := exchangeKeys(t)
	before, changed := exchangeTrust(t, false), exchangeTrust(t, true)
	signs := func(key *ecdsa.PrivateKey, height uint64, change func(*Request, *Answer, *Acknowledgement)) []byte {
		r, a, k := signedHalves(t, changed, key, height, change)
		return exchangeFile(t, changed, r, a, k)
	}
	r, a, _ := signedHalves(t, changed, first, 13, unchanged)
	noKeys := exchangeTrust(t, false)
	noKeys.Format = 1
	for i := range noKeys.Members {
		m := &noKeys.Members[i]
		m.Key, m.Cosign, m.Client = m.Cosign[0].Key, nil, nil
	}
	type row = struct {
		raw   []byte
		trust *Trust
		code  Code
	}
	return map[string]row{
		"whole":                 {signs(first, 13, unchanged), changed, CodeOK},
		"whole, before":         {signs(first, 13, unchanged), before, CodeOK},
		"next key":              {signs(second, exchangeChange, unchanged), changed, CodeOK},
		"next key, older trust": {signs(second, exchangeChange, unchanged), before, CodeOtherTrust},
		"no trust":              {signs(first, 13, unchanged), nil, CodeNoTrust},
		"no client keys":        {signs(first, 13, unchanged), noKeys, CodeNoClientKeys},
		"no answer":             {exchangeFile(t, changed, r, nil, nil), changed, CodeOneSided},
		"no acknowledgement":    {exchangeFile(t, changed, r, a, nil), changed, CodeOneSided},
		"retired key":           {signs(first, exchangeChange, unchanged), changed, CodeRetiredKey},
		"key that is not yet":   {signs(second, 13, unchanged), changed, CodeBadSignature},
		"another request":       {signs(first, 13, func(_ *Request, a *Answer, _ *Acknowledgement) { a.Request = [32]byte{9} }), changed, CodeOtherHalf},
		"another answer":        {signs(first, 13, func(_ *Request, _ *Answer, k *Acknowledgement) { k.Answer = [32]byte{9} }), changed, CodeOtherHalf},
		"known for another":     {signs(first, 13, func(_ *Request, _ *Answer, k *Acknowledgement) { k.Request = [32]byte{9} }), changed, CodeOtherHalf},
		"a third answers":       {signs(first, 13, func(_ *Request, a *Answer, _ *Acknowledgement) { a.From = "west" }), changed, CodeOtherHalf},
		"answered to a third":   {signs(first, 13, func(_ *Request, a *Answer, _ *Acknowledgement) { a.To = "west" }), changed, CodeOtherHalf},
		"a third acknowledges":  {signs(first, 13, func(_ *Request, _ *Answer, k *Acknowledgement) { k.From = "west" }), changed, CodeOtherHalf},
		"answer in another":     {signs(first, 13, func(_ *Request, a *Answer, _ *Acknowledgement) { a.Network = [32]byte{3} }), changed, CodeOtherHalf},
		"all in another": {signs(first, 13, func(r *Request, a *Answer, k *Acknowledgement) {
			r.Network, a.Network, k.Network = [32]byte{3}, [32]byte{3}, [32]byte{3}
		}), changed, CodeOtherNetwork},
		"asks itself":   {signs(first, 13, func(r *Request, a *Answer, k *Acknowledgement) { r.From, a.To, k.From = "north", "north", "north" }), changed, CodeOtherHalf},
		"without a key": {signs(first, 13, func(r *Request, a *Answer, k *Acknowledgement) { r.To, a.From, k.To = "west", "west", "west" }), changed, CodeUnknownSigner},
		"signed by the other": {signs(first, 13, func(r *Request, a *Answer, k *Acknowledgement) {
			r.From, r.To, a.From, a.To, k.From, k.To = "north", "south", "south", "north", "north", "south"
		}), changed, CodeBadSignature},
		"another format":          {bytes.Replace(signs(first, 13, unchanged), []byte("exchange/v1"), []byte("exchange/v2"), 1), changed, CodeUnknownFormat},
		"another sentence":        {bytes.Replace(signs(first, 13, unchanged), []byte(" with the status 200"), []byte(" with the status 403"), 1), changed, CodeAlteredSentence},
		"known without answer":    {bytes.Replace(signs(first, 13, unchanged), []byte(a.Text), []byte(`x`), 1), changed, CodeAlteredText},
		"an answer for the asked": {bytes.Replace(signs(first, 13, unchanged), []byte(r.Text), []byte(a.Text), 1), changed, CodeAlteredText},
		"too large":               {append([]byte(`{"format":"cairn/exchange/v1"`), make([]byte, MaxExchangeBytes)...), changed, CodeTooLarge},
	}
}

// TestExchange judges files, whole and not.
func TestExchange(t *testing.T) {
	for name, c := range exchangeCases(t) {
		v := Verify(c.raw, c.trust)
		if v.Code != c.code || len(v.Steps) != 3 || v.Sentence == "" {
			t.Errorf("%s: %+v", name, v)
		}
		if (v.Status == OK) != (c.code == CodeOK) {
			t.Errorf("%s: %s", name, v.Status)
		}
	}
	raw, _ := goodExchange(t)
	back := made(DecodeExchange(raw))
	if !bytes.Equal(must(back.Encode()), raw) || strings.Join(Sentences(raw), "") != strings.Join(back.Sentences, "") {
		t.Error("it does not come back")
	}
	trust := exchangeTrust(t, true)
	first, second, _ := exchangeKeys(t)
	r, a, k := signedHalves(t, trust, second, 13, unchanged)
	if _, err := AssembleExchange(trust, r, a, k); !errors.Is(err, ErrUnproven) {
		t.Errorf("what would FAIL is made: %v", err)
	}
	r, _, k = signedHalves(t, trust, first, 13, unchanged)
	if _, err := AssembleExchange(trust, r, nil, k); err == nil {
		t.Error("an acknowledgement of nothing is taken")
	}
	if _, err := AssembleExchange(trust, nil, nil, nil); err == nil {
		t.Error("nothing is taken")
	}
}

// TestNoAlteredExchangeIsOK alters every byte of a file.
func TestNoAlteredExchangeIsOK(t *testing.T) {
	raw, trust := goodExchange(t)
	d := &doctor{t: t, trust: trust}
	longer := make([]byte, len(raw)+1)
	for at := range raw {
		was := raw[at]
		for _, to := range []byte{was ^ 1, was ^ 0x20, was ^ 0x80, was + 1} {
			raw[at] = to
			d.try(raw, "byte %d from %q to %q", at, was, to)
		}
		raw[at] = was
		d.try(append(append([]byte(nil), raw[:at]...), raw[at+1:]...), "byte %d deleted", at)
		d.try(raw[:at], "cut at byte %d", at)
		copy(longer, raw[:at])
		copy(longer[at+1:], raw[at:])
		for _, c := range []byte(" \n0A\"\\,") {
			longer[at] = c
			d.try(longer, "%q inserted at byte %d", c, at)
		}
	}
	d.try(append(bytes.Clone(raw), '\n'), "a line break at the end")
	t.Logf("%d altered copies refused", d.tried)
}

// TestNoPartsOfAnotherExchangeAreOK puts files together from the parts of two
// good ones.
func TestNoPartsOfAnotherExchangeAreOK(t *testing.T) {
	trust := exchangeTrust(t, true)
	first, second, _ := exchangeKeys(t)
	r, a, k := signedHalves(t, trust, first, 13, unchanged)
	r2, a2, k2 := signedHalves(t, trust, second, 25, func(r *Request, _ *Answer, _ *Acknowledgement) { r.ID = "another" })
	for choice := 1; choice < 7; choice++ {
		pick := [3]bool{choice&1 != 0, choice&2 != 0, choice&4 != 0}
		x, y, z := r, a, k
		if pick[0] {
			x = r2
		}
		if pick[1] {
			y = a2
		}
		if pick[2] {
			z = k2
		}
		if v := Verify(exchangeFile(t, trust, x, y, z), trust); v.Code != CodeOtherHalf {
			t.Errorf("parts %b of the other: %s", choice, v.Code)
		}
	}
}

func FuzzExchange(f *testing.F) {
	raw, trust := goodExchange(f)
	good := map[string]bool{}
	for _, c := range exchangeCases(f) {
		good[string(c.raw)] = Verify(c.raw, trust).Status == OK
		if len(c.raw) < 64<<10 {
			f.Add(c.raw)
		}
	}
	f.Add(raw[:len(raw)/2])
	f.Fuzz(func(t *testing.T, in []byte) {
		if v := Verify(in, trust); v.Status == OK && !good[string(in)] && !bytes.Equal(in, raw) {
			t.Fatal("OK")
		}
		e, err := DecodeExchange(in)
		if err != nil {
			return
		}
		if out, err := e.Encode(); err != nil || !bytes.Equal(in, out) {
			t.Fatalf("taken but encodes as %q (%v)", out, err)
		}
	})
}

func made[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}
