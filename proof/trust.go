package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"cairn/ledger/calendar"
	"cairn/ledger/member"
)

// Limits of a trust file.
const (
	MaxTrustBytes   = 8 << 20
	MaxTrustMembers = member.MaxMembers
	maxName         = 1024
	maxVerifierKey  = 256
)

const (
	trustFormat  = "cairn/trust/v1"
	trustFormat2 = "cairn/trust/v2"
)

// Why cosignatures do not count. They are compared with errors.Is.
var (
	ErrUnknownSigner = errors.New("a cosignature by a key that the trust file does not name")
	ErrBadSignature  = errors.New("a cosignature that its key did not make")
	ErrOtherOrigin   = errors.New("a checkpoint of another log")
	ErrRetired       = errors.New("a cosignature by a key that had been followed by another")

	errTrust = errors.New("invalid trust file")
)

// Trust is whom a verifier believes: the content of network.json.
//
// Trust line: a verdict is worth as much as the way the trust file came. Who
// can replace it can make any statement verify; so people compare its
// [Trust.Fingerprint] over another channel.
//
// There are two formats. The first names one cosigning key for each member. The
// second names all that it ever had, or is to have, with the heights at which
// they count, and its client keys: what was signed with a key of the past still
// verifies.
type Trust struct {
	Format  int           // 1 or 2; 0 stands for 1
	Network string        // the network's name
	ID      [32]byte      // machine.Genesis.ID()
	Quorum  int           // how many members must have cosigned
	Members []Cosignatory // in strictly ascending order of ID
}

// Cosignatory is one member and the keys that it cosigns with.
type Cosignatory struct {
	ID   string
	Name string // for people
	Key  string // VerifierKey(KeyName(network, ID), public key); format 1 only

	// Format 2 only, in ascending order of heights.
	Cosign []Epoch // as Key
	Client []Epoch // base64 of the PKIX DER; may be none
}

// Epoch is a public key and the heights at which it counts: From and every later
// one below Until; Until 0 leaves the end open.
type Epoch struct {
	Key         string
	From, Until uint64
}

// Majority returns the smallest number that is more than two thirds of n.
func Majority(n int) int { return 2*n/3 + 1 }

// NewTrust makes a trust file of every active member of the book that has a
// cosigning key at this height. More than two thirds of them must cosign.
func NewTrust(id [32]byte, network string, book *member.Book, height uint64) (*Trust, error) {
	t := &Trust{Network: network, ID: id}
	for _, m := range book.All() {
		k, ok := m.KeyAt(member.UseCosign, height)
		if !m.Active || !ok {
			continue
		}
		key := VerifierKey(KeyName(network, m.ID), ed25519.PublicKey(k.Public))
		t.Members = append(t.Members, Cosignatory{ID: m.ID, Name: m.Name, Key: key})
	}
	t.Quorum = Majority(len(t.Members))
	if err := t.Check(); err != nil {
		return nil, err
	}
	return t, nil
}

// Check reports the first rule of the encoding that t breaks.
func (t *Trust) Check() error {
	switch {
	case t.Format < 0 || t.Format > 2:
		return fmt.Errorf("%w: format", errTrust)
	case !member.ValidID(t.Network):
		return fmt.Errorf("%w: network", errTrust)
	case len(t.Members) == 0 || len(t.Members) > MaxTrustMembers:
		return fmt.Errorf("%w: number of members", errTrust)
	case t.Quorum < 1 || t.Quorum > len(t.Members):
		return fmt.Errorf("%w: quorum", errTrust)
	}
	owners := make(map[[32]byte]bool, len(t.Members))
	for i, m := range t.Members {
		if i > 0 && t.Members[i-1].ID >= m.ID {
			return fmt.Errorf("%w: order of members", errTrust)
		}
		if t.Format == 2 {
			if err := t.checkEpochs(m, owners); err != nil {
				return fmt.Errorf("%w: member %d: %w", errTrust, i, err)
			}
			continue
		}
		pub, err := t.key(m)
		if err != nil {
			return fmt.Errorf("%w: member %d: %w", errTrust, i, err)
		}
		if owners[[32]byte(pub)] {
			return fmt.Errorf("%w: one key for two members", errTrust)
		}
		owners[[32]byte(pub)] = true
	}
	return nil
}

func named(m Cosignatory) bool {
	return member.ValidID(m.ID) && len(m.Name) <= maxName && utf8.ValidString(m.Name)
}

// key returns the public key of a member once all of its fields are in order.
func (t *Trust) key(m Cosignatory) (ed25519.PublicKey, error) {
	if !named(m) || len(m.Cosign)+len(m.Client) > 0 {
		return nil, errTrust
	}
	name, pub, err := ParseVerifierKey(m.Key)
	if err != nil {
		return nil, err
	}
	if name != KeyName(t.Network, m.ID) {
		return nil, errKey
	}
	return pub, nil
}

// Encode returns the one encoding of t: the bytes of network.json.
func (t *Trust) Encode() ([]byte, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	return t.append(nil), nil
}

