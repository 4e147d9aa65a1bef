package subscription

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"cairn/fhir/topic"
	"cairn/node/store"
)

// follower reads the log once for all subscriptions and compares what it finds
// with what each asks for. It belongs to one goroutine.
type follower struct {
	desk   *Desk
	head   atomic.Uint64 // entries below it were offered
	lines  map[string]*line
	looked time.Time // when the table of subscriptions was last looked at
	asked  time.Time // when the store was last asked how long the log is
	size   uint64    // of the log, as it said then
}

const (
	tableEvery = 2 * time.Second        // for changes that another process made
	sizeEvery  = 250 * time.Millisecond // for entries that another process wrote
	chunk      = 512                    // entries that are looked at together
	farthest   = 1 << 16                // entries that the follower goes back for at the start; what lags more goes alone
)

// Run tells subscriptions until ctx ends. One process of a hospital runs it.
func (d *Desk) Run(ctx context.Context) {
	f := &follower{desk: d, lines: make(map[string]*line)}
	defer f.close()
	size := f.length(ctx)
	f.head.Store(size - min(size, farthest))
	tick := time.NewTicker(d.cfg.Look)
	defer tick.Stop()
	for changed := true; ctx.Err() == nil; {
		if changed || time.Since(f.looked) > tableEvery {
			f.sync(ctx)
		}
		f.follow(ctx)
		select {
		case <-tick.C:
			changed = false
		case <-d.changed:
			changed = true
		case <-ctx.Done():
		}
	}
}

func (f *follower) close() {
	for _, l := range f.lines {
		l.stop()
	}
	for _, l := range f.lines {
		<-l.done
	}
}

// sync ends the line of each subscription that is gone or that its owner
// changed, and starts one for each that has none.
func (f *follower) sync(ctx context.Context) {
	f.looked = time.Now()
	var epochs map[string]uint64
	err := f.desk.store.View(ctx, func(v *store.View) (err error) {
		epochs, err = v.SubscriptionEpochs()
		return err
	})
	if err == nil {
		f.end(epochs)
		err = f.begin(ctx, epochs)
	}
	if err != nil && ctx.Err() == nil {
		f.desk.log.LogAttrs(ctx, slog.LevelError, "the table of subscriptions cannot be read", slog.Any("cause", err))
	}
}

func (f *follower) end(epochs map[string]uint64) {
	for id, l := range f.lines {
		if epochs[id] == l.epoch && !l.ended() {
			continue
		}
		l.stop()
		<-l.done
		delete(f.lines, id)
	}
}

func (f *follower) begin(ctx context.Context, epochs map[string]uint64) error {
	return f.desk.store.View(ctx, func(v *store.View) error {
		for id := range epochs {
			if f.lines[id] != nil {
				continue
			}
			s, err := v.Subscription(id)
			if err != nil {
				return err
			}
			if s.Status != "" {
				f.lines[id] = f.desk.newLine(ctx, s, &f.head)
			}
		}
		return nil
	})
}

// follow offers what is new in the log.
func (f *follower) follow(ctx context.Context) {
	for size := f.length(ctx); f.head.Load() < size && ctx.Err() == nil; {
		if len(f.lines) == 0 {
			f.head.Store(size)
			return
		}
		if err := f.offer(ctx, size); err != nil {
			if ctx.Err() == nil {
				f.desk.log.LogAttrs(ctx, slog.LevelError, "the log cannot be followed for subscriptions", slog.Any("cause", err))
			}
			return
		}
	}
}

// length is how long the log is: what this process knows of it, and from time
// to time what the store says, to which others may have written.
func (f *follower) length(ctx context.Context) uint64 {
	if time.Since(f.asked) > sizeEvery {
		f.asked = time.Now()
		err := f.desk.store.View(ctx, func(v *store.View) (err error) {
			f.size, err = v.Size()
			return err
		})
		if err != nil && ctx.Err() == nil {
			f.desk.log.LogAttrs(ctx, slog.LevelError, "the length of the log cannot be read", slog.Any("cause", err))
		}
	}
	return max(f.size, f.desk.store.Size())
}

func (f *follower) offer(ctx context.Context, size uint64) error {
	from := f.head.Load()
	list, end, err := f.desk.changes(ctx, from, size, chunk)
	if err != nil {
		return err
	}
	about := make([]*topic.Change, len(list))
	for i, c := range list {
		about[i] = f.desk.facts(ctx, c)
	}
	for _, l := range f.lines {
		if err := l.offer(ctx, from, end, list, about); err != nil {
			return err
		}
	}
	f.head.Store(end)
	for _, l := range f.lines {
		if l.waiting(end) {
			l.nudge()
		}
	}
	return nil
}

// offer compares changes of the entries from from up to end with what the line
// asks for. A line that lags behind, or holds enough, is left to its own pace.
func (l *line) offer(ctx context.Context, from, end uint64, list []change, about []*topic.Change) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.criteria == nil || l.seen < from {
		return nil
	}
	hits, seen := l.hits, max(l.seen, end)
	for i, c := range list {
		if c.entry < l.seen {
			continue
		}
		if len(hits) >= hitsHeld && hits[len(hits)-1].entry != c.entry {
			seen = c.entry
			break
		}
		ok, err := l.desk.match(ctx, l.criteria, about[i])
		if err != nil {
			return err
		}
		if ok {
			hits = append(hits, c)
		}
	}
	l.hits, l.seen = hits, seen
	return nil
}

// waiting tells whether the line has something to do after the follower came
// to end.
func (l *line) waiting(end uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.criteria != nil && (len(l.hits) > 0 || l.seen < end)
}
