package subscription

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"cairn/node/hook"
	"cairn/node/identity"
	"cairn/node/store"
)

// notify is how telling is called in the log of whom it is about.
const notify = "notify"

// standing returns the actor on whose behalf the subscription is told, as it
// stands at this moment.
func (l *line) standing() (identity.Actor, error) {
	return l.desk.door.Standing(l.s.Standing, thing(&l.s))
}

// send posts a notification.
func (l *line) send(ctx context.Context, n notification) error {
	ctx, cancel := context.WithTimeout(ctx, l.wish.timeout)
	defer cancel()
	header := l.wish.header.Clone()
	header.Set("Content-Type", l.wish.media)
	header.Set("User-Agent", l.desk.cfg.Software)
	return l.desk.post.Post(ctx, hook.Request{URL: l.wish.endpoint, Header: header, Body: n.bundle(l.desk.cfg.Base, time.Now())})
}

// reach looks, after a failure, whether the endpoint is there at all: while it
// is not, nothing is decided or logged for it.
func (l *line) reach(ctx context.Context) error {
	if l.s.Failures == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, l.wish.timeout)
	defer cancel()
	return l.desk.post.Reach(ctx, l.wish.endpoint)
}

// shake sends the handshake. Whatever goes wrong with it is an error of the
// subscription (Subscriptions R5 Backport 1.1, rest-hook).
func (l *line) shake(ctx context.Context) time.Duration {
	if _, err := l.standing(); err != nil {
		return l.fallen(ctx, err)
	}
	err := l.send(ctx, notificationOf(kindHandshake, &l.s, l.wish))
	switch {
	case err == nil:
		return l.become(ctx, active, "")
	case ctx.Err() != nil:
		return stall
	}
	return l.become(ctx, inError, troubleOf(err))
}

// fallen ends the telling of somebody for whom nobody vouches any more.
func (l *line) fallen(ctx context.Context, err error) time.Duration {
	if waits(err) {
		return stall
	}
	return l.become(ctx, inError, troubleStanding)
}

// beat sends a heartbeat when nothing was sent for its period, and returns when
// the next thing is due.
func (l *line) beat(ctx context.Context, now time.Time) time.Duration {
	pause := min(until(now, l.wish.end), keep)
	if l.wish.heartbeat == 0 {
		return pause
	}
	if due := time.UnixMilli(l.s.Sent).Add(l.wish.heartbeat); due.After(now) {
		return min(pause, due.Sub(now))
	}
	if _, err := l.standing(); err != nil {
		return l.fallen(ctx, err)
	}
	if err := l.send(ctx, notificationOf(kindHeartbeat, &l.s, l.wish)); err != nil {
		return l.failed(ctx, l.s, troubleOf(err), nil)
	}
	return l.taken(ctx, l.s)
}

// taken notes that the endpoint took what it was sent. That is written with
// the next thing that is, unless there was a failure before: then it is over.
func (l *line) taken(ctx context.Context, next store.Subscription) time.Duration {
	over := next.Failures > 0
	next.Failures, next.Due, next.Error, next.Sent = 0, 0, "", time.Now().UnixMilli()
	if !over {
		l.s = next
		return 0
	}
	if !l.commit(ctx, next, nil) {
		return stall
	}
	return 0
}

// scan compares a piece of the log with the criteria, for a line that lags
// behind the follower.
func (l *line) scan(ctx context.Context) time.Duration {
	l.mu.Lock()
	from := l.seen
	l.mu.Unlock()
	list, end, err := l.desk.changes(ctx, from, l.head.Load(), hitsHeld)
	if err != nil {
		return stall
	}
	var hits []change
	for _, c := range list {
		ok, err := l.desk.match(ctx, l.wish.criteria, l.desk.facts(ctx, c))
		if err != nil {
			return stall
		}
		if ok {
			hits = append(hits, c)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen, l.hits = end, append(l.hits, hits...)
	return 0
}

// first returns the matches for the next notification.
func (l *line) first() []event {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.hits), l.wish.count)
	if l.narrow {
		n = 1
	}
	for n < len(l.hits) && l.hits[n].entry == l.hits[n-1].entry {
		n++ // a position is an entry: what is in one goes together
	}
	list := make([]event, n)
	for i := range list {
		list[i].change = l.hits[i]
	}
	return list
}

// behind returns the position behind the first n matches.
func (l *line) behind(n int) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n < len(l.hits) {
		return l.hits[n].entry
	}
	return max(l.seen, l.hits[n-1].entry+1)
}

// drop takes the first n matches off.
func (l *line) drop(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hits = append([]change(nil), l.hits[n:]...)
}

