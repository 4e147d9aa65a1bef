package chain

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cometbft/cometbft/mempool"
	"github.com/cometbft/cometbft/p2p"
	cmtmempool "github.com/cometbft/cometbft/proto/tendermint/mempool"

	"cairn/ledger/machine"
	"cairn/ledger/member"
	"cairn/ledger/register"
	"cairn/ledger/seal"
)

// A transaction that waits is offered again, to our own pool and to those of the peers: a pool may have lost it, or may
// have turned it away while its node was catching up, and CometBFT sends a transaction to a peer once.
const (
	resubmitFirst = 250 * time.Millisecond
	resubmitEvery = time.Second
)

// Refusal is the machine's answer to a transaction that it does not take.
type Refusal struct{ Code machine.Code }

// Error returns the code in plain words.
func (r *Refusal) Error() string { return "the ledger refuses the transaction: " + r.Code.String() }

// ErrClosed says that the chain was closed before an answer came. The transaction may have been taken; submitting it
// again after the next start is safe.
var ErrClosed = errors.New("chain: closed")

type decision struct {
	height uint64
	code   machine.Code
}

// submits is the list of this node's own transactions that wait to be decided.
type submits struct {
	vigil *vigil

	mu      sync.Mutex
	waiting map[[32]byte][]*submit
}

type submit struct {
	since   int64
	decided chan decision
}

func newSubmits(v *vigil) *submits {
	return &submits{vigil: v, waiting: make(map[[32]byte][]*submit)}
}

func (s *submits) enter(id [32]byte, now int64) *submit {
	entry := &submit{since: now, decided: make(chan decision, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[id] = append(s.waiting[id], entry)
	s.oldest()
	return entry
}

func (s *submits) leave(id [32]byte, entry *submit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.waiting[id]
	for i, e := range list {
		if e == entry {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	s.waiting[id] = list
	if len(list) == 0 {
		delete(s.waiting, id)
	}
	s.oldest()
}

// oldest tells the vigil since when the oldest one waits.
func (s *submits) oldest() {
	first := int64(0)
	for _, list := range s.waiting {
		for _, e := range list {
			if first == 0 || e.since < first {
				first = e.since
			}
		}
	}
	s.vigil.waiting.Store(first)
}

// decided tells those who wait what became of the transactions of a block.
func (s *submits) decided(block machine.Block, codes []machine.Code) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return
	}
	for i, tx := range block.Txs {
		for _, e := range s.waiting[sha256.Sum256(tx)] {
			select {
			case e.decided <- decision{height: block.Height, code: codes[i]}:
			default: // it has its answer
			}
		}
	}
}

// Submit hands a transaction to the ledger and returns the height of the block that holds it, once that block is decided
// and the machine took the transaction. It offers the transaction again until then, so it also outlives a pool that lost
// it; only ctx ends the wait. Submitting again what the ledger already took is no error: it returns that height. When the
// machine refuses the transaction, the error is a *Refusal.
func (c *Chain) Submit(ctx context.Context, tx []byte) (uint64, error) {
	id := sha256.Sum256(tx)
	entry := c.submits.enter(id, c.cfg.Clock())
	defer c.submits.leave(id, entry)
	again := time.NewTimer(resubmitFirst)
	defer again.Stop()
	for {
		if height, done, err := c.offer(tx, entry); done {
			return height, err
		}
		select {
		case d := <-entry.decided:
			if d.code == machine.CodeOK {
				return d.height, nil
			}
		case <-again.C:
			c.spread(tx)
			again.Reset(resubmitEvery)
		case <-ctx.Done():
			return 0, fmt.Errorf("waiting for the ledger to take a transaction: %w", ctx.Err())
		case <-c.closed:
			return 0, ErrClosed
		}
	}
}

// offer puts a transaction into the pool, unless the ledger took or refuses it already.
func (c *Chain) offer(tx []byte, entry *submit) (height uint64, done bool, err error) {
	code := c.replica.check(tx)
	if code != machine.CodeOK {
		// It may have been decided between the last look and this one.
		select {
		case d := <-entry.decided:
			if d.code == machine.CodeOK {
				return d.height, true, nil
			}
		default:
		}
		if height, taken := c.replica.taken(tx); taken {
			return height, true, nil
		}
		return 0, true, &Refusal{Code: code}
	}
	err = c.node.Mempool().CheckTx(tx, nil, mempool.TxInfo{})
	var full mempool.ErrMempoolIsFull
	switch {
	case err == nil, errors.Is(err, mempool.ErrTxInCache), errors.Is(err, mempool.ErrRecheckFull), errors.As(err, &full):
		return 0, false, nil
	}
	return 0, true, fmt.Errorf("offering a transaction: %w", err)
}

// spread hands a transaction to every peer.
func (c *Chain) spread(tx []byte) {
	c.node.Switch().TryBroadcast(p2p.Envelope{
		ChannelID: mempool.MempoolChannel, Message: &cmtmempool.Txs{Txs: [][]byte{tx}},
	})
}

// taken reports whether the books already hold all that a seal says: its log, just so, and every mark; or the key that
// is announced.
func (r *replica) taken(tx []byte) (uint64, bool) {
	if len(tx) > 0 && tx[0] == machine.KindEpoch {
		return r.announced(tx[1:])
	}
	if len(tx) == 0 || tx[0] != machine.KindSeal {
		return 0, false
	}
	s, err := seal.Decode(tx[1:])
	if err != nil {
		return 0, false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, marks, seals, _ := r.machine.Books()
	entry, found := seals.Latest(s.Member)
	if !found || entry.Size != s.Size || entry.Root != s.Root {
		return 0, false
	}
	for _, mark := range s.Marks {
		if _, there := marks.Height(register.Image(mark)); !there {
			return 0, false
		}
	}
	return entry.Height, true
}

// announced reports whether a member has the key that an announcement is of, from the same height. In which block that
// came is not kept: the height is the present one.
func (r *replica) announced(raw []byte) (uint64, bool) {
	e, err := member.DecodeEpoch(raw)
	if err != nil {
		return 0, false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	members, _, _, _ := r.machine.Books()
	m, _ := members.Get(e.Member)
	there := slices.ContainsFunc(m.Keys, func(k member.Key) bool {
		return k.Use == e.Use && k.From == e.From && bytes.Equal(k.Public, e.Public)
	})
	return r.machine.Height(), there
}
