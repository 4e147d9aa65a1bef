package evidence

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"cairn/ledger/machine"
	"cairn/ledger/register"
	"cairn/ledger/seal"
	"cairn/node/fault"
	"cairn/node/store"
)

// Ledger is what the beat needs of the consortium's ledger; node/chain has it.
type Ledger interface {
	// Sealed returns the latest seal of a member that a block holds.
	Sealed(member string) (seal.Entry, bool)
	// Mark returns the height at which an image came into the register.
	Mark(image [32]byte) (height uint64, present bool)
	// Changed returns a channel that is closed at the next block.
	Changed() <-chan struct{}
	// Submit returns once a block holds the transaction. It offers the
	// transaction again until then; what a block already holds is no error.
	Submit(ctx context.Context, tx []byte) (height uint64, err error)
}

// Signer signs a seal with this member's key; node/keys has it.
type Signer interface {
	SignSeal(s *seal.Seal, network [32]byte) error
}

// BeatConfig says for whom and how a Beat seals.
type BeatConfig struct {
	Member  string
	Network [32]byte
	Every   time.Duration // machine.Params.BeatMillis; 0 means a second
	Logger  *slog.Logger  // nil means slog.Default
}

// Beat seals the log on the ledger: at every multiple of Every on the wall
// clock, so that the seals of all hospitals share a block, at once when Urgent
// was called, and not at all while there is nothing to seal. It has one
// transaction under way at most.
type Beat struct {
	cfg    BeatConfig
	log    *Log
	store  *store.Store
	ledger Ledger
	signer Signer
	urgent chan struct{}
	runs   atomic.Bool // in this process
}

// NewBeat makes a beat. It does nothing until Run.
func NewBeat(cfg BeatConfig, log *Log, st *store.Store, ledger Ledger, signer Signer) *Beat {
	if cfg.Every <= 0 {
		cfg.Every = time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Beat{cfg: cfg, log: log, store: st, ledger: ledger, signer: signer,
		urgent: make(chan struct{}, 1)}
}

// Urgent makes the next seal due at once. Call it when what is to be sealed, a
// queued mark for one, is durable. Where another process of this hospital seals,
// it is told.
func (b *Beat) Urgent() {
	if !b.runs.Load() {
		go b.knock()
	}
	b.Due()
}

// Runs reports whether this process seals.
func (b *Beat) Runs() bool { return b.runs.Load() }

// Due makes the next seal of this process due at once.
func (b *Beat) Due() {
	select {
	case b.urgent <- struct{}{}:
	default: // one is due already
	}
}

const knockWithin = 5 * time.Second

func (b *Beat) knock() {
	ctx, cancel := context.WithTimeout(context.Background(), knockWithin)
	defer cancel()
	if err := b.store.Knock(ctx); err != nil {
		b.cfg.Logger.Warn("telling the process that seals; it will see by itself", "cause", err)
	}
}

// WaitSealed returns when a block holds a seal over at least the first size
// entries of the log, or when ctx ends.
func (b *Beat) WaitSealed(ctx context.Context, size uint64) error {
	for {
		changed := b.ledger.Changed()
		if last, found := b.ledger.Sealed(b.cfg.Member); size == 0 || found && last.Size >= size {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for a seal: %w", ctx.Err())
		}
	}
}

// Run seals until ctx ends, and then returns nil. It returns an error only when
// this hospital's log is not the one that was sealed: then the node must stop,
// because no later seal of it can be true (fault.Broken, evidence.not-sealed-log).
//
// Anything else that goes wrong, a full disk or a ledger that stands still, is
// logged and tried again.
func (b *Beat) Run(ctx context.Context) error {
	b.runs.Store(true)
	defer b.runs.Store(false)
	timer := time.NewTimer(b.untilNext(time.Now()))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-b.urgent:
		}
		err := b.Seal(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errOtherLog):
			return err
		case err != nil:
			b.cfg.Logger.Error("sealing the log", "error", err)
		}
		timer.Reset(b.untilNext(time.Now()))
	}
}

// untilNext is the time to the next multiple of Every on the wall clock.
func (b *Beat) untilNext(now time.Time) time.Duration {
	return now.Truncate(b.cfg.Every).Add(b.cfg.Every).Sub(now)
}

