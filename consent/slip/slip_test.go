package slip

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"cairn/consent"
	"pgregory.net/rapid"
)

// sample returns a slip whose parts fit each other.
func sample(t testing.TB) *Slip {
	t.Helper()
	terms, err := consent.Build(consent.Draft{
		Patient: "p-1", Custodian: "north", CustodianName: "North Hospital", Grantee: "east", GranteeName: "East Hospital",
		Signed: 1_780_315_200_000, Actions: []consent.Action{consent.Access}, Purposes: []string{"TREAT"},
		Categories: []string{"laboratory", "vital-signs"},
		Period:     consent.Span{Lo: 1_780_272_000_000, Hi: 1_811_808_000_000},
		Exceptions: []consent.Rule{{Data: []consent.Datum{{Meaning: "instance", Reference: "Observation/9"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := consent.Compile(terms)
	if err != nil {
		t.Fatal(err)
	}
	return &Slip{
		Network: [32]byte{1}, Custodian: "north", Subject: "p-1", Grantee: "east", Terms: terms,
		TextHash: sha256.Sum256([]byte(Text(compiled))), Salt: [32]byte{2}, StopImage: Image([32]byte{3}), IssuedAt: 1_780_315_200_000,
	}
}

func TestEncodingRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &Slip{
			Custodian: rapid.StringMatching(`[a-z][a-z0-9-]{0,31}`).Draw(t, "custodian"),
			Grantee:   rapid.StringMatching(`([a-z][a-z0-9-]{0,31})?`).Draw(t, "grantee"),
			Subject:   rapid.StringMatching(`[A-Za-z0-9 é-]{1,60}`).Draw(t, "subject"),
			Terms:     rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "terms"),
			IssuedAt:  rapid.Int64Min(0).Draw(t, "issued at"),
		}
		for i, h := range []*[32]byte{&s.Network, &s.TextHash, &s.Salt, &s.StopImage} {
			copy(h[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, fmt.Sprint("hash ", i)))
		}
		back, err := Decode(s.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(back.Encode(), s.Encode()) || back.Subject != s.Subject || back.IssuedAt != s.IssuedAt || !bytes.Equal(back.Terms, s.Terms) {
			t.Fatalf("%+v came back as %+v", s, back)
		}
	})
}

func TestDecodeRefuses(t *testing.T) {
	good := sample(t).Encode()
	for n := range good {
		if _, err := Decode(good[:n]); err == nil {
			t.Fatalf("the first %d bytes are taken for a slip", n)
		}
	}
	if _, err := Decode(append(bytes.Clone(good), 0)); !errors.Is(err, ErrTrailing) {
		t.Errorf("a byte too many: %v", err)
	}
	if _, err := Decode(bytes.Replace(good, []byte("v1"), []byte("v2"), 1)); !errors.Is(err, ErrForm) {
		t.Errorf("another version: %v", err)
	}
	for name, change := range map[string]func(*Slip){
		"no custodian":             func(s *Slip) { s.Custodian = "" },
		"a custodian with capital": func(s *Slip) { s.Custodian = "North" },
		"a grantee too long":       func(s *Slip) { s.Grantee = strings.Repeat("a", 33) },
		"no subject":               func(s *Slip) { s.Subject = "" },
		"a subject with newline":   func(s *Slip) { s.Subject = "p\n1" },
		"a subject not in UTF-8":   func(s *Slip) { s.Subject = "\xff" },
		"a subject too long":       func(s *Slip) { s.Subject = strings.Repeat("a", MaxSubject+1) },
		"no terms":                 func(s *Slip) { s.Terms = nil },
		"terms too long":           func(s *Slip) { s.Terms = make([]byte, MaxTerms+1) },
		"a negative time":          func(s *Slip) { s.IssuedAt = -1 },
	} {
		s := sample(t)
		change(s)
		if _, err := Decode(s.Encode()); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// changes alters each field of a slip, one at a time.
var changes = map[string]func(*Slip){
	"network":    func(s *Slip) { s.Network[31] ^= 1 },
	"custodian":  func(s *Slip) { s.Custodian = "south" },
	"subject":    func(s *Slip) { s.Subject = "p-2" },
	"grantee":    func(s *Slip) { s.Grantee = "west" },
	"no grantee": func(s *Slip) { s.Grantee = "" },
	"terms":      func(s *Slip) { s.Terms = bytes.Replace(s.Terms, []byte("laboratory"), []byte("radiology-"), 1) },
	"text hash":  func(s *Slip) { s.TextHash[0] ^= 1 },
	"salt":       func(s *Slip) { s.Salt[0] ^= 1 },
	"stop image": func(s *Slip) { s.StopImage[0] ^= 1 },
	"kit image":  func(s *Slip) { s.KitImage[0] ^= 1 },
	"issued at":  func(s *Slip) { s.IssuedAt++ },
}

func TestEachFieldIsCommittedTo(t *testing.T) {
	s := sample(t)
	commitment, leaf := s.Commitment(), s.Leaf()
	if commitment == [32]byte(leaf) {
		t.Error("the leaf tells the commitment")
	}
	for name, change := range changes {
		other := sample(t)
		change(other)
		if other.Commitment() == commitment || other.Leaf() == leaf {
			t.Errorf("another %s has the same hash", name)
		}
	}
}

func TestHashesAreGolden(t *testing.T) {
	s := &Slip{Custodian: "north", Subject: "p", Terms: []byte("{}"), IssuedAt: 1}
	for name, c := range map[string]struct{ got, want string }{
		"commitment": {fmt.Sprintf("%x", s.Commitment()), "6036092f42ec4611bec5faa893e20a668202f7ef1f70a28ae7e1dca4f310c688"},
		"leaf":       {fmt.Sprintf("%x", s.Leaf()), "945a9a18e9d847301f9a1160e947d3fbbdc2f29b7de9f68a9a716059d824758d"},
		"root of 1":  {fmt.Sprintf("%x", Root(leaves(1))), "d4434fddc472a8f76648ac0aa286d25eecf5135109ce2b67410cbb12c8905bc9"},
		"root of 5":  {fmt.Sprintf("%x", Root(leaves(5))), "38b3daaf6a7dee16915598308decaf4ca9752e2993622af5f9be6f9cb687980f"},
	} {
		if c.got != c.want {
			t.Errorf("%s is %s, was %s", name, c.got, c.want)
		}
	}
}

func leaves(n int) []Leaf {
	out := make([]Leaf, n)
	for i := range out {
		out[i] = Leaf{byte(i), byte(i >> 8), 7}
	}
	return out
}

func TestPathsLeadToTheRoot(t *testing.T) {
	for n := 1; n <= 33; n++ {
		all := leaves(n)
		root := Root(all)
		for i := range all {
			p, err := PathOf(all, i)
			if err != nil {
				t.Fatal(err)
			}
			if err := VerifyPath(root, all[i], p); err != nil {
				t.Fatalf("leaf %d of %d: %v", i, n, err)
			}
			back, err := DecodePath(p.Encode())
			if err != nil || !bytes.Equal(back.Encode(), p.Encode()) {
				t.Fatalf("leaf %d of %d: the path does not come back: %v", i, n, err)
			}
			refusePaths(t, root, all[i], p)
		}
	}
	for _, i := range []int{-1, 3} {
		if _, err := PathOf(leaves(3), i); err == nil {
			t.Errorf("leaf %d of 3 has a path", i)
		}
	}
}

// refusePaths alters each part of a path that verifies.
func refusePaths(t *testing.T, root [32]byte, leaf Leaf, p Path) {
	t.Helper()
	refuse := func(what string, leaf Leaf, p Path) {
		t.Helper()
		if VerifyPath(root, leaf, p) == nil {
			t.Fatalf("leaf %d of %d: taken with %s", p.Index, p.Size, what)
		}
	}
	other := leaf
	other[31] ^= 1
	refuse("another leaf", other, p)
	refuse("one leaf more", leaf, Path{p.Index, p.Size + 1, p.Hashes})
	refuse("no size", leaf, Path{p.Index, 0, p.Hashes})
	refuse("an index outside", leaf, Path{p.Size, p.Size, p.Hashes})
	refuse("a hash more", leaf, Path{p.Index, p.Size, append(bytesClone(p.Hashes), [32]byte{})})
	for name, q := range map[string]Path{
		"a hash more": {p.Index, p.Size, append(bytesClone(p.Hashes), [32]byte{})},
		"a hash less": {p.Index, p.Size, p.Hashes[:max(0, len(p.Hashes)-1)]},
	} {
		if _, err := q.Root(leaf); !errors.Is(err, ErrPath) && len(q.Hashes) != len(p.Hashes) {
			t.Fatalf("leaf %d of %d: with %s there is a root", p.Index, p.Size, name)
		}
	}
	if p.Size > 1 {
		refuse("another index", leaf, Path{(p.Index + 1) % p.Size, p.Size, p.Hashes})
		refuse("a hash less", leaf, Path{p.Index, p.Size, p.Hashes[1:]})
	}
	for i := range p.Hashes {
		q := Path{p.Index, p.Size, bytesClone(p.Hashes)}
		q.Hashes[i][0] ^= 1
		refuse("another hash", leaf, q)
	}
}

func bytesClone(h [][32]byte) [][32]byte { return append([][32]byte(nil), h...) }

func TestRootsDiffer(t *testing.T) {
	seen := make(map[[32]byte]int)
	for n := 0; n <= 20; n++ {
		root := Root(leaves(n))
		if m, twice := seen[root]; twice {
			t.Errorf("%d and %d leaves have one root", m, n)
		}
		seen[root] = n
	}
	a := leaves(2)
	if Root(a) == Root([]Leaf{a[1], a[0]}) {
		t.Error("the order of leaves does not count")
	}
	inner := join(edge(a[0]), edge(a[1]))
	if Root([]Leaf{inner}) == Root(a) {
		t.Error("an inner node passes for a leaf")
	}
}

func TestCheck(t *testing.T) {
	terms, err := sample(t).Check()
	if err != nil {
		t.Fatal(err)
	}
	if terms.Custodian().Ref != "north" {
		t.Error("the terms are not the slip's")
	}
	for name, want := range map[string]error{
		"custodian": ErrTerms, "subject": ErrTerms, "grantee": ErrTerms, "terms": ErrTerms, "text hash": ErrTerms,
		"network": nil, "salt": nil, "stop image": nil, "issued at": nil, "no grantee": nil,
	} {
		s := sample(t)
		changes[name](s)
		if _, err := s.Check(); !errors.Is(err, want) {
			t.Errorf("another %s: %v, want %v", name, err, want)
		}
	}
	s := sample(t)
	s.Terms = []byte("{")
	if _, err := s.Check(); err == nil {
		t.Error("terms that are no Consent are taken")
	}
}

func TestCheckKeepsToTheGrantee(t *testing.T) {
	for name, d := range map[string]consent.Draft{
		"a permit for everyone":        {Purposes: []string{"TREAT"}},
		"a permit for another":         {Grantee: "west"},
		"a permit for another in part": {Grantee: "east", Exceptions: []consent.Rule{{Says: consent.Permit, Actors: []consent.Party{{Type: "Practitioner", Ref: "west/Practitioner/1"}}}}},
		"a permit for the custodian's": {Grantee: "east", Exceptions: []consent.Rule{{Says: consent.Permit, Actors: []consent.Party{{Type: "Group", Ref: "Group/1"}}}}},
	} {
		d.Patient, d.Custodian = "p-1", "north"
		s := sample(t)
		var err error
		if s.Terms, err = consent.Build(d); err != nil {
			t.Fatal(err)
		}
		compiled, err := consent.Compile(s.Terms)
		if err != nil {
			t.Fatal(err)
		}
		s.TextHash = sha256.Sum256([]byte(Text(compiled)))
		if _, err := s.Check(); !errors.Is(err, ErrTerms) {
			t.Errorf("%s passes for one of east only: %v", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(sample(f).Encode())
	f.Add((&Slip{Custodian: "a", Subject: "b", Terms: []byte("c")}).Encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := Decode(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(s.Encode(), raw) {
			t.Fatal("one slip has two encodings")
		}
	})
}

func FuzzDecodePath(f *testing.F) {
	p, _ := PathOf(leaves(5), 3)
	f.Add(p.Encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := DecodePath(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Encode(), raw) {
			t.Fatal("one path has two encodings")
		}
		_, _ = p.Root(Leaf{})
	})
}
