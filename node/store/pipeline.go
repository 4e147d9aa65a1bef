package store

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"cairn/node/fault"
)

// pipeline takes single questions of many callers to a database server: those
// that come while others are under way wait and go together, with one round trip
// for all of them. That costs both sides much less than a round trip for each.
//
// It has no goroutine of its own. Who comes when a connection is free asks at
// once; when the answers are there, the caller who has waited longest goes on
// with the same connection, for all who wait by then.
type pipeline struct {
	open func() (*conn, error)
	size int // connections

	mu      sync.Mutex
	free    *sync.Cond // a connection came back
	over    bool
	idle    []*conn     // nil: it is opened when it is needed
	waiting []*question // oldest first

	asked, trips atomic.Uint64 // questions, and round trips for them
}

// pipes are one for questions that lead to a row or a few, and one for those
// that may bring a page of records, which the others do not wait for.
type pipes struct{ once, brief *pipeline }

func (p *pipes) close() error { return errors.Join(p.once.close(), p.brief.close()) }

// join returns what asks through the pipeline.
func (p *pipeline) join(ctx context.Context) *conn {
	return &conn{session: &asking{to: p, ctx: ctx}}
}

// question waits for its answer.
type question struct {
	sql  string
	args []any
	rows answer
	err  error
	turn chan turn
}

// turn tells a caller who waits that its question was answered, or that it is to
// ask on a connection, for all who wait.
type turn struct {
	answered bool
	c        *conn
}

// mostPiped bounds how many questions wait for the slowest of them.
const mostPiped = 64

func newPipeline(open func() (*conn, error)) *pipeline {
	p := &pipeline{open: open, size: max(1, runtime.GOMAXPROCS(0)/2)}
	p.free, p.idle = sync.NewCond(&p.mu), make([]*conn, p.size)
	return p
}

// close waits for the questions that wait, and closes the connections.
func (p *pipeline) close() (first error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	for len(p.idle) < p.size {
		p.free.Wait()
	}
	for i, c := range p.idle {
		if c == nil {
			continue
		}
		if err := c.close(); first == nil {
			first = err
		}
		p.idle[i] = nil
	}
	return first
}

// ask answers a question, in a state of the database of its own.
func (p *pipeline) ask(ctx context.Context, q *question) error {
	q.turn = make(chan turn, 1)
	t, err := p.come(q)
	if err != nil {
		return err
	}
	if t == nil {
		select {
		case got := <-q.turn:
			t = &got
		case <-ctx.Done():
			if p.leave(q) {
				return fault.As(ctx.Err())
			}
			got := <-q.turn
			t = &got
		}
	}
	if !t.answered {
		p.lead(t.c, q)
	}
	return q.err
}

// come gives a question its turn, or has it wait.
func (p *pipeline) come(q *question) (*turn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return nil, closed()
	}
	n := len(p.idle) - 1
	if n < 0 {
		p.waiting = append(p.waiting, q)
		return nil, nil
	}
	c := p.idle[n]
	p.idle = p.idle[:n]
	return &turn{c: c}, nil
}

// leave takes a question back, unless it has its turn already.
func (p *pipeline) leave(q *question) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.waiting, q)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	return i >= 0
}

// lead asks a question and those that wait, and hands the connection on.
func (p *pipeline) lead(c *conn, q *question) {
	p.mu.Lock()
	n := min(len(p.waiting), mostPiped-1)
	all := append(append(make([]*question, 0, n+1), q), p.waiting[:n]...)
	p.waiting = slices.Delete(p.waiting, 0, n)
	p.mu.Unlock()

	c = p.answer(c, all)

	p.mu.Lock()
	if len(p.waiting) > 0 {
		p.waiting[0].turn <- turn{c: c}
		p.waiting = slices.Delete(p.waiting, 0, 1)
	} else {
		p.idle = append(p.idle, c)
		p.free.Signal()
	}
	p.mu.Unlock()
	for _, other := range all[1:] {
		other.turn <- turn{answered: true}
	}
}

// answer asks questions on a connection, or on another in place of one that was
// lost, and returns that.
func (p *pipeline) answer(c *conn, all []*question) *conn {
	c, err := p.alive(c)
	if err == nil {
		err = p.together(c, all)
	}
	if err != nil && len(all) > 1 && c != nil && !c.lost() { // one of them cost all of them the transaction
		for i := range all {
			all[i].err = p.together(c, all[i:i+1])
		}
		return c
	}
	for _, q := range all {
		q.err = err
	}
	return c
}

// alive opens a connection in place of one that was lost.
func (p *pipeline) alive(c *conn) (*conn, error) {
	if c != nil && !c.lost() {
		return c, nil
	}
	fresh, err := p.open()
	if err != nil {
		return c, err // for the next one to try
	}
	if c != nil {
		_ = c.close() // it is gone
	}
	return fresh, nil
}

// together asks questions with one round trip. If one fails, all do.
func (p *pipeline) together(c *conn, all []*question) error {
	p.asked.Add(uint64(len(all)))
	p.trips.Add(1)
	e, ok := c.session.(*elephant)
	if !ok {
		return broken(errors.New("a database file has no pipeline"))
	}
	return e.askAll(all)
}

// askAll asks questions with one round trip. Each has a snapshot of its own
// (readerSettings), or one with those that are the same but for their arguments.
// If one fails, all of them are taken to have failed.
func (c *elephant) askAll(all []*question) error {
	if err := c.replan(); err != nil {
		return err
	}
	var joint []*jointly
	for _, q := range all {
		q.rows = answer{}
		if many := manyRows[q.sql]; many != "" && len(all) > 1 {
			joint = join(joint, many, q)
			continue
		}
		if err := c.add(q.sql, "", 0, request{rows: &q.rows}, q.args); err != nil {
			c.cut(0, 0)
			return err
		}
	}
	for _, j := range joint {
		if err := j.add(c); err != nil {
			c.cut(0, 0)
			return err
		}
	}
	if err := c.roundTrip(); err != nil {
		return err
	}
	for _, j := range joint {
		if err := j.share(); err != nil {
			return err
		}
	}
	return nil
}

// asking is the session of a View that asks together with others. Its callers
// use nothing of a session but questions.
type asking struct {
	session
	lone
	to  *pipeline
	ctx context.Context
}

func (a *asking) each(sql string, f func(row) error, args ...any) error {
	if err := a.may(); err != nil {
		return err
	}
	q := &question{sql: sql, args: args}
	if err := a.to.ask(a.ctx, q); err != nil {
		return err
	}
	if err := q.rows.each(f); err != errStop { //nolint:errorlint // never wrapped
		return err
	}
	return nil
}

func (a *asking) ask(sql string, f func(row) error, args ...any) error {
	return a.each(sql, f, args...)
}
func (a *asking) peek(sql string, f func(row) error, args ...any) error {
	return a.each(sql, f, args...)
}
func (a *asking) single()       { a.lone.single() }
func (a *asking) doubled() bool { return a.lone.doubled() }
