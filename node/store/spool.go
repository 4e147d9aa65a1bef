package store

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// spool is the file in which entries that describe nothing stored are durable
// before they are in the table (docs/adr/0020-a-spool-for-reads.md). It belongs
// to the writer's goroutine; only held is for others too.
//
// The file is a head, then batches. A batch is the length of its content in four
// bytes, the content, and the SHA-256 of the sum before it, the length and the
// content; the sum before the first is that of the head. The head has a number
// of its own each time the file is begun anew, so what is left of an earlier
// time behind the last batch, or of one that was torn, does not go on from it.
//
// What a batch holds counts from the moment at which it was synced. Entries are
// in the order of their indexes, without a gap; those that the table has as well
// are passed over.
type spool struct {
	path string
	file *os.File // nil until it is first needed
	at   int64    // where the next batch goes; 0: the file is begun anew
	sum  [sha256.Size]byte
	room []byte    // of the batch that is written
	size int       // bytes of the batches that are held
	bad  time.Time // until when the file is left alone, after an error
	jam  bool      // the table did not take what is held

	held atomic.Pointer[[]*Entry] // durable in the file and not in the table, as far as is known
}

const (
	spoolFile  = "store.spool"
	spoolMagic = "cairnsp1"
	spoolHead  = len(spoolMagic) + 32
	spoolBegin = 2 << 20  // bytes that the file has from the start, so that a sync of it need not grow it
	spoolBatch = 16 << 20 // bytes of the largest batch
	spoolMost  = spoolBegin + spoolBatch

	spoolEntries = 1024             // from which on the table should take them
	spoolRest    = 10 * time.Second // for which the file is left alone after an error
)

// openSpool reads what the spool of a directory holds beyond the entries of the
// table.
func openSpool(dir string, entries uint64) (*spool, error) {
	s := &spool{path: filepath.Join(dir, spoolFile)}
	f, err := os.OpenFile(s.path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, unreadable(fmt.Errorf("opening the spool: %w", err))
	}
	s.file = f
	raw, err := io.ReadAll(io.LimitReader(f, spoolMost+1))
	if err != nil {
		return nil, unreadable(errors.Join(fmt.Errorf("reading the spool: %w", err), f.Close()))
	}
	if len(raw) > spoolMost {
		return nil, corrupt(errors.Join(errors.New("the spool is longer than it can become"), f.Close()))
	}
	s.load(raw, entries)
	return s, nil
}

// load takes over what the file's batches hold beyond the entries of the table.
// It ends at the first that does not go on from the one before.
func (s *spool) load(raw []byte, entries uint64) {
	if len(raw) < spoolHead || string(raw[:len(spoolMagic)]) != spoolMagic {
		return
	}
	var all []*Entry
	at, size, sum := spoolHead, 0, sha256.Sum256(raw[:spoolHead])
	for {
		batch, after, next, ok := readBatch(raw[at:], sum)
		if !ok {
			break
		}
		if end := batch[len(batch)-1].Index + 1; end > entries {
			if batch[0].Index != entries {
				break // it was never acknowledged
			}
			entries, all, size = end, append(all, batch...), size+after
		}
		at, sum = at+after, next
	}
	if len(all) > 0 {
		s.at, s.sum, s.size = int64(at), sum, size
		s.held.Store(&all)
	}
}

// readBatch reads the batch at the front of raw, which goes on from a sum.
func readBatch(raw []byte, sum [sha256.Size]byte) (batch []*Entry, size int, next [sha256.Size]byte, ok bool) {
	if len(raw) < 4 {
		return nil, 0, next, false
	}
	n := int64(binary.BigEndian.Uint32(raw))
	if n == 0 || n > int64(len(raw)-4-sha256.Size) {
		return nil, 0, next, false
	}
	end := 4 + int(n)
	if next = chained(sum, raw[:end]); !bytes.Equal(next[:], raw[end:end+sha256.Size]) {
		return nil, 0, next, false
	}
	r := facetReader{raw: raw[4:end], text: string(raw[4:end])}
	for r.at < len(r.raw) && !r.bad {
		batch = append(batch, r.entry())
	}
	for i := range batch {
		r.bad = r.bad || batch[i].Index != batch[0].Index+uint64(i)
	}
	return batch, end + sha256.Size, next, !r.bad
}

func chained(sum [sha256.Size]byte, content []byte) (next [sha256.Size]byte) {
	h := sha256.New()
	h.Write(sum[:])
	h.Write(content)
	h.Sum(next[:0])
	return next
}

func appendEntry(b []byte, e *Entry) []byte {
	b = binary.AppendUvarint(b, e.Index)
	b = append(append(b, e.ID[:]...), e.Leaf[:]...)
	b = binary.AppendVarint(b, e.Time)
	b = appendString(appendString(b, e.Kind), e.Subject)
	return append(binary.AppendUvarint(b, uint64(len(e.Body))), e.Body...)
}

