package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"cairn/ledger/calendar"
	"cairn/ledger/machine"
	"cairn/ledger/member"
	"cairn/ledger/register"
	"cairn/ledger/seal"
)

// A world is a small network with everything that bundles are made of: a real
// machine, the members' keys and logs, and the calendar's leaves. The same name
// gives the same world, byte for byte.
type world struct {
	t        testing.TB
	name     string
	machine  *machine.Machine
	time     int64
	logs     map[string]*merkle
	opened   map[string][]OpenedEvent
	calendar *merkle
	leaves   []calendar.Leaf
}

// merkle is an RFC 6962 log in memory.
type merkle struct {
	size   int64
	hashes []tlog.Hash
}

func (l *merkle) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, n := range at {
		out[i] = l.hashes[n]
	}
	return out, nil
}

func (l *merkle) add(t testing.TB, data []byte) {
	t.Helper()
	more, err := tlog.StoredHashes(l.size, data, l)
	if err != nil {
		t.Fatal(err)
	}
	l.hashes = append(l.hashes, more...)
	l.size++
}

func (l *merkle) root(t testing.TB, size int64) [32]byte {
	t.Helper()
	h, err := tlog.TreeHash(size, l)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (l *merkle) path(t testing.TB, size, index uint64) [][32]byte {
	t.Helper()
	p, err := tlog.ProveRecord(int64(size), int64(index), l)
	if err != nil {
		t.Fatal(err)
	}
	return Path(p)
}

var memberIDs = []string{"east", "north", "south", "west"}

const worldStart = 1_790_000_000_000

func (w *world) key(id, use string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(w.name + "/" + id + "/" + use))
	return ed25519.NewKeyFromSeed(seed[:])
}

func newWorld(t testing.TB, name string) *world {
	t.Helper()
	w := &world{
		t: t, name: name, time: worldStart,
		logs: map[string]*merkle{}, opened: map[string][]OpenedEvent{}, calendar: new(merkle),
	}
	g := machine.Genesis{Name: name, Time: worldStart, Params: machine.Params{GraceMillis: 60_000, SkewMillis: 60_000, BeatMillis: 1000, RecoveryMillis: 1000}}
	for _, id := range memberIDs {
		w.logs[id] = new(merkle)
		g.Members = append(g.Members, member.Member{
			ID: id, Name: "Hospital " + id, Roles: []string{"custodian"}, Power: 1, Active: true,
			Keys: []member.Key{
				{Use: member.UseSeal, Public: w.key(id, "seal").Public().(ed25519.PublicKey)},
				{Use: member.UseCosign, Public: w.key(id, "cosign").Public().(ed25519.PublicKey)},
			},
		})
	}
	m, err := machine.New(g)
	if err != nil {
		t.Fatal(err)
	}
	w.machine = m
	return w
}

