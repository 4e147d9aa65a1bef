// Package node is one hospital: it opens the rooms of the cellar, sets up the
// stations and desks above them, and keeps them running together. What the
// outside reaches stands in api/, which is handed a Node.
package node

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"cairn/ledger/calendar"
	"cairn/ledger/machine"
	"cairn/ledger/seal"
	"cairn/node/account"
	"cairn/node/bulk"
	"cairn/node/bundle"
	"cairn/node/chain"
	"cairn/node/disclosure"
	"cairn/node/emergency"
	"cairn/node/erasure"
	"cairn/node/evidence"
	"cairn/node/exchange"
	"cairn/node/fault"
	"cairn/node/feed"
	"cairn/node/gate"
	"cairn/node/grant"
	"cairn/node/identity"
	"cairn/node/judge"
	"cairn/node/keys"
	"cairn/node/oauth"
	"cairn/node/order"
	"cairn/node/patient"
	"cairn/node/peer"
	"cairn/node/record"
	"cairn/node/recovery"
	"cairn/node/reindex"
	"cairn/node/representative"
	"cairn/node/rotation"
	"cairn/node/staff"
	"cairn/node/store"
	"cairn/node/subscription"
	"cairn/node/term"
	"cairn/node/vault"
	"cairn/node/witness"
)

// Node is one hospital's node. Its fields are the desks and stations that the
// faces call.
type Node struct {
	Config  Config
	Genesis machine.Genesis
	Log     *slog.Logger

	Door     *identity.Door
	Records  *record.Desk
	Grants   *grant.Desk
	Patients *patient.Desk
	Accounts *account.Desk
	Staff    *staff.Desk
	Apps     *oauth.Desk
	Exchange *exchange.Desk
	Bundles  *bundle.Desk
	Feed     *feed.Desk // nil: this node does not listen for HL7 v2 messages
	Terms    *term.Desk
	Bulk     *bulk.Desk
	Judge    *judge.Desk
	Recovery *recovery.Desk
	Acting   *representative.Desk
	Witness  *witness.Witness
	Evidence *evidence.Log
	Chain    *chain.Chain
	Reindex  *reindex.Desk

	Subscriptions *subscription.Desk
	Disclosures   *disclosure.Desk
	Erasures      *erasure.Desk
	Rotations     *rotation.Desk
	Emergencies   *emergency.Desk
	Orders        *order.Desk

	ring    *keys.Ring
	pen     *keys.Pen
	trust   trust
	chest   *keys.Chest
	store   *store.Store
	journal *evidence.Journal
	vault   *vault.Vault
	gate    *gate.Gate
	beat    *evidence.Beat
	started time.Time
}

// gatherEvery is how often a calendar that has grown is cosigned anew.
const gatherEvery = 3 * time.Second

// Open opens everything of a hospital but starts nothing. The caller closes it.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (*Node, error) {
	n := &Node{Config: cfg, Log: log, started: time.Now()}
	for _, step := range []func(context.Context) error{n.openCellar, n.openChain, n.openStations, n.openDesks} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, n.Close())
		}
	}
	return n, nil
}

// openCellar opens genesis, keys and store.
func (n *Node) openCellar(ctx context.Context) (err error) {
	if n.Genesis, err = ReadGenesis(n.Config.Genesis); err != nil {
		return err
	}
	if err := n.Config.Belongs(n.Genesis); err != nil {
		return err
	}
	if n.ring, err = n.Config.openKeys(ctx); err != nil {
		return err
	}
	n.store, err = store.Open(filepath.Join(n.Config.Data, "store"), store.Options{ReserveBytes: n.Config.ReserveMB << 20, URL: n.Config.Store})
	if err != nil {
		return err
	}
	if err := n.claim(ctx); err != nil {
		return err
	}
	n.chest = keys.NewChest(n.ring, n.store)
	if n.store.Shared() {
		n.ring.Beside(n.chest.Shared)
	}
	return nil
}

