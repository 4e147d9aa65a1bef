// Package member is the book of organisations: who takes part, under which address and keys, with what weight. It holds
// public facts about organisations and never one about a person. It is the trust registry for everything below: a
// request between hospitals, a seal and a checkpoint are each checked against a key that stands here.
package member

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"cairn/ledger/wire"
)

// Limits of a member. Encodings beyond them are refused.
const (
	MaxMembers = 20_000  // in a book
	MaxPower   = 1 << 40 // voting power of one member
	MaxSize    = 65_536  // bytes of one encoded member

	maxID      = 32
	maxText    = 256
	maxKey     = 128
	maxRoles   = 16
	maxOrigins = 16
	maxKeys    = 256 // 16 years of four uses, each changed four times a year
)

// Why a member is refused. They are compared with errors.Is.
var (
	ErrID        = errors.New("member: an id is a lower-case letter and up to 31 lower-case letters, digits or hyphens")
	ErrText      = errors.New("member: a text is longer than 256 bytes or holds a control character")
	ErrURL       = errors.New("member: an address is http:// or https:// with a host, without spaces, query or fragment and without a slash at the end")
	ErrPower     = errors.New("member: a voting power above the limit")
	ErrCount     = errors.New("member: a list is longer than its limit")
	ErrKeyForm   = errors.New("member: a key does not have the form of its use")
	ErrKeySpan   = errors.New("member: a key ends before it begins")
	ErrKeyClash  = errors.New("member: two keys of one use count at the same height")
	ErrDuplicate = errors.New("member: an id or a key stands in the book twice")
)

// Member is one organisation.
type Member struct {
	ID      string   // names the organisation in every other book and never changes
	Name    string   // for people
	Roles   []string // what it takes part as, like custodian or payer
	URL     string   // root of its node, http or https, without /fhir and without a slash at the end; empty when it runs none
	Origins []string // of its portals, as WebAuthn sees them, like https://portal.example
	RPID    string   // the relying party id of its passkeys
	Power   uint64   // voting power; 0 for a member that does not vote
	Active  bool     // an inactive member seals nothing; its past stays
	Keys    []Key
}

// ValidID reports whether id has the form of a member's id. Networks are named in the same form.
func ValidID(id string) bool {
	if len(id) == 0 || len(id) > maxID || id[0] < 'a' || id[0] > 'z' {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// KeyAt returns the key that counts for a use at a height. There is at most one.
func (m Member) KeyAt(use Use, height uint64) (Key, bool) {
	for _, k := range m.Keys {
		if k.Use == use && k.At(height) {
			return k, true
		}
	}
	return Key{}, false
}

// Validate returns the first thing that is wrong with a member.
func (m Member) Validate() error {
	if !ValidID(m.ID) {
		return ErrID
	}
	if m.Power > MaxPower {
		return ErrPower
	}
	if len(m.Roles) > maxRoles || len(m.Origins) > maxOrigins || len(m.Keys) > maxKeys {
		return ErrCount
	}
	if !plain(m.Name) || !plain(m.RPID) || !all(m.Roles, plain) {
		return ErrText
	}
	if !all(m.Origins, address) || m.URL != "" && !address(m.URL) {
		return ErrURL
	}
	return validateKeys(m.Keys)
}

func validateKeys(keys []Key) error {
	for i, k := range keys {
		if err := k.validate(); err != nil {
			return err
		}
		for _, o := range keys[:i] {
			if bytes.Equal(k.Public, o.Public) {
				return ErrDuplicate
			}
			if k.Use == o.Use && k.overlaps(o) {
				return ErrKeyClash
			}
		}
	}
	return nil
}

func all(list []string, ok func(string) bool) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !ok(s) })
}

func plain(s string) bool {
	control := func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }
	return len(s) <= maxText && !strings.ContainsFunc(s, control)
}

func address(s string) bool {
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		rest, ok = strings.CutPrefix(s, "http://")
	}
	odd := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`?#@"<>\`, r) }
	return ok && rest != "" && rest[0] != '/' && len(s) <= maxText &&
		!strings.HasSuffix(s, "/") && !strings.ContainsFunc(rest, odd)
}

// Clone returns a member that shares no memory with this one.
func (m Member) Clone() Member {
	m.Roles = slices.Clone(m.Roles)
	m.Origins = slices.Clone(m.Origins)
	m.Keys = slices.Clone(m.Keys)
	for i := range m.Keys {
		m.Keys[i].Public = slices.Clone(m.Keys[i].Public)
	}
	return m
}

// Encode returns the one encoding of a member. It is also the line whose hash stands in the book's tree.
func (m Member) Encode() []byte {
	w := new(wire.Writer)
	w.String(m.ID)
	w.String(m.Name)
	writeTexts(w, m.Roles)
	w.String(m.URL)
	writeTexts(w, m.Origins)
	w.String(m.RPID)
	w.Uint64(m.Power)
	w.Bool(m.Active)
	w.Count(len(m.Keys))
	for _, k := range m.Keys {
		k.write(w)
	}
	return w.Out()
}

// Decode reads an encoded member and refuses every other form, and members that Validate refuses.
func Decode(raw []byte) (Member, error) {
	r := wire.NewReader(raw)
	m := Member{
		ID: r.String(maxID), Name: r.String(maxText), Roles: readTexts(r, maxRoles),
		URL: r.String(maxText), Origins: readTexts(r, maxOrigins), RPID: r.String(maxText),
		Power: r.Uint64(), Active: r.Bool(),
	}
	for range r.Count(maxKeys, 21) {
		m.Keys = append(m.Keys, readKey(r))
	}
	if err := r.Done(); err != nil {
		return Member{}, err
	}
	if err := m.Validate(); err != nil {
		return Member{}, err
	}
	return m, nil
}

func writeTexts(w *wire.Writer, list []string) {
	w.Count(len(list))
	for _, s := range list {
		w.String(s)
	}
}

func readTexts(r *wire.Reader, limit int) (list []string) {
	for range r.Count(limit, 4) {
		list = append(list, r.String(maxText))
	}
	return list
}
