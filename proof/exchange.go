package proof

import (
	"crypto"
	"crypto/sha256"
	"fmt"
	"unicode/utf8"

	"cairn/ledger/member"
)

// Types of statements.
const (
	typRequest         = "request"
	typAnswer          = "answer"
	typAcknowledgement = "acknowledgement"
)

// Limits of statements.
const (
	MaxTarget  = 8 << 10 // bytes of a request's path and query
	MaxEntries = 64      // log entries that an answer names
	maxField   = 256
)

// Party is who made a statement, to whom, when, and as of which height of the
// ledger: the key that the member book has for it at that height signed it.
type Party struct {
	Network [32]byte // machine.Genesis.ID()
	From    string   // member ids
	To      string
	Height  uint64
	Time    int64 // Unix milliseconds
}

// Request is what an asking organisation signs: one HTTP request and the person
// for whom it asks.
//
// Its encoding is canonical JSON with every field present in the order of the
// struct, led by "format":"cairn/request/v1".
type Request struct {
	Party
	ID      string // unique at From, [A-Za-z0-9.-]{1,64}; a UUID
	Method  string
	Target  string   // path and query as sent (RFC 9112 3.2.1)
	Body    [32]byte // SHA-256 of the content as sent, of nothing if there is none
	Actor   Actor    // whom From vouches for
	Purpose string   // v3-PurposeOfUse code
	Consent string   // commitment of the slip that From believes to act under, in hexadecimal; "" for none
}

// Entry names an entry of the log of whoever signs.
type Entry struct {
	Index uint64
	Event string   // the event's id
	Leaf  [32]byte // its blinded hash
}

// Answer is what an answering organisation signs: what it decided about a
// request and what it sent. The entries of its log say which records these were
// and by which rule.
type Answer struct {
	Party
	Request [32]byte // Signed.ID of the request
	Status  uint64   // HTTP status
	Rule    string   // code of the refusal, "" for none
	Body    [32]byte // SHA-256 of the content as sent, before any content coding
	Entries []Entry  // what the answer left in its log; none for a refusal, so that it tells nothing
}

// Acknowledgement is what an asking organisation signs when it has an answer
// and has logged it.
type Acknowledgement struct {
	Party
	Request [32]byte // Signed.ID of the request
	Answer  [32]byte // Signed.ID of the answer
	Entry   Entry    // in the log of From
}

// Signed is a statement with its signature.
type Signed[S any] struct {
	Statement S
	Text      string   // the compact JWS
	ID        [32]byte // SHA-256 of what was signed: the JWS without its signature

	signed signed
}

// Verify checks the signature by the client key that the member book has for
// the party From at the party's height: PKIX DER of a P-384 key. Whether that
// is the key, whether the parties are right and the time is, is the caller's to
// ask.
func (s *Signed[S]) Verify(public []byte) error { return s.signed.verify(public) }

// Sign signs the request with a P-384 key.
func (r Request) Sign(key crypto.Signer) (*Signed[Request], error) {
	return sign(typRequest, r, r.check, r.append, key)
}

// Sign signs the answer with a P-384 key.
func (a Answer) Sign(key crypto.Signer) (*Signed[Answer], error) {
	return sign(typAnswer, a, a.check, a.append, key)
}

// Sign signs the acknowledgement with a P-384 key.
func (a Acknowledgement) Sign(key crypto.Signer) (*Signed[Acknowledgement], error) {
	return sign(typAcknowledgement, a, a.check, a.append, key)
}

func sign[S any](typ string, statement S, check func() error, encode func([]byte) []byte, key crypto.Signer) (*Signed[S], error) {
	if err := check(); err != nil {
		return nil, fmt.Errorf("signing a %s: %w", typ, err)
	}
	text, err := signStatement(typ, encode(nil), key)
	if err != nil {
		return nil, err
	}
	read, err := parseSigned(typ, text)
	return &Signed[S]{Statement: statement, Text: text, ID: read.id, signed: read}, err
}