// claim writes the member and network into a new store and refuses one that
// belongs to another. It writes nothing into one that is its own, so that it
// opens on a full disk too.
func (n *Node) claim(ctx context.Context) error {
	id := n.Genesis.ID()
	owner := append([]byte(n.Config.Member+"@"), id[:]...)
	var have []byte
	err := n.store.View(ctx, func(v *store.View) (err error) {
		have, err = v.Meta("owner")
		return err
	})
	if fault.Is(err, fault.NotFound) || err == nil && have == nil {
		return n.store.Update(ctx, func(tx *store.Tx) error { return tx.SetMeta("owner", owner) })
	}
	if err == nil && string(have) != string(owner) {
		err = fault.New(fault.Conflict, "other-owner", "the data directory "+n.Config.Data+" belongs to another hospital or network").
			WithHint("check member, genesis and data in the configuration")
	}
	return err
}

// openChain opens the replica of the ledger.
func (n *Node) openChain(context.Context) (err error) {
	peers := make([]chain.Peer, len(n.Config.Peers))
	for i, p := range n.Config.Peers {
		peers[i] = chain.Peer{Member: p.Member, ID: p.ID, Addr: p.Address, Follow: p.Follow}
	}
	n.Chain, err = chain.Open(chain.Config{
		Dir: filepath.Join(n.Config.Data, "ledger"), Listen: n.Config.P2P, Peers: peers, Genesis: n.Genesis, Member: n.Config.Member,
		ValidatorKeys: n.ring.Validators(), FindKey: n.ring.Validator, Follow: n.Config.Follow, NodeKey: n.ring.Peer(), Logger: n.Log,
	})
	if err != nil {
		return err
	}
	n.trust = trust{genesis: n.Genesis, chain: n.Chain}
	n.pen = keys.NewPen(n.ring, n.Chain, n.Config.Member)
	return n.pen.Check()
}

// openStations sets up log, beat, identity, gate and vault.
func (n *Node) openStations(ctx context.Context) (err error) {
	home := n.Config.Member
	if n.journal, err = evidence.NewJournal(ctx, home, n.chest, keys.ChestLog); err != nil {
		return err
	}
	for _, name := range []string{keys.ChestSlips, keys.ChestHospital, keys.ChestMatters} { // so that no decision waits for a key to be made
		if _, err := n.chest.Key(ctx, name, true); err != nil {
			return err
		}
	}
	if n.Evidence, err = evidence.Open(ctx, n.store); err != nil {
		return err
	}
	n.beat = evidence.NewBeat(evidence.BeatConfig{
		Member: home, Network: n.Genesis.ID(), Every: time.Duration(n.Genesis.Params.BeatMillis) * time.Millisecond, Logger: n.Log, //nolint:gosec // bounded by Validate
	}, n.Evidence, n.store, n.Chain, n.pen)
	idp, err := n.Config.provider()
	if err != nil {
		return err
	}
	n.Door, err = identity.New(ctx, identity.Config{Member: home, Network: n.Genesis.ID(), URL: n.Config.URL, Clients: n.Config.Clients, Feeds: n.Config.feeds(), Provider: idp}, n.Chain, n.store,
		n.chest, keys.ChestPasskeys)
	if err != nil {
		return err
	}
	n.vault, err = vault.New(n.chest)
	return err
}