// fresh numbers and sends what matched, in one notification.
func (l *line) fresh(ctx context.Context) time.Duration {
	if err := l.reach(ctx); err != nil {
		return l.failed(ctx, l.s, troubleOf(err), nil)
	}
	list := l.first()
	got, err := l.judge(ctx, list)
	if errors.Is(err, errNothing) {
		l.s.Next = l.behind(len(list))
		l.s.Until = l.s.Next
		l.drop(len(list))
		return 0
	}
	if err != nil {
		return l.cannot(ctx, err, len(list))
	}
	before := l.s
	if !l.number(ctx, got) {
		return stall
	}
	err = l.send(ctx, l.eventsIn(got.events))
	if err == nil {
		l.drop(got.used)
		return l.delivered(ctx, nil)
	}
	if !mayHaveLeft(err) {
		return l.takeBack(ctx, before, troubleOf(err))
	}
	l.drop(got.used)
	l.batch = got.events
	return l.failed(ctx, l.s, troubleOf(err), nil)
}

// judge takes events through the gate on behalf of the subscriber.
func (l *line) judge(ctx context.Context, list []event) (told, error) {
	actor, err := l.standing()
	if err != nil {
		return told{}, err
	}
	return l.desk.through(ctx, actor, ask(notify, l.wish), l.wish.content, list)
}

// cannot says what follows when events cannot be judged, of which there are n.
func (l *line) cannot(ctx context.Context, err error, n int) time.Duration {
	if _, bad := l.standing(); bad != nil {
		return l.fallen(ctx, bad)
	}
	if waits(err) || ctx.Err() != nil {
		return stall
	}
	l.desk.log.LogAttrs(ctx, slog.LevelError, "a notification cannot be made", slog.String("subscription", l.s.ID), slog.Any("cause", err))
	if n > 1 && !l.narrow {
		l.narrow = true
		return 0
	}
	return l.failed(ctx, l.s, troubleHere, nil)
}

// number gives events their numbers, durably, before anything is sent: what is
// sent again bears the same.
func (l *line) number(ctx context.Context, got told) bool {
	next := l.s
	notices := make([]store.Notice, len(got.events))
	for i := range got.events {
		e := &got.events[i]
		next.Number++
		e.number = next.Number
		notices[i] = store.Notice{Number: e.number, Entry: e.entry, Item: e.item}
	}
	next.Until = l.behind(got.used)
	return l.commit(ctx, next, func(tx *store.Tx) error {
		if next.Number > keptEvents {
			if err := tx.DropNotices(next.ID, 0, next.Number-keptEvents); err != nil {
				return err
			}
		}
		return tx.AddNotices(next.ID, notices)
	})
}

// takeBack undoes the numbering of what has not left: nobody can have seen it.
func (l *line) takeBack(ctx context.Context, before store.Subscription, code string) time.Duration {
	next, last := l.s, l.s.Number
	next.Until, next.Number = next.Next, before.Number
	pause := l.failed(ctx, next, code, func(tx *store.Tx) error { return tx.DropNotices(next.ID, next.Number+1, last) })
	if l.s.Until > l.s.Next { // that could not be written: the numbers stay
		l.drop(l.within(l.s.Until))
	}
	return pause
}

// within returns how many matches lie before a position.
func (l *line) within(end uint64) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n < len(l.hits) && l.hits[n].entry < end {
		n++
	}
	return n
}

// again sends what was numbered and not delivered. It passes the gate anew: what
// is hidden by now is not told, and its number is told to nobody.
func (l *line) again(ctx context.Context) time.Duration {
	if err := l.reach(ctx); err != nil {
		return l.failed(ctx, l.s, troubleOf(err), nil)
	}
	if err := l.load(ctx); err != nil {
		return l.cannot(ctx, err, 0)
	}
	list := l.batch
	if len(list) == 0 {
		l.s = l.moved(nil)
		return 0
	}
	if l.narrow {
		list = list[:1]
	}
	got, err := l.judge(ctx, list)
	if errors.Is(err, errNothing) {
		l.s = l.moved(l.batch[len(list):])
		return 0
	}
	if err != nil {
		return l.cannot(ctx, err, len(list))
	}
	if err := l.send(ctx, l.eventsIn(got.events)); err != nil {
		return l.failed(ctx, l.s, troubleOf(err), nil)
	}
	return l.delivered(ctx, l.batch[got.used:])
}

// load reads the batch under way from the store, after a restart.
func (l *line) load(ctx context.Context) error {
	if l.batch != nil {
		return nil
	}
	return l.desk.store.View(ctx, func(v *store.View) error {
		notices, err := v.NoticesWithin(l.s.ID, l.s.Next, l.s.Until)
		if err == nil {
			l.batch, err = l.desk.eventsOf(v, notices)
		}
		return err
	})
}

// eventsIn is the notification of events.
func (l *line) eventsIn(events []event) notification {
	n := notificationOf(kindEvent, &l.s, l.wish)
	n.code, n.events, n.number = "", events, events[len(events)-1].number
	return n
}

// delivered moves the position behind what was told; rest is what of the batch
// was not.
func (l *line) delivered(ctx context.Context, rest []event) time.Duration {
	l.told = true
	return l.taken(ctx, l.moved(rest))
}

// moved is the state after the batch but for rest.
func (l *line) moved(rest []event) store.Subscription {
	next := l.s
	if next.Next = next.Until; len(rest) > 0 {
		next.Next = rest[0].entry
	}
	if l.batch = rest; len(rest) == 0 {
		l.batch, l.narrow = nil, false
	}
	return next
}
