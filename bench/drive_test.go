package bench

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A server that answers in 1 ms, but stands still once for a second: with 100
// operations a second, about a hundred are delayed by it, one after the other
// less. A generator that waited for the answer would count one of them.
func TestOpenCountsEverybodyWhomAStandstillDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var free time.Time
		times, err := open(t.Context(), 1, 100, 10*time.Second, func(_ int, n uint64) (int, error) {
			if n == 300 {
				free = time.Now().Add(time.Second)
			}
			time.Sleep(max(time.Until(free), time.Millisecond))
			return 1, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		late := 0
		for _, d := range times {
			if d > 100*time.Millisecond {
				late++
			}
		}
		if q := quantiles(times); q.P99 < 800 || q.P50 > 2 || late < 90 || late > 110 {
			t.Errorf("%d operations took more than 100 ms; quantiles %+v", late, q)
		}
	})
}

func TestClosedCountsOnlyTheSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, err := closed(t.Context(), 4, time.Second, 5*time.Second, func(int, uint64) (int, error) {
			time.Sleep(99 * time.Millisecond)
			return 3, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got.ops < 196 || got.ops > 204 || got.done != 3*got.ops || got.rate() < 117 || got.rate() > 123 || len(got.perSecond) != 5 {
			t.Errorf("got %+v, rate %.1f", got, got.rate())
		}
	})
}

func TestAnErrorEndsAllClients(t *testing.T) {
	wrong := errors.New("wrong")
	var calls atomic.Uint64
	_, err := closed(context.Background(), 8, 0, time.Minute, func(_ int, n uint64) (int, error) {
		if calls.Add(1); n == 20 {
			return 0, wrong
		}
		time.Sleep(time.Millisecond)
		return 1, nil
	})
	if !errors.Is(err, wrong) || calls.Load() > 1000 {
		t.Errorf("error %v after %d calls", err, calls.Load())
	}
}
