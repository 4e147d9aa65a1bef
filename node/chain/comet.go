package chain

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	abci "github.com/cometbft/cometbft/abci/types"
	comet "github.com/cometbft/cometbft/config"
	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/types"
	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"

	"cairn/ledger/machine"
	"cairn/ledger/member"
	"cairn/node/fault"
)

const (
	blockStore = "blockstore"
	stateStore = "state"
	walDir     = "wal"

	// gossipPause is how often CometBFT looks for something to send to each peer. The courier sends what matters at once,
	// so this is only for what it leaves: votes between members without a connection of their own, and stragglers.
	gossipPause = 100 * time.Millisecond

	maxBlock    = 1 << 20
	maxEvidence = 256 << 10
)

// settings returns CometBFT's configuration: nothing listens but the peer-to-peer port, nobody is asked for further
// peers, and there is a block only when there is something to order.
func settings(c Config) *comet.Config {
	s := comet.DefaultConfig()
	s.SetRoot(c.Dir)
	s.Moniker = c.Member
	s.DBPath = "."
	s.FilterPeers = true
	s.RPC.ListenAddress, s.RPC.GRPCListenAddress, s.RPC.PprofListenAddress = "", "", ""
	s.Instrumentation.Prometheus = false
	s.TxIndex.Indexer = "null"
	s.Storage.DiscardABCIResponses = true
	s.StateSync.Enable = false
	s.BlockSync.AdaptiveSync = false

	s.P2P.ListenAddress = "tcp://" + c.Listen
	s.P2P.ExternalAddress = c.advertise()
	s.P2P.AddrBook = "addrbook.json"
	s.P2P.AddrBookStrict = false
	s.P2P.PexReactor = false
	s.P2P.LibP2PConfig.Enabled = false
	s.P2P.AllowDuplicateIP = true // the filter knows peers by their keys
	s.P2P.MaxNumInboundPeers = 2*len(c.Peers) + 4
	s.P2P.MaxNumOutboundPeers = 2*len(c.Peers) + 4
	s.P2P.FlushThrottleTimeout = time.Millisecond
	s.P2P.SendRate, s.P2P.RecvRate = 200<<20, 200<<20
	s.P2P.DialTimeout, s.P2P.HandshakeTimeout = 3*time.Second, 5*time.Second

	s.Mempool.Size = 4096
	s.Mempool.MaxTxsBytes = 32 << 20
	s.Mempool.MaxTxBytes = machine.MaxTx
	s.Mempool.CacheSize = 8192
	s.Mempool.Recheck = true // what became stale must go, or it would ask for blocks for ever

	s.Consensus.WalPath = filepath.Join(walDir, "wal")
	s.Consensus.TimeoutPropose = 500 * time.Millisecond
	s.Consensus.TimeoutPrevote = 250 * time.Millisecond
	s.Consensus.TimeoutPrecommit = 250 * time.Millisecond
	s.Consensus.TimeoutCommit = 0
	s.Consensus.SkipTimeoutCommit = true
	s.Consensus.CreateEmptyBlocks = false
	s.Consensus.PeerGossipSleepDuration = c.gossip
	s.Consensus.DoubleSignCheckHeight = 0 // the signer does better
	return s
}

// genesisDoc returns what CometBFT begins with.
func genesisDoc(g machine.Genesis) (*types.GenesisDoc, error) {
	params := types.DefaultConsensusParams()
	params.Block.MaxBytes = maxBlock
	params.Evidence.MaxBytes = maxEvidence
	doc := &types.GenesisDoc{
		ChainID:         chainID(g),
		GenesisTime:     time.UnixMilli(g.Time).UTC(),
		InitialHeight:   1,
		ConsensusParams: params,
		Validators:      validators(g.Members, 1),
	}
	if err := doc.ValidateAndComplete(); err != nil {
		return nil, fmt.Errorf("genesis for consensus: %w", err)
	}
	return doc, nil
}

