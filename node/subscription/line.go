package subscription

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"cairn/fhir/topic"
	"cairn/node/fault"
	"cairn/node/store"
)

// line tells one subscription, in a goroutine of its own: an endpoint that is
// slow or down holds up nobody else.
type line struct {
	desk  *Desk
	epoch uint64         // of the subscription that it tells
	head  *atomic.Uint64 // how far the follower has come
	stop  context.CancelFunc
	done  chan struct{}
	wake  chan struct{}

	// Owned by the line's goroutine.
	s      store.Subscription // as it is in the store, but for a position that only moved on
	wish   *wish
	batch  []event        // numbered and not yet delivered; nil with s.Until > s.Next: to be read from the store
	stored store.Progress // as it is in the store
	kept   time.Time      // when it was written
	told   bool           // something was delivered, and the position is not written yet
	slot   time.Time      // when the next notification may be made; zero: not asked for
	narrow bool           // one at a time, to find what cannot be told

	// Shared with the follower.
	mu       sync.Mutex
	criteria *topic.Criteria // nil while nothing is to be matched
	seen     uint64          // entries below it were compared with the criteria
	hits     []change        // those that match and are in no batch
}

// hitsHeld bounds the matches that a line holds. Beyond them it has a position
// in the log and no queue.
const hitsHeld = 2 * maxCount

// Pauses of a line.
const (
	stall   = time.Second      // while this hospital cannot send
	never   = time.Hour        // nothing to do but to be woken
	keep    = 30 * time.Second // between two writes of a position that only moved on
	keepLag = 4096             // entries after which it is written at once
)

func (d *Desk) newLine(ctx context.Context, s *store.Subscription, head *atomic.Uint64) *line {
	ctx, stop := context.WithCancel(ctx)
	l := &line{
		desk: d, epoch: s.Epoch, head: head, stop: stop, done: make(chan struct{}), wake: make(chan struct{}, 1),
		s: *s, stored: s.Progress, seen: s.Until, kept: time.Now(),
	}
	go l.run(ctx)
	return l
}

func (l *line) run(ctx context.Context) {
	defer l.desk.nudge() // for another to begin, if it ended by itself
	defer close(l.done)
	defer l.stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-l.wake:
		case <-ctx.Done():
			l.rest(context.WithoutCancel(ctx))
			return
		}
		pause, err := l.steps(ctx)
		if err != nil { // what it holds is in doubt: another line reads it anew
			l.desk.log.LogAttrs(ctx, slog.LevelError, "a subscription broke off", slog.String("subscription", l.s.ID), slog.Any("cause", err))
			select {
			case <-time.After(stall):
			case <-ctx.Done():
			}
			return
		}
		timer.Reset(pause)
	}
}

// steps does what is due and returns how long nothing will be. A panic in it, at
// what one subscription asks for, does not end the process.
func (l *line) steps(ctx context.Context) (pause time.Duration, err error) {
	err = fault.Guard(func() error {
		for pause = l.step(ctx); pause == 0 && ctx.Err() == nil; {
			pause = l.step(ctx)
		}
		return nil
	})
	return pause, err
}

// ended tells whether the line has ended.
func (l *line) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// rest writes a position that only moved on, before the line ends.
func (l *line) rest(ctx context.Context) {
	if l.s.Status == active && l.idle() && l.s.Next > l.stored.Next {
		l.commit(ctx, l.s, nil)
	}
}

// nudge wakes the line.
func (l *line) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// step does the next thing that is due and returns how long nothing will be;
// 0 means that there is more to do at once.
func (l *line) step(ctx context.Context) time.Duration {
	if l.wish == nil {
		if pause, ok := l.read(ctx); !ok {
			return pause
		}
	}
	now := time.Now()
	l.listen(l.s.Status == active)
	switch {
	case l.s.Status == off:
		return never
	case l.wish.end <= now.UnixMilli():
		return l.become(ctx, off, "")
	case l.s.Status == requested:
		return l.shake(ctx)
	case l.s.Status != active:
		return until(now, l.wish.end)
	case l.s.Due > now.UnixMilli():
		return until(now, min(l.s.Due, l.wish.end))
	}
	return l.tell(ctx, now)
}

// read opens what the subscription asks for.
func (l *line) read(ctx context.Context) (pause time.Duration, ok bool) {
	_, w, err := l.desk.open(ctx, &l.s)
	switch {
	case err == nil:
		l.wish = w
		return 0, true
	case waits(err) || ctx.Err() != nil:
		return stall, false
	case l.s.Status == inError || l.s.Status == off:
		return never, false
	}
	return l.become(ctx, inError, troubleDamaged), false
}

// until is the pause before a time.
func until(now time.Time, millis int64) time.Duration {
	return min(max(time.UnixMilli(millis).Sub(now), time.Millisecond), never)
}