func (w *world) trust() *Trust {
	w.t.Helper()
	book, _, _, _ := w.machine.Books()
	t, err := NewTrust(w.machine.Network(), w.name, book, w.machine.Height())
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

// lasting is the trust file of the second format.
func (w *world) lasting() *Trust {
	w.t.Helper()
	book, _, _, _ := w.machine.Books()
	t, err := NewLasting(w.machine.Network(), w.name, book)
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

// block runs a block with a transaction that changes the books.
func (w *world) block(height uint64, tx []byte) {
	w.t.Helper()
	w.time += 1000
	out := w.machine.Apply(machine.Block{Height: height, Time: w.time, Txs: [][]byte{tx}})
	if out.Codes[0] != machine.CodeOK || out.Leaf == nil {
		w.t.Fatal(out.Codes[0])
	}
	w.calendar.add(w.t, out.Leaf.Encode())
	w.leaves = append(w.leaves, *out.Leaf)
}

// rotate announces a member's cosigning key of a number and goes on until it
// counts.
func (w *world) rotate(id string, number int) {
	w.t.Helper()
	next, network := w.key(id, cosignKey(number)), w.machine.Network()
	e := &member.Epoch{Member: id, Use: member.UseCosign, Public: next.Public().(ed25519.PublicKey), From: w.machine.Height() + 1 + machine.MinNotice}
	e.Possession = ed25519.Sign(next, e.PossessionBytes(network))
	e.Signature = ed25519.Sign(w.key(id, cosignKey(number-1)), e.SigningBytes(network))
	w.block(w.machine.Height()+1, machine.EpochTx(e))
	for w.machine.Height() < e.From {
		w.event(id, KindScrub, 0)
		w.beat(id)
	}
}

// salt returns 32 bytes that differ for each name.
func (w *world) salt(name string) [32]byte { return sha256.Sum256([]byte(w.name + " salt " + name)) }

// recordBytes are the stored bytes of a made-up record.
func recordBytes(id string, version int) []byte {
	return fmt.Appendf(nil, `{"resourceType":"Observation","id":%q,"meta":{"versionId":"%d"},"status":"final"}`, id, version)
}

// event logs an event of a member and returns its index.
func (w *world) event(id, kind string, records int) uint64 {
	w.t.Helper()
	log := w.logs[id]
	e := sampleEvent()
	e.ID = fmt.Sprintf("00000000-0000-4000-8000-%012d", log.size)
	e.Member, e.Kind, e.Time, e.Records = id, kind, w.time, nil
	for i := range records {
		rid := fmt.Sprintf("%s-o-%d", id, i)
		e.Records = append(e.Records, Record{
			Type: "Observation", ID: rid, Version: 1,
			Commitment: Commitment(w.salt(rid), "Observation", rid, 1, recordBytes(rid, 1)),
		})
	}
	raw, err := e.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	salt := w.salt(id + e.ID)
	leaf := Leaf(salt, e.Kind, e.ID, raw)
	log.add(w.t, leaf[:])
	w.opened[id] = append(w.opened[id], OpenedEvent{Salt: salt, Content: e})
	return uint64(log.size - 1)
}

// mark returns a mark that differs for each number.
func (w *world) mark(n uint64) [32]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte(w.name+" mark "), n))
}

// beat seals a member's log in a block of its own, with a bucket of eight marks
// when there is any.
func (w *world) beat(id string, marks ...uint64) {
	w.t.Helper()
	_, _, seals, _ := w.machine.Books()
	last, _ := seals.Latest(id)
	log := w.logs[id]
	s := seal.Seal{Member: id, Size: uint64(log.size), Root: log.root(w.t, log.size)}
	if last.Size > 0 && last.Size < s.Size {
		p, err := tlog.ProveTree(log.size, int64(last.Size), log)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, h := range p {
			s.Consistency = append(s.Consistency, h)
		}
	}
	for i, n := range marks {
		s.Marks = append(s.Marks, w.mark(n))
		for pad := 0; i == len(marks)-1 && len(s.Marks) < 8; pad++ {
			s.Marks = append(s.Marks, w.mark(1_000_000*(w.machine.Height()+1)+uint64(pad)))
		}
	}
	s.Sign(w.key(id, "seal"), w.machine.Network())
	w.time += 1000
	out := w.machine.Apply(machine.Block{Height: w.machine.Height() + 1, Time: w.time, Txs: [][]byte{machine.SealTx(&s)}})
	if out.Codes[0] != machine.CodeOK || out.Leaf == nil {
		w.t.Fatalf("sealing: %s", out.Codes[0])
	}
	w.calendar.add(w.t, out.Leaf.Encode())
	w.leaves = append(w.leaves, *out.Leaf)
}

// checkpoint returns the calendar's newest checkpoint, cosigned by these with
// their first keys.
func (w *world) checkpoint(signers ...string) *Checkpoint { return w.checkpointAt(1, signers...) }

// checkpointAt is checkpoint with north's key of that number.
func (w *world) checkpointAt(number int, signers ...string) *Checkpoint {
	w.t.Helper()
	c := &Checkpoint{
		Origin: calendar.Origin(w.name), Size: uint64(w.calendar.size), Root: w.calendar.root(w.t, w.calendar.size),
	}
	if c.Root != w.machine.Root() {
		w.t.Fatal("the calendar's leaves do not make the machine's root")
	}
	for _, id := range signers {
		use := "cosign"
		if id == "north" {
			use = cosignKey(number)
		}
		c.Add(w.cosignWith(c, id, use))
	}
	return c
}

// cosignKey names a member's cosigning key of a number.
func cosignKey(number int) string {
	if number == 1 {
		return "cosign"
	}
	return fmt.Sprint("cosign ", number)
}

func (w *world) cosign(c *Checkpoint, id string) Cosignature { return w.cosignWith(c, id, "cosign") }