// entry reads what appendEntry wrote.
func (r *facetReader) entry() *Entry {
	e := &Entry{Index: r.uvarint()}
	copy(e.ID[:], r.take(uint64(len(e.ID))))
	copy(e.Leaf[:], r.take(uint64(len(e.Leaf))))
	e.Time, e.Kind, e.Subject = r.varint(), r.string(), r.string()
	e.Body = []byte(r.string())
	return e
}

// pending returns what is durable here and was not in the table before it was
// asked. Nobody changes it.
func (s *spool) pending() []*Entry {
	if s == nil {
		return nil
	}
	if p := s.held.Load(); p != nil {
		return *p
	}
	return nil
}

// end returns the index after the last entry that is held, 0 if none is.
func (s *spool) end() uint64 {
	if p := s.pending(); len(p) > 0 {
		return p[len(p)-1].Index + 1
	}
	return 0
}

// takes tells whether more entries may be added. They must not be after an error
// until the file was made anew, nor after the table did not take what is held
// until it does.
func (s *spool) takes() bool { return s != nil && s.bad.IsZero() && !s.jam }

// full tells whether what is held should go into the table.
func (s *spool) full() bool { return len(s.pending()) >= spoolEntries || s.size >= spoolBegin }

// add makes entries durable together. After an error they may be there after
// all, unless others are given their indexes.
func (s *spool) add(entries []*Entry, now time.Time) error {
	size, err := s.write(entries)
	if err != nil {
		s.bad = now.Add(spoolRest)
		return err
	}
	s.size += size
	all := append(s.pending(), entries...)
	s.held.Store(&all)
	return nil
}

func (s *spool) write(entries []*Entry) (size int, err error) {
	if err := s.make(); err != nil {
		return 0, err
	}
	b, sum := s.room[:0], s.sum
	if s.at == 0 {
		b = append(b, spoolMagic...)
		b = append(b, make([]byte, spoolHead-len(b))...)
		rand.Read(b[len(spoolMagic):]) // never fails: crypto/rand, Go 1.24
		sum = sha256.Sum256(b)
	}
	from := len(b)
	b = append(b, 0, 0, 0, 0)
	for _, e := range entries {
		b = appendEntry(b, e)
	}
	if len(b)+sha256.Size > spoolBatch {
		return 0, errors.New("more entries than a batch of the spool may hold")
	}
	binary.BigEndian.PutUint32(b[from:], uint32(len(b)-from-4)) //nolint:gosec // it was looked at
	sum = chained(sum, b[from:])
	b = append(b, sum[:]...)
	if s.room = b; cap(b) > spoolBegin {
		s.room = nil
	}
	if _, err := s.file.WriteAt(b, s.at); err != nil {
		return 0, spoolFault(err)
	}
	if err := unix.Fdatasync(int(s.file.Fd())); err != nil {
		return 0, spoolFault(err)
	}
	s.at, s.sum = s.at+int64(len(b)), sum
	return len(b), nil
}

// make makes the file, with zeros in it and its name durable.
func (s *spool) make() error {
	if s.file != nil {
		return nil
	}
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return spoolFault(err)
	}
	_, err = f.Write(make([]byte, spoolBegin))
	if err = cmp.Or(err, f.Sync(), syncDir(filepath.Dir(s.path))); err != nil {
		return spoolFault(errors.Join(err, f.Close()))
	}
	s.file = f
	return nil
}

func spoolFault(err error) error {
	err = fmt.Errorf("writing the spool: %w", err)
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return full(err)
	}
	return unreadable(err)
}

// emptied says that all that was held is durable in the table. A file that
// could not be relied on is made anew in a while.
func (s *spool) emptied(now time.Time) {
	if s == nil {
		return
	}
	if !s.bad.IsZero() && s.file != nil {
		_ = s.file.Close() // nothing of it is needed any more
		s.file = nil
	}
	if now.After(s.bad) {
		s.bad = time.Time{}
	}
	if s.at, s.size, s.jam = 0, 0, false; len(s.pending()) > 0 {
		s.held.Store(nil)
	}
}

func (s *spool) close() error {
	if s == nil || s.file == nil {
		return nil
	}
	return s.file.Close()
}

// wipe overwrites what the file was used for. Nothing may be held.
func (s *spool) wipe() error {
	if s == nil || s.file == nil {
		return nil
	}
	info, err := s.file.Stat()
	if err == nil {
		_, err = s.file.WriteAt(make([]byte, info.Size()), 0)
	}
	if err = cmp.Or(err, s.file.Sync()); err != nil {
		return spoolFault(err)
	}
	return nil
}
