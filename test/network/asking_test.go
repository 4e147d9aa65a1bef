package network_test

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"cairn/client"
	"cairn/demo"
	"cairn/node/identity"
	"cairn/node/keys"
	"cairn/proof"
)

// asPeer returns a physician of one hospital who asks another directly, with
// the key that stands in the member book.
func asPeer(t *testing.T, from, to *demo.Hospital) *client.Client {
	t.Helper()
	return peerThrough(t, from, to, town.Client())
}

// peerThrough is asPeer over another HTTP client.
func peerThrough(t *testing.T, from, to *demo.Hospital, via *http.Client) *client.Client {
	t.Helper()
	file := filepath.Join(from.Dir, "keys", "client.pem")
	key, err := keys.ReadClient(file)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(from.Dir, "network.json"))
	if err != nil {
		t.Fatal(err)
	}
	trust, err := proof.DecodeTrust(raw)
	if err != nil {
		t.Fatal(err)
	}
	signed := *via
	signed.Transport = &signing{below: via.Transport, key: key, from: from, party: proof.Party{Network: trust.ID, From: from.ID, To: to.ID}}
	c, err := client.New(to.URL, from.ID, from.ID, file, &signed)
	if err != nil {
		t.Fatal(err)
	}
	return c.As("p-9", "Dr. Peer", "physician", "ward 1", "TREAT")
}

// signing signs what a hospital asks of another, for the physician of asPeer.
type signing struct {
	below http.RoundTripper // nil: the default one
	key   *ecdsa.PrivateKey
	from  *demo.Hospital
	party proof.Party
}

// RoundTrip signs all but what asks for a token, which has a signature of its
// own.
func (s *signing) RoundTrip(r *http.Request) (*http.Response, error) {
	below := s.below
	if below == nil {
		below = http.DefaultTransport
	}
	if strings.HasPrefix(r.URL.Path, "/auth/") {
		return below.RoundTrip(r)
	}
	var body []byte
	var err error
	if r.Body != nil {
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	out := r.Clone(r.Context())
	out.Body = io.NopCloser(bytes.NewReader(body))
	party := s.party
	if party.Height, err = s.height(); err != nil {
		return nil, err
	}
	party.Time = time.Now().UnixMilli()
	text, err := proof.Request{
		Party: party, ID: uuid.NewString(), Method: r.Method, Target: r.URL.RequestURI(), Body: proof.BodyHash(body),
		Actor:   proof.Actor{Kind: proof.ActorStaff, Organisation: s.from.ID, Person: s.from.ID + "/p-9", Name: "Dr. Peer", Role: "physician", Unit: "ward 1"},
		Purpose: "TREAT",
	}.Sign(s.key)
	if err != nil {
		return nil, err
	}
	out.Header.Set(identity.RequestHeader, text.Text)
	return below.RoundTrip(out)
}

// height is how far the asking hospital's replica of the ledger is.
func (s *signing) height() (uint64, error) {
	res, err := http.Get(s.from.URL + "/healthz")
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	var h struct{ Height uint64 }
	err = json.NewDecoder(res.Body).Decode(&h)
	return max(1, h.Height), err
}
