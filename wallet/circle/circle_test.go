package circle_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"cairn/wallet/circle"
)

func TestAnyNeededSharesGiveTheSecret(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := rapid.IntRange(circle.MinNeed, circle.MaxMembers).Draw(t, "members")
		need := rapid.IntRange(circle.MinNeed, members).Draw(t, "need")
		secret, shares, err := circle.New(need, members)
		if err != nil || len(shares) != members {
			t.Fatal(len(shares), err)
		}
		some := rapid.Permutation(shares).Draw(t, "order")[:rapid.IntRange(need, members).Draw(t, "how many")]
		if back, err := circle.Join(some); err != nil || back != secret {
			t.Fatalf("%d of %d did not give the secret: %v", len(some), members, err)
		}
		if _, err := circle.Join(some[:need-1]); !errors.Is(err, circle.ErrFew) {
			t.Fatalf("%d shares where %d are needed: %v", need-1, need, err)
		}
	})
}

func TestSizes(t *testing.T) {
	for _, c := range [][2]int{{1, 3}, {0, 2}, {3, 2}, {2, 1}, {2, 17}, {17, 17}, {-1, 3}} {
		if _, _, err := circle.New(c[0], c[1]); !errors.Is(err, circle.ErrSize) {
			t.Errorf("%d of %d was taken: %v", c[0], c[1], err)
		}
	}
}

func TestSharesThatDoNotFit(t *testing.T) {
	_, shares, _ := circle.New(2, 3)
	_, others, _ := circle.New(2, 3)
	if _, err := circle.Join([]circle.Share{shares[0], others[1]}); !errors.Is(err, circle.ErrMixed) {
		t.Errorf("shares of two circles: %v", err)
	}
	if _, err := circle.Join([]circle.Share{shares[0], shares[0]}); !errors.Is(err, circle.ErrMixed) {
		t.Errorf("a share twice: %v", err)
	}
	if shares[0].Circle() == others[0].Circle() {
		t.Error("two circles have one name")
	}
	forged := shares[1]
	forged.Need = 1
	if _, err := circle.Join([]circle.Share{forged}); err == nil {
		t.Error("one share that claims to be enough gave a secret")
	}
	moved := shares[1]
	moved.Number = 3
	if _, err := circle.Join([]circle.Share{shares[0], moved}); !errors.Is(err, circle.ErrShare) {
		t.Errorf("a share under another number: %v", err)
	}
}

// A guardian who alters any byte of a share cannot make the patient join a
// wrong secret.
func TestEachByteOfAShareCounts(t *testing.T) {
	_, shares, _ := circle.New(3, 5)
	raw := shares[2].Encode()
	if back, err := circle.Decode(raw); err != nil || back.Circle() != shares[2].Circle() || back.Value != shares[2].Value {
		t.Fatal(err)
	}
	for i := range raw {
		for _, flip := range []byte{1, 0x80} {
			altered := bytes.Clone(raw)
			altered[i] ^= flip
			s, err := circle.Decode(altered)
			if err != nil {
				continue
			}
			if _, err := circle.Join([]circle.Share{shares[0], shares[1], s}); err == nil {
				t.Errorf("byte %d altered and still joined", i)
			}
		}
	}
	for _, cut := range [][]byte{nil, raw[:len(raw)-1], slices.Concat(raw, []byte{0}), raw[:20]} {
		if _, err := circle.Decode(cut); !errors.Is(err, circle.ErrShare) {
			t.Errorf("%d bytes were taken", len(cut))
		}
	}
}

func TestSealedToOneKey(t *testing.T) {
	mine, err := circle.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := mine.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	again, err := circle.ReadKey(raw)
	if err != nil || !bytes.Equal(again.Public(), mine.Public()) {
		t.Fatal("the key did not come back", err)
	}
	other, _ := circle.NewKey()
	_, shares, _ := circle.New(2, 2)
	sealed, err := circle.Seal(mine.Public(), "share", shares[0].Encode())
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := again.Open("share", sealed); err != nil || !bytes.Equal(plain, shares[0].Encode()) {
		t.Fatal(err)
	}
	if _, err := other.Open("share", sealed); !errors.Is(err, circle.ErrSealed) {
		t.Error("another's key opened it")
	}
	if _, err := mine.Open("release", sealed); !errors.Is(err, circle.ErrSealed) {
		t.Error("it opened as something else")
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := mine.Open("share", sealed); !errors.Is(err, circle.ErrSealed) {
		t.Error("it opened altered")
	}
	if _, err := circle.Seal([]byte("no key"), "share", nil); err == nil {
		t.Error("sealed to no key")
	}
}

func FuzzDecode(f *testing.F) {
	_, shares, _ := circle.New(2, 3)
	f.Add(shares[0].Encode())
	f.Add([]byte("cairn/share/v1\x00\x10\x01"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if s, err := circle.Decode(raw); err == nil && !bytes.Equal(s.Encode(), raw) {
			t.Fatal("two encodings of one share")
		}
	})
}
