package chain

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"

	dbm "github.com/cometbft/cometbft-db"
	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/proxy"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"

	comet "github.com/cometbft/cometbft/config"

	"cairn/node/chain/courier"
	"cairn/node/chain/signer"
	"cairn/node/fault"
)

// Chain is this node's seat at the ledger. Its methods may be called by many at once.
type Chain struct {
	cfg     Config
	genesis *types.GenesisDoc
	bases   *databases
	replica *replica
	vigil   *vigil
	submits *submits
	app     *application
	node    *node.Node

	failOnce sync.Once
	failures chan error

	started   atomic.Bool
	closeOnce sync.Once
	closed    chan struct{}
	stop      context.CancelFunc // of what runs beside CometBFT
	running   sync.WaitGroup
}

// Open reads the directory, locks it, and brings the books up to the last block that it holds. The Chain answers from
// there; it takes no part in the network before Start. It refuses, as a fault that says what is wrong, a directory that
// another process uses, that belongs to another ledger, or whose files do not fit each other.
func Open(cfg Config) (c *Chain, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	if err := makeDir(cfg.Dir); err != nil {
		return nil, err
	}
	c = &Chain{
		cfg: cfg, bases: &databases{dir: cfg.Dir, open: make(map[string]*base)}, vigil: &vigil{params: cfg.Genesis.Params},
		failures: make(chan error, 1), closed: make(chan struct{}), stop: func() {},
	}
	c.submits = newSubmits(c.vigil)
	defer func() {
		// CometBFT panics where its files contradict each other.
		if r := recover(); r != nil {
			err = fault.Wrap(fault.Broken, "chain.damaged", "The files in the ledger's directory contradict each other.",
				errors.New(short(fmt.Sprint(r))))
		}
		if err != nil {
			c.release()
			c = nil
		}
	}()
	return c, c.open()
}

func (c *Chain) open() error {
	var err error
	if c.genesis, err = genesisDoc(c.cfg.Genesis); err != nil {
		return err
	}
	base, err := c.bases.get(blockStore)
	if err != nil {
		return err
	}
	blocks := store.NewBlockStore(base)
	c.replica, err = openReplica(c.cfg.Dir, c.cfg.Genesis, uint64(blocks.Height())) //nolint:gosec // not negative
	if err != nil {
		return err
	}
	hand, err := signer.Open(c.cfg.Dir, c.cfg.ValidatorKeys, blocks, signer.Rules{
		Poll: c.poll, Recover: c.cfg.Recover, Done: c.closed, Find: c.cfg.FindKey,
		Key: func(height int64) []byte {
			if c.cfg.Follow {
				return nil
			}
			return c.replica.votingKey(c.cfg.Member, height)
		},
		Next: func() int64 { return int64(c.replica.height()) + 1 }, //nolint:gosec // CometBFT's heights are int64
	})
	if err != nil {
		return err
	}
	c.app = &application{
		replica: c.replica, submits: c.submits, vigil: c.vigil, signer: hand, peers: make(map[string]bool),
		clock: c.cfg.Clock, log: c.cfg.Logger, fail: c.fail,
	}
	for _, p := range c.cfg.Peers {
		c.app.peers[p.ID] = true
	}
	c.node, err = node.NewNodeWithContext(context.Background(), settings(c.cfg), hand,
		&p2p.NodeKey{PrivKey: cmted25519.PrivKey(c.cfg.NodeKey)},
		proxy.NewConnSyncLocalClientCreator(c.app),
		func() (*types.GenesisDoc, error) { return c.genesis, nil },
		func(d *comet.DBContext) (dbm.DB, error) { return c.bases.provide(d) },
		node.DefaultMetricsProvider(settings(c.cfg).Instrumentation),
		newLogger(c.cfg.Logger, c.closed, c.fail))
	if err != nil {
		return fmt.Errorf("opening consensus: %w", err)
	}
	if meta := c.node.BlockStore().LoadBlockMeta(c.node.BlockStore().Height()); meta != nil {
		c.vigil.block(uint64(meta.Header.Height), meta.Header.Time.UnixMilli(), 0, false) //nolint:gosec // not negative
	}
	return nil
}

// Start joins the network and returns; ctx is not kept. What goes wrong later comes from Failed.
func (c *Chain) Start(context.Context) error {
	if !c.started.CompareAndSwap(false, true) {
		return errors.New("chain: started twice")
	}
	if err := c.node.Start(); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return fault.Wrap(fault.Conflict, "chain.port", fmt.Sprintf("The ledger's address %s is in use.", c.cfg.Listen), err).
				WithHint("Stop the process that listens there, or choose another port.")
		}
		return fmt.Errorf("starting consensus: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	following := func() bool { return !c.node.ConsensusReactor().WaitSync() }
	c.vigil.following.Store(&following)
	return c.accompany(ctx)
}

// accompany starts what runs beside CometBFT.
func (c *Chain) accompany(ctx context.Context) error {
	w := newWatch(c)
	c.running.Go(func() { w.run(ctx) })
	for _, p := range c.cfg.Peers {
		c.running.Go(func() { dial(ctx, c.node.Switch(), c.cfg, p) })
	}
	if c.cfg.plain || c.cfg.Follow || len(c.cfg.Peers) == 0 { // who only follows has no votes to carry
		return nil
	}
	runner, err := courier.New(c.node, c.app.signer.Address)
	if err != nil {
		return err
	}
	c.running.Go(func() { runner.Run(ctx) })
	return nil
}

// Close leaves the network, writes the books and lets go of the directory. Submits that wait return ErrClosed.
func (c *Chain) Close() error {
	var err error
	c.closeOnce.Do(func() {
		c.vigil.following.Store(nil)
		close(c.closed)
		c.stop()
		c.running.Wait()
		if c.node.IsRunning() {
			err = c.node.Stop()
		}
		err = errors.Join(err, c.replica.close(), c.bases.close())
	})
	return err
}

// release lets go of what a failed Open holds.
func (c *Chain) release() {
	if c.replica != nil {
		_ = c.replica.calendar.close()
	}
	_ = c.bases.close()
}

// fail reports that this node can no longer follow the ledger. Only the first reason counts.
func (c *Chain) fail(reason error) {
	c.failOnce.Do(func() {
		c.vigil.failed.Store(true)
		c.failures <- fault.Wrap(fault.Broken, "chain.failed", "This node has lost its part in the ledger and must be restarted.", reason)
		close(c.failures)
	})
}

// Failed gives one error, and is closed, when this node can no longer follow the ledger: consensus failed, its height
// stands still while the others go on, or its key signs elsewhere. CometBFT then stays up and does nothing; the process
// must end.
func (c *Chain) Failed() <-chan error { return c.failures }

// Changed returns a channel that is closed when the next block has been run.
func (c *Chain) Changed() <-chan struct{} { return c.replica.wait() }

// Height returns the height of the last block that was run here.
func (c *Chain) Height() uint64 { return c.vigil.height.Load() }

// BlockTime returns the time of that block in Unix milliseconds; see the package on what a block's time says.
func (c *Chain) BlockTime() int64 { return c.vigil.time.Load() }
