package machine_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"cairn/ledger/machine"
	"cairn/ledger/member"
)

// clientSecret returns the P-384 key that a member has under a label, the same in every run.
func clientSecret(id, label string) *ecdsa.PrivateKey {
	seed := sha512.Sum384([]byte("story key " + id + " " + label))
	seed[0] = 0 // below the order of the curve
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P384(), seed[:])
	if err != nil {
		panic(err)
	}
	return key
}

// nameOf keeps keys of other uses apart from those for seals.
func nameOf(use member.Use, label string) string {
	if use == member.UseSeal {
		return label
	}
	return use.String() + " " + label
}

func publicOf(id string, use member.Use, label string) []byte {
	if use != member.UseClient {
		return public(id, nameOf(use, label))
	}
	der, err := x509.MarshalPKIXPublicKey(&clientSecret(id, label).PublicKey)
	if err != nil {
		panic(err)
	}
	return der
}

// signed returns a signature by the key that a member has for a use under a label.
func signed(id string, use member.Use, label string, message []byte) []byte {
	if use != member.UseClient {
		return ed25519.Sign(secret(id, nameOf(use, label)), message)
	}
	digest := sha512.Sum384(message)
	der, err := clientSecret(id, label).Sign(nil, digest[:], crypto.SHA384)
	if err != nil {
		panic(err)
	}
	var parts struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &parts); err != nil {
		panic(err)
	}
	n := elliptic.P384().Params().N
	if parts.S.Cmp(new(big.Int).Rsh(n, 1)) > 0 {
		parts.S.Sub(n, parts.S)
	}
	return append(parts.R.FillBytes(make([]byte, 48)), parts.S.FillBytes(make([]byte, 48))...)
}

func useOf(name string) member.Use {
	for _, u := range uses {
		if u.String() == name {
			return u
		}
	}
	return 9
}

// epoch NAME of=MEMBER use=USE next=LABEL from=HEIGHT key=LABEL signer=MEMBER network=NAME proved=LABEL public=HEX as=MEMBER
//
// It announces the next key of a member: key (first, if none is said) signs, next shows that it is there.
func (w *world) epoch(a args) (string, error) {
	or := func(name, fallback string) string {
		if a.named[name] != "" {
			return a.named[name]
		}
		return fallback
	}
	id, use := a.named["of"], useOf(or("use", "seal"))
	e := &member.Epoch{Member: id, Use: use, Public: publicOf(id, use, a.named["next"]), From: a.number("from", 0)}
	if owner, label, other := strings.Cut(a.named["of-key"], "/"); other {
		e.Public = publicOf(owner, use, label)
	}
	if a.named["form"] == "zero" {
		e.Public = make([]byte, len(e.Public))
	}
	network := w.machine.Network()
	if a.named["network"] != "" {
		network = mark(a.named["network"])
	}
	e.Possession = signed(id, use, or("proved", a.named["next"]), e.PossessionBytes(network))
	e.Signature = signed(or("signer", id), use, or("key", "first"), e.SigningBytes(network))
	e.Member = or("as", id)
	w.txs[a.word(0)] = machine.EpochTx(e)
	back, err := member.DecodeEpoch(w.txs[a.word(0)][1:])
	if err != nil || !bytes.Equal(back.Encode(), e.Encode()) {
		return "", errors.Join(errors.New("the announcement does not read back"), err)
	}
	return w.say(a.word(0)), nil
}

// keys ID: the keys of a member, by the proof of its line alone
func (w *world) keys(a args) (string, error) {
	members, _, _, _ := w.machine.Books()
	m, found := members.Get(a.word(0))
	if !found {
		return "", errors.New("no such member")
	}
	if err := members.Prove(m.ID).Verify(members.Root(), m); err != nil {
		return "", err
	}
	var text strings.Builder
	for _, k := range m.Keys {
		sum := sha256.Sum256(k.Public)
		fmt.Fprintf(&text, "%s %x from %d until %d\n", k.Use, sum[:4], k.From, k.Until)
	}
	return text.String(), nil
}
