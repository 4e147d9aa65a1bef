package proof

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// MaxExchangeBytes is the largest file of an exchange.
const MaxExchangeBytes = 1 << 20

const (
	exchangeFamily       = "cairn/exchange/"
	exchangeFormat       = exchangeFamily + "v1"
	maxExchangeSentences = 32
)

// Exchange is a file with one request between two hospitals, as both signed it:
// the request of the one, the answer of the other, the acknowledgement of the
// first. It is checked with a trust file of the second format, which names the
// keys of hospitals with their heights; [Verify] takes it as it takes a bundle.
//
// What it proves is that each hospital signed its part. It does not hold what was
// sent, only its hash; that the log entries named are in the logs is what bundles
// prove.
type Exchange struct {
	Sentences       []string
	Network         Network
	Request         *Signed[Request]
	Answer          *Signed[Answer]          // nil if there is none
	Acknowledgement *Signed[Acknowledgement] // nil if there is none; needs Answer
}

var errExchange = errors.New("invalid exchange")

// AssembleExchange makes the file of an exchange for the holders of a trust file
// and writes its sentences. It refuses parts whose file would FAIL, with the code
// in the error.
func AssembleExchange(trust *Trust, request *Signed[Request], answer *Signed[Answer], acknowledgement *Signed[Acknowledgement]) (*Exchange, error) {
	e := &Exchange{Request: request, Answer: answer, Acknowledgement: acknowledgement}
	if request == nil {
		return nil, fmt.Errorf("assembling an exchange: %w: no request", errExchange)
	}
	e.Network = Network{Name: trust.Network, ID: trust.ID, Trust: trust.Edition(e.height())}
	e.Sentences = e.sentences()
	raw, err := e.Encode()
	if err != nil {
		return nil, fmt.Errorf("assembling an exchange: %w", err)
	}
	if v := Verify(raw, trust); v.Status == Fail {
		return nil, fmt.Errorf("assembling an exchange: %w: %s", ErrUnproven, v.Code)
	}
	return e, nil
}

// height returns the highest height that a part names.
func (e *Exchange) height() uint64 {
	height := e.Request.Statement.Height
	if e.Answer != nil {
		height = max(height, e.Answer.Statement.Height)
	}
	if e.Acknowledgement != nil {
		height = max(height, e.Acknowledgement.Statement.Height)
	}
	return height
}

func (e *Exchange) check() error {
	switch {
	case e.Request == nil || e.Answer == nil && e.Acknowledgement != nil:
		return fmt.Errorf("%w: a part is missing", errExchange)
	case len(e.Sentences) > maxExchangeSentences:
		return fmt.Errorf("%w: sentences", errExchange)
	}
	return nil
}

// Encode returns the one encoding of the file.
func (e *Exchange) Encode() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	out := e.append(nil)
	if len(out) > MaxExchangeBytes {
		return nil, fmt.Errorf("%w: too large", errExchange)
	}
	return out, nil
}

func (e *Exchange) append(out []byte) []byte {
	out = append(out, `{"format":"`+exchangeFormat+`","sentences":`...)
	out = appendItems(out, len(e.Sentences), func(out []byte, i int) []byte { return quote(out, e.Sentences[i]) })
	out = e.Network.append(append(out, `,"network":`...))
	out = quote(append(out, `,"request":`...), e.Request.Text)
	out = append(out, `,"answer":`...)
	if e.Answer == nil {
		out = append(out, "null"...)
	} else {
		out = quote(out, e.Answer.Text)
	}
	out = append(out, `,"acknowledgement":`...)
	if e.Acknowledgement == nil {
		out = append(out, "null"...)
	} else {
		out = quote(out, e.Acknowledgement.Text)
	}
	return append(out, '}')
}

// DecodeExchange reads the one encoding of a file; for every x that it takes,
// Encode gives x again. It proves nothing: ask [Verify].
func DecodeExchange(raw []byte) (*Exchange, error) {
	if len(raw) > MaxExchangeBytes {
		return nil, fmt.Errorf("%w: too large", errExchange)
	}
	s := scanner{in: raw}
	e := new(Exchange)
	s.lit(`{"format":"` + exchangeFormat + `","sentences":`)
	s.list(maxExchangeSentences, func() { e.Sentences = append(e.Sentences, s.str(MaxExchangeBytes)) })
	s.lit(`,"network":`)
	e.Network = s.network()
	e.Request = part(&s, "request", ParseRequest)
	e.Answer = part(&s, "answer", ParseAnswer)
	e.Acknowledgement = part(&s, "acknowledgement", ParseAcknowledgement)
	s.lit("}")
	if err := s.done(); err != nil {
		return nil, fmt.Errorf("reading an exchange: %w", err)
	}
	return e, e.check()
}

// part reads a signed statement, or null.
func part[S any](s *scanner, name string, read func(string) (*Signed[S], error)) *Signed[S] {
	s.lit(`,"` + name + `":`)
	if s.take("null") {
		return nil
	}
	signed, err := read(s.str(MaxSignedBytes))
	if err != nil {
		s.fail("a malformed " + name)
		return nil
	}
	return signed
}

