// Package once remembers what was used, so that what is good once is not taken a
// second time: assertions, nonces, proofs of possession. It is the memory of one
// process, bounded, and gone with it; where that is too little the store remembers.
package once

import (
	"crypto/sha256"
	"sync"
	"time"

	"cairn/node/fault"
)

// limit bounds how much that was used is remembered: at the rate that fills
// it, 8,000 proofs a second, a node has other troubles. Beyond it nothing more
// is taken until something has ended.
const limit = 1 << 20

// Memory remembers what was used until it would have expired anyway. It keeps
// hashes in bundles that end in the same minute, so that forgetting costs
// nothing. Only what is otherwise good may be handed to it, or strangers fill it.
// The zero Memory is empty. Its methods are safe for concurrent use.
type Memory struct {
	mu    sync.Mutex
	used  map[int64]map[[16]byte]struct{} // by the minute after whose end they are forgotten
	count int
	swept int64
}

// First tells whether id was not used before, and marks it used until then. It
// is Busy when it can remember no more.
func (o *Memory) First(id string, until, now time.Time) (bool, error) {
	sum := sha256.Sum256([]byte(id))
	key, minute := [16]byte(sum[:16]), until.Unix()/60
	o.mu.Lock()
	defer o.mu.Unlock()
	o.forget(now.Unix() / 60)
	for _, bundle := range o.used {
		if _, again := bundle[key]; again {
			return false, nil
		}
	}
	if o.count >= limit {
		return false, fault.New(fault.Busy, "replay-memory", "this node has too many requests at this moment").WithHint("try again in a minute")
	}
	if o.used == nil {
		o.used = make(map[int64]map[[16]byte]struct{})
	}
	if o.used[minute] == nil {
		o.used[minute] = make(map[[16]byte]struct{})
	}
	o.used[minute][key] = struct{}{}
	o.count++
	return true, nil
}

// forget drops what ended before a minute.
func (o *Memory) forget(now int64) {
	if now == o.swept {
		return
	}
	o.swept = now
	for minute, bundle := range o.used {
		if minute < now {
			o.count -= len(bundle)
			delete(o.used, minute)
		}
	}
}
