// Package erasure is what a patient signs to have one custodian erase all that
// it holds about her, and what the custodian says in its log when it has.
//
// A Request names her as that custodian knows her, and has a salt, so that its
// hash, by which the custodian's log and everybody else name it, says nothing
// about her to who does not have the request. A Statement says nothing about
// anyone.
package erasure

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Request is what the patient's passkey signs: the challenge is its ID.
type Request struct {
	Network   [32]byte // the ledger on which it counts
	Custodian string   // member id of the hospital that it is for
	Subject   string   // the patient as that hospital knows her
	TextHash  [32]byte // SHA-256 of the text that she was shown; see Text
	Salt      [32]byte // Act.Salt, or fresh and random
	IssuedAt  int64    // Unix milliseconds
}

// ErrForm is returned for what does not have its one form.
var ErrForm = errors.New("erasure: a part is missing, too long or does not have its one form")

const (
	magic      = "cairn/erasure/v1\x00"
	saltDomain = "cairn/erasure/salt/v1\x00"
	maxMember  = 32
	maxSubject = 128
	// MaxCustodians bounds an act.
	MaxCustodians = 256
	// MaxRequest bounds an encoding, in bytes.
	MaxRequest = len(magic) + 3*32 + 2*4 + maxMember + maxSubject + 8
)

// Encode returns the one encoding: a magic, then the fields in their order;
// hashes as they are, the integer in 8 bytes big-endian, texts after a length of
// 4 bytes.
func (r *Request) Encode() []byte {
	out := append([]byte(magic), r.Network[:]...)
	out = part(part(out, r.Custodian), r.Subject)
	out = append(append(out, r.TextHash[:]...), r.Salt[:]...)
	return binary.BigEndian.AppendUint64(out, uint64(r.IssuedAt)) //nolint:gosec // Decode takes none that is negative
}

func part(out []byte, p string) []byte {
	return append(binary.BigEndian.AppendUint32(out, uint32(len(p))), p...) //nolint:gosec // at most MaxRequest
}

// Decode reads exactly what Encode gives for a request of the right form.
func Decode(p []byte) (*Request, error) {
	if len(p) > MaxRequest || !bytes.HasPrefix(p, []byte(magic)) {
		return nil, ErrForm
	}
	r := reader{rest: p[len(magic):]}
	out := &Request{Network: r.hash(), Custodian: r.part(maxMember), Subject: r.part(maxSubject), TextHash: r.hash(), Salt: r.hash(), IssuedAt: r.integer()}
	if r.bad || len(r.rest) > 0 || out.Custodian == "" || out.Subject == "" || out.IssuedAt < 0 || !utf8.ValidString(out.Custodian+out.Subject) {
		return nil, ErrForm
	}
	return out, nil
}

// reader takes an encoding apart; once something is bad, all is zero.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.rest) {
		r.bad = true
		return make([]byte, min(n, 32))
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *reader) hash() [32]byte { return [32]byte(r.take(32)) }

func (r *reader) integer() int64 { return int64(binary.BigEndian.Uint64(r.take(8))) } //nolint:gosec // Decode refuses the negative

func (r *reader) part(most uint32) string {
	n := binary.BigEndian.Uint32(r.take(4))
	if n > most {
		r.bad = true
		return ""
	}
	return string(r.take(int(n)))
}

// ID is the SHA-256 of the encoding: what the passkey signs, and what the
// custodian's log names the request by.
func (r *Request) ID() [32]byte { return sha256.Sum256(r.Encode()) }

// Text is what the patient is shown before she signs. custodian is the hospital's
// name.
func Text(custodian string) string {
	return "I ask " + custodian + " to erase everything that it holds about me: my records with all their versions, what they are found by, " +
		"my consents, my passkeys and what its log says about me. Nobody can bring it back, and I cannot sign in there any more. " +
		"What it has handed to others stays with them. Its log keeps the fingerprints of its entries, which say nothing about me."
}

// Act is one wish to be erased at several custodians. Who has the secret can show
// that their requests belong together, and how many there were; a custodian sees
// only its own request, in which the salt is like any other.
type Act struct {
	Secret     [32]byte
	Custodians []string // strictly ascending
}

// Salt returns the salt of the request to a custodian: HMAC-SHA-256(Secret,
// domain || 0x00 after each custodian's id || 0x00 || the custodian's id).
func (a *Act) Salt(custodian string) (out [32]byte) {
	mac := hmac.New(sha256.New, a.Secret[:])
	mac.Write([]byte(saltDomain))
	for _, c := range a.Custodians {
		mac.Write([]byte(c + "\x00"))
	}
	mac.Write([]byte("\x00" + custodian))
	mac.Sum(out[:0])
	return out
}

// Statement is what a custodian says in its log when it has erased: the detail of
// the event.
type Statement struct {
	Image    [32]byte // of the mark that keeps the erased from coming back
	Records  uint64
	Versions uint64   // of them
	Entries  uint64   // of the log that have only their leaves left
	List     [32]byte // SHA-256 of their indexes: of each the distance to the one before, as a varint
	Exports  uint64   // files for others that were destroyed, because they could hold something of hers
	Backups  string   // YYYY-MM-DD: from this day on the hospital has no backup from before
}

// String returns the one text of a statement.
func (s *Statement) String() string {
	return fmt.Sprintf(statementForm, hex.EncodeToString(s.Image[:]), s.Records, s.Versions, s.Entries, hex.EncodeToString(s.List[:]), s.Exports, s.Backups)
}

const statementForm = "mark %s; records %d; versions %d; log entries %d, %s; exports %d; no backup from before is left from %s on"

// ParseStatement reads exactly what String gives.
func ParseStatement(text string) (*Statement, error) {
	var s Statement
	var image, list string
	if len(text) > 512 {
		return nil, ErrForm
	}
	spaced := strings.NewReplacer(";", " ;", ",", " ,")
	_, err := fmt.Sscanf(spaced.Replace(text), spaced.Replace(statementForm), &image, &s.Records, &s.Versions, &s.Entries, &list, &s.Exports, &s.Backups)
	if err != nil || !hash(&s.Image, image) || !hash(&s.List, list) || s.String() != text {
		return nil, ErrForm
	}
	return &s, nil
}

func hash(to *[32]byte, text string) bool {
	raw, err := hex.DecodeString(text)
	return err == nil && copy(to[:], raw) == len(to) && len(raw) == len(to)
}
