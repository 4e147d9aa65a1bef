package proof

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"cairn/ledger/member"
)

func TestTrustHasOneEncoding(t *testing.T) {
	trust := newWorld(t, "demo").trust()
	raw := must(trust.Encode())
	if !json.Valid(raw) {
		t.Fatalf("not JSON: %s", raw)
	}
	back, err := DecodeTrust(raw)
	if err != nil || !bytes.Equal(must(back.Encode()), raw) {
		t.Fatalf("decodes otherwise (%v)", err)
	}
	if trust.Fingerprint() != sha256.Sum256(raw) || back.Fingerprint() != trust.Fingerprint() {
		t.Error("the fingerprint is not the SHA-256 of the file")
	}
	if len(trust.Members) != 4 || trust.Quorum != 3 {
		t.Errorf("%d members, quorum %d", len(trust.Members), trust.Quorum)
	}
	text := Grouped(trust.Fingerprint())
	if len(strings.Fields(text)) != 16 || strings.ReplaceAll(text, " ", "") != hexOf(trust.Fingerprint()) {
		t.Errorf("grouped as %q", text)
	}
}

// TestTrustNamesWhoCanCosign leaves out a member that is not active and one
// without a cosigning key at the height.
func TestTrustNamesWhoCanCosign(t *testing.T) {
	w := newWorld(t, "demo")
	members := w.machine.Genesis().Members
	members[0].Active = false
	members[1].Keys[1].Until = 7
	book, err := member.New(members)
	if err != nil {
		t.Fatal(err)
	}
	for height, want := range map[uint64]int{6: 3, 7: 2} {
		trust, err := NewTrust(w.machine.Network(), "demo", book, height)
		if err != nil || len(trust.Members) != want || trust.Quorum != Majority(want) {
			t.Errorf("at height %d: %+v, %v", height, trust, err)
		}
	}
	none, err := member.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if trust, err := NewTrust(w.machine.Network(), "demo", none, 1); err == nil {
		t.Errorf("a network of nobody: %+v", trust)
	}
}

func TestMajorityIsMoreThanTwoThirds(t *testing.T) {
	for n := 1; n < 100; n++ {
		if q := Majority(n); 3*q <= 2*n || 3*(q-1) > 2*n {
			t.Errorf("%d of %d", q, n)
		}
	}
}

