package store

import (
	"fmt"

	"cairn/fhir/search"
	"cairn/node/fault"
)

// Record is one version of a resource on its way into the store, with what it
// can be found by. Body is sealed.
type Record struct {
	Type, ID string
	Version  uint64
	Subject  string // local patient id, or empty
	Updated  int64  // Unix milliseconds
	Deleted  bool   // this version says that the record is deleted
	Entry    uint64 // index of the log entry of this version
	Body     []byte
	Index    search.Index // not looked at when Deleted
}

// Version is one stored version of a resource. Its facets are its own: an
// older version is judged by what it says, not by what the current one does.
type Version struct {
	Type, ID string
	Version  uint64
	Subject  string
	Updated  int64 // Unix milliseconds
	Deleted  bool
	Entry    uint64 // index of the log entry of this version
	Facets   search.Facets
	Encoded  []byte // the facets as EncodeFacets gives them, which the body is sealed with
	Body     []byte
}

// PutRecord stores a version and makes it the current one: what earlier
// versions could be found by is replaced, and of a deleted record only the
// facets stay.
//
// previous is the version that must be current, 0 if there must be none. It
// fails with fault.Conflict (store.exists) when there is one after all, and with
// fault.Precondition (store.changed) when the current one is another.
func (tx *Tx) PutRecord(r Record, previous uint64) error {
	if r.Version <= previous {
		return broken(fmt.Errorf("version %d cannot follow version %d", r.Version, previous))
	}
	rid, err := tx.putCurrent(&r, previous)
	if err != nil {
		return err
	}
	_, err = tx.exec("INSERT INTO version (rid, version, subject, updated, deleted, entry, facets, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		rid, int64(r.Version), r.Subject, r.Updated, flag(r.Deleted), int64(r.Entry), EncodeFacets(&r.Index.Facets), r.Body)
	if err != nil || r.Deleted {
		return err
	}
	return tx.putIndex(rid, &r.Index)
}

func (tx *Tx) putCurrent(r *Record, previous uint64) (rid int64, err error) {
	facets := EncodeFacets(&r.Index.Facets)
	if previous == 0 {
		rid, err = tx.insert("INSERT INTO record (type, id, version, subject, deleted, updated, facets) "+
			"VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			r.Type, r.ID, int64(r.Version), r.Subject, flag(r.Deleted), r.Updated, facets)
		if err == nil && rid == 0 {
			err = fault.New(fault.Conflict, "store.exists", "This record exists already.")
		}
		return rid, err
	}
	var current uint64
	_, err = tx.c.one("SELECT rid, version FROM record WHERE type = ? AND id = ?", func(row row) error {
		rid, current = row.int(0), row.uint(1)
		return nil
	}, r.Type, r.ID)
	if err != nil {
		return 0, err
	}
	if current != previous {
		return 0, fault.New(fault.Precondition, "store.changed", "Somebody else changed this record in the meantime.").
			WithHint("Read the record again and repeat the change.")
	}
	return rid, tx.replace(rid, r, facets)
}

// replace makes a version the current one of a record that is there, and drops
// what the one before could be found by.
func (tx *Tx) replace(rid int64, r *Record, facets []byte) error {
	for _, table := range [...]string{
		"DELETE FROM token WHERE rid = ?", "DELETE FROM date WHERE rid = ?",
		"DELETE FROM ref WHERE rid = ?", "DELETE FROM text WHERE rid = ?",
	} {
		if _, err := tx.exec(table, rid); err != nil {
			return err
		}
	}
	if r.Deleted {
		_, err := tx.exec("UPDATE record SET version = ?, subject = ?, deleted = 1, updated = ? WHERE rid = ?",
			int64(r.Version), r.Subject, r.Updated, rid)
		return err
	}
	_, err := tx.exec("UPDATE record SET version = ?, subject = ?, deleted = 0, updated = ?, facets = ? WHERE rid = ?",
		int64(r.Version), r.Subject, r.Updated, facets, rid)
	return err
}

func (tx *Tx) putIndex(rid int64, x *search.Index) error {
	for _, t := range x.Tokens {
		if _, err := tx.exec("INSERT INTO token (rid, param, code, system) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
			rid, t.Param, t.Code, t.System); err != nil {
			return err
		}
	}
	for _, d := range x.Dates {
		if _, err := tx.exec("INSERT INTO date (rid, param, lo, hi) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
			rid, d.Param, d.Lo, d.Hi); err != nil {
			return err
		}
	}
	for _, r := range x.References {
		if _, err := tx.exec("INSERT INTO ref (rid, param, target) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
			rid, r.Param, r.Target); err != nil {
			return err
		}
	}
	for _, t := range x.Texts {
		if _, err := tx.exec("INSERT INTO text (rid, param, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
			rid, t.Param, search.Fold(t.Value)); err != nil {
			return err
		}
	}
	return nil
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Hit is a current record as it is found: everything but its bytes. Of a
// deleted one the Facets are those of the last version that was not.
type Hit struct {
	Type, ID string
	Version  uint64
	Subject  string
	Updated  int64 // Unix milliseconds
	Deleted  bool
	Facets   search.Facets
}

const hitColumns = "SELECT r.rid, r.type, r.id, r.version, r.subject, r.updated, r.deleted, r.facets "

func scanHit(r row) (Hit, error) {
	facets, err := decodeFacets(r.blob(7))
	if err != nil {
		return Hit{}, damaged("a record's row")
	}
	h := Hit{Type: r.text(1), ID: r.text(2), Version: r.uint(3), Subject: r.text(4), Updated: r.int(5), Deleted: r.int(6) != 0, Facets: facets}
	h.Facets.Type, h.Facets.ID = h.Type, h.ID
	return h, nil
}

// Current returns the current state of a record, deleted or not.
func (v *View) Current(typ, id string) (Hit, error) {
	var h Hit
	found, err := v.c.one(hitColumns+"FROM record r WHERE r.type = ? AND r.id = ?",
		func(r row) (err error) { h, err = scanHit(r); return err }, typ, id)
	if err == nil && !found {
		err = noRecord()
	}
	return h, err
}

const versionColumns = "SELECT r.type, r.id, v.version, v.subject, v.updated, v.deleted, v.entry, v.body, v.facets " +
	"FROM record r JOIN version v ON v.rid = r.rid "

func scanVersion(r row) (*Version, error) {
	v := &Version{Type: r.text(0), ID: r.text(1), Version: r.uint(2), Subject: r.text(3), Updated: r.int(4),
		Deleted: r.int(5) != 0, Entry: r.uint(6), Body: r.blob(7), Encoded: r.blob(8)}
	var err error
	if v.Facets, err = decodeFacets(v.Encoded); err != nil {
		return nil, damaged("a version's row")
	}
	v.Facets.Type, v.Facets.ID = v.Type, v.ID
	return v, nil
}

// Version returns one version of a record.
func (v *View) Version(typ, id string, version uint64) (*Version, error) {
	var out *Version
	found, err := v.c.one(versionColumns+"WHERE r.type = ? AND r.id = ? AND v.version = ?",
		func(r row) (err error) { out, err = scanVersion(r); return err }, typ, id, clampInt64(version))
	if err == nil && !found {
		err = noRecord()
	}
	return out, err
}

// Versions returns up to limit versions of a record, newest first, all below
// the version before. Begin with math.MaxUint64.
func (v *View) Versions(typ, id string, before uint64, limit int) ([]*Version, error) {
	var all []*Version
	err := v.c.each(versionColumns+"WHERE r.type = ? AND r.id = ? AND v.version < ? ORDER BY v.version DESC LIMIT ?",
		func(r row) error {
			one, err := scanVersion(r)
			all = append(all, one)
			return err
		},
		typ, id, clampInt64(before), int64(limit))
	return all, err
}

// CountVersions returns how many versions of a record are stored.
func (v *View) CountVersions(typ, id string) (int, error) {
	n, err := v.c.number("SELECT count(*) FROM record r JOIN version v ON v.rid = r.rid WHERE r.type = ? AND r.id = ?", typ, id)
	return int(n), err
}

// EachVersion calls f with every stored version of every record, in the order
// in which they were stored, until f fails.
func (v *View) EachVersion(f func(*Version) error) error {
	return v.c.each(versionColumns+"ORDER BY v.rowid", func(r row) error {
		one, err := scanVersion(r)
		if err != nil {
			return err
		}
		return f(one)
	})
}

func noRecord() error { return missing("store.no-record", "There is no such record.") }
