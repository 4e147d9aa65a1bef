package machine

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"cairn/ledger/calendar"
	"cairn/ledger/member"
	"cairn/ledger/register"
	"cairn/ledger/seal"
	"cairn/ledger/wire"
)

// An export is a line that names the format, then frames, then the SHA-256 of all that came before it. A frame is a
// 32-bit length and that many bytes: genesis; head; calendar; members; seals; and the marks in the order in which they
// came, marksPerFrame to a frame, the last frame holding the rest.
const (
	exportDomain  = "cairn/machine/v1\n"
	marksPerFrame = 4096
	markSize      = 32 + 8
	maxSeals      = member.MaxMembers * 128
)

// Why an export is refused. They are compared with errors.Is.
var (
	ErrExport   = errors.New("machine: not an export of a machine")
	ErrChecksum = errors.New("machine: the export's checksum does not fit")
	ErrBooks    = errors.New("machine: the export's books do not fit its calendar")
)

// Export writes the whole machine. The same machine writes the same bytes.
func (m *Machine) Export(w io.Writer) error {
	e := newExporter(w)
	e.raw([]byte(exportDomain))
	e.frame(m.genesis.Encode())
	e.frame(m.head())
	e.frame(m.calendar.Encode())
	members := new(wire.Writer)
	writeMembers(members, m.members.All())
	e.frame(members.Out())
	e.frame(m.encodeSeals())
	for from := 0; from < m.register.Len(); from += marksPerFrame {
		e.frame(m.encodeMarks(from, min(from+marksPerFrame, m.register.Len())))
	}
	return e.close()
}

func (m *Machine) head() []byte {
	w := new(wire.Writer)
	w.Uint64(m.height)
	w.Int64(m.time)
	w.Uint64(uint64(m.register.Len())) //nolint:gosec // not negative
	return w.Out()
}

func (m *Machine) encodeSeals() []byte {
	w := new(wire.Writer)
	entries := m.seals.All()
	w.Count(len(entries))
	for _, e := range entries {
		w.Bytes(e.Encode())
	}
	return w.Out()
}

func (m *Machine) encodeMarks(from, to int) []byte {
	w := new(wire.Writer)
	for i := from; i < to; i++ {
		image, height := m.register.At(i)
		w.Hash(image)
		w.Uint64(height)
	}
	return w.Out()
}

type exporter struct {
	out  *bufio.Writer
	hash hash.Hash
	err  error
}

func newExporter(w io.Writer) *exporter {
	return &exporter{out: bufio.NewWriterSize(w, 1<<16), hash: sha256.New()}
}

func (e *exporter) raw(p []byte) {
	if e.err == nil {
		e.hash.Write(p)
		_, e.err = e.out.Write(p)
	}
}

func (e *exporter) frame(p []byte) {
	e.raw(binary.BigEndian.AppendUint32(nil, uint32(len(p)))) //nolint:gosec // frames are far below 4 GiB
	e.raw(p)
}

func (e *exporter) close() error {
	e.raw(e.hash.Sum(nil))
	if e.err == nil {
		e.err = e.out.Flush()
	}
	if e.err != nil {
		return fmt.Errorf("exporting the machine: %w", e.err)
	}
	return nil
}

// Import reads an export to its end and returns a machine with the same root, which goes on as the one that was exported
// would. It refuses bytes that are missing, changed or left over, and books that do not have the root in the last leaf
// of their calendar. Whether the calendar is the network's own is for the caller to decide, who compares Root with one
// that the hospitals signed.
func Import(r io.Reader) (*Machine, error) {
	i := &importer{in: bufio.NewReaderSize(r, 1<<16), hash: sha256.New()}
	m, err := i.machine()
	if err != nil {
		return nil, fmt.Errorf("importing a machine: %w", err)
	}
	return m, nil
}

type importer struct {
	in   *bufio.Reader
	hash hash.Hash
}

func (i *importer) machine() (*Machine, error) {
	if domain, err := i.raw(len(exportDomain)); err != nil || string(domain) != exportDomain {
		return nil, errors.Join(ErrExport, err)
	}
	m, marks, err := i.begin()
	if err != nil {
		return nil, err
	}
	if err := i.books(m); err != nil {
		return nil, err
	}
	if err := i.marks(m, marks); err != nil {
		return nil, err
	}
	if err := i.close(); err != nil {
		return nil, err
	}
	return m, m.fits()
}

