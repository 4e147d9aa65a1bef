package store

import (
	"cairn/node/fault"
)

// Subscription is somebody's wish to be told of changes, with how far it has
// been told. Body and Standing are the caller's, and sealed, as is the meaning
// of Status. A deleted one has Status "" and neither Body nor Standing.
type Subscription struct {
	ID             string
	Owner          string
	Version        uint64 // from 1; grows with every change
	Epoch          uint64 // from 1; grows with every change that its owner makes
	Status         string
	Updated        int64 // Unix milliseconds
	Body, Standing []byte
	Progress
}

// Progress is how far a subscription has been told.
type Progress struct {
	Next     uint64 // log entry from which on it has not been told
	Until    uint64 // log entry before which the notification under way ends; Next if none is
	Number   uint64 // of the last event that was given one
	Failures uint64 // tries in a row that failed
	Due      int64  // when to try next, Unix milliseconds
	Sent     int64  // when something was last delivered, Unix milliseconds
	Error    string // code of the last failure, "" if the last try succeeded
}

// Notice is an event of a subscription that was given a number: the record at
// place Item of a log entry.
type Notice struct {
	Number, Entry, Item uint64
}

const subscriptionColumns = "SELECT id, owner, version, epoch, status, updated, body, standing, next, until, number, failures, due, sent, error FROM subscription "

func scanSubscription(r row) *Subscription {
	return &Subscription{
		ID: r.text(0), Owner: r.text(1), Version: r.uint(2), Epoch: r.uint(3), Status: r.text(4), Updated: r.int(5),
		Body: r.blob(6), Standing: r.blob(7), Progress: Progress{
			Next: r.uint(8), Until: r.uint(9), Number: r.uint(10), Failures: r.uint(11), Due: r.int(12), Sent: r.int(13), Error: r.text(14),
		},
	}
}

// AddSubscription keeps a new subscription. It fails with fault.Conflict if
// there is, or was, one with its id.
func (tx *Tx) AddSubscription(s *Subscription) error {
	n, err := tx.exec("INSERT INTO subscription (id, owner, version, epoch, status, updated, body, standing, next, until, number, failures, due, sent, error) "+
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		s.ID, s.Owner, int64(s.Version), int64(s.Epoch), s.Status, s.Updated, s.Body, s.Standing,
		int64(s.Next), int64(s.Until), int64(s.Number), int64(s.Failures), s.Due, s.Sent, s.Error)
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "store.subscription-exists", "There is a subscription with this id already.")
	}
	return err
}

// ReplaceSubscription writes everything of a subscription but its owner. It
// fails with fault.Precondition when its version is not previous any more.
func (tx *Tx) ReplaceSubscription(s *Subscription, previous uint64) error {
	n, err := tx.exec("UPDATE subscription SET version = ?, epoch = ?, status = ?, updated = ?, body = ?, standing = ?, "+
		"next = ?, until = ?, number = ?, failures = ?, due = ?, sent = ?, error = ? WHERE id = ? AND version = ?",
		int64(s.Version), int64(s.Epoch), s.Status, s.Updated, s.Body, s.Standing,
		int64(s.Next), int64(s.Until), int64(s.Number), int64(s.Failures), s.Due, s.Sent, s.Error, s.ID, int64(previous))
	if err == nil && n == 0 {
		err = fault.New(fault.Precondition, "store.changed", "Somebody else changed this subscription in the meantime.").
			WithHint("Read it again and repeat the change.")
	}
	return err
}

// Advance writes a subscription's progress and status, its version and its
// time. It reports false, and writes nothing, when its owner has changed it since
// the epoch, or somebody else has told it since it was as in before.
func (tx *Tx) Advance(s *Subscription, before Progress) (bool, error) {
	n, err := tx.exec("UPDATE subscription SET version = ?, status = ?, updated = ?, next = ?, until = ?, number = ?, failures = ?, due = ?, sent = ?, error = ? "+
		"WHERE id = ? AND epoch = ? AND next = ? AND until = ? AND number = ?",
		int64(s.Version), s.Status, s.Updated, int64(s.Next), int64(s.Until), int64(s.Number), int64(s.Failures), s.Due, s.Sent, s.Error, s.ID, int64(s.Epoch),
		int64(before.Next), int64(before.Until), int64(before.Number))
	return n > 0, err
}

