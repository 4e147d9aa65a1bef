package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

const (
	leadAgain    = 500 * time.Millisecond // between two tries to lead
	leadCheck    = 250 * time.Millisecond // between two looks whether it still does
	leadPatience = 5 * time.Second        // for which the server may be silent before another may lead
)

// leaderSettings let the server end the session of a process that is frozen or
// cut off, so that another can lead.
var leaderSettings = map[string]string{
	"idle_session_timeout": "10s", "tcp_keepalives_idle": "5", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "2",
}

// Lead runs f while no other process that shares the database runs the like,
// and again when it led before and lost its connection: what f does is done by
// one process of a hospital at a time. The context of f ends when the
// connection that says so is gone, which is noticed within about five seconds;
// until then another may have begun, so f must be harmless if two run for so
// long.
//
// knock is called once at the beginning and whenever a process has called Knock.
// Lead returns nil when ctx ends, and otherwise what f returns.
func (s *Store) Lead(ctx context.Context, knock func(), f func(context.Context) error) error {
	if !s.Shared() {
		return f(ctx)
	}
	for {
		c, err := s.elected(ctx)
		if err == nil {
			err = lead(ctx, c, knock, f)
			_ = c.close() // with it goes the lock
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, errDeposed) {
			return err
		}
	}
}

var errDeposed = errors.New("the connection by which this process leads is gone")

// elected waits until this process may lead, and returns the connection that
// holds the lock.
func (s *Store) elected(ctx context.Context) (*elephant, error) {
	for {
		if c, mine := s.claim(); mine {
			return c, nil
		}
		select {
		case <-time.After(leadAgain):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// claim tries to take the lock of who leads.
func (s *Store) claim() (*elephant, bool) {
	c, err := s.leader()
	if err != nil {
		return nil, false
	}
	e, ok := c.session.(*elephant)
	if !ok {
		return nil, false
	}
	e.patience = leadPatience
	got, err := c.number(fmt.Sprintf("SELECT pg_try_advisory_lock(%d, hashtext(current_schema()))::int", lockSeal))
	if err == nil && got == 1 {
		err = e.do("LISTEN cairn")
	}
	if err != nil || got != 1 {
		_ = c.close() // it holds nothing
		return nil, false
	}
	return e, true
}

// lead runs f until it returns, ctx ends, or the connection is gone.
func lead(ctx context.Context, c *elephant, knock func(), f func(context.Context) error) error {
	reign, resign := context.WithCancel(ctx)
	defer resign()
	done := make(chan error, 1)
	go func() { done <- f(reign) }()
	for c.heard = true; ; {
		if c.heard {
			c.heard = false
			knock()
		}
		select {
		case err := <-done:
			return err
		default:
		}
		if err := c.hear(leadCheck); err != nil {
			resign()
			return cmp.Or(ended(<-done), errDeposed)
		}
	}
}

// ended leaves out that a context ended.
func ended(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// hear waits a while for a notification, and asks whether the server is there
// if none came.
func (c *elephant) hear(wait time.Duration) error {
	if err := c.raw.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return c.kill(err)
	}
	msg, err := c.front.Receive()
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		return c.do("SELECT 1")
	}
	if err != nil {
		return c.kill(err)
	}
	c.take(msg)
	return c.dead
}

// Knock tells the process that leads that something waits for it. It does
// nothing in a store that is not shared.
func (s *Store) Knock(ctx context.Context) error {
	if !s.Shared() {
		return nil
	}
	return s.writer.do(ctx, s.closing, &job{alone: func(c *conn) error {
		_, err := c.exec("NOTIFY cairn")
		return err
	}})
}
