package seal_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"reflect"
	"slices"
	"testing"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
	"pgregory.net/rapid"

	"cairn/ledger/seal"
)

var (
	network = sha256.Sum256([]byte("a network"))
	private = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	public  = private.Public().(ed25519.PublicKey)
)

func values(n int, label byte) (list [][32]byte) {
	for i := range n {
		list = append(list, sha256.Sum256([]byte{label, byte(i), byte(i >> 8)}))
	}
	return list
}

func sample() *seal.Seal {
	s := &seal.Seal{Member: "north", Size: 1000, Root: network, Consistency: values(3, 'c'), Marks: values(8, 'm')}
	slices.SortFunc(s.Marks, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	s.Sign(private, network)
	return s
}

func TestSealReadsBack(t *testing.T) {
	s := sample()
	back, err := seal.Decode(s.Encode())
	if err != nil || !reflect.DeepEqual(back, s) || !back.Signed(public, network) {
		t.Fatalf("came back as %+v, %v", back, err)
	}
}

func TestSignatureCoversEverything(t *testing.T) {
	for what, edit := range map[string]func(*seal.Seal){
		"member":      func(s *seal.Seal) { s.Member = "south" },
		"size":        func(s *seal.Seal) { s.Size++ },
		"root":        func(s *seal.Seal) { s.Root[31] ^= 1 },
		"a proof":     func(s *seal.Seal) { s.Consistency[1][0] ^= 1 },
		"less proof":  func(s *seal.Seal) { s.Consistency = s.Consistency[:2] },
		"a mark":      func(s *seal.Seal) { s.Marks[1][0] ^= 1 },
		"fewer marks": func(s *seal.Seal) { s.Marks = s.Marks[:7] },
		"proof as mark": func(s *seal.Seal) {
			s.Marks = append(s.Marks, s.Consistency[2])
			s.Consistency = s.Consistency[:2]
		},
		"signature": func(s *seal.Seal) { s.Signature[0] ^= 1 },
	} {
		s := sample()
		edit(s)
		if s.Signed(public, network) {
			t.Errorf("still signed after a change of %s", what)
		}
	}
	if sample().Signed(public, sha256.Sum256([]byte("another network"))) {
		t.Error("signed for another network")
	}
	if sample().Signed(public[:31], network) || sample().Signed(nil, network) {
		t.Error("signed under half a key")
	}
}

// The order of marks says nothing: it does not enter the signature or the encoding, and no other order is taken.
func TestOrderOfMarksIsNotKept(t *testing.T) {
	s := sample()
	shuffled := *s
	shuffled.Marks = slices.Clone(s.Marks)
	slices.Reverse(shuffled.Marks)
	first := shuffled.Marks[0]
	if !bytes.Equal(shuffled.Encode(), s.Encode()) || !shuffled.Signed(public, network) {
		t.Error("the order of marks shows")
	}
	if shuffled.Marks[0] != first {
		t.Error("encoding reordered the caller's list")
	}
	raw := s.Encode()
	at := bytes.Index(raw, s.Marks[0][:])
	swapped := bytes.Clone(raw)
	copy(swapped[at:], s.Marks[1][:])
	copy(swapped[at+32:], s.Marks[0][:])
	if _, err := seal.Decode(swapped); err == nil {
		t.Error("marks out of order decode")
	}
	copy(swapped[at+32:], s.Marks[1][:])
	if _, err := seal.Decode(swapped); err == nil {
		t.Error("a mark that stands twice decodes")
	}
}

func TestLimits(t *testing.T) {
	for what, edit := range map[string]func(*seal.Seal){
		"no member":       func(s *seal.Seal) { s.Member = "" },
		"a bad member":    func(s *seal.Seal) { s.Member = "North" },
		"a huge log":      func(s *seal.Seal) { s.Size = seal.MaxLog + 1 },
		"a long proof":    func(s *seal.Seal) { s.Consistency = values(65, 'c') },
		"too many marks":  func(s *seal.Seal) { s.Marks = values(513, 'm') },
		"65,536 of marks": func(s *seal.Seal) { s.Marks = values(1<<16, 'm') },
	} {
		s := sample()
		edit(s)
		if _, err := seal.Decode(s.Encode()); err == nil {
			t.Errorf("%s decodes", what)
		}
	}
	largest := &seal.Seal{Member: "n234567890123456789012345678901a", Consistency: values(64, 'c'), Marks: values(512, 'm')}
	if _, err := seal.Decode(largest.Encode()); err != nil {
		t.Errorf("the largest seal, of %d bytes: %v", len(largest.Encode()), err)
	}
}

func TestBuckets(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 8, 8: 8, 9: 64, 64: 64, 65: 512, 512: 512} {
		if got, ok := seal.Bucket(n); !ok || got != want {
			t.Errorf("%d marks: bucket %d %v, want %d", n, got, ok, want)
		}
	}
	if _, ok := seal.Bucket(513); ok {
		t.Error("513 marks have a bucket")
	}
}