// sentences say what the parts say, for people. They are part of the format.
func (e *Exchange) sentences() []string {
	r := &e.Request.Statement
	out := []string{r.From + " asked " + r.To + " on " + moment(r.Time) + "."}
	out = label(out, "Asked", r.Method+" "+r.Target)
	a := &r.Actor
	out = label(out, "For", joined(a.Name, a.Person, a.Role, a.Unit, a.Organisation, a.Kind))
	out = label(out, "Purpose", r.Purpose)
	out = label(out, "Consent", r.Consent)
	if e.Answer == nil {
		return append(out, "The answer of "+r.To+" is not in this file.", limitsOfExchange)
	}
	s := &e.Answer.Statement
	text := s.From + " answered on " + moment(s.Time) + " with the status " + decimal(s.Status)
	if s.Rule != "" {
		text += " and the rule " + visible(s.Rule)
	}
	out = append(out, text+"; what it sent has the fingerprint "+hexOf(s.Body)+".")
	if n := len(s.Entries); n > 0 {
		names := make([]string, n)
		for i := range s.Entries {
			names[i] = decimal(s.Entries[i].Index)
		}
		out = append(out, "It stands in the log of "+s.From+" as entry "+joined(names...)+", counted from 0.")
	}
	if e.Acknowledgement == nil {
		return append(out, r.From+" did not acknowledge the answer in this file.", limitsOfExchange)
	}
	k := &e.Acknowledgement.Statement
	return append(out, k.From+" acknowledged the answer on "+moment(k.Time)+"; it stands in the log of "+k.From+" as entry "+
		decimal(k.Entry.Index)+", counted from 0.", limitsOfExchange)
}

const limitsOfExchange = "This does not prove that what was answered is complete, or when a hospital signed other than by its own word."

// exchangeSteps are the checks of an exchange, in order.
func (v *verification) exchangeSteps() []check {
	return []check{
		{StepFile, v.exchangeFile},
		{StepHalves, v.halves},
		{StepSignatures, v.signatures},
	}
}

func (v *verification) exchangeFile(raw []byte) (Code, string) {
	if len(raw) > MaxExchangeBytes {
		return CodeTooLarge, ""
	}
	if formatOf(raw) != exchangeFormat {
		return CodeUnknownFormat, ""
	}
	e, err := DecodeExchange(raw)
	if err != nil || !bytes.Equal(e.append(make([]byte, 0, len(raw))), raw) {
		return CodeAlteredText, ""
	}
	if !slices.Equal(e.Sentences, e.sentences()) {
		return CodeAlteredSentence, ""
	}
	v.exchange, v.sentences = e, e.Sentences
	return "", "The file is in the one form that an exchange has, and its sentences follow from its contents."
}

// halves checks that the parts are of one exchange.
func (v *verification) halves([]byte) (Code, string) {
	e := v.exchange
	r := &e.Request.Statement
	if r.Network != e.Network.ID {
		return CodeOtherNetwork, ""
	}
	if r.From == r.To {
		return CodeOtherHalf, ""
	}
	if e.Answer != nil {
		a := &e.Answer.Statement
		if a.Network != r.Network || a.From != r.To || a.To != r.From || a.Request != e.Request.ID {
			return CodeOtherHalf, ""
		}
	}
	if e.Acknowledgement != nil {
		k := &e.Acknowledgement.Statement
		if k.Network != r.Network || k.From != r.From || k.To != r.To || k.Request != e.Request.ID || k.Answer != e.Answer.ID {
			return CodeOtherHalf, ""
		}
	}
	return "", "The parts of the file belong to one request."
}

// signatures checks each part with the key that the trust file has for its
// hospital at the height that it names.
func (v *verification) signatures([]byte) (Code, string) {
	e, t := v.exchange, v.trust
	switch {
	case t == nil:
		return CodeNoTrust, ""
	case t.Check() != nil:
		return CodeTrustUnusable, ""
	case t.ID != e.Network.ID || t.Network != e.Network.Name:
		return CodeOtherNetwork, ""
	case t.Format != 2:
		return CodeNoClientKeys, ""
	case !t.Knows(e.Network.Trust):
		return CodeOtherTrust, ""
	}
	code := madeBy(t, e.Request, e.Request.Statement.Party)
	if code == "" && e.Answer != nil {
		code = madeBy(t, e.Answer, e.Answer.Statement.Party)
	}
	if code == "" && e.Acknowledgement != nil {
		code = madeBy(t, e.Acknowledgement, e.Acknowledgement.Statement.Party)
	}
	r := &e.Request.Statement
	switch {
	case code != "":
		return code, ""
	case e.Acknowledgement == nil:
		return CodeOneSided, ""
	}
	return "", "Both have signed for it with their keys of then: " + r.From + " what it asked and that it has the answer, " + r.To + " what it answered."
}

// madeBy says why a statement is not that of its party, "" if it is.
func madeBy[S any](t *Trust, s *Signed[S], p Party) Code {
	key, found := t.ClientKey(p.From, max(1, p.Height))
	switch {
	case !found:
		return CodeUnknownSigner
	case s.Verify(key) == nil:
		return ""
	}
	m, _ := t.Member(p.From)
	for _, c := range m.Client {
		followed, err := decodeBase64([]byte(c.Key))
		if err == nil && c.Until != 0 && c.Until <= p.Height && s.Verify(followed) == nil {
			return CodeRetiredKey
		}
	}
	return CodeBadSignature
}
