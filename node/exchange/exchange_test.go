package exchange

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"cairn/ledger/member"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/peer"
	"cairn/node/store"
	"cairn/proof"
)

var east = member.Member{ID: "east", URL: "https://east.example"}

func TestRead(t *testing.T) {
	const entry = `{"fullUrl":"https://evil.example/x","resource":`
	bundle := `{"resourceType":"Bundle","entry":[` +
		entry + `{"resourceType":"Observation","id":"1","meta":{"versionId":"12"}},"search":{"mode":"match"}},` +
		entry + `{"resourceType":"Observation","id":"2","meta":{"versionId":"x-1"}},"search":{"mode":"match"}},` +
		entry + `{"resourceType":"Observation","id":"3"},"search":{"mode":"match"}},` +
		entry + `{"resourceType":"Observation","id":"4"},"search":{"mode":"include"}},` +
		entry + `{"resourceType":"OperationOutcome"},"search":{"mode":"outcome"}}]}`
	var a answer
	got := peer.Answer{Body: []byte(bundle), Receipts: make([]string, 150)}
	for range 2 {
		if _, err := a.read(east, got); err != nil {
			t.Fatal(err)
		}
	}
	if len(a.custodian.Receipts) != 200 {
		t.Errorf("%d receipts are kept", len(a.custodian.Receipts))
	}
	const base = "https://east.example/fhir/Observation/"
	want := []Source{{"east", base + "1", base + "1/_history/12/$evidence"}, {"east", base + "2", ""}, {"east", base + "3", ""}}
	if len(a.items) != 2*len(want) {
		t.Fatalf("%d items", len(a.items))
	}
	for i, w := range want {
		if a.items[i].Sources[0] != w {
			t.Errorf("%+v instead of %+v", a.items[i].Sources[0], w)
		}
	}
	for _, bad := range []string{`{"resourceType":"Observation","id":"a/../b"}`, `{"resourceType":"Nonsense","id":"1"}`, `{"resourceType":"Observation"}`} {
		body := `{"resourceType":"Bundle","entry":[{"search":{"mode":"match"},"resource":` + bad + `}]}`
		if _, err := a.read(east, peer.Answer{Body: []byte(body)}); !fault.Is(err, fault.Broken) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestReceived(t *testing.T) {
	broke := fault.New(fault.Busy, "peer-silent", "broke off")
	for _, c := range []struct {
		Custodian
		allowed bool
	}{
		{Custodian{Count: 3}, true}, {Custodian{}, true}, {Custodian{Fault: broke}, false}, {Custodian{Count: 3, Fault: broke}, true},
	} {
		ev := received(identity.Actor{}, "1", "Observation?", c.Custodian, nil)
		if ev.Allowed != c.allowed {
			t.Errorf("%d records, fault %v: allowed %t", c.Count, c.Fault, ev.Allowed)
		}
		if c.Fault != nil && (ev.Rule != "peer-silent" || !strings.Contains(ev.Detail, "peer-silent")) {
			t.Errorf("the event does not tell the fault: %+v", ev)
		}
	}
}

type oneKey struct{}

func (oneKey) Key(context.Context, string, bool) (cipher.AEAD, error) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// TestUnloggable meets an answer whose event the log cannot take: it is not
// shown, and the others are logged.
func TestUnloggable(t *testing.T) {
	j, err := evidence.NewJournal(context.Background(), "north", oneKey{}, "log")
	if err != nil {
		t.Fatal(err)
	}
	answers := []answer{from(t, "a", lab), from(t, "b", lab)}
	answers[0].custodian.Receipts = []string{"\xff"}
	drafts, err := (&Desk{journal: j}).drafts(identity.Actor{}, "1", "Observation?", answers)
	if err != nil || len(drafts) != 2 {
		t.Fatalf("%d events: %v", len(drafts), err)
	}
	if len(answers[0].items) != 0 || answers[0].custodian.Fault == nil || answers[0].custodian.ID != "a" || len(merge(answers)) != 1 {
		t.Errorf("what is not logged is shown: %+v", answers[0].custodian)
	}
}

type pen struct{ key *ecdsa.PrivateKey }

func (p pen) Client() (*ecdsa.PrivateKey, uint64, error) { return p.key, 1, nil }

type book struct{ only member.Member }

func (b book) Member(string) (member.Member, bool) { return b.only, true }

// TestPages follows a custodian without an end, and looks at how it is asked.
func TestPages(t *testing.T) {
	var asked []string
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	defer s.Close()
	mux.HandleFunc("POST /auth/token", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"access_token":"t","token_type":"DPoP","expires_in":60}`)
	})
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	mux.HandleFunc("GET /fhir/Observation", func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("_count"))
		body := fmt.Appendf(nil, `{"resourceType":"Bundle","link":[{"relation":"next","url":"%s/fhir/Observation?cursor=x"}],"entry":[{"resource":%s,"search":{"mode":"match"}}]}`, s.URL, lab)
		request, err := proof.ParseRequest(r.Header.Get(identity.RequestHeader))
		if err != nil {
			t.Error(err)
			return
		}
		signed, err := proof.Answer{Party: proof.Party{From: "east", To: "north", Height: 1}, Request: request.ID, Status: 200, Body: proof.BodyHash(body)}.Sign(key)
		if err != nil {
			t.Error(err)
			return
		}
		w.Header().Set(identity.AnswerHeader, signed.Text)
		w.Write(body)
	})
	peers, err := peer.New("north", [32]byte{}, pen{key}, s.Client())
	if err != nil {
		t.Fatal(err)
	}
	d := &Desk{peers: peers, book: book{member.Member{ID: "east", URL: s.URL, Active: true, Keys: []member.Key{{Use: member.UseClient, Public: public}}}}}
	for count, params := range map[string]url.Values{"500": {}, "7": {"_count": {"7"}}} {
		asked = nil
		a := d.askOne(t.Context(), identity.Actor{}, &store.Locator{Member: "east", Patient: "1"}, "Observation", params)
		if len(a.signed) != pages || a.signed[0].answer == nil {
			t.Errorf("%d pages are signed", len(a.signed))
		}
		if f := a.custodian.Fault; len(a.items) != pages || f == nil || f.Kind != fault.TooLarge || f.Code != "gather-truncated" {
			t.Errorf("%d records, fault %v", len(a.items), f)
		}
		if asked[0] != count {
			t.Errorf("asked for %s records instead of %s", asked[0], count)
		}
	}
}

// quiet stands for the desk that keeps what was signed, where nothing was.
type quiet struct{ Halves }

func (quiet) Wake() {}

// TestNoteAfterLeaving logs what arrived although the one who asked has left.
func TestNoteAfterLeaving(t *testing.T) {
	j, err := evidence.NewJournal(t.Context(), "north", oneKey{}, "log")
	if err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	left, leave := context.WithCancel(t.Context())
	leave()
	got, err := (&Desk{journal: j, store: st, halves: quiet{}}).note(left, identity.Actor{}, "1", "Observation?", []answer{from(t, "a", lab)})
	if err != nil || len(got) != 1 {
		t.Errorf("%d receipts: %v", len(got), err)
	}
}
