package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"cairn/ledger/member"
	"cairn/node/fault"
	"cairn/node/identity/dpop"
	"cairn/proof"
)

// RequestHeader carries what another member signs of each request that it
// sends: proof.Request. AnswerHeader carries what this hospital signs of its
// answer: proof.Answer.
const (
	RequestHeader = "Cairn-Request"
	AnswerHeader  = "Cairn-Answer"
)

// heightSlack is by how many blocks another member's replica may be behind this
// one, and for how many a key may be used after the next one came into force.
const heightSlack = 100

// followedFor is for how long, at most, a key may be used after the next one came
// into force: where blocks are rare, a hundred of them are days.
const followedFor = 2 * time.Minute

// reachWithin is how long this process's replica may take to reach the height
// that another member's has.
const reachWithin = 2 * time.Second

// carried is a request of another member and what it has left in the log.
type carried struct {
	request *proof.Signed[proof.Request]

	mu   sync.Mutex
	left []Left
}

// Left is an entry of the log that a request of another member left.
type Left struct {
	Entry   proof.Entry
	Subject string // local id of the patient it is about, or ""
	Shown   bool   // the asker may know of it; not so of a refusal, which may be of something that is hidden
}

// Request returns what another member signed of the request that the actor
// sends, nil for an actor that is not of another member or stands for a later
// act.
func (a Actor) Request() *proof.Signed[proof.Request] {
	if a.carried == nil {
		return nil
	}
	return a.carried.request
}

// Leave takes note of a durable entry of the log that a request of another
// member left. The gate calls it.
func (a Actor) Leave(l Left) {
	if a.carried == nil {
		return
	}
	a.carried.mu.Lock()
	defer a.carried.mu.Unlock()
	a.carried.left = append(a.carried.left, l)
}

// Left returns the entries that the request of another member has left.
func (a Actor) Left() []Left {
	if a.carried == nil {
		return nil
	}
	a.carried.mu.Lock()
	defer a.carried.mu.Unlock()
	return slices.Clone(a.carried.left)
}

// Consent returns the commitment of the slip that another member believes to
// act under, in hexadecimal, or "".
func (a Actor) Consent() string { return a.consent }

// signed checks what another member signed of a request: its signature by the
// client key that the member book has, that it is of this very request and
// vouches for whom the token is for, and that it is used once. The content is
// compared while it is read: whoever reads it to the end gets an error for one
// that was not signed.
func (d *Door) signed(r *http.Request, a Actor) (Actor, error) {
	texts := r.Header.Values(RequestHeader)
	if len(texts) != 1 {
		return Actor{}, unsigned("missing", nil)
	}
	s, err := proof.ParseRequest(texts[0])
	if err != nil {
		return Actor{}, unsigned("malformed", err)
	}
	now := time.Now()
	if err := d.fits(&s.Statement, r, a, now); err != nil {
		return Actor{}, err
	}
	key, err := d.keyAt(r, s.Statement.From, s.Statement.Height)
	if err != nil {
		return Actor{}, err
	}
	if err := s.Verify(key); err != nil {
		return Actor{}, unsigned("signature", err)
	}
	if first, err := d.first(r.Context(), &d.proved, "request "+s.Statement.From+" "+s.Statement.ID, now.Add(dpop.Life+dpop.Ahead), now); err != nil {
		return Actor{}, err
	} else if !first {
		return Actor{}, unsigned("replayed", nil)
	}
	if err := watchBody(r, s.Statement.Body); err != nil {
		return Actor{}, err
	}
	a.carried = &carried{request: s}
	return a, nil
}

// fits compares a signed request with the one that came and with its token.
func (d *Door) fits(s *proof.Request, r *http.Request, a Actor, now time.Time) error {
	at := time.UnixMilli(s.Time)
	who := proof.Actor{Kind: proof.ActorStaff, Organisation: a.organisation, Person: a.person, Name: a.name, Role: a.role, Unit: a.unit}
	switch {
	case s.Network != d.network || s.From != a.organisation || s.To != d.member:
		return unsigned("parties", errors.New("it is from, to or in another"))
	case s.Method != r.Method || s.Target != r.RequestURI:
		return unsigned("target", errors.New("it is of another request"))
	case s.Actor != who || s.Purpose != a.purpose || s.Consent != a.consent:
		return unsigned("person", errors.New("it vouches for another than the token"))
	case at.Before(now.Add(-dpop.Life)) || at.After(now.Add(dpop.Ahead)):
		return unsigned("time", errors.New("it is not of this minute"))
	}
	return nil
}