// listen lets the follower match for the line, or not.
func (l *line) listen(yes bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.criteria = nil; yes {
		l.criteria = l.wish.criteria
	}
}

// tell sends what there is to tell.
func (l *line) tell(ctx context.Context, now time.Time) time.Duration {
	if l.s.Until > l.s.Next {
		return l.inTurn(ctx, now, l.again)
	}
	l.mu.Lock()
	hits, lagging := len(l.hits), l.seen < l.head.Load()
	l.mu.Unlock()
	switch {
	case hits > 0:
		return l.inTurn(ctx, now, l.fresh)
	case lagging:
		return l.scan(ctx)
	}
	l.idle()
	if lag := l.s.Next - l.stored.Next; l.told || lag > keepLag || lag > 0 && now.Sub(l.kept) > keep {
		if !l.commit(ctx, l.s, nil) {
			return stall
		}
	}
	return l.beat(ctx, now)
}

// inTurn does something when the line's turn has come.
func (l *line) inTurn(ctx context.Context, now time.Time, f func(context.Context) time.Duration) time.Duration {
	if l.slot.IsZero() {
		l.slot = l.desk.turns.take(now)
	}
	if wait := l.slot.Sub(now); wait > 0 {
		return wait
	}
	l.slot = time.Time{}
	return f(ctx)
}

// idle moves the position on to where nothing was left to tell, and reports
// whether there is nothing.
func (l *line) idle() bool {
	if l.s.Until > l.s.Next {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.hits) > 0 {
		return false
	}
	l.s.Next = max(l.s.Next, l.seen)
	l.s.Until = l.s.Next
	return true
}

// commit makes next the state of the subscription, durably and together with
// more. It reports false, and nothing has changed, when that cannot be written.
// When its owner has changed it meanwhile, or another process has told it, the
// line ends, and another begins with what is so.
func (l *line) commit(ctx context.Context, next store.Subscription, more func(tx *store.Tx) error) bool {
	var mine bool
	err := l.desk.store.Update(ctx, func(tx *store.Tx) (err error) {
		if mine, err = tx.Advance(&next, l.stored); err != nil || !mine || more == nil {
			return err
		}
		return more(tx)
	})
	if err != nil {
		if ctx.Err() == nil {
			l.desk.log.LogAttrs(ctx, slog.LevelError, "the progress of a subscription cannot be written yet", slog.String("subscription", l.s.ID), slog.Any("cause", err))
		}
		return false
	}
	if !mine {
		l.stop()
		return false
	}
	l.s, l.stored, l.kept, l.told = next, next.Progress, time.Now(), false
	return true
}

// become changes the status.
func (l *line) become(ctx context.Context, status, code string) time.Duration {
	next := l.s
	if status == active {
		next.Failures, next.Due, next.Sent = 0, 0, time.Now().UnixMilli()
	}
	next.Status, next.Error = status, code
	return l.turn(ctx, next, nil)
}

// turn commits a state whose status is another.
func (l *line) turn(ctx context.Context, next store.Subscription, more func(tx *store.Tx) error) time.Duration {
	next.Version, next.Updated = next.Version+1, time.Now().UnixMilli()
	if !l.commit(ctx, next, more) {
		return stall
	}
	level := slog.LevelInfo
	if next.Status == inError {
		level = slog.LevelWarn
	}
	l.desk.log.LogAttrs(ctx, level, "a subscription is "+next.Status, slog.String("subscription", l.s.ID), slog.String("owner", l.s.Owner), slog.String("code", next.Error))
	return 0
}

// failed notes that a try failed, together with more, and when to try again.
// After too many in a row the subscription is in error: its owner must start it
// again.
func (l *line) failed(ctx context.Context, next store.Subscription, code string, more func(tx *store.Tx) error) time.Duration {
	if ctx.Err() != nil {
		return stall
	}
	next.Failures++
	next.Error = code
	next.Due = time.Now().Add(l.desk.cfg.pause(next.Failures, rand.Float64())).UnixMilli() //nolint:gosec // spreads tries, protects nothing
	if next.Failures >= l.desk.cfg.Failures {
		next.Status = inError
		return l.turn(ctx, next, more)
	}
	if !l.commit(ctx, next, more) {
		return stall
	}
	return 0
}

// pause is how long to wait after so many failures in a row: doubled each
// time, up to the longest, less up to a quarter by chance (from 0 to 1), so that
// what failed together does not come back together.
func (c *Config) pause(failures uint64, chance float64) time.Duration {
	pause := c.First
	for i := uint64(1); i < failures && pause < c.Most; i++ {
		pause *= 2
	}
	pause = min(pause, c.Most)
	return pause - time.Duration(chance*float64(pause)/4)
}
