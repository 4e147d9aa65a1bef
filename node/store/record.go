package store

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"cairn/fhir/search"
	"cairn/node/fault"
)

// Record is one version of a resource on its way into the store, with what it
// can be found by. Body is sealed.
type Record struct {
	Type, ID string
	Version  uint64
	Subject  string // local patient id, or empty; the same in every version
	Updated  int64  // Unix milliseconds
	Deleted  bool   // this version says that the record is deleted
	Entry    uint64 // index of the log entry of this version
	Body     []byte
	Index    search.Index // not looked at when Deleted
	Ready    *Ready       // what Prepare made of Index; nil: it is made when it is stored
}

// Ready is what is stored of an index, made before the update that stores it:
// in an update all others wait.
type Ready struct {
	facets, found []byte
	traces        traces
}

// Facets returns the encoded facets, with which a body is sealed.
func (r *Ready) Facets() []byte { return r.facets }

// Prepare makes an index of a record of a type ready to be stored.
func Prepare(typ string, x *search.Index) *Ready {
	return &Ready{EncodeFacets(&x.Facets), x.Encode(), tracesOf(typ, x)}
}

// Version is one stored version of a resource. Its facets are its own: an
// older version is judged by what it says, not by what the current one does.
type Version struct {
	Type, ID string
	Version  uint64
	Seq      uint64 // its place among all versions stored here, from 1
	Subject  string
	Updated  int64 // Unix milliseconds
	Deleted  bool
	Entry    uint64 // index of the log entry of this version
	Facets   search.Facets
	Encoded  []byte // the facets as EncodeFacets gives them, which the body is sealed with
	Body     []byte
}

// The number of a record, rid: a hash of its subject above seqBits, below it
// the seq of its first version. Records about one patient lie together in the
// database, whenever they were stored. That two patients may share a hash does
// no harm: whom a record is about stands in its row.
const (
	seqBits = 39
	maxSeq  = 1<<seqBits - 1
)

// bucket returns the part of all rids that belongs to a subject: those above
// lo, up to and with hi.
func bucket(subject string) (lo, hi int64) {
	var n uint64
	if subject != "" {
		sum := sha256.Sum256([]byte(subject))
		n = 1 + binary.BigEndian.Uint64(sum[:])%(1<<(63-seqBits)-1)
	}
	return int64(n << seqBits), int64(n<<seqBits | maxSeq)
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
	if tx.w.seq >= maxSeq {
		return full(fmt.Errorf("%d versions are stored, and no more can be numbered", tx.w.seq))
	}
	if r.Ready == nil && !r.Deleted {
		r.Ready = Prepare(r.Type, &r.Index)
	} else if r.Deleted {
		r.Ready = &Ready{facets: EncodeFacets(&r.Index.Facets)}
	}
	seq := tx.w.seq + 1
	put := tx.replace
	if previous == 0 {
		put = tx.add
	}
	rid, err := put(&r, previous, seq)
	if err != nil {
		return err
	}
	err = tx.insert(sheetVersion, int64(seq), rid, r.Type, int64(r.Version), r.Subject, r.Updated, flag(r.Deleted), int64(r.Entry), r.Ready.facets, r.Body)
	if err == nil {
		tx.w.seq = seq
	}
	return err
}

// add makes the row of a record that must not be there.
func (tx *Tx) add(r *Record, _, seq uint64) (rid int64, err error) {
	lo, _ := bucket(r.Subject)
	rid = lo | int64(seq)
	err = tx.insert(sheetRecord, rid, r.Type, r.ID, int64(r.Version), int64(seq), r.Subject, flag(r.Deleted), r.Updated, r.Ready.facets, r.Ready.found)
	if err == nil {
		err = tx.post(rid, traces{}, r.Ready.traces)
	}
	return rid, err
}

var errExists = fault.New(fault.Conflict, "store.exists", "This record exists already.")

