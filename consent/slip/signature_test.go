package slip

import (
	"bytes"
	"testing"
)

// signature is of one of two slips that were signed at once.
func signature(t testing.TB) (*Signature, *Slip) {
	t.Helper()
	p := newPasskey(t)
	p.options.BackupEligible = true
	mine, other := sample(t), sample(t)
	other.Salt[3] = 9
	leaves := []Leaf{other.Leaf(), mine.Leaf()}
	path, err := PathOf(leaves, 1)
	if err != nil {
		t.Fatal(err)
	}
	root := Root(leaves)
	s, err := NewSignature(path, p.assert(t, root[:]), &p.key.PublicKey, site)
	if err != nil {
		t.Fatal(err)
	}
	return s, mine
}

// TestSignature: what is kept shows the signature to whoever has the slip, and of
// no other slip; any part altered, it does not.
func TestSignature(t *testing.T) {
	s, of := signature(t)
	if s.Origin != origin || !s.Assertion.BackupEligible() || s.Assertion.BackedUp() {
		t.Errorf("%+v", s)
	}
	back, err := DecodeSignature(s.Encode())
	if err != nil || back.Hash() != s.Hash() {
		t.Fatalf("%+v, %v", back, err)
	}
	if err := back.Verify(of); err != nil {
		t.Error(err)
	}
	another := *of
	another.Subject = "p-2"
	if back.Verify(&another) == nil {
		t.Error("it is a signature of another slip too")
	}
	text := s.Encode()
	free := len(signatureMagic) + 4 + len(s.Path.Encode()) + 4 // the credential id names the key, and is not signed
	for i := range text {
		altered := bytes.Clone(text)
		altered[i] ^= 0x40
		got, err := DecodeSignature(altered)
		if err == nil && got.Verify(of) == nil && (i < free || i >= free+len(s.Assertion.CredentialID)) {
			t.Errorf("byte %d altered, and it verifies", i)
		}
		if got, err := DecodeSignature(text[:i]); err == nil {
			t.Errorf("cut at %d: %+v", i, got)
		}
	}
	if _, err := DecodeSignature(append(bytes.Clone(text), 0)); err == nil {
		t.Error("with a byte more")
	}
}

func FuzzDecodeSignature(f *testing.F) {
	s, _ := signature(f)
	f.Add(s.Encode())
	f.Add([]byte(signatureMagic))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := DecodeSignature(raw)
		if err == nil && !bytes.Equal(s.Encode(), raw) {
			t.Errorf("%x has another form", raw)
		}
	})
}
