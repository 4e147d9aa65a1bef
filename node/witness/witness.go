// Package witness cosigns the calendar. Every member holds the whole calendar
// in its own replica and signs the checkpoints that agree with it; a
// checkpoint with a quorum of such cosignatures stands for itself, whatever
// later becomes of the ledger.
package witness

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"cairn/ledger/calendar"
	"cairn/ledger/member"
	"cairn/node/fault"
	"cairn/proof"
)

// Chain is the ledger as this room needs it.
type Chain interface {
	CalendarSize() uint64
	CalendarRoot(size uint64) ([32]byte, error)
	CalendarLeaf(index uint64) (calendar.Leaf, error)
	Members() []member.Member
}

// Pen gives the cosigning key that is in force; node/keys has it.
type Pen interface {
	Cosign() (ed25519.PrivateKey, error)
}

// Witness makes and gathers cosignatures. Its methods are safe for concurrent
// use.
type Witness struct {
	home    string
	network string
	trust   func() *proof.Trust
	chain   Chain
	pen     Pen
	client  *http.Client

	mu     sync.Mutex
	latest *proof.Checkpoint // with the most cosignatures of its size
}

// New makes the room for the member home of a network; trust gives the trust
// file of this moment.
func New(home, network string, trust func() *proof.Trust, chain Chain, pen Pen, client *http.Client) *Witness {
	return &Witness{home: home, network: network, trust: trust, chain: chain, pen: pen, client: client}
}

// Cosign answers another member's request: a checkpoint without signatures.
// It signs only what its own replica holds. A size that it has not reached is
// Conflict: ask again.
func (w *Witness) Cosign(text []byte) (line string, err error) {
	c, err := proof.ParseCheckpoint(append(bytes.Clone(text), '\n'))
	if err != nil {
		return "", fault.Wrap(fault.Invalid, "checkpoint", "this is not a checkpoint", err)
	}
	if c.Origin != calendar.Origin(w.network) {
		return "", fault.New(fault.NotFound, "checkpoint-origin", "this is the checkpoint of another log")
	}
	if c.Size > w.chain.CalendarSize() {
		return "", fault.New(fault.Conflict, "checkpoint-size", "this hospital has not seen so many blocks")
	}
	own, err := w.checkpoint(c.Size)
	if err != nil {
		return "", err
	}
	if own.Root != c.Root {
		return "", fault.New(fault.Refused, "checkpoint-fork", "this hospital holds another calendar of that size")
	}
	return own.Cosignatures[0].Line(), nil
}

// checkpoint returns the calendar's checkpoint at a size with this hospital's
// own cosignature.
func (w *Witness) checkpoint(size uint64) (*proof.Checkpoint, error) {
	root, err := w.chain.CalendarRoot(size)
	if err != nil {
		return nil, err
	}
	c := &proof.Checkpoint{Origin: calendar.Origin(w.network), Size: size, Root: root}
	key, err := w.pen.Cosign()
	if err != nil {
		return nil, err
	}
	cosigner, err := proof.NewCosigner(proof.KeyName(w.network, w.home), key)
	if err != nil {
		return nil, fmt.Errorf("cosigning: %w", err)
	}
	own, err := cosigner.Cosign(c, uint64(time.Now().Unix())) //nolint:gosec // after 1970
	if err != nil {
		return nil, fmt.Errorf("cosigning: %w", err)
	}
	c.Add(own)
	return c, nil
}

// Gather returns the checkpoint of a calendar size with the cosignatures of as
// many members as answer before ctx ends; fewer than a quorum is not an error.
func (w *Witness) Gather(ctx context.Context, size uint64) (*proof.Checkpoint, error) {
	if have := w.cached(size); have != nil {
		return have, nil
	}
	c, err := w.checkpoint(size)
	if err != nil {
		return nil, err
	}
	lines := make(chan proof.Cosignature)
	asked := 0
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	for _, m := range w.chain.Members() {
		if m.ID == w.home || !m.Active {
			continue
		}
		asked++
		go func() {
			s, err := w.ask(ctx, m, c)
			if err != nil {
				s = proof.Cosignature{}
			}
			lines <- s
		}()
	}
	text, height := *c, w.height(size)
	for range asked {
		s := <-lines
		if _, err := w.trust().SignerAt(&text, &s, height); err == nil {
			c.Add(s)
		}
	}
	w.keep(c)
	return c, nil
}

// height returns the height of the latest block under a calendar of this size.
func (w *Witness) height(size uint64) uint64 {
	if size == 0 {
		return 0
	}
	leaf, err := w.chain.CalendarLeaf(size - 1)
	if err != nil {
		return 0
	}
	return leaf.Height
}

// ask asks one member for its cosignature, again while it has not caught up.
func (w *Witness) ask(ctx context.Context, m member.Member, c *proof.Checkpoint) (proof.Cosignature, error) {
	for {
		s, again, err := w.askOnce(ctx, m, c)
		if !again {
			return s, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return s, ctx.Err()
		}
	}
}

func (w *Witness) askOnce(ctx context.Context, m member.Member, c *proof.Checkpoint) (s proof.Cosignature, again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL+"/calendar/cosign", bytes.NewReader([]byte(c.Text())))
	if err != nil {
		return s, false, err
	}
	req.Header.Set("Content-Type", "text/plain")
	res, err := w.client.Do(req)
	if err != nil {
		return s, ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded), err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	if err != nil || res.StatusCode != http.StatusOK {
		return s, res.StatusCode == http.StatusConflict, errors.Join(err, fmt.Errorf("status %d", res.StatusCode))
	}
	s, err = proof.ParseCosignature(string(body))
	return s, false, err
}

func (w *Witness) cached(size uint64) *proof.Checkpoint {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.latest == nil || w.latest.Size != size || len(w.latest.Cosignatures) < w.trust().Quorum {
		return nil
	}
	c := *w.latest
	return &c
}

func (w *Witness) keep(c *proof.Checkpoint) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.latest == nil || c.Size > w.latest.Size || c.Size == w.latest.Size && len(c.Cosignatures) > len(w.latest.Cosignatures) {
		kept := *c
		w.latest = &kept
	}
}

// Latest returns the newest gathered checkpoint as a signed note; NotFound
// before the first.
func (w *Witness) Latest() ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.latest == nil {
		return nil, fault.New(fault.NotFound, "no-checkpoint", "nothing has been sealed yet")
	}
	return w.latest.Encode(), nil
}

// Run gathers cosignatures for a calendar that has grown, at most once per
// interval, until ctx ends.
func (w *Witness) Run(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var done uint64
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if size := w.chain.CalendarSize(); size > done {
			if _, err := w.Gather(ctx, size); err == nil {
				done = size
			}
		}
	}
}