// Seal seals what there is to seal now, and returns when a block holds it. When
// there is nothing, it does nothing. Marks leave the queue only after their
// block is there, so a seal that was cut short is repeated, which is harmless.
func (b *Beat) Seal(ctx context.Context) error {
	s, marks, err := b.next(ctx)
	if err != nil || s == nil {
		return err
	}
	if err := b.submit(ctx, s); err != nil {
		return fmt.Errorf("sealing %s: %w", b.cfg.Member, err)
	}
	if len(marks) == seal.MaxMarks {
		b.Urgent() // there may be more
	}
	return b.forget(ctx, marks)
}

// submit signs a seal and hands it to the ledger. Where another key came into
// force meanwhile, it signs anew.
func (b *Beat) submit(ctx context.Context, s *seal.Seal) error {
	for {
		if err := b.signer.SignSeal(s, b.cfg.Network); err != nil {
			return err
		}
		before := s.Signature
		_, err := b.ledger.Submit(ctx, machine.SealTx(s))
		if err == nil || ctx.Err() != nil {
			return err
		}
		if again := b.signer.SignSeal(s, b.cfg.Network); again != nil || s.Signature == before {
			return errors.Join(err, again)
		}
	}
}

// next builds the seal that is due, nil if none is, with the queued marks that
// it carries.
func (b *Beat) next(ctx context.Context) (*seal.Seal, [][32]byte, error) {
	marks, err := b.queued(ctx)
	if err != nil {
		return nil, nil, err
	}
	size, root, err := b.log.Extend(ctx)
	if err != nil {
		return nil, nil, err
	}
	last, _ := b.ledger.Sealed(b.cfg.Member)
	if err := b.log.Follows(last); err != nil {
		return nil, nil, err
	}
	if size == last.Size && len(marks) == 0 {
		return nil, nil, nil
	}
	s := &seal.Seal{Member: b.cfg.Member, Size: size, Root: root, Marks: pad(marks)}
	if s.Consistency, err = b.log.Consistency(last.Size, size); err != nil {
		return nil, nil, err
	}
	return s, marks, nil
}

// queued returns the marks to seal. Those that the register has already,
// because another member sealed them or a seal of ours was taken just before we
// stopped, leave the queue.
func (b *Beat) queued(ctx context.Context) ([][32]byte, error) {
	var waiting, known [][32]byte
	err := b.store.View(ctx, func(v *store.View) error {
		all, err := v.Marks(seal.MaxMarks)
		for _, m := range all {
			if _, there := b.ledger.Mark(register.Image(m)); there {
				known = append(known, m)
			} else {
				waiting = append(waiting, m)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the queue of marks: %w", err)
	}
	return waiting, b.forget(ctx, known)
}

func (b *Beat) forget(ctx context.Context, marks [][32]byte) error {
	if len(marks) == 0 {
		return nil
	}
	err := b.store.Update(ctx, func(tx *store.Tx) error { return tx.RemoveMarks(marks) })
	if err != nil {
		return fmt.Errorf("emptying the queue of marks: %w", err)
	}
	return nil
}

// pad fills marks up to the next bucket with random ones, which nobody can tell
// from them. There are at most seal.MaxMarks.
func pad(marks [][32]byte) [][32]byte {
	bucket, _ := seal.Bucket(len(marks))
	out := make([][32]byte, bucket)
	for i := copy(out, marks); i < bucket; i++ {
		_, _ = rand.Read(out[i][:]) // crypto/rand.Read does not return an error
	}
	return out
}

var errOtherLog = fault.New(fault.Broken, "evidence.not-sealed-log", "")

// Follows checks that the log is the one of which last was sealed: it has at
// least that many entries, and its root over them is the one on the ledger. The
// zero Entry is sealed of every log. The error is fault.Broken
// (evidence.not-sealed-log): the data directory was rolled back, or altered.
func (l *Log) Follows(last seal.Entry) error {
	if last.Size == 0 {
		return nil
	}
	root, err := l.Root(last.Size)
	if err == nil && root == last.Root {
		return nil
	}
	text := fmt.Sprintf("The log of this hospital is not the one whose %d entries were sealed in block %d.", last.Size, last.Height)
	switch {
	case fault.Is(err, fault.NotFound):
		text = fmt.Sprintf("%d entries of this hospital's log were sealed in block %d, and it has only %d.", last.Size, last.Height, l.Size())
	case err != nil:
		return fmt.Errorf("comparing the log with its seal: %w", err)
	}
	return fault.Wrap(fault.Broken, errOtherLog.Code, text, err).
		WithHint("Keep a copy of the data directory as evidence and run `cairn scrub`. A node restored from a backup that is older than its last seal cannot go on.")
}
