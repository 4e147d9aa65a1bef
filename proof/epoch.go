package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"cairn/ledger/member"
)

// What is here is the second format of trust files: keys with the heights at
// which they count.

// maxEpochs is how many keys of one use a member may have.
const maxEpochs = 256

const editionDomain = "cairn/trust/edition/v1\x00"

// NewLasting makes a trust file of the second format, of every active member of
// the book that has a cosigning key, with all that it ever had or is known to
// have. More than two thirds of them must cosign.
func NewLasting(id [32]byte, network string, book *member.Book) (*Trust, error) {
	t := &Trust{Format: 2, Network: network, ID: id}
	for _, m := range book.All() {
		c := Cosignatory{ID: m.ID, Name: m.Name}
		name := KeyName(network, m.ID)
		for _, k := range m.Keys {
			e := Epoch{From: k.From, Until: k.Until}
			switch k.Use {
			case member.UseCosign:
				e.Key = VerifierKey(name, ed25519.PublicKey(k.Public))
				c.Cosign = append(c.Cosign, e)
			case member.UseClient:
				e.Key = base64.StdEncoding.EncodeToString(k.Public)
				c.Client = append(c.Client, e)
			case member.UseSeal, member.UseValidator: // the ledger checks these
			}
		}
		if !m.Active || len(c.Cosign) == 0 {
			continue
		}
		slices.SortFunc(c.Cosign, byHeight)
		slices.SortFunc(c.Client, byHeight)
		t.Members = append(t.Members, c)
	}
	t.Quorum = Majority(len(t.Members))
	if err := t.Check(); err != nil {
		return nil, err
	}
	return t, nil
}

func byHeight(a, b Epoch) int {
	if a.From < b.From {
		return -1
	}
	return 1
}

// checkEpochs checks a member of the second format and notes its cosigning keys.
func (t *Trust) checkEpochs(m Cosignatory, owners map[[32]byte]bool) error {
	if !named(m) || m.Key != "" || len(m.Cosign) == 0 || len(m.Cosign) > maxEpochs || len(m.Client) > maxEpochs {
		return errTrust
	}
	for _, e := range m.Cosign {
		name, pub, err := ParseVerifierKey(e.Key)
		if err != nil || name != KeyName(t.Network, m.ID) {
			return errKey
		}
		if owners[[32]byte(pub)] {
			return fmt.Errorf("%w: a key that stands twice", errKey)
		}
		owners[[32]byte(pub)] = true
	}
	for _, e := range m.Client {
		public, err := decodeBase64([]byte(e.Key))
		if err != nil {
			return errKey
		}
		if _, err := member.Point(public); err != nil {
			return errKey
		}
	}
	if !ordered(m.Cosign) || !ordered(m.Client) {
		return fmt.Errorf("%w: order of keys", errTrust)
	}
	return nil
}

// ordered reports whether epochs follow each other without overlap.
func ordered(list []Epoch) bool {
	for i, e := range list {
		if e.From > maxInteger || e.Until > maxInteger || e.Until != 0 && e.Until <= e.From {
			return false
		}
		if i > 0 && (list[i-1].Until == 0 || list[i-1].Until > e.From) {
			return false
		}
	}
	return true
}

func (t *Trust) append2(b []byte) []byte {
	b = quote(append(b, `{"format":"`+trustFormat2+`","network":`...), t.Network)
	b = appendHash(append(b, `,"id":`...), t.ID)
	b = appendUint(append(b, `,"quorum":`...), uint64(t.Quorum)) //nolint:gosec // not negative
	b = appendItems(append(b, `,"members":`...), len(t.Members), func(b []byte, i int) []byte {
		m := &t.Members[i]
		b = quote(append(b, `{"id":`...), m.ID)
		b = quote(append(b, `,"name":`...), m.Name)
		b = appendEpochs(append(b, `,"cosign":`...), m.Cosign)
		b = appendEpochs(append(b, `,"client":`...), m.Client)
		return append(b, '}')
	})
	return append(b, '}')
}

func appendEpochs(b []byte, list []Epoch) []byte {
	return appendItems(b, len(list), func(b []byte, i int) []byte {
		b = quote(append(b, `{"key":`...), list[i].Key)
		b = appendUint(append(b, `,"from":`...), list[i].From)
		b = appendUint(append(b, `,"until":`...), list[i].Until)
		return append(b, '}')
	})
}

