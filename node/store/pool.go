package store

import (
	"context"
	"sync"
	"time"

	"cairn/node/fault"
)

const (
	maxSpares  = 32                    // connections beyond the pool's own
	spareAfter = 20 * time.Millisecond // how long a caller waits before it gets one
)

// pool hands out connections for reading. When all are out for a while, as when
// every one of their holders asks for a second, it opens some more and closes
// them after use.
//
// The connection that was given back last is handed out first: what it has in
// its cache is the freshest.
type pool struct {
	size   int
	open   func() (*conn, error)
	idle   chan struct{} // one token for each connection in rest
	mu     sync.Mutex
	rest   []*conn
	spares chan struct{} // one token for each spare that may be open
}

func newPool(size int, open func() (*conn, error)) (*pool, error) {
	p := &pool{open: open, idle: make(chan struct{}, size), spares: make(chan struct{}, maxSpares)}
	for range maxSpares {
		p.spares <- struct{}{}
	}
	for ; p.size < size; p.size++ {
		c, err := open()
		if err != nil {
			_ = p.close() // the first error is the one to tell
			return nil, err
		}
		p.give(c)
	}
	return p, nil
}

// take returns a connection that give must get back.
func (p *pool) take(ctx context.Context, closing <-chan struct{}) (*conn, error) {
	select {
	case <-closing:
		return nil, closed()
	default:
	}
	select {
	case <-p.idle:
		return p.alive(p.last())
	default:
	}
	patience := time.NewTimer(spareAfter)
	defer patience.Stop()
	var spares chan struct{}
	for {
		select {
		case <-p.idle:
			return p.alive(p.last())
		case <-patience.C:
			spares = p.spares
		case <-spares:
			return p.spare()
		case <-ctx.Done():
			return nil, fault.As(ctx.Err())
		case <-closing:
			return nil, closed()
		}
	}
}

// last returns what was given back last. Whoever calls it has a token.
func (p *pool) last() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.rest) - 1
	c := p.rest[n]
	p.rest = p.rest[:n]
	return c
}

// alive opens a connection in place of one that was lost.
func (p *pool) alive(c *conn) (*conn, error) {
	if !c.lost() {
		return c, nil
	}
	fresh, err := p.open()
	if err != nil {
		p.give(c) // for the next one to try
		return nil, err
	}
	_ = c.close() // it is gone
	return fresh, nil
}

func (p *pool) spare() (*conn, error) {
	c, err := p.open()
	if err != nil {
		p.spares <- struct{}{}
		return nil, err
	}
	c.spare = true
	return c, nil
}

func (p *pool) give(c *conn) {
	if !c.spare {
		p.mu.Lock()
		p.rest = append(p.rest, c)
		p.mu.Unlock()
		p.idle <- struct{}{}
		return
	}
	_ = c.close() // it only read
	p.spares <- struct{}{}
}

// close waits for every connection and closes it. Nobody takes any more.
func (p *pool) close() (first error) {
	for range maxSpares {
		<-p.spares
	}
	for range p.size {
		<-p.idle
		if err := p.last().close(); first == nil {
			first = err
		}
	}
	return first
}