// openDesks sets up what the faces call.
func (n *Node) openDesks(ctx context.Context) (err error) {
	home := n.Config.Member
	client := &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	n.gate = gate.New(home, n.store, n.chest, n.journal, n.Chain, n.Config.related())
	n.gate.Withhold(n.Config.withheld())
	n.Records = record.New(n.gate, n.vault, n.journal, n.store, record.Rules{
		ServerIDs: !n.Config.UpdateAsCreate, DeleteMany: int(n.Config.DeleteMany), Base: n.Config.URL + "/fhir",
	})
	if n.Acting, err = representative.New(ctx, home, n.Config.Minors.ages(), n.Door, n.journal, n.store, n.Chain, n.chest, keys.ChestMandates); err != nil {
		return err
	}
	n.gate.RepresentedBy(n.Acting)
	n.Grants = grant.New(home, n.Genesis.ID(), n.Door, n.gate, n.journal, n.store, n.Chain, n.beat, n.Acting, n.Log)
	n.Patients = patient.New(home, n.Door, n.journal, n.store, n.gate, n.Acting)
	if n.Recovery, err = recovery.New(ctx, recovery.Config{
		Home: home, Network: n.Genesis.ID(), Least: int64(n.Genesis.Params.Recovery()), Key: keys.ChestRecovery, //nolint:gosec // at most a year
	}, n.Door, n.journal, n.store, n.Chain, n.Grants, n.chest, n.Log); err != nil {
		return err
	}
	n.Door.SettleWith(n.Recovery)
	n.Accounts = account.New(n.Door, n.journal, n.store, n.Recovery)
	n.Staff = staff.New(home, n.Door, n.gate, n.journal, n.store)
	n.Orders = order.New(home, n.Config.Legal.secret(), n.Door, n.gate, n.journal, n.store)
	n.Emergencies = emergency.New(home, n.Config.Emergency.rules(), n.Door, n.gate, n.journal, n.store)
	if err := n.openApps(); err != nil {
		return err
	}
	peers, err := peer.New(home, n.Genesis.ID(), n.pen, client)
	if err != nil {
		return err
	}
	n.Disclosures = disclosure.New(home, n.Genesis.ID(), n.pen, n.Chain, peers, n.chest, n.journal, n.store, n.Log)
	n.Exchange = exchange.New(n.gate, n.journal, n.store, peers, n.Chain, n.Disclosures)
	n.Rotations = rotation.New(rotation.Config{
		Home: home, Network: n.Genesis.ID(), Genesis: n.Genesis.Time, MaxAge: n.Config.keyAge(),
	}, n.ring, n.pen, n.chest, n.Chain, n.journal, n.store, n.Log)
	n.Witness = witness.New(home, n.Genesis.Name, n.Trust, n.Chain, n.pen, client)
	n.Reindex = reindex.New(home, n.store, n.vault, n.journal, n.Log)
	n.Terms = term.New(n.gate, n.vault, n.store)
	n.Bulk, err = bulk.New(n.gate, n.vault, n.journal, n.store, n.chest, n.Door, n.Log)
	if err != nil {
		return err
	}
	if err := n.openErasures(ctx); err != nil {
		return err
	}
	if err := n.openJudge(); err != nil {
		return err
	}
	if err := n.openSubscriptions(); err != nil {
		return err
	}
	n.Bundles = bundle.New(home, n.Trust, n.gate, n.Records, n.journal, n.Evidence, n.store, n.Chain, n.beat, n.Witness)
	return n.openFeed(ctx)
}

// openFeed sets up the desk for HL7 version 2 messages, if there are to be any.
func (n *Node) openFeed(ctx context.Context) error {
	if n.Config.MLLP.Listen == "" {
		return nil
	}
	cfg, err := n.Config.feedConfig()
	if err != nil {
		return err
	}
	n.Feed, err = feed.New(ctx, cfg, n.Door, n.Records, n.gate, n.journal, n.store, n.chest, n.Log)
	return err
}

// LogHandler serves this hospital's log as C2SP tlog-tiles.
func (n *Node) LogHandler() http.Handler {
	origin := calendar.LogOrigin(n.Genesis.Name, n.Config.Member)
	return evidence.NewHandler(n.Evidence, origin, n.pen.LogSigner, func() (seal.Entry, bool) { return n.Chain.Sealed(n.Config.Member) })
}

// Run keeps the hospital going until ctx ends or something fails that it must
// not limp on with: a failed consensus, a log that cannot be sealed. serve is
// the faces; it is started once the ledger is.
func (n *Node) Run(ctx context.Context, serve func(context.Context) error) error {
	if err := n.Chain.Start(ctx); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return n.store.Lead(ctx, n.knocked, n.lead) })
	group.Go(func() error { return n.keepUp(ctx) })
	group.Go(func() error { n.Witness.Run(ctx, gatherEvery); return nil })
	group.Go(func() error { return serve(ctx) })
	group.Go(func() error {
		select {
		case err := <-n.Chain.Failed():
			return fault.Wrap(fault.Broken, "ledger-failed", "this node cannot follow the ledger any more, so it stops", err).
				WithHint("keep a copy of the data directory as evidence, run `cairn scrub`, then start the node again")
		case <-ctx.Done():
			return nil
		}
	})
	err := group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// knocked is called when another process of the hospital has something for the
