package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// op does one operation as one of the clients and returns how many things it
// did, such as resources stored. n counts the operations of all clients.
type op func(client int, n uint64) (done int, err error)

// tally is what clients did in a span.
type tally struct {
	span      time.Duration
	ops, done uint64
	perSecond []float64 // things done in each whole second
}

// rate returns things a second over the whole span.
func (t tally) rate() float64 { return float64(t.done) / t.span.Seconds() }

// closed lets every client do one operation after the other for warm, which
// does not count, and then for span, which does. It finds how much a hospital
// carries; the times of single operations say little then, because clients
// that wait ask for less.
func closed(ctx context.Context, clients int, warm, span time.Duration, do op) (tally, error) {
	seconds := make([]atomic.Uint64, int(span.Seconds())+1)
	var n, ops atomic.Uint64
	begin := time.Now().Add(warm)
	end := begin.Add(span)
	err := each(ctx, clients, func(ctx context.Context, client int) error {
		for ctx.Err() == nil {
			done, err := do(client, n.Add(1)-1)
			if err != nil {
				return err
			}
			now := time.Now()
			if now.After(end) {
				return nil
			}
			if since := now.Sub(begin); since >= 0 {
				ops.Add(1)
				seconds[int(since.Seconds())].Add(uint64(done)) //nolint:gosec // not negative
			}
		}
		return ctx.Err()
	})
	out := tally{span: span, ops: ops.Load()}
	for i := range seconds {
		out.done += seconds[i].Load()
		if i < int(span.Seconds()) {
			out.perSecond = append(out.perSecond, float64(seconds[i].Load()))
		}
	}
	return out, err
}

// open starts operations at a fixed rate, whether or not earlier ones were
// answered, and returns how long each took from the moment at which it was due.
// So an operation that had to wait for its turn counts with its wait, and a
// standstill counts for everybody whom it delayed (no coordinated omission).
func open(ctx context.Context, clients int, rate float64, span time.Duration, do op) ([]time.Duration, error) {
	total := uint64(rate * span.Seconds())
	if total == 0 {
		return nil, fmt.Errorf("a rate of %.2f/s does not reach one operation in %v", rate, span)
	}
	times := make([]time.Duration, total)
	var next atomic.Uint64
	begin := time.Now()
	err := each(ctx, clients, func(ctx context.Context, client int) error {
		for {
			n := next.Add(1) - 1
			if n >= total {
				return nil
			}
			due := begin.Add(time.Duration(float64(n) / rate * float64(time.Second)))
			if !sleepUntil(ctx, due) {
				return ctx.Err()
			}
			if _, err := do(client, n); err != nil {
				return err
			}
			times[n] = time.Since(due)
		}
	})
	return times, err
}

func sleepUntil(ctx context.Context, due time.Time) bool {
	wait := time.Until(due)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-time.After(wait):
		return true
	case <-ctx.Done():
		return false
	}
}

// each runs f for every client at once and returns the first error, which ends
// the others.
func each(ctx context.Context, clients int, f func(ctx context.Context, client int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			if err := f(ctx, client); err != nil {
				cancel(err)
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}