func (w *world) cosignWith(c *Checkpoint, id, use string) Cosignature {
	w.t.Helper()
	k, err := NewCosigner(KeyName(w.name, id), w.key(id, use))
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := k.Cosign(c, uint64(w.time/1000)+2)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// base returns the parts that every bundle of the newest state has.
func (w *world) base(c *Checkpoint) Parts {
	members, marks, seals, _ := w.machine.Books()
	last := len(w.leaves) - 1
	return Parts{
		Books: Books{Members: members.Root(), Register: marks.Root(), Seals: seals.Root()},
		Calendar: CalendarPath{
			Height: w.leaves[last].Height, Time: w.leaves[last].Time, Index: uint64(last),
			Path: w.calendar.path(w.t, c.Size, uint64(last)),
		},
		Checkpoint: c,
	}
}

// entry adds an entry of a member's log to the parts, its event opened or not.
func (w *world) entry(p Parts, id string, index uint64, open bool) Parts {
	w.t.Helper()
	_, _, seals, _ := w.machine.Books()
	e, ok := seals.Latest(id)
	if !ok || index >= e.Size {
		w.t.Fatalf("entry %d of %s is not sealed", index, id)
	}
	event := w.opened[id][index]
	raw, err := event.Content.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	p.Log = &LogPath{
		Index: index, Leaf: Leaf(event.Salt, event.Content.Kind, event.Content.ID, raw),
		Path: w.logs[id].path(w.t, e.Size, index),
	}
	p.Seal = &SealPath{Entry: e, Proof: seals.Prove(id)}
	if open {
		p.Event = &event
	}
	return p
}

// record adds the bytes of the event's record number at.
func (w *world) record(p Parts, at int) Parts {
	r := p.Event.Content.Records[at]
	p.Records = append(p.Records, OpenedRecord{At: uint64(at), Salt: w.salt(r.ID), Content: recordBytes(r.ID, 1)})
	return p
}

// marked adds what the register says of these marks, in the order of images.
func (w *world) marked(p Parts, numbers ...uint64) Parts {
	_, book, _, _ := w.machine.Books()
	for _, n := range numbers {
		image := register.Image(w.mark(n))
		height, present := book.Height(image)
		m := MarkPath{Image: image, Present: present, Height: height, Proof: book.Prove(image)}
		at := 0
		for at < len(p.Marks) && string(p.Marks[at].Image[:]) < string(image[:]) {
			at++
		}
		p.Marks = append(p.Marks[:at], append([]MarkPath{m}, p.Marks[at:]...)...)
	}
	return p
}

func (w *world) assemble(p Parts) *Bundle { return w.assembleFor(w.trust(), p) }

func (w *world) assembleFor(trust *Trust, p Parts) *Bundle {
	w.t.Helper()
	b, err := Assemble(trust, p)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// begin makes the first block of the history that the tests use. It has no
// marks.
func (w *world) begin() {
	w.t.Helper()
	w.event("west", KindScrub, 0)
	w.beat("west")
}

// grow makes that history: the members log and seal, in several blocks, with
// marks.
func (w *world) grow() {
	w.t.Helper()
	w.begin()
	for i := range 5 {
		w.event("north", KindRecordStored, 1)
		w.event("south", KindAccessAllowed, 3)
		if i%2 == 0 {
			w.beat("north", uint64(10+i))
		}
	}
	w.beat("south", 77)
	w.event("north", KindConsentStopped, 0)
	w.beat("north")
	w.event("east", "device.paired", listed+2)
	w.beat("east")
}

// quorum is enough members for four.
var quorum = []string{"north", "south", "east"}

// specimens returns one bundle of each statement.
func (w *world) specimens() map[string]*Bundle {
	w.t.Helper()
	base := func() Parts { return w.base(w.checkpoint(quorum...)) }
	return map[string]*Bundle{
		StatementRecord: w.assemble(w.marked(w.record(w.record(w.entry(base(), "south", 3, true), 0), 2), 77, 5)),
		StatementEvent:  w.assemble(w.entry(base(), "north", 5, true)),
		StatementEntry:  w.assemble(w.entry(base(), "south", 1, false)),
		StatementMark:   w.assemble(w.marked(base(), 10, 12, 99)),
	}
}

func encoded(t testing.TB, b *Bundle) []byte {
	t.Helper()
	raw, err := b.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