// ParseRequest reads a signed request in its one form and does not verify it.
func ParseRequest(text string) (*Signed[Request], error) {
	return parse(typRequest, text, (*scanner).request, func(r *Request) error { return r.check() })
}

// ParseAnswer reads a signed answer in its one form and does not verify it.
func ParseAnswer(text string) (*Signed[Answer], error) {
	return parse(typAnswer, text, (*scanner).answer, func(a *Answer) error { return a.check() })
}

// ParseAcknowledgement reads a signed acknowledgement in its one form and does
// not verify it.
func ParseAcknowledgement(text string) (*Signed[Acknowledgement], error) {
	return parse(typAcknowledgement, text, (*scanner).acknowledgement, func(a *Acknowledgement) error { return a.check() })
}

func parse[S any](typ, text string, read func(*scanner) S, check func(*S) error) (*Signed[S], error) {
	in, err := parseSigned(typ, text)
	if err != nil {
		return nil, err
	}
	s := scanner{in: in.payload}
	statement := read(&s)
	if err := s.done(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStatement, err)
	}
	if err := check(&statement); err != nil {
		return nil, err
	}
	return &Signed[S]{Statement: statement, Text: text, ID: in.id, signed: in}, nil
}

// BodyHash returns what a statement says of content.
func BodyHash(content []byte) [32]byte { return sha256.Sum256(content) }

func (p *Party) check() error {
	if !member.ValidID(p.From) || !member.ValidID(p.To) || p.Height > maxInteger || p.Time < 0 || p.Time > maxMillis {
		return fmt.Errorf("%w: parties", ErrStatement)
	}
	return nil
}

func (r Request) check() error {
	if err := r.Party.check(); err != nil {
		return err
	}
	method := within(r.Method, 16, func(c byte) bool { return isUpper(c) })
	target := within(r.Target, MaxTarget, func(c byte) bool { return c > ' ' && c < 0x7f })
	if !validID(r.ID) || !method || !target || r.Target[0] != '/' || r.Consent != "" && !isHex(r.Consent) {
		return fmt.Errorf("%w: request", ErrStatement)
	}
	a := &r.Actor
	return short(a.Kind, a.Organisation, a.Person, a.Name, a.Role, a.Unit, r.Purpose)
}

func (a Answer) check() error {
	if err := a.Party.check(); err != nil {
		return err
	}
	if a.Status < 100 || a.Status > 599 || len(a.Entries) > MaxEntries {
		return fmt.Errorf("%w: answer", ErrStatement)
	}
	for i := range a.Entries {
		if err := a.Entries[i].check(); err != nil {
			return err
		}
	}
	return short(a.Rule)
}

func (a Acknowledgement) check() error {
	if err := a.Party.check(); err != nil {
		return err
	}
	return a.Entry.check()
}

func (e *Entry) check() error {
	if e.Index > maxInteger || !validID(e.Event) {
		return fmt.Errorf("%w: entry", ErrStatement)
	}
	return nil
}

func short(texts ...string) error {
	for _, t := range texts {
		if len(t) > maxField || !utf8.ValidString(t) {
			return fmt.Errorf("%w: a text is too long or not UTF-8", ErrStatement)
		}
	}
	return nil
}

