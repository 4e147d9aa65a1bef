package store

import (
	"encoding/binary"
	"slices"

	"cairn/node/fault"
)

// Erasure is a patient's erasure, under way or done. Body and State are the
// caller's.
type Erasure struct {
	ID       [32]byte
	State    uint8
	Body     []byte
	Records  int64    // that were removed so far
	Versions int64    // of them
	Entries  []uint64 // of the log that have only their leaves left, ascending
}

const erasureColumns = "SELECT id, state, body, records, versions, entries FROM erasure "

// AddErasure keeps a new erasure. It fails with fault.Conflict if it is there
// already.
func (tx *Tx) AddErasure(e *Erasure) error {
	n, err := tx.exec("INSERT INTO erasure (id, state, body, records, versions, entries) VALUES (?, ?, ?, 0, 0, ?) ON CONFLICT DO NOTHING",
		e.ID[:], int64(e.State), e.Body, []byte{})
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "store.erasure-exists", "This erasure was asked for already.")
	}
	return err
}

// SetErasure keeps the state and the body of an erasure.
func (tx *Tx) SetErasure(id [32]byte, state uint8, body []byte) error {
	return tx.put("UPDATE erasure SET state = ?, body = ? WHERE id = ?", int64(state), body, id[:])
}

// Erasure returns one erasure.
func (v *View) Erasure(id [32]byte) (*Erasure, error) {
	all, err := v.erasures("WHERE id = ?", id[:])
	if err == nil && len(all) == 0 {
		err = missing("store.no-erasure", "There is no such erasure here.")
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// Erasures returns all erasures, in no particular order.
func (v *View) Erasures() ([]*Erasure, error) { return v.erasures("") }

func (v *View) erasures(where string, args ...any) (all []*Erasure, err error) {
	err = v.c.each(erasureColumns+where, func(r row) error {
		e := &Erasure{State: uint8(r.int(1)), Body: r.blob(2), Records: r.int(3), Versions: r.int(4)} //nolint:gosec // what was stored
		ok := r.hash(0, &e.ID)
		if e.Entries, ok = decodeIndexes(r.blob(5), ok); !ok {
			return damaged("an erasure")
		}
		all = append(all, e)
		return nil
	}, args...)
	return all, err
}

// EraseRecords removes up to limit records about the subject of an erasure, with
// all their versions and what they are found by, and counts them. It reports
// whether there may be more.
func (tx *Tx) EraseRecords(id [32]byte, subject string, limit int) (more bool, err error) {
	lo, hi := bucket(subject)
	var hits []Hit
	err = tx.c.each(hitColumns+"FROM record r WHERE r.rid > ? AND r.rid <= ? AND r.subject = ? ORDER BY r.rid LIMIT ?", func(r row) error {
		h, err := scanHit(r)
		hits = append(hits, h)
		return err
	}, lo, hi, subject, int64(limit))
	if err != nil || subject == "" {
		return false, err
	}
	if len(hits) == 0 {
		return false, nil
	}
	versions, err := tx.c.number("SELECT count(*) FROM version v JOIN record r ON r.rid = v.rid WHERE r.rid > ? AND r.rid <= ? AND r.subject = ?",
		lo, hits[len(hits)-1].rid, subject)
	for i := 0; i < len(hits) && err == nil; i++ {
		err = tx.eraseRecord(&hits[i])
	}
	if err != nil {
		return false, err
	}
	return len(hits) == limit, tx.put("UPDATE erasure SET records = records + ?, versions = versions + ? WHERE id = ?", int64(len(hits)), versions, id[:])
}

// eraseRecord removes a record with its versions.
func (tx *Tx) eraseRecord(h *Hit) error {
	if !h.Deleted {
		x, err := h.Load()
		if err != nil {
			return err
		}
		if err := tx.post(h.rid, tracesOf(h.Type, x), traces{}); err != nil {
			return err
		}
	}
	if err := tx.put("DELETE FROM version WHERE rid = ?", h.rid); err != nil {
		return err
	}
	return tx.put("DELETE FROM record WHERE rid = ?", h.rid)
}

// EraseEntries destroys the content of up to limit entries of the log that are
// about the subject of an erasure: their index, id, kind, time and leaf stay. It
// reports whether there may be more.
func (tx *Tx) EraseEntries(id [32]byte, subject string, limit int) (more bool, err error) {
	var found []uint64
	err = tx.c.each("SELECT idx FROM entry WHERE subject = ? AND subject <> '' ORDER BY idx LIMIT ?", func(r row) error {
		found = append(found, r.uint(0))
		return nil
	}, subject, int64(limit))
	if err != nil || len(found) == 0 {
		return false, err
	}
	e, err := tx.Erasure(id)
	if err != nil {
		return false, err
	}
	for _, index := range found {
		if err := tx.put("UPDATE entry SET subject = '', body = ? WHERE idx = ?", []byte{}, clampInt64(index)); err != nil {
			return false, err
		}
	}
	all := append(e.Entries, found...)
	slices.Sort(all)
	return len(found) == limit, tx.put("UPDATE erasure SET entries = ? WHERE id = ?", EncodeIndexes(all), id[:])
}

// hers are the tables with rows of one person, besides records and entries of the
// log, and how hers are told. Her data key is the first, so that nothing that is
// found of her records opens. A table with a column subject, owner or holder that
// is not here fails a test.
var hers = []struct{ table, where string }{
	{"datakey", "subject = ?"},
	{"signature", "commitment IN (SELECT commitment FROM slip WHERE subject = ?)"},
	{"slip_use", "commitment IN (SELECT commitment FROM slip WHERE subject = ?)"},
	{"slip", "subject = ?"},
	{"passkey", "subject = ?"},
	{"locator", "subject = ?"},
	{"session", "owner = ?"},
	{"ticket", "family IN (SELECT id FROM family WHERE owner = ?)"},
	{"family", "owner = ?"},
	{"approval", "owner = ?"},
	{"safe", "subject = ?"},
	{"safe_handle", "subject = ?"},
	{"recovery", "subject = ?"},
	{"half", "subject = ?"},
	{"mandate", "subject = ?"},
	{"mandate", "holder = ?"},
	{"claim", "subject = ?"},
	{"tie", "subject = ?"},
	{"refused", "subject = ?"},
	{"alert", "subject = ?"},
	{"matter", "subject = ?"},
}

// EraseRest removes everything but records and entries of the log that is kept of
// a subject: her data key, consents, ways to sign in, sessions, what apps were
// allowed, her sealed wallet, recoveries, mandates that she gave or holds, claims
// to treat her, broken glass, what was signed with other members, refused
// messages. invitations names hers.
func (tx *Tx) EraseRest(subject, invitations string) error {
	if subject == "" {
		return nil
	}
	for _, h := range hers {
		if err := tx.put("DELETE FROM "+h.table+" WHERE "+h.where, subject); err != nil {
			return err
		}
	}
	if err := tx.put("DELETE FROM invitation WHERE owner = ?", invitations); err != nil {
		return err
	}
	// The answer to the request that made her, so that a repeat makes nobody.
	if err := tx.put("UPDATE done SET answer = ? WHERE answer = ?", []byte("-"), []byte(subject)); err != nil {
		return err
	}
	return tx.changed()
}

// Subjects returns every patient of whom something is kept here, in no particular
// order.
func (v *View) Subjects() (all []string, err error) {
	err = v.c.each("SELECT subject FROM datakey WHERE subject <> '' AND subject NOT LIKE '~%' UNION SELECT subject FROM record WHERE subject <> '' "+
		"UNION SELECT subject FROM slip UNION SELECT subject FROM passkey",
		func(r row) error { all = append(all, r.text(0)); return nil })
	return all, err
}

// Grantees returns the members to whom something of a subject was sent, or whom
// she allowed to ask.
func (v *View) Grantees(subject string) (all []string, err error) {
	err = v.c.each("SELECT other FROM half WHERE subject = ? AND side = 2 UNION SELECT grantee FROM slip WHERE subject = ? AND grantee <> ''",
		func(r row) error { all = append(all, r.text(0)); return nil }, subject, subject)
	return all, err
}

// EncodeIndexes returns the one encoding of ascending indexes: the distance to
// the one before, of each, as a varint.
func EncodeIndexes(all []uint64) []byte {
	out, before := []byte{}, uint64(0)
	for _, n := range all {
		out, before = binary.AppendUvarint(out, n-before), n
	}
	return out
}

// decodeIndexes reads what EncodeIndexes wrote.
func decodeIndexes(raw []byte, ok bool) ([]uint64, bool) {
	r := facetReader{raw: raw}
	var all []uint64
	for at := uint64(0); r.at < len(raw) && !r.bad; {
		at += r.uvarint()
		all = append(all, at)
	}
	return all, ok && !r.bad
}

// LastChange returns when the newest version of any record about a subject was
// stored, 0 if there is none.
func (v *View) LastChange(subject string) (int64, error) {
	lo, hi := bucket(subject)
	return v.c.number("SELECT max(updated) FROM record WHERE rid > ? AND rid <= ? AND subject = ?", lo, hi, subject)
}

// CountAbout returns how many records about a subject there are, deleted ones
// too.
func (v *View) CountAbout(subject string) (int, error) {
	lo, hi := bucket(subject)
	n, err := v.c.number("SELECT count(*) FROM record WHERE rid > ? AND rid <= ? AND subject = ?", lo, hi, subject)
	return int(n), err
}