func chainID(g machine.Genesis) string {
	return "cairn-" + hex.EncodeToString(shortID(g))
}

// validators returns who votes on the blocks from this height on.
func validators(members []member.Member, height uint64) []types.GenesisValidator {
	var list []types.GenesisValidator
	for _, m := range members {
		key, found := m.KeyAt(member.UseValidator, height)
		if !m.Active || m.Power == 0 || !found {
			continue
		}
		public := cmted25519.PubKey(key.Public)
		list = append(list, types.GenesisValidator{
			Address: public.Address(), PubKey: public, Power: int64(m.Power), Name: m.ID, //nolint:gosec // at most member.MaxPower
		})
	}
	return list
}

// turnover returns how the voters of the block two after this one differ from those of the next: what CometBFT is told
// with this block takes effect then. A member that votes on has one key in the place of another.
func (r *replica) turnover(height uint64) (updates []abci.ValidatorUpdate) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	members, _, _, _ := r.machine.Books()
	for _, m := range members.All() {
		if !m.Active || m.Power == 0 {
			continue
		}
		before, had := m.KeyAt(member.UseValidator, height+1)
		after, has := m.KeyAt(member.UseValidator, height+2)
		if bytes.Equal(before.Public, after.Public) {
			continue
		}
		if had {
			updates = append(updates, abci.UpdateValidator(before.Public, 0, ""))
		}
		if has {
			updates = append(updates, abci.UpdateValidator(after.Public, int64(m.Power), "")) //nolint:gosec // at most member.MaxPower
		}
	}
	return updates
}

// votingKey returns the public key with which a member votes at a height, nil if it does not.
func (r *replica) votingKey(id string, height int64) []byte {
	r.mu.RLock()
	defer r.mu.RUnlock()
	members, _, _, _ := r.machine.Books()
	m, _ := members.Get(id)
	key, found := m.KeyAt(member.UseValidator, uint64(max(height, 1))) //nolint:gosec // not negative
	if !found || !m.Active || m.Power == 0 {
		return nil
	}
	return key.Public
}

// databases opens CometBFT's stores. Each is locked by the process that has it open.
type databases struct {
	dir  string
	open map[string]*base
}

// base is one store. CometBFT closes its stores while routines of it still read them, and panics when a read fails: here
// its Close does nothing, and a read after the real one finds nothing.
type base struct{ *dbm.GoLevelDB }

// Close leaves the store open.
func (base) Close() error { return nil }

// Get returns the value of a key, nil when there is none or the store is closed.
func (b base) Get(key []byte) ([]byte, error) {
	value, err := b.GoLevelDB.Get(key)
	if errors.Is(err, leveldb.ErrClosed) {
		return nil, nil
	}
	return value, err
}

// get opens a store, once.
func (d *databases) get(name string) (dbm.DB, error) {
	if db, found := d.open[name]; found {
		return db, nil
	}
	options := &opt.Options{
		BlockCacheCapacity:     1 << 20,
		OpenFilesCacheCapacity: 32,
		WriteBuffer:            1 << 20,
		CompactionTableSize:    4 << 20,
	}
	db, err := dbm.NewGoLevelDBWithOpts(name, d.dir, options)
	if errors.Is(err, syscall.EAGAIN) {
		return nil, fault.Wrap(fault.Conflict, "chain.in-use", "The ledger's directory is in use by another process.", err).
			WithHint("Stop the other process, or give this node a directory of its own.")
	}
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "chain.store-damaged",
			fmt.Sprintf("The store %s in the ledger's directory cannot be opened.", name), err)
	}
	d.open[name] = &base{db}
	return d.open[name], nil
}

func (d *databases) provide(context *comet.DBContext) (dbm.DB, error) { return d.get(context.ID) }

func (d *databases) close() error {
	var all error
	for _, b := range d.open {
		all = errors.Join(all, b.GoLevelDB.Close())
	}
	return all
}