func TestTrustRefusesOtherTexts(t *testing.T) {
	text := string(must(newWorld(t, "demo").trust().Encode()))
	key := VerifierKey("cairn/demo/east", newWorld(t, "demo").key("east", "cosign").Public().(ed25519.PublicKey))
	line := func(id string) string {
		at := strings.Index(text, `{"id":"`+id)
		return text[at : at+strings.Index(text[at:], "}")+1]
	}
	for name, altered := range map[string]string{
		"line break":      text + "\n",
		"spaces":          strings.Replace(text, ",", ", ", 1),
		"other format":    strings.Replace(text, "trust/v1", "trust/v2", 1),
		"no quorum":       strings.Replace(text, `"quorum":3`, `"quorum":0`, 1),
		"quorum too high": strings.Replace(text, `"quorum":3`, `"quorum":5`, 1),
		"quorum unnamed":  strings.Replace(text, `"quorum":3,`, ``, 1),
		"huge quorum":     strings.Replace(text, `"quorum":3`, `"quorum":9007199254740991`, 1),
		"network's name":  strings.Replace(text, `"network":"demo"`, `"network":"demo2"`, 1),
		"out of order":    strings.Replace(text, line("east")+","+line("north"), line("north")+","+line("east"), 1),
		"twice":           strings.Replace(text, line("east"), line("east")+","+line("east"), 1),
		"no member":       text[:strings.Index(text, `[`)] + "[]}",
		"another's key":   strings.Replace(text, strings.SplitN(line("north"), `"key":`, 2)[1], `"`+key+`"}`, 1),
		"key hash":        strings.Replace(text, "+", "+0", 1),
		"escaped key":     strings.Replace(text, `cairn/demo/east+`, `cairn\/demo\/east+`, 1),
	} {
		if altered == text {
			t.Errorf("%s: the case alters nothing", name)
		}
		if _, err := DecodeTrust([]byte(altered)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestTrustRefusesOneKeyForTwoMembers(t *testing.T) {
	w := newWorld(t, "demo")
	trust := w.trust()
	trust.Members[0].Key = VerifierKey("cairn/demo/east", w.key("north", "cosign").Public().(ed25519.PublicKey))
	if _, err := trust.Encode(); !errors.Is(err, errTrust) {
		t.Errorf("encoded: %v", err)
	}
}

func TestTrustRefusesOneMemberTwice(t *testing.T) {
	w := newWorld(t, "demo")
	trust := w.trust()
	again := Cosignatory{ID: "east", Key: VerifierKey("cairn/demo/east", w.key("east", "seal").Public().(ed25519.PublicKey))}
	trust.Members = append([]Cosignatory{again}, trust.Members...)
	if _, err := trust.Encode(); !errors.Is(err, errTrust) {
		t.Errorf("encoded: %v", err)
	}
}

// TestNoForgedTrustIsOK alters every byte of the trust file; the bundle was
// made for the true one.
func TestNoForgedTrustIsOK(t *testing.T) {
	w := newWorld(t, "demo")
	w.grow()
	bundle := encoded(t, w.specimens()[StatementEntry])
	trust := must(w.trust().Encode())
	for at := range trust {
		was := trust[at]
		for _, to := range []byte{was ^ 1, was ^ 0x20, was + 1} {
			trust[at] = to
			if v := VerifyText(bundle, trust); v.Status == OK {
				t.Errorf("byte %d from %q to %q: OK", at, was, to)
			}
		}
		trust[at] = was
	}
	if v := VerifyText(bundle, trust); v.Status != OK {
		t.Fatalf("the true trust file: %s", v.Code)
	}
}

// TestForgersNetworkIsNotBelieved makes a whole network with the same name and
// members but other keys.
func TestForgersNetworkIsNotBelieved(t *testing.T) {
	w := newWorld(t, "demo")
	w.grow()
	forger := newWorld(t, "demo")
	forger.name = "forged keys"
	forged := w.trust()
	for i, m := range forged.Members {
		pub := forger.key(m.ID, "cosign").Public().(ed25519.PublicKey)
		forged.Members[i].Key = VerifierKey(KeyName("demo", m.ID), pub)
	}
	p := w.entry(w.base(w.checkpoint()), "north", 5, true)
	for _, id := range memberIDs {
		c, err := NewCosigner(KeyName("demo", id), forger.key(id, "cosign"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.Cosign(p.Checkpoint, 1_790_000_100)
		if err != nil {
			t.Fatal(err)
		}
		p.Checkpoint.Add(s)
	}
	b, err := Assemble(forged, p)
	if err != nil {
		t.Fatal(err)
	}
	if v := Verify(encoded(t, b), forged); v.Status != OK {
		t.Fatalf("to who trusts the forger: %s", v.Code)
	}
	if v := Verify(encoded(t, b), w.trust()); v.Status != Inconclusive || v.Code != CodeOtherTrust {
		t.Errorf("as it is: %s %s", v.Status, v.Code)
	}
	b.Network.Trust = w.trust().Fingerprint()
	if v := Verify(encoded(t, b), w.trust()); v.Status != Fail || v.Code != CodeUnknownSigner {
		t.Errorf("with the true fingerprint: %s %s", v.Status, v.Code)
	}
}

func TestSignersSaysWhy(t *testing.T) {
	w, other := newWorld(t, "demo"), newWorld(t, "rival")
	w.grow()
	trust := w.trust()
	c := w.checkpoint("west", "north", "east")
	ids, err := trust.Signers(c)
	if err != nil || strings.Join(ids, " ") != "east north west" {
		t.Fatalf("%v, %v", ids, err)
	}
	if _, err := other.trust().Signers(c); !errors.Is(err, ErrOtherOrigin) {
		t.Errorf("another network: %v", err)
	}
	if _, err := trust.Signer(&Checkpoint{Origin: "x"}, &c.Cosignatures[0]); !errors.Is(err, ErrOtherOrigin) {
		t.Errorf("another log: %v", err)
	}
	c.Size++
	if _, err := trust.Signers(c); !errors.Is(err, ErrBadSignature) {
		t.Errorf("another size: %v", err)
	}
	twice := w.checkpoint("east")
	twice.Cosignatures = append(twice.Cosignatures, twice.Cosignatures[0])
	if _, err := trust.Signers(twice); !errors.Is(err, ErrBadSignature) {
		t.Errorf("one member twice: %v", err)
	}
}

func FuzzTrust(f *testing.F) {
	raw := must(newWorld(f, "demo").trust().Encode())
	f.Add(raw)
	f.Add([]byte(`{"format":"cairn/trust/v1","network":"`))
	f.Add(must(os.ReadFile("vectors/network-epochs.json")))
	f.Fuzz(func(t *testing.T, in []byte) {
		trust, err := DecodeTrust(in)
		if err != nil {
			return
		}
		out, err := trust.Encode()
		if err != nil || !bytes.Equal(in, out) {
			t.Fatalf("taken but encodes as %q (%v)", out, err)
		}
		trust.Knows([32]byte{})
	})
}

// sampleLasting is a trust file of the second format with a client key.
func sampleLasting(t *testing.T) *Trust {
	t.Helper()
	w := newWorld(t, "demo")
	w.grow()
	w.rotate("north", 2)
	trust := w.lasting()
	_, one := clientKey(t, 1)
	_, two := clientKey(t, 2)
	b64 := base64.StdEncoding.EncodeToString
	trust.Members[1].Client = []Epoch{{Key: b64(one.Public), Until: 20}, {Key: b64(two.Public), From: 20}}
	return trust
}

func TestLastingReadsBack(t *testing.T) {
	trust := sampleLasting(t)
	raw := must(trust.Encode())
	back, err := DecodeTrust(raw)
	if err != nil || !reflect.DeepEqual(back, trust) || back.Fingerprint() != sha256.Sum256(raw) {
		t.Fatalf("came back as %+v, %v", back, err)
	}
	for height, want := range map[uint64]bool{0: true, 19: true, 20: true, 1 << 40: true} {
		if key, found := trust.ClientKey("north", height); found != want || len(key) != 120 {
			t.Errorf("at %d: %t", height, found)
		}
	}
	before, _ := trust.ClientKey("north", 19)
	after, _ := trust.ClientKey("north", 20)
	if bytes.Equal(before, after) {
		t.Error("one client key for both heights")
	}
	if _, found := trust.ClientKey("east", 1); found {
		t.Error("east has a client key")
	}
}

func TestLastingRules(t *testing.T) {
	for name, change := range map[string]func(trust *Trust){
		"no cosigning key":    func(t *Trust) { t.Members[0].Cosign = nil },
		"a key of both":       func(t *Trust) { t.Members[0].Key = t.Members[0].Cosign[0].Key },
		"another's key":       func(t *Trust) { t.Members[0].Cosign = t.Members[1].Cosign },
		"a key twice":         func(t *Trust) { t.Members[1].Cosign[1].Key = t.Members[1].Cosign[0].Key },
		"an overlap":          func(t *Trust) { t.Members[1].Cosign[1].From-- },
		"no end":              func(t *Trust) { t.Members[1].Cosign[0].Until = 0 },
		"an end before":       func(t *Trust) { t.Members[1].Cosign[1].Until = 1 },
		"not base64":          func(t *Trust) { t.Members[1].Client[0].Key = "x" },
		"no client key":       func(t *Trust) { t.Members[1].Client[0].Key = "AAAA" },
		"a height too large":  func(t *Trust) { t.Members[1].Client[1].From = maxInteger + 1 },
		"clients out of line": func(t *Trust) { t.Members[1].Client[1].From = 5 },
		"the first format":    func(t *Trust) { t.Format = 1 },
		"a third format":      func(t *Trust) { t.Format = 3 },
	} {
		trust := sampleLasting(t)
		change(trust)
		if _, err := trust.Encode(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestEditions: a trust file that has seen keys change knows what it said
// before, and not what another one said.
func TestEditions(t *testing.T) {
	w := newWorld(t, "demo")
	w.grow()
	first, begun := w.trust(), w.lasting()
	if begun.Edition(w.machine.Height()) != first.Fingerprint() || !begun.Knows(first.Fingerprint()) {
		t.Error("the first edition is another one")
	}
	w.rotate("north", 2)
	once, height := w.lasting(), w.machine.Height()
	w.rotate("east", 2)
	twice := w.lasting()
	all := map[[32]byte]bool{begun.Edition(maxInteger): true, once.Edition(maxInteger): true, twice.Edition(maxInteger): true}
	if len(all) != 3 || twice.Edition(height) != once.Edition(height) || twice.Edition(1) != first.Fingerprint() {
		t.Error("editions do not follow each other")
	}
	for e := range all {
		if !twice.Knows(e) {
			t.Errorf("%x is not known", e)
		}
	}
	if once.Knows(twice.Edition(maxInteger)) || first.Knows(once.Edition(maxInteger)) || twice.Knows([32]byte{}) || twice.Knows(twice.Fingerprint()) {
		t.Error("more is known than was said")
	}
	rival := newWorld(t, "demo")
	rival.grow()
	rival.rotate("south", 2)
	if twice.Knows(rival.lasting().Edition(maxInteger)) {
		t.Error("what another history said is known")
	}
}

// TestEpochAltered turns bytes of a bundle that a next key signed: it is never
// OK.
func TestEpochAltered(t *testing.T) {
	trust, err := DecodeTrust(must(os.ReadFile("vectors/network-epochs.json")))
	if err != nil {
		t.Fatal(err)
	}
	raw := must(os.ReadFile("vectors/ok-epoch.json"))
	if v := Verify(raw, trust); v.Status != OK {
		t.Fatal(v)
	}
	for at := 0; at < len(raw); at += 7 {
		altered := bytes.Clone(raw)
		altered[at] ^= 1
		if v := Verify(altered, trust); v.Status == OK {
			t.Errorf("byte %d can be changed", at)
		}
	}
}
