package peer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"cairn/ledger/member"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/peer"
	"cairn/proof"
)

// pen holds one key at one height.
type pen struct {
	key    *ecdsa.PrivateKey
	height uint64
}

func (p pen) Client() (*ecdsa.PrivateKey, uint64, error) { return p.key, p.height, nil }

func newKey(t *testing.T) (*ecdsa.PrivateKey, member.Key) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return key, member.Key{Use: member.UseClient, Public: public}
}

var network = [32]byte{1}

// hospital is another hospital that answers as it likes, and signs it.
func hospital(t *testing.T, answer http.HandlerFunc) (c *peer.Client, m member.Member, signIns *int) {
	return crooked(t, answer, nil)
}

// crooked is one that changes what it signs.
func crooked(t *testing.T, answer http.HandlerFunc, change func(*proof.Answer)) (c *peer.Client, m member.Member, signIns *int) {
	t.Helper()
	signIns = new(int)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/token", func(w http.ResponseWriter, _ *http.Request) {
		*signIns++
		fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"DPoP","expires_in":60}`, *signIns)
	})
	theirs, public := newKey(t)
	mux.HandleFunc("GET /fhir/", func(w http.ResponseWriter, r *http.Request) {
		got := httptest.NewRecorder()
		answer(got, r)
		request, err := proof.ParseRequest(r.Header.Get(identity.RequestHeader))
		if err != nil {
			t.Error(err)
			return
		}
		a := proof.Answer{
			Party:   proof.Party{Network: network, From: "east", To: "north", Height: 7, Time: time.Now().UnixMilli()},
			Request: request.ID, Status: uint64(got.Code), Body: proof.BodyHash(got.Body.Bytes()),
		}
		if change != nil {
			change(&a)
		}
		signed, err := a.Sign(theirs)
		if err != nil {
			t.Error(err)
			return
		}
		maps.Copy(w.Header(), got.Header())
		w.Header().Set(identity.AnswerHeader, signed.Text)
		w.WriteHeader(got.Code)
		w.Write(got.Body.Bytes())
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	ours, _ := newKey(t)
	c, err := peer.New("north", network, pen{ours, 9}, s.Client())
	if err != nil {
		t.Fatal(err)
	}
	return c, member.Member{ID: "east", URL: s.URL, Keys: []member.Key{public}}, signIns
}

var who = peer.Person{ID: "p-1", Name: "Dr. Test", Role: "physician", Purpose: "TREAT"}

const question = "Observation?code=secret-code&patient=secret-id"

func TestForgottenToken(t *testing.T) {
	asked := 0
	c, m, signIns := hospital(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Header.Get("Authorization") != "DPoP token-2" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	if _, err := c.Get(context.Background(), m, who, question); err != nil {
		t.Errorf("a hospital that forgot a token: %v", err)
	}
	if _, err := c.Get(context.Background(), m, who, question); err != nil || asked != 3 || *signIns != 2 {
		t.Errorf("the new token is not kept: %d requests, %d sign-ins: %v", asked, *signIns, err)
	}
}

func TestRefusedForGood(t *testing.T) {
	asked := 0
	c, m, _ := hospital(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusUnauthorized)
	})
	_, err := c.Get(context.Background(), m, who, question)
	if !fault.Is(err, fault.Refused) || asked != 2 {
		t.Errorf("%d requests, then %v", asked, err)
	}
}

func TestLongWords(t *testing.T) {
	c, m, _ := hospital(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"issue":[{"details":{"coding":[{"code":"%s"}],"text":"x%s"}}]}`, strings.Repeat("c", 9000), strings.Repeat("ü", 9000))
	})
	_, err := c.Get(context.Background(), m, who, question)
	var f *fault.Error
	if !errors.As(err, &f) || len(f.Code) != 64 || len(f.Text) != 499 || !utf8.ValidString(f.Text) {
		t.Errorf("not clipped: %v", err)
	}
}

func TestManyReceipts(t *testing.T) {
	c, m, _ := hospital(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 300 {
			w.Header().Add("Cairn-Receipt", "\xff"+strings.Repeat("r", 300))
		}
	})
	a, err := c.Get(context.Background(), m, who, question)
	if err != nil || len(a.Receipts) != peer.Receipts || len(a.Receipts[0]) > 200 || !utf8.ValidString(a.Receipts[0]) {
		t.Errorf("%d receipts, %v", len(a.Receipts), err)
	}
}

// TestCauseWithoutPatient breaks the connection and reads what a log would show.
func TestCauseWithoutPatient(t *testing.T) {
	c, m, _ := hospital(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for _, path := range []string{question, question + "\x7f"} {
		_, err := c.Get(context.Background(), m, who, path)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("the cause names the patient: %v", err)
		}
	}
}

// TestSignedAnswers: an answer that the other hospital did not sign, or not for
// this request, is not shown, and a refusal keeps its signature.
func TestSignedAnswers(t *testing.T) {
	good := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"resourceType":"Bundle"}`) }
	other, _ := newKey(t)
	for name, change := range map[string]func(*proof.Answer){
		"":                  nil,
		"another network":   func(a *proof.Answer) { a.Network = [32]byte{2} },
		"another hospital":  func(a *proof.Answer) { a.From = "west" },
		"to another":        func(a *proof.Answer) { a.To = "south" },
		"another request":   func(a *proof.Answer) { a.Request[0] ^= 1 },
		"another status":    func(a *proof.Answer) { a.Status = 403 },
		"another content":   func(a *proof.Answer) { a.Body[31] ^= 1 },
		"a height long ago": func(a *proof.Answer) { a.Height = 0 },
		"a height to come":  func(a *proof.Answer) { a.Height = 1000 },
	} {
		c, m, _ := crooked(t, good, change)
		m.Keys[0].From = 1
		a, err := c.Get(context.Background(), m, who, question)
		if name == "" && (err != nil || a.Signed == nil || len(a.Body) == 0 || a.Request == nil) {
			t.Errorf("a good answer: %+v, %v", a, err)
		}
		if name != "" && (fault.As(err) == nil || fault.As(err).Code != "peer-unsigned" || a.Body != nil || a.Signed != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, m, _ := hospital(t, good)
	public, err := x509.MarshalPKIXPublicKey(&other.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	m.Keys[0].Public = public
	if a, err := c.Get(context.Background(), m, who, question); fault.As(err) == nil || fault.As(err).Code != "peer-unsigned" || a.Body != nil {
		t.Errorf("another key: %v", err)
	}
	c, m, _ = hospital(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	if a, err := c.Get(context.Background(), m, who, question); !fault.Is(err, fault.Refused) || a.Signed == nil || a.Signed.Statement.Status != 403 {
		t.Errorf("a refusal: %+v, %v", a, err)
	}
}
