package machine_test

import (
	"fmt"
	"testing"

	"cairn/ledger/machine"
	"cairn/ledger/member"
	"cairn/ledger/seal"
)

// network is a machine and the logs of its members, for tests that are not stories.
type network struct {
	*machine.Machine
	logs   map[string]*history
	serial int
}

func genesis(ids ...string) machine.Genesis {
	g := machine.Genesis{
		Name: "test", Time: dawn,
		Params: machine.Params{GraceMillis: 60_000, SkewMillis: 60_000, BeatMillis: 1_000, RecoveryMillis: 1_000},
	}
	for _, id := range ids {
		g.Members = append(g.Members, member.Member{
			ID: id, Power: 1, Active: true,
			Keys: []member.Key{{Use: member.UseSeal, Public: public(id, "first")}},
		})
	}
	return g
}

func newNetwork(t testing.TB, ids ...string) *network {
	t.Helper()
	m, err := machine.New(genesis(ids...))
	if err != nil {
		t.Fatal(err)
	}
	n := &network{Machine: m, logs: make(map[string]*history)}
	for _, id := range ids {
		n.logs[id] = new(history)
	}
	return n
}

func (n *network) latest(id string) seal.Entry {
	_, _, seals, _ := n.Books()
	e, _ := seals.Latest(id)
	return e
}

// sealed returns the transaction that seals a log as the next one of a member, honestly made and signed.
func (n *network) sealed(id string, h *history, marks ...[32]byte) []byte {
	return n.signed(id, &seal.Seal{
		Member: id, Size: h.size(), Root: h.root(), Consistency: h.since(n.latest(id).Size), Marks: marks,
	})
}

func (n *network) signed(id string, s *seal.Seal) []byte {
	s.Sign(secret(id, "first"), n.Network())
	return machine.SealTx(s)
}

// apply runs the transactions as the next block, a second later.
func (n *network) apply(txs ...[]byte) machine.Outcome {
	return n.Apply(machine.Block{Height: n.Height() + 1, Time: n.Time() + 1000, Txs: txs})
}

func (n *network) mustApply(t testing.TB, txs ...[]byte) machine.Outcome {
	t.Helper()
	out := n.apply(txs...)
	for i, code := range out.Codes {
		if code != machine.CodeOK {
			t.Fatalf("transaction %d: %v", i, code)
		}
	}
	return out
}

// fresh returns that many marks which no one had before.
func (n *network) fresh(count int) (list [][32]byte) {
	for range count {
		n.serial++
		list = append(list, mark(fmt.Sprint("fresh ", n.serial)))
	}
	return list
}
