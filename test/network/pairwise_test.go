package network_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"

	"cairn/consent/slip"
	"cairn/demo"
	"cairn/node"
	"cairn/proof"
	"cairn/wallet"
)

// TestPairwise registers one person at two custodians and has her sign one consent
// for both. Nothing random that one of them ever gets from her wallet is anything
// that the other gets: they cannot tell that it is the same person.
func TestPairwise(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	genesis, err := node.ReadGenesis(s.custodian.Genesis())
	if err != nil {
		t.Fatal(err)
	}
	network := genesis.ID()
	got := map[string]map[string]string{} // by hospital: 16 bytes -> where they stand
	name := func(host string) string {
		for _, h := range town.Hospitals {
			if strings.HasSuffix(h.URL, host) {
				return h.ID
			}
		}
		return host
	}
	watch := tap(func(r *http.Request, sent []byte) {
		if r.Method != http.MethodPost || len(sent) == 0 {
			return
		}
		at := name(r.URL.Host)
		if got[at] == nil {
			got[at] = make(map[string]string)
		}
		windows(sent, path.Base(r.URL.Path), network, got[at])
	})
	w := wallet.New(network, &http.Client{Transport: watch})
	for _, h := range []*demo.Hospital{s.custodian, s.second} {
		id, _ := post(ctx, t, h, "Patient", `{"resourceType":"Patient"}`)
		if err := w.Register(ctx, home(h), invitation(ctx, t, h, id)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Grant(ctx, labsFor(s.grantee), s.custodian.ID, s.second.ID); err != nil {
		t.Fatal(err)
	}
	if len(got[s.custodian.ID]) < 100 || len(got[s.second.ID]) < 100 {
		t.Fatalf("too little was seen: %d and %d", len(got[s.custodian.ID]), len(got[s.second.ID]))
	}
	for bits, where := range got[s.custodian.ID] {
		if also, both := got[s.second.ID][bits]; both {
			t.Errorf("%s gets in %s what %s gets in %s: %x", s.custodian.ID, where, s.second.ID, also, bits)
		}
	}
}

// windows notes every 16 bytes in a row, of what is sent and of what is base64 in
// it, that look random: at least twelve different bytes, and not those of texts.
func windows(sent []byte, where string, network [32]byte, into map[string]string) {
	var v any
	if json.Unmarshal(sent, &v) != nil {
		return
	}
	var walk func(v any, at string)
	walk = func(v any, at string) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				walk(x, at+"."+k)
			}
		case []any:
			for _, x := range v {
				walk(x, at)
			}
		case string:
			for _, enc := range []*base64.Encoding{base64.RawURLEncoding, base64.StdEncoding} {
				if raw, err := enc.DecodeString(v); err == nil {
					note(raw, at, network, into)
				}
			}
		}
	}
	walk(v, where)
}

// note notes 16 bytes in a row, but not those of what everybody sends: the hash of
// the site, which all four hospitals of the test have in common, and the network.
func note(raw []byte, at string, network [32]byte, into map[string]string) {
	site := sha256.Sum256([]byte("localhost"))
	raw = bytes.ReplaceAll(bytes.ReplaceAll(raw, site[:], nil), network[:], nil)
	for i := 0; i+16 <= len(raw); i++ {
		w := raw[i : i+16]
		different, text := map[byte]bool{}, 0
		for _, b := range w {
			different[b] = true
			if b >= 0x20 && b < 0x7f {
				text++
			}
		}
		if len(different) >= 12 && text < 13 {
			into[string(w)] = at
		}
	}
}

// TestAnotherHospitalsPasskey: what she signed for one custodian is worth nothing
// at another, and what she signs with another hospital's passkey neither.
func TestAnotherHospitalsPasskey(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	var bodies = map[string][]byte{}
	watch := tap(func(r *http.Request, sent []byte) {
		if strings.HasSuffix(r.URL.Path, "/portal/consents") {
			bodies[r.URL.Host] = sent
		}
	})
	if _, err := s.wallet.Through(&http.Client{Transport: watch}).Grant(ctx, labsFor(s.grantee), s.custodian.ID, s.second.ID); err != nil {
		t.Fatal(err)
	}
	var theirs, ours map[string]any
	for to, at := range map[*map[string]any]string{&theirs: s.second.URL, &ours: s.custodian.URL} {
		u, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(bodies[u.Host], to); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		body map[string]any
		code int
	}{
		"the slip of another":      {theirs, http.StatusBadRequest},
		"the assertion of another": {map[string]any{"slip": ours["slip"], "path": ours["path"], "assertion": theirs["assertion"]}, http.StatusUnauthorized},
		"the path of another":      {map[string]any{"slip": ours["slip"], "path": base64.StdEncoding.EncodeToString(slip.Path{Index: 0, Size: 2, Hashes: [][32]byte{{1}}}.Encode()), "assertion": ours["assertion"]}, http.StatusUnauthorized},
		"the same again":           {ours, http.StatusCreated},
	} {
		raw, err := json.Marshal(c.body)
		if err != nil {
			t.Fatal(err)
		}
		if status := send(ctx, t, s.custodian.URL+"/portal/consents", raw); status != c.code {
			t.Errorf("%s: status %d, want %d", name, status, c.code)
		}
	}
}

// TestSignatureIsShown: the custodian keeps what she signed, and can show it: the
// log has its hash, and whoever has both checks it without the hospital. A
// database that was altered shows nothing.
func TestSignatureIsShown(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	g, err := s.wallet.Grant(ctx, labsFor(s.grantee), s.custodian.ID)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := s.wallet.Signed(ctx, s.custodian.ID, g.Slips[0].Commitment)
	if err != nil {
		t.Fatal(err)
	}
	var shown struct {
		Slip, Signature []byte
		Hash            string `json:"signature_sha256"`
	}
	if err := json.Unmarshal(raw, &shown); err != nil {
		t.Fatal(err)
	}
	of, err := slip.Decode(shown.Slip)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := slip.DecodeSignature(shown.Signature)
	if err != nil {
		t.Fatal(err)
	}
	if err := signature.Verify(of); err != nil || of.Commitment() != g.Slips[0].Commitment || signature.RPID != "localhost" || signature.Origin != s.custodian.URL {
		t.Errorf("%+v: %v", signature, err)
	}
	if hash := signature.Hash(); fmt.Sprintf("%x", hash) != shown.Hash {
		t.Errorf("hash %s", shown.Hash)
	}
	entries, _, err := s.wallet.Log(ctx, s.custodian.ID, 50)
	if err != nil {
		t.Fatal(err)
	}
	named := false
	for _, e := range entries {
		ev, err := proof.DecodeEvent(e.Event)
		if err != nil {
			t.Fatal(err)
		}
		named = named || ev.Kind == proof.KindConsentReceived && strings.Contains(ev.Detail, shown.Hash)
	}
	if !named {
		t.Error("her log does not name the signature")
	}
	commitment := g.Slips[0].Commitment
	sabotage(t, s.custodian, fmt.Sprintf(`UPDATE signature SET body = (SELECT body FROM signature WHERE commitment <> x'%x' LIMIT 1) WHERE commitment = x'%x'`, commitment, commitment))
	var refused *wallet.Refused
	if _, err := s.wallet.Signed(ctx, s.custodian.ID, commitment); err == nil || errors.As(err, &refused) && refused.Status == http.StatusOK {
		t.Error("a signature that was put in its place is shown")
	}
}