// replace makes a version the current one of a record that is there, in place
// of what the one before could be found by.
func (tx *Tx) replace(r *Record, previous, seq uint64) (rid int64, err error) {
	var head Hit
	_, err = tx.c.first(hitColumns+"FROM record r WHERE r.type = ? AND r.id = ?",
		func(row row) (err error) { head, err = scanHit(row); return err }, r.Type, r.ID)
	if err != nil {
		return 0, err
	}
	if head.Version != previous {
		return 0, fault.New(fault.Precondition, "store.changed", "Somebody else changed this record in the meantime.").
			WithHint("Read the record again and repeat the change.")
	}
	if head.Subject != r.Subject {
		return 0, broken(fmt.Errorf("a version cannot be about somebody else than the one before"))
	}
	current := r.Ready.facets
	if r.Deleted {
		current = EncodeFacets(&head.Facets)
	}
	var before traces
	if !head.Deleted {
		x, err := head.Load()
		if err != nil {
			return 0, err
		}
		before = tracesOf(r.Type, x)
	}
	if err := tx.behind(head.seq); err != nil {
		return 0, err
	}
	err = tx.aside("UPDATE record SET version = ?, seq = ?, deleted = ?, updated = ?, facets = ?, found = ? WHERE rid = ?",
		int64(r.Version), int64(seq), flag(r.Deleted), r.Updated, current, r.Ready.found, head.rid)
	if err == nil {
		err = tx.post(head.rid, before, r.Ready.traces)
	}
	return head.rid, err
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
	Encoded  []byte        // the facets as the row has them
	Index    *search.Index // what it was found by, once Load was called

	rid    int64
	seq    uint64
	found  []byte
	sealed *Version // its newest version, if that was read with it
}

const hitColumns = "SELECT r.rid, r.type, r.id, r.version, r.seq, r.subject, r.updated, r.deleted, r.facets, r.found "

const hitWidth = 10

func scanHit(r row) (Hit, error) {
	facets, err := decodeFacets(r.blob(8))
	if err != nil {
		return Hit{}, damaged("a record's row")
	}
	h := Hit{Type: r.text(1), ID: r.text(2), Version: r.uint(3), Subject: r.text(5), Updated: r.int(6), Deleted: r.int(7) != 0,
		Facets: facets, Encoded: r.blob(8), rid: r.int(0), seq: r.uint(4), found: r.blob(9)}
	h.Facets.Type, h.Facets.ID = h.Type, h.ID
	return h, nil
}

// sealedColumns are those of the newest version that its record's row does not
// have, and sealedJoin has it beside that row, if the two agree.
const (
	sealedColumns = ", v.entry, v.body "
	sealedJoin    = "LEFT JOIN version v ON v.seq = r.seq AND v.rid = r.rid AND v.type = r.type AND v.version = r.version " +
		"AND v.subject = r.subject AND v.updated = r.updated AND v.deleted = 0 AND r.deleted = 0 AND v.facets = r.facets "
)

const currentRow = hitColumns + sealedColumns + "FROM record r " + sealedJoin + "WHERE r.type = ? AND r.id = ?"

// scanSealed is scanHit for a row that has sealedColumns too. They are null if
// there is nothing that agrees; NewestOf tells what is wrong then.
func scanSealed(r row) (Hit, error) {
	h, err := scanHit(r)
	if err == nil && !r.null(hitWidth) {
		h.sealed = &Version{Type: h.Type, ID: h.ID, Version: h.Version, Seq: h.seq, Subject: h.Subject, Updated: h.Updated,
			Entry: r.uint(hitWidth), Facets: h.Facets, Encoded: h.Encoded, Body: r.blob(hitWidth + 1)}
	}
	return h, err
}

// Load decodes what the record can be found by, once.
func (h *Hit) Load() (*search.Index, error) {
	if h.Index != nil {
		return h.Index, nil
	}
	x := new(search.Index)
	if err := h.decode(x); err != nil {
		return nil, err
	}
	h.Index = x
	return x, nil
}

// decode is Load into an index whose memory is used again.
func (h *Hit) decode(x *search.Index) error {
	if err := x.Decode(h.found); err != nil {
		return damaged("what a record is found by")
	}
	x.Subject, x.Updated, x.Facets = h.Subject, h.Updated, h.Facets
	return nil
}

// Head is as much of a record's current state as a writer has to know.
type Head struct {
	Version uint64
	Subject string
	Deleted bool
}

// Head returns the head of a record, deleted or not.
func (v *View) Head(typ, id string) (Head, error) {
	var h Head
	found, err := v.c.first("SELECT version, subject, deleted FROM record WHERE type = ? AND id = ?", func(r row) error {
		h = Head{r.uint(0), r.text(1), r.int(2) != 0}
		return nil
	}, typ, id)
	if err == nil && !found {
		err = noRecord()
	}
	return h, err
}