// isHex reports whether s is a hash in lower-case hexadecimal.
func isHex(s string) bool {
	return len(s) == 64 && within(s, 64, func(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' })
}

func (p *Party) append(b []byte, format string) []byte {
	b = append(b, `{"format":"cairn/`+format+`/v1","network":`...)
	b = appendHash(b, p.Network)
	b = quote(append(b, `,"from":`...), p.From)
	b = quote(append(b, `,"to":`...), p.To)
	b = appendUint(append(b, `,"height":`...), p.Height)
	return appendUint(append(b, `,"time":`...), uint64(p.Time)) //nolint:gosec // check refuses a negative time
}

func (s *scanner) party(format string) (p Party) {
	s.lit(`{"format":"cairn/` + format + `/v1","network":`)
	p.Network = s.hash()
	p.From = s.field("from")
	p.To = s.field("to")
	s.lit(`,"height":`)
	p.Height = s.integer()
	s.lit(`,"time":`)
	p.Time = int64(s.integer()) //nolint:gosec // at most 2^53-1
	return p
}

// field reads a field's name and its text.
func (s *scanner) field(name string) string {
	s.lit(`,"` + name + `":`)
	return s.str(MaxTarget)
}

func (r Request) append(b []byte) []byte {
	b = r.Party.append(b, typRequest)
	b = quote(append(b, `,"id":`...), r.ID)
	b = quote(append(b, `,"method":`...), r.Method)
	b = quote(append(b, `,"target":`...), r.Target)
	b = appendHash(append(b, `,"body":`...), r.Body)
	b = r.Actor.append(append(b, `,"actor":`...))
	b = quote(append(b, `,"purpose":`...), r.Purpose)
	b = quote(append(b, `,"consent":`...), r.Consent)
	return append(b, '}')
}

func (s *scanner) request() (r Request) {
	r.Party = s.party(typRequest)
	r.ID, r.Method, r.Target = s.field("id"), s.field("method"), s.field("target")
	s.lit(`,"body":`)
	r.Body = s.hash()
	s.lit(`,"actor":`)
	r.Actor = s.actor()
	r.Purpose, r.Consent = s.field("purpose"), s.field("consent")
	s.lit("}")
	return r
}

func (a Answer) append(b []byte) []byte {
	b = a.Party.append(b, typAnswer)
	b = appendHash(append(b, `,"request":`...), a.Request)
	b = appendUint(append(b, `,"status":`...), a.Status)
	b = quote(append(b, `,"rule":`...), a.Rule)
	b = appendHash(append(b, `,"body":`...), a.Body)
	b = appendItems(append(b, `,"entries":`...), len(a.Entries), func(b []byte, i int) []byte { return a.Entries[i].append(b) })
	return append(b, '}')
}

func (s *scanner) answer() (a Answer) {
	a.Party = s.party(typAnswer)
	s.lit(`,"request":`)
	a.Request = s.hash()
	s.lit(`,"status":`)
	a.Status = s.integer()
	a.Rule = s.field("rule")
	s.lit(`,"body":`)
	a.Body = s.hash()
	s.lit(`,"entries":`)
	s.list(MaxEntries, func() { a.Entries = append(a.Entries, s.entry()) })
	s.lit("}")
	return a
}

func (a Acknowledgement) append(b []byte) []byte {
	b = a.Party.append(b, typAcknowledgement)
	b = appendHash(append(b, `,"request":`...), a.Request)
	b = appendHash(append(b, `,"answer":`...), a.Answer)
	b = a.Entry.append(append(b, `,"entry":`...))
	return append(b, '}')
}

func (s *scanner) acknowledgement() (a Acknowledgement) {
	a.Party = s.party(typAcknowledgement)
	s.lit(`,"request":`)
	a.Request = s.hash()
	s.lit(`,"answer":`)
	a.Answer = s.hash()
	s.lit(`,"entry":`)
	a.Entry = s.entry()
	s.lit("}")
	return a
}

func (e *Entry) append(b []byte) []byte {
	b = appendUint(append(b, `{"index":`...), e.Index)
	b = quote(append(b, `,"event":`...), e.Event)
	b = appendHash(append(b, `,"leaf":`...), e.Leaf)
	return append(b, '}')
}

func (s *scanner) entry() (e Entry) {
	s.lit(`{"index":`)
	e.Index = s.integer()
	e.Event = s.field("event")
	s.lit(`,"leaf":`)
	e.Leaf = s.hash()
	s.lit("}")
	return e
}
