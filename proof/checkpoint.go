package proof

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"cairn/ledger/member"
)

// Limits of a checkpoint note.
const (
	MaxCosignatures    = 1024
	MaxCheckpointBytes = 512 << 10
)

const (
	algCosignatureV1 = 4 // C2SP tlog-cosignature: Ed25519 with a timestamp
	signaturePrefix  = "— "
	maxOrigin        = 128
	maxKeyName       = 128
)

var (
	errCheckpoint = errors.New("malformed checkpoint")
	errKey        = errors.New("malformed verifier key")
)

// Checkpoint is a C2SP tlog-checkpoint: the size and root of a log, and who
// cosigned them. The calendar's origin is [calendar.Origin].
//
// The calendar has no key of its own: the members agree on it block by block,
// and each cosigns what it holds. So a checkpoint carries cosignatures only.
type Checkpoint struct {
	Origin       string
	Size         uint64
	Root         [32]byte
	Cosignatures []Cosignature // in strictly ascending order of Name
}

// Cosignature is one C2SP tlog-cosignature (cosignature/v1, Ed25519) of a
// checkpoint.
type Cosignature struct {
	Name      string // of the key, see KeyName
	KeyHash   uint32 // C2SP signed-note key id
	Time      uint64 // Unix seconds at which it was made, by the cosigner's clock; after 1970, before 10000
	Signature [64]byte
}

