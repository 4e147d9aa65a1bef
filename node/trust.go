package node

import (
	"sync"

	"cairn/ledger/machine"
	"cairn/ledger/member"
	"cairn/node/chain"
	"cairn/proof"
)

// trust keeps the trust file of the network as the member book stands. It is
// safe for concurrent use.
type trust struct {
	genesis machine.Genesis
	chain   *chain.Chain

	mu   sync.Mutex
	root [32]byte // of the book that it was made of
	file *proof.Trust
}

// current returns the trust file. One that cannot be made of the present book is
// that of the book before.
func (t *trust) current() *proof.Trust {
	root := t.chain.MembersRoot()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file != nil && root == t.root {
		return t.file
	}
	book, err := member.New(t.chain.Members())
	if err != nil {
		return t.file
	}
	if fresh, err := proof.NewLasting(t.genesis.ID(), t.genesis.Name, book); err == nil {
		t.file, t.root = fresh, root
	}
	return t.file
}

// Trust returns what a stranger needs to check this network's proofs, with every
// key that the member book has.
func (n *Node) Trust() *proof.Trust { return n.trust.current() }