func (t *Trust) append(b []byte) []byte {
	if t.Format == 2 {
		return t.append2(b)
	}
	b = quote(append(b, `{"format":"`+trustFormat+`","network":`...), t.Network)
	b = appendHash(append(b, `,"id":`...), t.ID)
	b = appendUint(append(b, `,"quorum":`...), uint64(t.Quorum))
	b = append(b, `,"members":[`...)
	for i, m := range t.Members {
		if i > 0 {
			b = append(b, ',')
		}
		b = quote(append(b, `{"id":`...), m.ID)
		b = quote(append(b, `,"name":`...), m.Name)
		b = quote(append(b, `,"key":`...), m.Key)
		b = append(b, '}')
	}
	return append(b, `]}`...)
}

// DecodeTrust reads network.json. For every x that it takes, Encode gives x
// again.
func DecodeTrust(raw []byte) (*Trust, error) {
	if len(raw) > MaxTrustBytes {
		return nil, fmt.Errorf("%w: too large", errTrust)
	}
	var t Trust
	s := scanner{in: raw}
	s.lit(`{"format":"`)
	cosignatory := s.cosignatory
	if s.next(trustFormat2 + `"`) {
		s.lit(trustFormat2)
		t.Format, cosignatory = 2, s.cosignatory2
	} else {
		s.lit(trustFormat)
	}
	s.lit(`","network":`)
	t.Network = s.str(maxName)
	s.lit(`,"id":`)
	t.ID = s.hash()
	s.lit(`,"quorum":`)
	t.Quorum = int(min(s.integer(), MaxTrustMembers+1))
	s.lit(`,"members":`)
	s.list(MaxTrustMembers, func() { t.Members = append(t.Members, cosignatory()) })
	s.lit("}")
	if err := s.done(); err != nil {
		return nil, fmt.Errorf("reading a trust file: %w", err)
	}
	if err := t.Check(); err != nil {
		return nil, err
	}
	return &t, nil
}

func (s *scanner) cosignatory() (m Cosignatory) {
	s.lit(`{"id":`)
	m.ID = s.str(maxName)
	s.lit(`,"name":`)
	m.Name = s.str(maxName)
	s.lit(`,"key":`)
	m.Key = s.str(maxVerifierKey)
	s.lit("}")
	return m
}

// Fingerprint returns the SHA-256 of the encoding: what sha256sum says of
// network.json. It refuses nothing; the fingerprint of a trust file that breaks
// a rule fits no bundle.
func (t *Trust) Fingerprint() [32]byte { return sha256.Sum256(t.append(nil)) }

// Grouped writes a hash for people to compare: sixteen groups of four digits.
func Grouped(h [32]byte) string {
	digits := hex.EncodeToString(h[:])
	var b strings.Builder
	for i := 0; i < len(digits); i += 4 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(digits[i : i+4])
	}
	return b.String()
}

// Member returns the member with this id.
func (t *Trust) Member(id string) (Cosignatory, bool) {
	at, found := slices.BinarySearchFunc(t.Members, id, func(m Cosignatory, id string) int { return strings.Compare(m.ID, id) })
	if !found {
		return Cosignatory{}, false
	}
	return t.Members[at], true
}

// Signers is SignersAt without a look at how long keys count.
func (t *Trust) Signers(c *Checkpoint) ([]string, error) { return t.SignersAt(c, 0) }

// SignersAt verifies every cosignature of a checkpoint of this network's
// calendar, which holds a block of this height, and returns the ids of the
// members that made them, in order. One that is unknown, false, or by a key that
// did not count any more makes it refuse all, with [ErrUnknownSigner],
// [ErrBadSignature] or [ErrRetired]. Whether they are enough is the caller's to
// ask (Quorum).
func (t *Trust) SignersAt(c *Checkpoint, height uint64) ([]string, error) {
	if c.Origin != calendar.Origin(t.Network) {
		return nil, ErrOtherOrigin
	}
	var ids []string
	for i := range c.Cosignatures {
		id, err := t.SignerAt(c, &c.Cosignatures[i], height)
		if err != nil {
			return nil, err
		}
		if len(ids) > 0 && ids[len(ids)-1] >= id {
			return nil, ErrBadSignature
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// Signer is SignerAt without a look at how long keys count.
func (t *Trust) Signer(c *Checkpoint, s *Cosignature) (string, error) { return t.SignerAt(c, s, 0) }

// SignerAt verifies one cosignature of a checkpoint that holds a block of this
// height, and returns the id of the member that made it. A key counts for what
// its member held before the next key began, and for nothing later; that it is
// younger than the block does no harm.
func (t *Trust) SignerAt(c *Checkpoint, s *Cosignature, height uint64) (string, error) {
	if c.Origin != calendar.Origin(t.Network) {
		return "", ErrOtherOrigin
	}
	id, ok := keyMember(t.Network, s.Name)
	if !ok {
		return "", ErrUnknownSigner
	}
	m, ok := t.Member(id)
	if !ok {
		return "", ErrUnknownSigner
	}
	err := ErrUnknownSigner
	for _, e := range m.cosign() {
		name, pub, bad := ParseVerifierKey(e.Key)
		if bad != nil || name != s.Name || keyHash(name, pub) != s.KeyHash {
			continue
		}
		switch {
		case !ed25519.Verify(pub, c.message(s.Time), s.Signature[:]):
			err = ErrBadSignature
		case e.Until != 0 && height >= e.Until:
			err = ErrRetired
		default:
			return id, nil
		}
	}
	return "", err
}

// cosign returns the keys of a member in either format.
func (m Cosignatory) cosign() []Epoch {
	if len(m.Cosign) > 0 {
		return m.Cosign
	}
	return []Epoch{{Key: m.Key}}
}
