package proof

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"cairn/ledger/calendar"
	"cairn/ledger/machine"
)

// Verify checks a bundle against a trust file, which may be nil. It says OK
// only when every byte of the bundle is accounted for, every part leads to the
// next, every cosignature is good and made by a member that the trust file
// names, and as many members as it asks for have made one.
//
// The file of an [Exchange] is checked likewise: it says OK only when its parts
// are of one request, each is signed by its hospital with the key that the trust
// file has for it at that height, and none is missing.
//
// It takes any bytes, does not panic and needs memory in proportion to them.
func Verify(bundle []byte, trust *Trust) Verdict {
	v := &verification{trust: trust}
	steps := v.steps()
	if strings.HasPrefix(formatOf(bundle), exchangeFamily) {
		steps = v.exchangeSteps()
	}
	for _, step := range steps {
		if v.out.Code == "" {
			v.run(step.name, step.check, bundle)
			continue
		}
		v.out.Steps = append(v.out.Steps, Step{Name: step.name, Text: "Not checked."})
	}
	return v.finish()
}

// VerifyText checks the text of a bundle against the text of a trust file; an
// empty one means that there is none.
func VerifyText(bundle, trust []byte) Verdict {
	if len(trust) == 0 {
		return Verify(bundle, nil)
	}
	t, err := DecodeTrust(trust)
	if err == nil {
		return Verify(bundle, t)
	}
	v := Verify(bundle, nil)
	if v.Code == CodeNoTrust {
		v.Code, v.Sentence = CodeTrustUnusable, reasons[CodeTrustUnusable]
		v.Steps[len(v.Steps)-1].Text = v.Sentence
	}
	return v
}

type verification struct {
	trust     *Trust
	bundle    *Bundle
	exchange  *Exchange // of one of the two
	sentences []string
	out       Verdict
}

type check struct {
	name  string
	check func(raw []byte) (Code, string)
}

// steps returns the checks in order. A check returns a code, which ends the
// verification, or a text about what holds.
func (v *verification) steps() []check {
	return []check{
		{StepFile, v.file},
		{StepFingerprint, v.fingerprint},
		{StepLog, v.log},
		{StepLedger, v.ledger},
		{StepWitnesses, v.witnesses},
	}
}

func (v *verification) run(name string, check func([]byte) (Code, string), raw []byte) {
	code, text := check(raw)
	if code != "" {
		v.out.Code, text = code, reasons[code]
	}
	v.out.Steps = append(v.out.Steps, Step{Name: name, OK: code == "", Checked: true, Text: text})
}

func (v *verification) finish() Verdict {
	switch v.out.Code {
	case "":
		v.out.Status, v.out.Code = OK, CodeOK
		v.out.Sentence = v.sentences[0] + " " + v.out.Steps[len(v.out.Steps)-1].Text
		return v.out
	case CodeNoTrust, CodeTrustUnusable, CodeOtherTrust, CodeNoQuorum, CodeUnknownFormat, CodeNoClientKeys, CodeOneSided:
		v.out.Status = Inconclusive
	default:
		v.out.Status = Fail
	}
	v.out.Sentence = reasons[v.out.Code]
	return v.out
}

func (v *verification) file(raw []byte) (Code, string) {
	if len(raw) > MaxBundleBytes {
		return CodeTooLarge, ""
	}
	if code := family(raw); code != "" {
		return code, ""
	}
	b, err := Decode(raw)
	if err != nil || !bytes.Equal(b.append(make([]byte, 0, len(raw))), raw) {
		return CodeAlteredText, ""
	}
	if b.Statement != b.statement() || !slices.Equal(b.Sentences, b.sentences()) {
		return CodeAlteredSentence, ""
	}
	v.bundle, v.sentences = b, b.Sentences
	return "", "The file is in the one form that a proof has, and its sentences follow from its contents."
}

// family tells a bundle of this format from one of another and from anything
// else.
func family(raw []byte) Code {
	format := formatOf(raw)
	switch {
	case len(format) <= len(formatFamily) || format[:len(formatFamily)] != formatFamily:
		return CodeNotABundle
	case format != bundleFormat:
		return CodeUnknownFormat
	}
	return ""
}

// formatOf returns the format that a file says it has, "" if it says none.
func formatOf(raw []byte) string {
	s := scanner{in: raw}
	s.lit(`{"format":`)
	format := s.str(64)
	if s.err != nil {
		return ""
	}
	return format
}

