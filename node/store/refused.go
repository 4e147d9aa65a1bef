package store

import (
	"cairn/node/fault"
)

// Refused is a message of a feed that was refused and waits for a person. But
// for whom it is about, what it says of the message (Sender to Faults) is
// nothing of what the message says; Body is the message, sealed by the caller.
type Refused struct {
	ID      string
	Key     [32]byte // the same message again has the same
	Sender  string
	Subject string // local id of the patient whom it is about, "" if that is not known
	Kind    string // its type and event
	First   int64  // Unix milliseconds, when it came first
	Last    int64  // and last
	Times   int64  // how often
	Faults  []byte // the caller's: why, and where
	Body    []byte // not filled in a list
}

// RefusedLimit bounds the queue of refused messages.
type RefusedLimit struct{ Messages, Bytes int64 }

// AddRefused keeps a refused message. One that is there already, by its Key,
// keeps its id, which is returned, and is counted once more. It fails with
// fault.Full (store.refused-full) when a new one would go beyond the limit.
func (tx *Tx) AddRefused(r *Refused, limit RefusedLimit) (id string, err error) {
	there, err := tx.c.one("SELECT id FROM refused WHERE key = ?", func(r row) error { id = r.text(0); return nil }, r.Key[:])
	if err != nil {
		return "", err
	}
	if there {
		_, err = tx.exec("UPDATE refused SET last = ?, times = times + 1, faults = ?, subject = ? WHERE id = ?", r.Last, r.Faults, r.Subject, id)
		return id, err
	}
	count, bytes, err := tx.RefusedSize()
	if err != nil {
		return "", err
	}
	if count >= limit.Messages || bytes+int64(len(r.Body)) > limit.Bytes {
		return "", fault.New(fault.Full, "store.refused-full", "The queue of refused messages is full.").
			WithHint("Replay or discard what waits in it: cairn feed list.")
	}
	_, err = tx.exec("INSERT INTO refused (id, key, sender, subject, kind, first, last, times, faults, size, body) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?)",
		r.ID, r.Key[:], r.Sender, r.Subject, r.Kind, r.First, r.Last, r.Faults, int64(len(r.Body)), r.Body)
	return r.ID, err
}

// RefusedSize returns how many messages wait and how many bytes they have.
func (v *View) RefusedSize() (count, bytes int64, err error) {
	_, err = v.c.one("SELECT count(*), CAST(coalesce(sum(size), 0) AS BIGINT) FROM refused",
		func(r row) error { count, bytes = r.int(0), r.int(1); return nil })
	return count, bytes, err
}

const refusedColumns = "SELECT id, key, sender, subject, kind, first, last, times, faults"

// RefusedList returns up to limit of the messages that wait, oldest first,
// without their bodies, after the one with the id after; "" begins.
func (v *View) RefusedList(after string, limit int) ([]*Refused, error) {
	if after == "" {
		return v.refused(false, refusedColumns+" FROM refused ORDER BY first, id LIMIT ?", int64(limit))
	}
	one, err := v.Refused(after)
	if err != nil {
		return nil, err
	}
	return v.refused(false, refusedColumns+" FROM refused WHERE first > ? OR first = ? AND id > ? ORDER BY first, id LIMIT ?",
		one.First, one.First, after, int64(limit))
}

// Refused returns one message that waits, with its body.
func (v *View) Refused(id string) (*Refused, error) {
	all, err := v.refused(true, refusedColumns+", body FROM refused WHERE id = ?", id)
	if err == nil && len(all) == 0 {
		err = missing("store.no-refused", "There is no such message in the queue.")
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

func (v *View) refused(whole bool, sql string, args ...any) (all []*Refused, err error) {
	err = v.c.each(sql, func(r row) error {
		one := &Refused{ID: r.text(0), Sender: r.text(2), Subject: r.text(3), Kind: r.text(4), First: r.int(5), Last: r.int(6), Times: r.int(7), Faults: r.blob(8)}
		if !r.hash(1, &one.Key) {
			return damaged("a refused message")
		}
		if whole {
			one.Body = r.blob(9)
		}
		all = append(all, one)
		return nil
	}, args...)
	return all, err
}

// RemoveRefused takes the message with this key out of the queue. One that is
// not there is no error.
func (tx *Tx) RemoveRefused(key [32]byte) error {
	_, err := tx.exec("DELETE FROM refused WHERE key = ?", key[:])
	return err
}
