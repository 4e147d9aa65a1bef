package subscription

import (
	"sync"
	"time"
)

// turns hand out when each notification may be made, so that many subscriptions
// that are told of everything do not take the hospital's writes the processor
// and the disk. Who waits for its turn gathers events meanwhile, and tells them
// together.
type turns struct {
	every time.Duration

	mu   sync.Mutex
	next time.Time
}

// burst is how many turns may be taken at once after a quiet time.
const burst = 50

// take returns when the taker's turn is, which may be now.
func (t *turns) take(now time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if earliest := now.Add(-burst * t.every); t.next.Before(earliest) {
		t.next = earliest
	}
	turn := t.next
	t.next = turn.Add(t.every)
	return turn
}