// A key with a part of small order makes signatures on which implementations disagree, unless all follow ZIP-215: there
// the equation is multiplied by 8, and the signature is good.
func TestSignaturesAreJudgedByZIP215(t *testing.T) {
	secret := new(scalar.Scalar)
	if _, err := secret.SetBytesModOrder(bytes.Repeat([]byte{3}, 32)); err != nil {
		t.Fatal(err)
	}
	torsion := curve.EIGHT_TORSION[1]
	key := new(curve.EdwardsPoint).MulBasepoint(curve.ED25519_BASEPOINT_TABLE, secret)
	mixed := compress(key.Add(key, torsion))
	s := &seal.Seal{Member: "north", Size: 1}
	disagree := false
	for s.Size = 1; s.Size < 50; s.Size++ {
		message := s.SigningBytes(network)
		s.Signature = signRaw(t, secret, mixed, message)
		if !s.Signed(mixed, network) {
			t.Fatal("refused what ZIP-215 accepts")
		}
		disagree = disagree || !ed25519.Verify(mixed, message, s.Signature[:])
	}
	if !disagree {
		t.Error("the test shows no difference between the rules")
	}
}

func compress(p *curve.EdwardsPoint) []byte {
	c := new(curve.CompressedEdwardsY)
	c.SetEdwardsPoint(p)
	return c[:]
}

// signRaw signs with a scalar, under whatever public key it is told.
func signRaw(t *testing.T, secret *scalar.Scalar, public, message []byte) (signature [64]byte) {
	t.Helper()
	nonce := digest(t, []byte("nonce"), message)
	r := compress(new(curve.EdwardsPoint).MulBasepoint(curve.ED25519_BASEPOINT_TABLE, nonce))
	k := digest(t, r, public, message)
	sum := new(scalar.Scalar).Mul(k, secret)
	sum.Add(sum, nonce)
	copy(signature[:], r)
	if err := sum.ToBytes(signature[32:]); err != nil {
		t.Fatal(err)
	}
	return signature
}

func digest(t *testing.T, parts ...[]byte) *scalar.Scalar {
	t.Helper()
	sum := sha512.Sum512(bytes.Join(parts, nil))
	s, err := new(scalar.Scalar).SetBytesModOrderWide(sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBookProvesItsEntries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, model := seal.New(), make(map[string]seal.Entry)
		for height := range uint64(rapid.IntRange(0, 30).Draw(t, "seals")) {
			e := seal.Entry{
				Member: rapid.StringMatching(`[a-d][0-3]?`).Draw(t, "member"), Size: height * 7, Height: height + 1,
				Root: sha256.Sum256([]byte{byte(height)}),
			}
			b.Put(e)
			model[e.Member] = e
		}
		for id, e := range model {
			got, found := b.Latest(id)
			if !found || got != e {
				t.Fatalf("the book says %+v of %s", got, id)
			}
			proof, err := seal.DecodeProof(b.Prove(id).Encode())
			if err != nil || proof.Verify(b.Root(), e) != nil {
				t.Fatal("an entry is not proved")
			}
			e.Height++
			if proof.Verify(b.Root(), e) == nil {
				t.Fatal("another entry is proved")
			}
			e.Height--
			back, err := seal.DecodeEntry(e.Encode())
			if err != nil || back != e {
				t.Fatalf("%+v came back as %+v", e, back)
			}
		}
		if len(b.All()) != len(model) || b.Prove("nobody").Verify(b.Root(), seal.Entry{}) == nil {
			t.Fatal("the book holds what nobody put there")
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(sample().Encode())
	f.Add((&seal.Seal{Member: "a"}).Encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := seal.Decode(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(s.Encode(), raw) {
			t.Fatal("decoded bytes encode to others")
		}
		s.Signed(public, network)
		b := seal.New()
		b.Put(seal.Entry{Member: s.Member, Size: 3, Root: network})
		b.Judge(s)
	})
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add(seal.Entry{Member: "north", Size: 5, Height: 7}.Encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if e, err := seal.DecodeEntry(raw); err == nil && !bytes.Equal(e.Encode(), raw) {
			t.Fatal("decoded bytes encode to others")
		}
	})
}