// keyAt returns the client key of a member at a height that is neither long past
// nor, after a short wait, beyond this hospital's own.
func (d *Door) keyAt(r *http.Request, id string, height uint64) ([]byte, error) {
	deadline := time.Now().Add(reachWithin)
	for d.book.Height() < height {
		if time.Now().After(deadline) {
			return nil, fault.New(fault.Busy, "ledger-behind", "this hospital's node has not yet seen the block that the request speaks of").WithHint("try again shortly")
		}
		if err := until(r.Context(), time.Now().Add(10*time.Millisecond)); err != nil {
			return nil, fault.As(err)
		}
	}
	m, found := d.book.Member(id)
	key, keyed := m.KeyAt(member.UseClient, max(1, height))
	switch {
	case !found || !m.Active || !keyed:
		return nil, unsigned("member", errors.New("no active member with a key at that height"))
	case height+heightSlack < d.book.Height() || d.passed(key):
		return nil, unsigned("height", errors.New("the height is long past"))
	}
	return key.Public, nil
}

// passed reports whether a key was followed by another so long ago that nobody
// uses it any more.
func (d *Door) passed(k member.Key) bool {
	if k.Until == 0 || d.book.Height() < k.Until {
		return false
	}
	at, reached, err := d.book.Reached(k.Until)
	return err != nil || reached && time.Since(time.UnixMilli(at)) > followedFor
}

// memberKeys returns the client keys of another active member that count at this
// height, or just about.
func (d *Door) memberKeys(id string) (out []member.Key) {
	m, found := d.book.Member(id)
	if !found || !m.Active || id == d.member {
		return nil
	}
	height := d.book.Height()
	for _, k := range m.Keys {
		if k.Use == member.UseClient && k.From <= height+heightSlack && (k.Until == 0 || height < k.Until+heightSlack) && !d.passed(k) {
			out = append(out, k)
		}
	}
	return out
}

func unsigned(code string, cause error) error {
	return fault.Wrap(fault.Unauthenticated, "request-"+code, "the request was not signed by the hospital that sends it: "+code, cause).
		WithHint("sign each request afresh with the organisation's client key, in the header " + RequestHeader)
}

// watchBody has the content of a request compared with its hash.
func watchBody(r *http.Request, want [32]byte) error {
	if r.Body == nil || r.Body == http.NoBody {
		if want != proof.BodyHash(nil) {
			return unsigned("body", nil)
		}
		return nil
	}
	r.Body = &watched{ReadCloser: r.Body, sum: sha256.New(), want: want}
	return nil
}

type watched struct {
	io.ReadCloser
	sum  hash.Hash
	want [32]byte
}

// Read gives an error in the place of the end of content that is not the one
// that was signed.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.sum.Write(p[:n])
	if errors.Is(err, io.EOF) && [32]byte(w.sum.Sum(nil)) != w.want {
		return n, unsigned("body", errors.New("the content is not the one that was signed"))
	}
	return n, err
}

// SlipURL returns how a slip is named in consent_reference: as the Consent of a
// custodian.
func SlipURL(custodian, commitment string) string { return custodian + "/fhir/Consent/" + commitment }

// slipOf reads a consent_reference: at most one, to a slip of this hospital.
func (d *Door) slipOf(references []string) (string, error) {
	if len(references) == 0 {
		return "", nil
	}
	commitment, ours := strings.CutPrefix(references[0], SlipURL(d.url, ""))
	raw, err := hex.DecodeString(commitment)
	if len(references) > 1 || !ours || err != nil || len(raw) != 32 || hex.EncodeToString(raw) != commitment {
		return "", denied("consent", errors.New("consent_reference is not one slip of this hospital"))
	}
	return commitment, nil
}