// Sentences returns what a bundle or the file of an exchange says to people. It
// proves nothing: ask [Verify].
func Sentences(raw []byte) []string {
	if strings.HasPrefix(formatOf(raw), exchangeFamily) {
		if e, err := DecodeExchange(raw); err == nil {
			return e.Sentences
		}
		return nil
	}
	if b, err := Decode(raw); err == nil {
		return b.Sentences
	}
	return nil
}

func (v *verification) fingerprint([]byte) (Code, string) {
	e := v.bundle.Event
	if e == nil {
		return "", "No event is shown; its blinded hash stands for it."
	}
	raw := e.Content.append(nil)
	if Leaf(e.Salt, e.Content.Kind, e.Content.ID, raw) != v.bundle.Log.Leaf {
		return CodeAlteredEvent, ""
	}
	for _, r := range v.bundle.Records {
		said := e.Content.Records[r.At]
		if Commitment(r.Salt, said.Type, said.ID, said.Version, r.Content) != said.Commitment {
			return CodeAlteredRecord, ""
		}
	}
	if len(v.bundle.Records) > 0 {
		return "", "The event and the record shown have the fingerprints that were logged."
	}
	return "", "The event shown has the fingerprint that was logged."
}

func (v *verification) log([]byte) (Code, string) {
	b := v.bundle
	if b.Log == nil {
		return "", "No entry of a log is part of this proof."
	}
	entry := &b.Seal.Entry
	if b.Event != nil && b.Event.Content.Member != entry.Member {
		return CodeOtherMember, ""
	}
	if !stands(b.Log.Path, entry.Size, entry.Root, b.Log.Index, tlog.RecordHash(b.Log.Leaf[:])) {
		return CodeNotInLog, ""
	}
	return "", "The entry stands in the log of " + entry.Member + "."
}

// stands checks an audit path (RFC 6962 2.1.1). The numbers are at most
// maxInteger, which the decoder saw to.
func stands(path [][32]byte, size uint64, root [32]byte, index uint64, leaf tlog.Hash) bool {
	return tlog.CheckRecord(recordProof(path), int64(size), root, int64(index), leaf) == nil //nolint:gosec // see above
}

func (v *verification) ledger([]byte) (Code, string) {
	b := v.bundle
	if b.Seal != nil && b.Seal.Proof.Verify(b.Books.Seals, b.Seal.Entry) != nil {
		return CodeNotSealed, ""
	}
	for i := range b.Marks {
		m := &b.Marks[i]
		height, present, err := m.Proof.Verify(b.Books.Register, m.Image)
		if err != nil || present != m.Present || height != m.Height {
			return CodeMarkUnproven, ""
		}
	}
	c := b.Checkpoint
	if c.Origin != calendar.Origin(b.Network.Name) {
		return CodeOtherCalendar, ""
	}
	leaf := calendar.Leaf{
		Height: b.Calendar.Height, Time: b.Calendar.Time,
		Books: machine.BooksRoot(b.Books.Members, b.Books.Register, b.Books.Seals),
	}
	if !stands(b.Calendar.Path, c.Size, c.Root, b.Calendar.Index, leaf.Hash()) {
		return CodeNotInCalendar, ""
	}
	return "", "The ledger held this in block " + decimal(leaf.Height) + ", on " + moment(leaf.Time) + "."
}

func (v *verification) witnesses([]byte) (Code, string) {
	b, t := v.bundle, v.trust
	switch {
	case t == nil:
		return CodeNoTrust, ""
	case t.Check() != nil:
		return CodeTrustUnusable, ""
	case t.ID != b.Network.ID || t.Network != b.Network.Name:
		return CodeOtherNetwork, ""
	}
	signers, err := t.SignersAt(b.Checkpoint, b.Calendar.Height)
	switch {
	case !t.Knows(b.Network.Trust):
		return v.otherTrust(err), ""
	case errors.Is(err, ErrUnknownSigner):
		return CodeUnknownSigner, ""
	case errors.Is(err, ErrRetired):
		return CodeRetiredKey, ""
	case err != nil:
		return CodeBadSignature, ""
	case len(signers) < t.Quorum:
		return CodeNoQuorum, ""
	}
	return "", decimal(uint64(len(signers))) + " of " + decimal(uint64(len(t.Members))) + " members of the network " +
		t.Network + " have signed for it, and " + decimal(uint64(t.Quorum)) + " must."
}

// otherTrust judges a bundle that was made for another edition of the trust
// file: a false signature by a key known to both is wrong all the same.
func (v *verification) otherTrust(err error) Code {
	if errors.Is(err, ErrBadSignature) {
		return CodeBadSignature
	}
	return CodeOtherTrust
}
