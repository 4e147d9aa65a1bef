package store

import "cairn/node/fault"

// Side says who asked.
type Side uint8

// The sides.
const (
	Asked    Side = 1 // this hospital
	Answered Side = 2 // the other
)

// Half is what this hospital and another signed to each other about one
// request. Body is the caller's, sealed.
type Half struct {
	ID      [32]byte // hash of the signed request
	Side    Side
	Subject string // local id of the patient, "" if none is known
	Other   string // member id of the other hospital
	Time    int64  // Unix milliseconds of this hospital's half
	Entry   int64  // index of this hospital's log entry, -1 for none
	Twin    bool   // the other hospital's half is here
	Due     int64  // when the acknowledgement is to be sent next, 0 for not
	Tries   int64
	Body    []byte
}

const halfColumns = "SELECT id, side, subject, other, time, entry, twin, due, tries, body FROM half "

// AddHalf keeps a half. It fails with fault.Conflict if there is one for that
// request.
func (tx *Tx) AddHalf(h *Half) error {
	n, err := tx.exec("INSERT INTO half (id, side, subject, other, time, entry, twin, due, tries, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		h.ID[:], int64(h.Side), h.Subject, h.Other, h.Time, h.Entry, flag(h.Twin), h.Due, h.Tries, h.Body)
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "store.half-exists", "This request was answered before.")
	}
	return err
}

// SaveHalf keeps what became of a half.
func (tx *Tx) SaveHalf(h *Half) error {
	return tx.must(noHalf(), "UPDATE half SET twin = ?, due = ?, tries = ?, body = ? WHERE id = ?", flag(h.Twin), h.Due, h.Tries, h.Body, h.ID[:])
}

func noHalf() error {
	return missing("store.no-half", "Nothing is known of such a request.")
}

// Half returns the half for a request.
func (v *View) Half(id [32]byte) (*Half, error) {
	all, err := v.halves("WHERE id = ?", id[:])
	if err == nil && len(all) == 0 {
		return nil, noHalf()
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// After is a place in a list of halves, latest first: where the next page goes on.
type After struct {
	Time int64
	ID   [32]byte
}

// HalvesOf returns halves about a subject after a place, the latest first.
func (v *View) HalvesOf(subject string, from After, limit int) ([]*Half, error) {
	return v.halves("WHERE subject = ? AND (time < ? OR time = ? AND id > ?) ORDER BY time DESC, id LIMIT ?", subject, from.Time, from.Time, from.ID[:], int64(limit))
}

// Halves returns halves with or without their twin after a place, the latest
// first.
func (v *View) Halves(twin bool, from After, limit int) ([]*Half, error) {
	return v.halves("WHERE twin = ? AND (time < ? OR time = ? AND id > ?) ORDER BY time DESC, id LIMIT ?", flag(twin), from.Time, from.Time, from.ID[:], int64(limit))
}

// CountHalves returns how many halves from before a time have no twin.
func (v *View) CountHalves(before int64) (int64, error) {
	return v.c.number("SELECT count(*) FROM half WHERE twin = 0 AND time < ?", before)
}

// DueHalves returns halves whose acknowledgement is due, the longest due first.
func (v *View) DueHalves(now int64, limit int) ([]*Half, error) {
	return v.halves("WHERE due > 0 AND due <= ? ORDER BY due LIMIT ?", now, int64(limit))
}

// EachHalf calls f with every half until it fails.
func (v *View) EachHalf(f func(*Half) error) error {
	return v.c.each(halfColumns+"ORDER BY id", func(r row) error {
		h, err := half(r)
		if err != nil {
			return err
		}
		return f(h)
	})
}

func (v *View) halves(where string, args ...any) (all []*Half, err error) {
	err = v.c.each(halfColumns+where, func(r row) error {
		h, err := half(r)
		all = append(all, h)
		return err
	}, args...)
	return all, err
}

func half(r row) (*Half, error) {
	h := &Half{
		Side: Side(r.int(1)), Subject: r.text(2), Other: r.text(3), Time: r.int(4), Entry: r.int(5), //nolint:gosec // one of two
		Twin: r.int(6) == 1, Due: r.int(7), Tries: r.int(8), Body: r.blob(9),
	}
	if !r.hash(0, &h.ID) {
		return nil, damaged("a half of an exchange")
	}
	return h, nil
}
