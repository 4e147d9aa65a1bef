package machine

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cairn/ledger/member"
	"cairn/ledger/wire"
)

const (
	genesisDomain = "cairn/genesis/v1\x00"
	maxGenesis    = 64 << 20
	maxMillis     = 366 * 24 * 3600 * 1000
)

// Why a genesis is refused. They are compared with errors.Is.
var (
	ErrDomain  = errors.New("machine: not a genesis")
	ErrName    = errors.New("machine: a network's name has the form of a member's id")
	ErrParam   = errors.New("machine: a parameter is zero or more than a year")
	ErrTime    = errors.New("machine: the time of a genesis is not before 1970")
	ErrMembers = errors.New("machine: a genesis has at least one active member with voting power, and its members in the order of their ids")
)

// Params are the rules that hold for the whole network.
type Params struct {
	GraceMillis uint64 // a node discloses nothing when the ledger stood still for longer
	SkewMillis  uint64 // ... or when its clock and the last block differ by more
	BeatMillis  uint64 // between two routine seals of a member

	// The least time, in block time, that a person's recovery of a lost sign-in waits and can be cancelled. A network that
	// began when there was no such rule does not say it: 0, which is no part of its encoding. See Recovery.
	RecoveryMillis uint64
}

// DefaultRecoveryMillis holds in a network that says nothing of it: 72 hours.
const DefaultRecoveryMillis = 72 * 3600 * 1000

// Recovery returns RecoveryMillis, or what holds where it is not said.
func (p Params) Recovery() uint64 {
	if p.RecoveryMillis == 0 {
		return DefaultRecoveryMillis
	}
	return p.RecoveryMillis
}

// Validate refuses a parameter that is zero, but for one that need not be said, or more than a year.
func (p Params) Validate() error {
	for _, v := range [...]uint64{p.GraceMillis, p.SkewMillis, p.BeatMillis, p.Recovery()} {
		if v == 0 || v > maxMillis {
			return ErrParam
		}
	}
	return nil
}

// Genesis is what a network begins with. It is the network: its hash is the network's id.
type Genesis struct {
	Name    string // in the form of a member's id
	Time    int64  // Unix milliseconds; no block is earlier
	Params  Params
	Members []member.Member
}

// ID returns the network's id: SHA-256 over a domain and the encoded genesis.
func (g Genesis) ID() [32]byte { return sha256.Sum256(g.Encode()) }

// Validate returns the first thing that is wrong with a genesis. The order of its members is not among that.
func (g Genesis) Validate() error {
	if !member.ValidID(g.Name) {
		return ErrName
	}
	if g.Time < 0 {
		return ErrTime
	}
	if err := g.Params.Validate(); err != nil {
		return err
	}
	if _, err := member.New(g.Members); err != nil {
		return fmt.Errorf("genesis: %w", err)
	}
	votes := func(m member.Member) bool { return m.Active && m.Power > 0 }
	if !slices.ContainsFunc(g.Members, votes) {
		return ErrMembers
	}
	return nil
}

// Encode returns the one encoding of the genesis, with its members in the order of their ids.
func (g Genesis) Encode() []byte {
	w := wire.NewWriter(genesisDomain)
	w.String(g.Name)
	w.Int64(g.Time)
	w.Uint64(g.Params.GraceMillis)
	w.Uint64(g.Params.SkewMillis)
	w.Uint64(g.Params.BeatMillis)
	if g.Params.RecoveryMillis != 0 {
		w.Uint64(g.Params.RecoveryMillis)
	}
	writeMembers(w, g.Members)
	return w.Out()
}

// DecodeGenesis reads an encoded genesis and refuses every other form, and one that Validate refuses.
//
// Where RecoveryMillis is not said, the number of members (two bytes, not 0) stands in its place. Read as that parameter
// it is at least 2^48, which is more than any parameter may be: so no bytes have two meanings.
func DecodeGenesis(raw []byte) (Genesis, error) {
	g, err := decodeGenesis(raw, true)
	if errors.Is(err, errUnsaid) {
		g, err = decodeGenesis(raw, false)
	}
	if err != nil {
		return Genesis{}, err
	}
	if err := g.Validate(); err != nil {
		return Genesis{}, err
	}
	return g, nil
}

// errUnsaid says that what was read as RecoveryMillis is none.
var errUnsaid = errors.New("machine: no such parameter")

func decodeGenesis(raw []byte, recovery bool) (Genesis, error) {
	r := wire.NewReader(raw)
	head := make([]byte, len(genesisDomain))
	r.Raw(head)
	g := Genesis{
		Name: r.String(32), Time: r.Int64(),
		Params: Params{GraceMillis: r.Uint64(), SkewMillis: r.Uint64(), BeatMillis: r.Uint64()},
	}
	if recovery {
		switch g.Params.RecoveryMillis = r.Uint64(); {
		case r.Err() != nil:
			return Genesis{}, r.Err()
		case g.Params.RecoveryMillis == 0:
			return Genesis{}, ErrParam
		case g.Params.RecoveryMillis > maxMillis:
			return Genesis{}, errUnsaid
		}
	}
	members, err := readMembers(r)
	if err == nil {
		err = r.Done()
	}
	switch {
	case err != nil:
		return Genesis{}, err
	case string(head) != genesisDomain:
		return Genesis{}, ErrDomain
	}
	g.Members = members
	return g, nil
}

func byID(a, b member.Member) int { return strings.Compare(a.ID, b.ID) }

func writeMembers(w *wire.Writer, members []member.Member) {
	w.Count(len(members))
	for _, m := range slices.SortedFunc(slices.Values(members), byID) {
		w.Bytes(m.Encode())
	}
}

// readMembers reads members that stand in the order of their ids.
func readMembers(r *wire.Reader) ([]member.Member, error) {
	var members []member.Member
	for range r.Count(member.MaxMembers, 4) {
		raw := r.Bytes(member.MaxSize)
		if r.Err() != nil {
			return nil, r.Err()
		}
		m, err := member.Decode(raw)
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	if !slices.IsSortedFunc(members, byID) {
		return nil, ErrMembers
	}
	return members, r.Err()
}
