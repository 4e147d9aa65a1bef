package store

import (
	"context"
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
type pool struct {
	size   int
	open   func() (*conn, error)
	idle   chan *conn
	spares chan struct{} // one token for each spare that may be open
}

func newPool(size int, open func() (*conn, error)) (*pool, error) {
	p := &pool{open: open, idle: make(chan *conn, size), spares: make(chan struct{}, maxSpares)}
	for range maxSpares {
		p.spares <- struct{}{}
	}
	for ; p.size < size; p.size++ {
		c, err := open()
		if err != nil {
			_ = p.close() // the first error is the one to tell
			return nil, err
		}
		p.idle <- c
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
	case c := <-p.idle:
		return p.alive(c)
	default:
	}
	patience := time.NewTimer(spareAfter)
	defer patience.Stop()
	var spares chan struct{}
	for {
		select {
		case c := <-p.idle:
			return p.alive(c)
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

// alive opens a connection in place of one that was lost.
func (p *pool) alive(c *conn) (*conn, error) {
	if !c.lost() {
		return c, nil
	}
	fresh, err := p.open()
	if err != nil {
		p.idle <- c // for the next one to try
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
		p.idle <- c
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
		if err := (<-p.idle).close(); first == nil {
			first = err
		}
	}
	return first
}