func (s *scanner) cosignatory2() (m Cosignatory) {
	s.lit(`{"id":`)
	m.ID = s.str(maxName)
	s.lit(`,"name":`)
	m.Name = s.str(maxName)
	s.lit(`,"cosign":`)
	m.Cosign = s.epochs()
	s.lit(`,"client":`)
	m.Client = s.epochs()
	s.lit("}")
	return m
}

func (s *scanner) epochs() (list []Epoch) {
	s.list(maxEpochs, func() {
		var e Epoch
		s.lit(`{"key":`)
		e.Key = s.str(maxVerifierKey)
		s.lit(`,"from":`)
		e.From = s.integer()
		s.lit(`,"until":`)
		e.Until = s.integer()
		s.lit("}")
		list = append(list, e)
	})
	return list
}

// Edition names what the trust file says of the keys that have begun by a
// height. A bundle says which edition it was made for. That of a network whose
// keys are those that it began with is the fingerprint of its trust file of the
// first format; each key that begins later makes a further one.
func (t *Trust) Edition(height uint64) [32]byte {
	list := t.editions(height)
	return list[len(list)-1]
}

// Knows reports whether an edition is one that this trust file continues: its
// own or an earlier one.
func (t *Trust) Knows(edition [32]byte) bool { return slices.Contains(t.editions(maxInteger), edition) }

// change is a key that began after the first block.
type change struct {
	from        uint64
	member, use string
	key         string
}

// editions returns the editions up to a height, the latest last.
func (t *Trust) editions(height uint64) [][32]byte {
	if t.Format != 2 {
		return [][32]byte{t.Fingerprint()}
	}
	first, changes := t.first()
	out := [][32]byte{first.Fingerprint()}
	for _, c := range changes {
		if c.from <= height {
			out = append(out, c.after(out[len(out)-1]))
		}
	}
	return out
}

// first returns the trust file of the first format as of the first block, and
// what changed since, in the order of heights.
func (t *Trust) first() (*Trust, []change) {
	first := &Trust{Network: t.Network, ID: t.ID}
	var changes []change
	for i := range t.Members {
		m := &t.Members[i]
		for _, e := range m.Cosign {
			if e.From <= 1 && (e.Until == 0 || e.Until > 1) {
				first.Members = append(first.Members, Cosignatory{ID: m.ID, Name: m.Name, Key: e.Key})
			}
		}
		changes = append(changes, began(m.ID, "cosign", m.Cosign)...)
		changes = append(changes, began(m.ID, "client", m.Client)...)
	}
	first.Quorum = Majority(len(first.Members))
	slices.SortFunc(changes, func(a, b change) int {
		if a.from != b.from {
			return byHeight(Epoch{From: a.from}, Epoch{From: b.from})
		}
		return strings.Compare(a.member+" "+a.use, b.member+" "+b.use)
	})
	return first, changes
}

func began(id, use string, list []Epoch) (out []change) {
	for _, e := range list {
		if e.From > 1 {
			out = append(out, change{e.From, id, use, e.Key})
		}
	}
	return out
}

// after returns the edition that a change makes of one:
//
//	SHA-256("cairn/trust/edition/v1" 0x00 || edition || uint64 from || uint32 len(member) || member
//	  || uint32 len(use) || use || uint32 len(key) || key)
func (c change) after(edition [32]byte) [32]byte {
	b := append([]byte(editionDomain), edition[:]...)
	b = binary.BigEndian.AppendUint64(b, c.from)
	b = appendPrefixed(b, c.member)
	b = appendPrefixed(b, c.use)
	return sha256.Sum256(appendPrefixed(b, c.key))
}

// ClientKey returns the client key that counts for a member at a height, as PKIX
// DER. A trust file of the first format has none.
func (t *Trust) ClientKey(id string, height uint64) ([]byte, bool) {
	m, found := t.Member(id)
	if !found {
		return nil, false
	}
	for _, e := range m.Client {
		if e.From <= height && (e.Until == 0 || height < e.Until) {
			public, err := decodeBase64([]byte(e.Key))
			return public, err == nil
		}
	}
	return nil, false
}