// begin reads the genesis and the head.
func (i *importer) begin() (*Machine, uint64, error) {
	raw, err := i.frame(maxGenesis)
	if err != nil {
		return nil, 0, err
	}
	g, err := DecodeGenesis(raw)
	if err != nil {
		return nil, 0, err
	}
	m, err := New(g)
	if err != nil {
		return nil, 0, err
	}
	if raw, err = i.frame(24); err != nil {
		return nil, 0, err
	}
	head := wire.NewReader(raw)
	m.height, m.time = head.Uint64(), head.Int64()
	marks := head.Uint64()
	if err := head.Done(); err != nil {
		return nil, 0, err
	}
	if m.time < g.Time || marks > register.MaxMarks {
		return nil, 0, ErrExport
	}
	return m, marks, nil
}

// books reads the books but the register.
func (i *importer) books(m *Machine) error {
	raw, err := i.frame(64 << 10)
	if err != nil {
		return err
	}
	if m.calendar, err = calendar.DecodeBook(raw); err != nil {
		return err
	}
	if raw, err = i.frame(maxGenesis); err != nil {
		return err
	}
	r := wire.NewReader(raw)
	members, err := readMembers(r)
	if err = errors.Join(err, r.Done()); err != nil {
		return err
	}
	if m.members, err = member.New(members); err != nil {
		return err
	}
	if raw, err = i.frame(maxSeals); err != nil {
		return err
	}
	return m.decodeSeals(wire.NewReader(raw))
}

func (m *Machine) decodeSeals(r *wire.Reader) error {
	last := ""
	for range r.Count(member.MaxMembers, 4) {
		e, err := seal.DecodeEntry(r.Bytes(128))
		if err != nil {
			return err
		}
		if e.Member <= last {
			return ErrExport
		}
		last = e.Member
		m.seals.Put(e)
	}
	return r.Done()
}

func (i *importer) marks(m *Machine, left uint64) error {
	last := uint64(1)
	for left > 0 {
		n := min(left, marksPerFrame)
		raw, err := i.frame(marksPerFrame * markSize)
		if err != nil {
			return err
		}
		r := wire.NewReader(raw)
		for range n {
			image, height := r.Hash(), r.Uint64()
			if r.Err() != nil || height < last || !m.register.Load(image, height) {
				return errors.Join(ErrExport, r.Err())
			}
			last = height
		}
		if err := r.Done(); err != nil {
			return err
		}
		left -= n
	}
	return nil
}

// fits reports whether the books have the root that the calendar's last leaf gives them; before the first leaf, whether
// they are those of the genesis.
func (m *Machine) fits() error {
	last, found := m.calendar.Last()
	if !found {
		fresh, err := New(m.genesis)
		if err != nil {
			return err
		}
		last = calendar.Leaf{Time: m.genesis.Time, Books: fresh.BooksRoot()}
	}
	if last.Books != m.BooksRoot() || last.Height > m.height || last.Time > m.time {
		return ErrBooks
	}
	return nil
}

func (i *importer) raw(n int) ([]byte, error) {
	var buf bytes.Buffer
	got, err := io.CopyN(&buf, i.in, int64(n))
	if err != nil {
		return nil, errors.Join(io.ErrUnexpectedEOF, err)
	}
	i.hash.Write(buf.Bytes()[:got])
	return buf.Bytes(), nil
}

// frame reads a frame of at most limit bytes. It reserves memory only for bytes that came.
func (i *importer) frame(limit uint32) ([]byte, error) {
	head, err := i.raw(4)
	if err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head)
	if n > limit {
		return nil, wire.ErrLong
	}
	return i.raw(int(n))
}

// close reads the checksum and makes sure that nothing follows.
func (i *importer) close() error {
	want := i.hash.Sum(nil)
	got, err := i.raw(sha256.Size)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return ErrChecksum
	}
	if _, err := i.in.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.Join(ErrExport, err)
	}
	return nil
}