// Text returns what is cosigned: origin, size and root, each on a line.
func (c *Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatUint(c.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
}

// Encode returns the signed note: the text, an empty line, and one line per
// cosignature in the order of their names.
func (c *Checkpoint) Encode() []byte {
	out := append([]byte(c.Text()), '\n')
	for i := range c.Cosignatures {
		out = append(out, c.Cosignatures[i].Line()...)
	}
	return out
}

// Line returns the cosignature as a line of a signed note, with its line break.
func (s *Cosignature) Line() string {
	raw := make([]byte, 0, 76)
	raw = binary.BigEndian.AppendUint32(raw, s.KeyHash)
	raw = binary.BigEndian.AppendUint64(raw, s.Time)
	raw = append(raw, s.Signature[:]...)
	return signaturePrefix + s.Name + " " + base64.StdEncoding.EncodeToString(raw) + "\n"
}

// message returns the bytes that a cosignature of this time signs.
func (c *Checkpoint) message(seconds uint64) []byte {
	return []byte("cosignature/v1\ntime " + strconv.FormatUint(seconds, 10) + "\n" + c.Text())
}

// Add puts a cosignature in its place; one of the same name gives way. It
// verifies nothing: ask [Trust.Signers].
func (c *Checkpoint) Add(s Cosignature) {
	at := 0
	for at < len(c.Cosignatures) && c.Cosignatures[at].Name < s.Name {
		at++
	}
	if at < len(c.Cosignatures) && c.Cosignatures[at].Name == s.Name {
		c.Cosignatures[at] = s
		return
	}
	c.Cosignatures = append(c.Cosignatures, Cosignature{})
	copy(c.Cosignatures[at+1:], c.Cosignatures[at:])
	c.Cosignatures[at] = s
}

// ParseCheckpoint reads a signed note in its one encoding. Extension lines,
// other signature types, two cosignatures of one name and names out of order
// are refused. It verifies no signature: ask [Trust.Signers].
func ParseCheckpoint(note []byte) (*Checkpoint, error) {
	if len(note) > MaxCheckpointBytes {
		return nil, fmt.Errorf("%w: too large", errCheckpoint)
	}
	lines := strings.Split(string(note), "\n")
	if len(lines) < 5 || lines[3] != "" || lines[len(lines)-1] != "" {
		return nil, fmt.Errorf("%w: lines", errCheckpoint)
	}
	c, err := parseBody(lines[:3])
	if err != nil {
		return nil, err
	}
	signatures := lines[4 : len(lines)-1]
	if len(signatures) > MaxCosignatures {
		return nil, fmt.Errorf("%w: too many cosignatures", errCheckpoint)
	}
	for _, line := range signatures {
		s, err := parseLine(line)
		if err != nil {
			return nil, err
		}
		if n := len(c.Cosignatures); n > 0 && c.Cosignatures[n-1].Name >= s.Name {
			return nil, fmt.Errorf("%w: order of cosignatures", errCheckpoint)
		}
		c.Cosignatures = append(c.Cosignatures, s)
	}
	if !bytes.Equal(c.Encode(), note) {
		return nil, fmt.Errorf("%w: %w", errCheckpoint, errCanonical)
	}
	return c, nil
}

func parseBody(lines []string) (*Checkpoint, error) {
	size, err := strconv.ParseUint(lines[1], 10, 64)
	if err != nil || size > maxInteger {
		return nil, fmt.Errorf("%w: size", errCheckpoint)
	}
	root, err := decodeBase64([]byte(lines[2]))
	if err != nil || len(root) != 32 {
		return nil, fmt.Errorf("%w: root", errCheckpoint)
	}
	if !within(lines[0], maxOrigin, isName) {
		return nil, fmt.Errorf("%w: origin", errCheckpoint)
	}
	return &Checkpoint{Origin: lines[0], Size: size, Root: [32]byte(root)}, nil
}

// ParseCosignature reads one signature line, with its line break.
func ParseCosignature(line string) (Cosignature, error) {
	text, ok := strings.CutSuffix(line, "\n")
	if !ok {
		return Cosignature{}, fmt.Errorf("%w: a cosignature without its line break", errCheckpoint)
	}
	return parseLine(text)
}

func parseLine(line string) (Cosignature, error) {
	rest, ok := strings.CutPrefix(line, signaturePrefix)
	name, text, ok2 := strings.Cut(rest, " ")
	raw, err := decodeBase64([]byte(text))
	if !ok || !ok2 || err != nil || len(raw) != 76 || !within(name, maxKeyName, isName) {
		return Cosignature{}, fmt.Errorf("%w: cosignature", errCheckpoint)
	}
	s := Cosignature{
		Name:      name,
		KeyHash:   binary.BigEndian.Uint32(raw),
		Time:      binary.BigEndian.Uint64(raw[4:]),
		Signature: [64]byte(raw[12:]),
	}
	if s.Time == 0 || s.Time > maxSeconds {
		return Cosignature{}, fmt.Errorf("%w: time of a cosignature", errCheckpoint)
	}
	return s, nil
}

// isName reports whether c may stand in the name of a key or of a log.
func isName(c byte) bool {
	return isLower(c) || isUpper(c) || isDigit(c) || c == '-' || c == '.' || c == '_' || c == '/'
}

// KeyName returns the name of a member's cosigning key: cairn/<network>/<member>.
func KeyName(network, member string) string { return "cairn/" + network + "/" + member }

// keyMember is the inverse of KeyName.
func keyMember(network, name string) (string, bool) {
	id, ok := strings.CutPrefix(name, "cairn/"+network+"/")
	return id, ok && member.ValidID(id)
}

// keyHash is the C2SP signed-note key id of a cosignature/v1 key: the first
// four bytes of SHA-256(name || 0x0A || 0x04 || public key).
func keyHash(name string, pub ed25519.PublicKey) uint32 {
	sum := sha256.Sum256(append(append([]byte(name), '\n', algCosignatureV1), pub...))
	return binary.BigEndian.Uint32(sum[:])
}

// VerifierKey returns a cosigning key's public half in the C2SP form
// name+hash+base64(0x04 || key).
func VerifierKey(name string, pub ed25519.PublicKey) string {
	key := append([]byte{algCosignatureV1}, pub...)
	return fmt.Sprintf("%s+%08x+%s", name, keyHash(name, pub), base64.StdEncoding.EncodeToString(key))
}

// ParseVerifierKey reads what [VerifierKey] writes and nothing else.
func ParseVerifierKey(vkey string) (name string, pub ed25519.PublicKey, err error) {
	name, rest, _ := strings.Cut(vkey, "+")
	_, text, _ := strings.Cut(rest, "+")
	raw, err := decodeBase64([]byte(text))
	if err != nil || len(raw) != 1+ed25519.PublicKeySize || !within(name, maxKeyName, isName) {
		return "", nil, errKey
	}
	pub = raw[1:]
	if VerifierKey(name, pub) != vkey {
		return "", nil, errKey
	}
	return name, pub, nil
}

// Cosigner makes cosignatures with one key. It holds no clock: the caller says
// when.
//
// A cosigner speaks for a member: whoever holds one must cosign only what
// extends everything that the member cosigned before.
type Cosigner struct {
	name string
	key  crypto.Signer
	pub  ed25519.PublicKey
}

// NewCosigner takes the key's name ([KeyName]) and its private half, an
// ed25519.PrivateKey or anything that signs as one does.
func NewCosigner(name string, key crypto.Signer) (*Cosigner, error) {
	pub, ok := key.Public().(ed25519.PublicKey)
	if !ok || !within(name, maxKeyName, isName) {
		return nil, fmt.Errorf("cosigner %q: %w", name, errKey)
	}
	return &Cosigner{name: name, key: key, pub: pub}, nil
}

// VerifierKey returns the public half, for a trust file.
func (c *Cosigner) VerifierKey() string { return VerifierKey(c.name, c.pub) }

// Cosign signs a checkpoint as of a time in Unix seconds. It does not add the
// cosignature to the checkpoint.
func (c *Cosigner) Cosign(cp *Checkpoint, seconds uint64) (Cosignature, error) {
	if seconds == 0 || seconds > maxSeconds {
		return Cosignature{}, fmt.Errorf("cosigning checkpoint %d: %w: time", cp.Size, errCheckpoint)
	}
	raw, err := c.key.Sign(nil, cp.message(seconds), crypto.Hash(0))
	if err != nil || len(raw) != ed25519.SignatureSize {
		return Cosignature{}, fmt.Errorf("cosigning checkpoint %d: %w", cp.Size, errors.Join(err, errKey))
	}
	return Cosignature{Name: c.name, KeyHash: keyHash(c.name, c.pub), Time: seconds, Signature: [64]byte(raw)}, nil
}