// Subscription returns the subscription with this id, deleted or not.
func (v *View) Subscription(id string) (*Subscription, error) {
	var s *Subscription
	found, err := v.c.one(subscriptionColumns+"WHERE id = ?", func(r row) error { s = scanSubscription(r); return nil }, id)
	if err == nil && !found {
		err = missing("store.no-subscription", "There is no such subscription.")
	}
	return s, err
}

// Subscriptions returns an owner's subscriptions that are not deleted, by id.
func (v *View) Subscriptions(owner string) ([]*Subscription, error) {
	return v.subscriptions("WHERE owner = ? AND status <> '' ORDER BY id", owner)
}

// AllSubscriptions returns every subscription that is not deleted, by id.
func (v *View) AllSubscriptions() ([]*Subscription, error) {
	return v.subscriptions("WHERE status <> '' ORDER BY id")
}

func (v *View) subscriptions(where string, args ...any) (all []*Subscription, err error) {
	err = v.c.each(subscriptionColumns+where, func(r row) error { all = append(all, scanSubscription(r)); return nil }, args...)
	return all, err
}

// SubscriptionEpochs returns the epoch of every subscription that is not
// deleted.
func (v *View) SubscriptionEpochs() (map[string]uint64, error) {
	all := make(map[string]uint64)
	err := v.c.each("SELECT id, epoch FROM subscription WHERE status <> ''", func(r row) error { all[r.text(0)] = r.uint(1); return nil })
	return all, err
}

// CountSubscriptions returns how many subscriptions there are that are not
// deleted: of an owner, and of all.
func (v *View) CountSubscriptions(owner string) (own, all int, err error) {
	one, err := v.c.number("SELECT count(*) FROM subscription WHERE owner = ? AND status <> ''", owner)
	if err != nil {
		return 0, 0, err
	}
	every, err := v.c.number("SELECT count(*) FROM subscription WHERE status <> ''")
	return int(one), int(every), err
}

// AddNotices keeps the numbers of events of a subscription. A number that has
// an event already is fault.Broken.
func (tx *Tx) AddNotices(id string, list []Notice) error {
	for _, n := range list {
		if _, err := tx.exec("INSERT INTO notice (subscription, number, entry, item) VALUES (?, ?, ?, ?)",
			id, int64(n.Number), int64(n.Entry), int64(n.Item)); err != nil {
			return err
		}
	}
	return nil
}

// DropNotices forgets a subscription's numbers from from up to, and including,
// to.
func (tx *Tx) DropNotices(id string, from, to uint64) error {
	_, err := tx.exec("DELETE FROM notice WHERE subscription = ? AND number >= ? AND number <= ?", id, clampInt64(from), clampInt64(to))
	return err
}

// Notices returns up to limit numbered events of a subscription, by number:
// those from from up to, and including, to.
func (v *View) Notices(id string, from, to uint64, limit int) ([]Notice, error) {
	return v.notices("AND number >= ? AND number <= ? ORDER BY number LIMIT ?", id, clampInt64(from), clampInt64(to), int64(limit))
}

// NoticesWithin returns the numbered events of a subscription, by number, whose
// entries are from from up to, and not including, to.
func (v *View) NoticesWithin(id string, from, to uint64) ([]Notice, error) {
	return v.notices("AND entry >= ? AND entry < ? ORDER BY number", id, clampInt64(from), clampInt64(to))
}

func (v *View) notices(where string, args ...any) (all []Notice, err error) {
	err = v.c.each("SELECT number, entry, item FROM notice WHERE subscription = ? "+where, func(r row) error {
		all = append(all, Notice{r.uint(0), r.uint(1), r.uint(2)})
		return nil
	}, args...)
	return all, err
}

// EntriesOf returns up to limit entries of the log that are of one of three
// kinds, in order, with indexes from from up to, and not including, to.
func (v *View) EntriesOf(kinds [3]string, from, to uint64, limit int) (all []*Entry, err error) {
	err = v.c.each(entryColumns+"WHERE idx >= ? AND idx < ? AND kind IN (?, ?, ?) ORDER BY idx LIMIT ?", func(r row) error {
		e, err := scanEntry(r)
		all = append(all, e)
		return err
	}, clampInt64(from), clampInt64(to), kinds[0], kinds[1], kinds[2], int64(limit))
	return all, err
}