// Heads returns the heads of those records of a type that are there, by id.
func (v *View) Heads(typ string, ids []string) (map[string]Head, error) {
	out := make(map[string]Head, len(ids))
	head := func(r row) error {
		out[r.text(0)] = Head{r.uint(1), r.text(2), r.int(3) != 0}
		return nil
	}
	for _, id := range ids {
		if err := storable(id); err != nil {
			return nil, err
		}
	}
	for part := range slices.Chunk(ids, ridsAtOnce) {
		sql, args := headsOf(v.c, typ, part)
		if err := v.c.ask(sql, head, args...); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// headsOf is a question for the heads of records. PostgreSQL is told to look each
// id up: while it takes a table for small, it would sooner go through all records
// of the type.
func headsOf(c *conn, typ string, ids []string) (sql string, args []any) {
	if _, server := c.session.(*elephant); server {
		return "SELECT r.id, r.version, r.subject, r.deleted FROM unnest(?) AS k (id) CROSS JOIN LATERAL " +
			"(SELECT id, version, subject, deleted FROM record WHERE type = ? AND id = k.id OFFSET 0) AS r", []any{column(ids), typ}
	}
	these, args := choices(ids, ridsAtOnce)
	return "SELECT id, version, subject, deleted FROM record WHERE type = ? AND id IN " + these, append([]any{typ}, args...)
}

// Current returns the current state of a record, deleted or not.
func (v *View) Current(typ, id string) (Hit, error) {
	var h Hit
	found, err := v.c.first(hitColumns+"FROM record r WHERE r.type = ? AND r.id = ?",
		func(r row) (err error) { h, err = scanHit(r); return err }, typ, id)
	if err == nil && !found {
		err = noRecord()
	}
	return h, err
}

const (
	versionRows = "SELECT " + versionColumns + "FROM version v JOIN record r ON r.rid = v.rid "
	newestRows  = "SELECT v.type, '', v.version, v.subject, v.updated, v.deleted, v.entry, v.body, v.facets, v.seq, v.rid " +
		"FROM version v WHERE v.seq IN "
)

const versionColumns = "v.type, r.id, v.version, v.subject, v.updated, v.deleted, v.entry, v.body, v.facets, v.seq "

func scanVersion(r row) (*Version, error) {
	v := &Version{Type: r.text(0), ID: r.text(1), Version: r.uint(2), Subject: r.text(3), Updated: r.int(4),
		Deleted: r.int(5) != 0, Entry: r.uint(6), Body: r.blob(7), Encoded: r.blob(8), Seq: r.uint(9)}
	var err error
	if v.Facets, err = decodeFacets(v.Encoded); err != nil {
		return nil, damaged("a version's row")
	}
	v.Facets.Type, v.Facets.ID = v.Type, v.ID
	return v, nil
}

// Version returns one version of a record.
func (v *View) Version(typ, id string, version uint64) (*Version, error) {
	return v.version(versionRows+"WHERE r.type = ? AND r.id = ? AND v.version = ?", typ, id, clampInt64(version))
}

// CurrentVersion returns the current state of a record, deleted or not, with its
// newest version: both in one question.
func (v *View) CurrentVersion(typ, id string) (h Hit, newest *Version, err error) {
	found, err := v.c.one(currentRow,
		func(r row) (err error) { h, err = scanSealed(r); return err }, typ, id)
	if err == nil && !found {
		err = noRecord()
	}
	if err == nil {
		newest, err = v.Newest(h) // a version stays as it was stored: it may well be another question
	}
	return h, newest, err
}

// Newest returns the version that a hit is the current state of.
func (v *View) Newest(h Hit) (*Version, error) {
	all, err := v.NewestOf([]Hit{h})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// NewestOf is Newest for several hits, in their order.
func (v *View) NewestOf(hits []Hit) ([]*Version, error) {
	out := make([]*Version, len(hits))
	var rest []int64
	for i := range hits {
		if out[i] = hits[i].sealed; out[i] == nil {
			rest = append(rest, int64(hits[i].seq)) //nolint:gosec // below maxSeq
		}
	}
	if len(rest) == 0 {
		return out, nil
	}
	bySeq, err := v.numbered(rest)
	if err != nil {
		return nil, err
	}
	for i := range hits {
		if out[i] != nil {
			continue
		}
		h, one := &hits[i], bySeq[hits[i].seq]
		if one.Version == nil || one.rid != h.rid || one.Type != h.Type || one.Version.Version != h.Version {
			return nil, damaged("a record's newest version")
		}
		one.ID, one.Facets.ID = h.ID, h.ID
		out[i] = one.Version
	}
	return out, nil
}

// numbered is a version without its id, with the number of its record.
type numbered struct {
	*Version
	rid int64
}

func (v *View) numbered(seqs []int64) (map[uint64]numbered, error) {
	bySeq := make(map[uint64]numbered, len(seqs))
	for part := range slices.Chunk(seqs, ridsAtOnce) {
		these, args := choices(part, ridsAtOnce)
		err := v.c.ask(newestRows+these, func(r row) error {
			one, err := scanVersion(r)
			bySeq[r.uint(9)] = numbered{one, r.int(10)}
			return err
		}, args...)
		if err != nil {
			return nil, err
		}
	}
	return bySeq, nil
}

// Fit returns how many of some hits, from the first, have newest versions whose
// sealed bodies weigh at most so many bytes together, but not less than one of
// any. A few hits fit whatever they weigh.
func (v *View) Fit(hits []Hit, most int64) (int, error) {
	if len(hits) <= leastBatch {
		return len(hits), nil
	}
	seqs, sizes := make([]int64, 0, len(hits)), make(map[int64]int64, len(hits))
	for i := range hits {
		if h := &hits[i]; h.sealed != nil {
			sizes[int64(h.seq)] = int64(len(h.sealed.Body)) //nolint:gosec // below maxSeq
		} else {
			seqs = append(seqs, int64(h.seq)) //nolint:gosec // below maxSeq
		}
	}
	for part := range slices.Chunk(seqs, ridsAtOnce) {
		these, args := choices(part, ridsAtOnce)
		err := v.c.ask("SELECT seq, length(body) FROM version WHERE seq IN "+these, func(r row) error {
			sizes[r.int(0)] = r.int(1)
			return nil
		}, args...)
		if err != nil {
			return 0, err
		}
	}
	weight := int64(0)
	for i := range hits {
		if weight += sizes[int64(hits[i].seq)]; i > 0 && weight > most { //nolint:gosec // below maxSeq
			return i, nil
		}
	}
	return len(hits), nil
}

func (v *View) version(sql string, args ...any) (*Version, error) {
	var out *Version
	found, err := v.c.one(sql, func(r row) (err error) { out, err = scanVersion(r); return err }, args...)
	if err == nil && !found {
		err = noRecord()
	}
	return out, err
}

// Versions returns up to limit versions of a record, newest first, all below
// the version before. Begin with math.MaxUint64.
func (v *View) Versions(typ, id string, before uint64, limit int) ([]*Version, error) {
	return v.versions(versionRows+"WHERE r.type = ? AND r.id = ? AND v.version < ? ORDER BY v.version DESC LIMIT ?",
		typ, id, clampInt64(before), int64(limit))
}

func (v *View) versions(sql string, args ...any) (all []*Version, err error) {
	err = v.c.each(sql, func(r row) error {
		one, err := scanVersion(r)
		all = append(all, one)
		return err
	}, args...)
	return all, err
}

// CountVersions returns how many versions of a record are stored.
func (v *View) CountVersions(typ, id string) (int, error) {
	n, err := v.c.number("SELECT count(*) FROM record r JOIN version v ON v.rid = r.rid WHERE r.type = ? AND r.id = ?", typ, id)
	return int(n), err
}

const versionBatch = 64

// EachVersion calls f with every stored version of every record, in the order
// in which they were stored, until f fails.
func (v *View) EachVersion(f func(*Version) error) error {
	for after := uint64(0); ; {
		batch, err := v.versions(versionRows+"WHERE v.seq > ? ORDER BY v.seq LIMIT ?",
			int64(after), int64(versionBatch))
		if err != nil {
			return err
		}
		for _, one := range batch {
			if err := f(one); err != nil {
				return err
			}
			after = one.Seq
		}
		if len(batch) < versionBatch {
			return nil
		}
	}
}

func noRecord() error { return missing("store.no-record", "There is no such record.") }