// one that leads.
func (n *Node) knocked() {
	n.beat.Due()
	n.Bulk.Due()
	n.Reindex.Due()
	n.Erasures.Due()
}

// lead does what one process of a hospital does for all of them.
func (n *Node) lead(ctx context.Context) error {
	n.recall(ctx)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return n.beat.Run(ctx) })
	group.Go(func() error { n.Grants.Watch(ctx); return nil })
	group.Go(func() error { n.Recovery.Run(ctx); return nil })
	group.Go(func() error { n.Bulk.Run(ctx); return nil })
	group.Go(func() error { n.Reindex.Run(ctx); return nil })
	group.Go(func() error { n.Disclosures.Run(ctx); return nil })
	group.Go(func() error { n.Rotations.Run(ctx); return nil })
	group.Go(func() error { n.Subscriptions.Run(ctx); return nil })
	group.Go(func() error { n.Erasures.Run(ctx); return nil })
	return group.Wait()
}

// keepUp hashes what other processes of the hospital log, so that this one can
// serve and prove it.
func (n *Node) keepUp(ctx context.Context) error {
	for n.store.Shared() {
		changed := n.Chain.Changed()
		if _, _, err := n.Evidence.Extend(ctx); err != nil && ctx.Err() == nil {
			n.Log.LogAttrs(ctx, slog.LevelWarn, "the log could not be hashed yet", slog.Any("cause", err))
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// Close closes whatever is open.
func (n *Node) Close() error {
	var errs []error
	if n.Chain != nil {
		errs = append(errs, n.Chain.Close())
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	if n.ring != nil {
		errs = append(errs, n.ring.Close())
	}
	return errors.Join(errs...)
}

// Status is what an operator sees of a node.
type Status struct {
	Member     string `json:"member"`
	Network    string `json:"network"`
	Height     uint64 `json:"height"`
	BlockTime  int64  `json:"block_time"`
	LogSize    uint64 `json:"log_size"`
	SealedSize uint64 `json:"sealed_size"`
	Calendar   uint64 `json:"calendar_size"`
	UptimeMS   int64  `json:"uptime_ms"`
	Seals      bool   `json:"seals"`           // whether this process is the one that seals
	Doubt      string `json:"doubt,omitempty"` // why nothing is disclosed at this moment

	Warnings []string       `json:"warnings,omitempty"` // what must be seen to, in plain words
	Keys     []rotation.Key `json:"-"`                  // of the hospital
}

// Status returns the node's state.
func (n *Node) Status() Status {
	s := Status{
		Member: n.Config.Member, Network: n.Genesis.Name, Height: n.Chain.Height(), BlockTime: n.Chain.BlockTime(),
		LogSize: n.Evidence.Size(), Seals: n.beat.Runs(), Calendar: n.Chain.CalendarSize(), UptimeMS: time.Since(n.started).Milliseconds(),
	}
	if sealed, ok := n.Chain.Sealed(n.Config.Member); ok {
		s.SealedSize = sealed.Size
	}
	if err := n.Chain.Fresh(time.Now().UnixMilli()); err != nil {
		s.Doubt = err.Error()
	}
	s.keys(n.Rotations)
	return s
}

// keys says how the hospital's keys stand.
func (s *Status) keys(desk *rotation.Desk) {
	warnings, err := desk.Warnings(time.Now())
	if err == nil {
		s.Keys, err = desk.List()
	}
	if err != nil {
		s.Warnings = append(s.Warnings, "how old the hospital's keys are cannot be told: run cairn scrub")
	}
	for _, w := range warnings {
		s.Warnings = append(s.Warnings, w.Text)
	}
}
