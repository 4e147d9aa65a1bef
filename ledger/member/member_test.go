package member_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cairn/ledger/member"
)

func edKey(label string) []byte {
	seed := sha256.Sum256([]byte(label))
	return ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
}

func ecKey(t testing.TB, c elliptic.Curve) []byte {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func north(t testing.TB) member.Member {
	return member.Member{
		ID: "north", Name: "North Hospital ÄÖ", Roles: []string{"custodian", "witness"}, URL: "https://north.example",
		Origins: []string{"https://portal.north.example", "http://localhost:8080"}, RPID: "north.example", Power: 10, Active: true,
		Keys: []member.Key{
			{Use: member.UseSeal, Public: edKey("seal 1"), Until: 100},
			{Use: member.UseSeal, Public: edKey("seal 2"), From: 100},
			{Use: member.UseCosign, Public: edKey("cosign")},
			{Use: member.UseClient, Public: ecKey(t, elliptic.P384()), From: 5, Until: 50},
			{Use: member.UseValidator, Public: edKey("validator")},
		},
	}
}

func named(id string) member.Member { return member.Member{ID: id, Active: true} }

func TestMemberReadsBack(t *testing.T) {
	m := north(t)
	back, err := member.Decode(m.Encode())
	if err != nil || !reflect.DeepEqual(back, m) {
		t.Fatalf("came back as %+v, %v", back, err)
	}
}

func TestKeysCountBetweenTheirHeights(t *testing.T) {
	b, err := member.New([]member.Member{north(t)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		use    member.Use
		height uint64
		want   string
	}{
		{member.UseSeal, 0, "seal 1"}, {member.UseSeal, 99, "seal 1"}, {member.UseSeal, 100, "seal 2"},
		{member.UseSeal, 1 << 60, "seal 2"}, {member.UseCosign, 7, "cosign"},
	} {
		k, found := b.KeyAt("north", c.use, c.height)
		if !found || !bytes.Equal(k.Public, edKey(c.want)) {
			t.Errorf("%v at %d is not %s", c.use, c.height, c.want)
		}
	}
	for height, want := range map[uint64]bool{4: false, 5: true, 49: true, 50: false} {
		if _, found := b.KeyAt("north", member.UseClient, height); found != want {
			t.Errorf("client key at %d: %v", height, found)
		}
	}
	if _, found := b.KeyAt("south", member.UseSeal, 1); found {
		t.Error("a key of nobody")
	}
}

func TestWhatIsNoMember(t *testing.T) {
	long := strings.Repeat("x", 257)
	order8, err := hex.DecodeString("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
	if err != nil {
		t.Fatal(err)
	}
	seal := func(public []byte, from, until uint64) member.Key {
		return member.Key{Use: member.UseSeal, Public: public, From: from, Until: until}
	}
	a, b := edKey("a"), edKey("b")
	p384 := ecKey(t, elliptic.P384())
	offCurve := bytes.Clone(p384)
	offCurve[len(offCurve)-1] ^= 1
	for _, c := range []struct {
		what string
		want error
		edit func(*member.Member)
	}{
		{"no id", member.ErrID, func(m *member.Member) { m.ID = "" }},
		{"an id in capitals", member.ErrID, func(m *member.Member) { m.ID = "North" }},
		{"an id that begins with a digit", member.ErrID, func(m *member.Member) { m.ID = "1north" }},
		{"an id of 33 letters", member.ErrID, func(m *member.Member) { m.ID = strings.Repeat("n", 33) }},
		{"an id with a slash", member.ErrID, func(m *member.Member) { m.ID = "north/x" }},
		{"a long name", member.ErrText, func(m *member.Member) { m.Name = long }},
		{"a name over two lines", member.ErrText, func(m *member.Member) { m.Name = "a\nb" }},
		{"a name that is no UTF-8", member.ErrText, func(m *member.Member) { m.Name = "a\xff" }},
		{"a long role", member.ErrText, func(m *member.Member) { m.Roles = []string{long} }},
		{"a control character as relying party", member.ErrText, func(m *member.Member) { m.RPID = "a\x00" }},
		{"an address of another scheme", member.ErrURL, func(m *member.Member) { m.URL = "ftp://x" }},
		{"an address without host", member.ErrURL, func(m *member.Member) { m.URL = "https://" }},
		{"an address with three slashes", member.ErrURL, func(m *member.Member) { m.URL = "https:///x" }},
		{"an address with a slash at the end", member.ErrURL, func(m *member.Member) { m.URL = "https://x/" }},
		{"an address with a user", member.ErrURL, func(m *member.Member) { m.URL = "https://user@x" }},
		{"an address with a query", member.ErrURL, func(m *member.Member) { m.URL = "https://x?y" }},
		{"an address with a space", member.ErrURL, func(m *member.Member) { m.URL = "https://x y" }},
		{"a bad origin", member.ErrURL, func(m *member.Member) { m.Origins = []string{"portal"} }},
		{"too many roles", member.ErrCount, func(m *member.Member) { m.Roles = make([]string, 17) }},
		{"too many origins", member.ErrCount, func(m *member.Member) { m.Origins = make([]string, 17) }},
		{"too many keys", member.ErrCount, func(m *member.Member) { m.Keys = make([]member.Key, 257) }},
		{"too much power", member.ErrPower, func(m *member.Member) { m.Power = member.MaxPower + 1 }},
		{"a key without a use", member.ErrKeyForm, func(m *member.Member) { m.Keys = []member.Key{{Public: a}} }},
		{"a key of an unknown use", member.ErrKeyForm, func(m *member.Member) { m.Keys = []member.Key{{Use: 5, Public: a}} }},
		{"a short key", member.ErrKeyForm, func(m *member.Member) { m.Keys = []member.Key{seal(a[:31], 0, 0)} }},
		{"a key of small order", member.ErrKeyForm, func(m *member.Member) { m.Keys = []member.Key{seal(order8, 0, 0)} }},
		{"an Ed25519 key for clients", member.ErrKeyForm, func(m *member.Member) { m.Keys = []member.Key{{Use: member.UseClient, Public: a}} }},
		{"a P-256 key for clients", member.ErrKeyForm, func(m *member.Member) {
			m.Keys = []member.Key{{Use: member.UseClient, Public: ecKey(t, elliptic.P256())}}
		}},
		{"a point beside the curve", member.ErrKeyForm, func(m *member.Member) { m.Keys = []member.Key{{Use: member.UseClient, Public: offCurve}} }},
		{"a P-384 key for seals", member.ErrKeyForm, func(m *member.Member) { m.Keys = []member.Key{seal(p384, 0, 0)} }},
		{"a key that ends before it begins", member.ErrKeySpan, func(m *member.Member) { m.Keys = []member.Key{seal(a, 5, 5)} }},
		{"two open keys", member.ErrKeyClash, func(m *member.Member) { m.Keys = []member.Key{seal(a, 0, 0), seal(b, 9, 0)} }},
		{"keys that overlap by one", member.ErrKeyClash, func(m *member.Member) { m.Keys = []member.Key{seal(a, 0, 6), seal(b, 5, 0)} }},
		{"one key twice", member.ErrDuplicate, func(m *member.Member) { m.Keys = []member.Key{seal(a, 0, 5), seal(a, 5, 0)} }},
	} {
		m := north(t)
		c.edit(&m)
		if err := m.Validate(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
		if _, err := member.Decode(m.Encode()); err == nil {
			t.Errorf("%s decodes", c.what)
		}
		if _, err := member.New([]member.Member{m}); !errors.Is(err, c.want) {
			t.Errorf("%s in a book: %v, want %v", c.what, err, c.want)
		}
	}
}

func TestBookHoldsEachOnce(t *testing.T) {
	shared := named("south")
	shared.Keys = []member.Key{{Use: member.UseCosign, Public: edKey("seal 1")}}
	for _, c := range []struct {
		what string
		want error
		list []member.Member
	}{
		{"an id twice", member.ErrDuplicate, []member.Member{named("a"), named("b"), named("a")}},
		{"a key of two members", member.ErrDuplicate, []member.Member{north(t), shared}},
		{"more members than there may be", member.ErrCount, make([]member.Member, member.MaxMembers+1)},
	} {
		if _, err := member.New(c.list); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
}

func TestBookDoesNotDependOnTheOrderNorOnItsCaller(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z][a-z0-9-]{0,8}`), 1, 20, rapid.ID).Draw(t, "ids")
		var list []member.Member
		for _, id := range ids {
			list = append(list, named(id))
		}
		a, errA := member.New(list)
		b, errB := member.New(rapid.Permutation(list).Draw(t, "shuffled"))
		if errA != nil || errB != nil || a.Root() != b.Root() || !reflect.DeepEqual(a.All(), b.All()) {
			t.Fatal("two orders, two books")
		}
		for _, m := range list {
			got, found := a.Get(m.ID)
			if !found || !a.Active(m.ID) || !reflect.DeepEqual(got, m) {
				t.Fatalf("%s came back as %+v", m.ID, got)
			}
			proof, err := member.DecodeProof(a.Prove(m.ID).Encode())
			if err != nil || proof.Verify(a.Root(), m) != nil {
				t.Fatal("a member is not proved")
			}
			m.Power++
			if proof.Verify(a.Root(), m) == nil {
				t.Fatal("another member is proved")
			}
		}
	})
	b, err := member.New([]member.Member{north(t)})
	if err != nil {
		t.Fatal(err)
	}
	m, _ := b.Get("north")
	m.Keys[0].Public[0] ^= 1
	m.Origins[0] = "https://elsewhere"
	k, _ := b.KeyAt("north", member.UseCosign, 1)
	k.Public[0] ^= 1
	b.All()[0].Roles[0] = "payer"
	again, _ := b.Get("north")
	if proof := b.Prove("north"); proof.Verify(b.Root(), again) != nil {
		t.Error("a caller changed the book")
	}
	if b.Prove("nobody").Verify(b.Root(), member.Member{}) == nil {
		t.Error("nobody is proved")
	}
	if b.Active("nobody") {
		t.Error("nobody takes part")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(north(f).Encode())
	f.Add(named("a").Encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := member.Decode(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(m.Encode(), raw) {
			t.Fatal("decoded bytes encode to others")
		}
		if len(raw) > member.MaxSize {
			t.Fatalf("a member of %d bytes", len(raw))
		}
	})
}

// TestFollow: the key in force ends where the next one begins, and nothing else of the member changes.
func TestFollow(t *testing.T) {
	b, err := member.New([]member.Member{north(t), {ID: "south", Active: true, Keys: []member.Key{{Use: member.UseCosign, Public: edKey("south")}}}})
	if err != nil {
		t.Fatal(err)
	}
	next := func(use member.Use, label string, from uint64) *member.Epoch {
		return &member.Epoch{Member: "north", Use: use, Public: edKey(label), From: from}
	}
	for what, c := range map[string]struct {
		e      *member.Epoch
		height uint64
		want   error
	}{
		"a known successor": {next(member.UseSeal, "seal 3", 200), 50, member.ErrPending},
		"a gap":             {&member.Epoch{Member: "north", Use: member.UseClient, Public: ecKey(t, elliptic.P384()), From: 60}, 20, member.ErrGap},
		"nothing to follow": {&member.Epoch{Member: "north", Use: member.UseClient, Public: ecKey(t, elliptic.P384()), From: 60}, 55, member.ErrNoKey},
		"another's key":     {next(member.UseCosign, "south", 50), 20, member.ErrDuplicate},
		"an own key":        {next(member.UseCosign, "seal 1", 50), 20, member.ErrDuplicate},
		"another form":      {next(member.UseClient, "client", 50), 20, member.ErrKeyForm},
		"nobody":            {&member.Epoch{Member: "west", Use: member.UseSeal}, 20, member.ErrNoKey},
	} {
		root := b.Root()
		if _, err := b.Follow(c.e, c.height); !errors.Is(err, c.want) || b.Root() != root {
			t.Errorf("%s: %v", what, err)
		}
	}
	root := b.Root()
	m, err := b.Follow(next(member.UseSeal, "seal 3", 200), 150)
	if err != nil || b.Root() == root {
		t.Fatal(err)
	}
	for height, label := range map[uint64]string{99: "seal 1", 100: "seal 2", 199: "seal 2", 200: "seal 3", 1 << 40: "seal 3"} {
		if k, found := m.KeyAt(member.UseSeal, height); !found || !bytes.Equal(k.Public, edKey(label)) {
			t.Errorf("at %d counts %x", height, k.Public)
		}
	}
	if err := b.Prove("north").Verify(b.Root(), m); err != nil {
		t.Error(err)
	}
	full := north(t)
	for i := range 251 {
		full.Keys = append(full.Keys, member.Key{Use: member.UseValidator, Public: edKey("v" + string(rune('A'+i))), From: uint64(1000 + i), Until: uint64(1001 + i)})
	}
	full.Keys[4].Until = 1000
	b, err = member.New([]member.Member{full})
	if err != nil || len(full.Encode()) > member.MaxSize {
		t.Fatal(err)
	}
	if _, err := b.Follow(next(member.UseCosign, "one more", 50), 20); !errors.Is(err, member.ErrCount) {
		t.Errorf("one more than the book holds: %v", err)
	}
}

// TestSigned: a signature holds under the key that made it, in one form.
func TestSigned(t *testing.T) {
	k, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("what is signed")
	digest := sha512.Sum384(message)
	r, s, err := ecdsa.Sign(rand.Reader, k, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	n := elliptic.P384().Params().N
	high := new(big.Int).Sub(n, s)
	if s.Cmp(high) > 0 {
		s, high = high, s
	}
	raw := func(s *big.Int) []byte {
		return append(r.FillBytes(make([]byte, 48)), s.FillBytes(make([]byte, 48))...)
	}
	if !member.Signed(member.UseClient, public, message, raw(s)) {
		t.Error("a good signature does not hold")
	}
	zero := make([]byte, 96)
	for what, signature := range map[string][]byte{"the other s": raw(high), "nothing": nil, "zeros": zero, "too long": append(raw(s), 0)} {
		if member.Signed(member.UseClient, public, message, signature) {
			t.Errorf("%s holds", what)
		}
	}
	if member.Signed(member.UseClient, public, []byte("another"), raw(s)) || member.Signed(member.UseClient, edKey("x"), message, raw(s)) ||
		member.Signed(member.UseSeal, public, message, raw(s)) || member.Signed(member.UseSeal, edKey("x"), message, raw(s)[:64]) {
		t.Error("another message or key")
	}
}

func FuzzDecodeEpoch(f *testing.F) {
	f.Add((&member.Epoch{Member: "north", Use: member.UseSeal, Public: edKey("next"), From: 7, Possession: make([]byte, 64), Signature: make([]byte, 64)}).Encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if e, err := member.DecodeEpoch(raw); err == nil && !bytes.Equal(e.Encode(), raw) {
			t.Fatal("decoded bytes encode to others")
		}
	})
}
