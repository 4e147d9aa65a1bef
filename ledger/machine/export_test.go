package machine_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"cairn/ledger/machine"
)

func export(t testing.TB, m *machine.Machine) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := m.Export(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A machine that was written out and read back at any point goes on exactly as the one that was not.
func TestImportGoesOnAlike(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := newNetwork(t, "north", "south", "west")
		twin, err := machine.New(genesis("west", "south", "north"))
		if err != nil {
			rt.Fatal(err)
		}
		for range rapid.IntRange(1, 12).Draw(rt, "blocks") {
			if rapid.Bool().Draw(rt, "move") {
				raw := export(t, twin)
				if twin, err = machine.Import(bytes.NewReader(raw)); err != nil {
					rt.Fatal(err)
				}
				if again := export(t, twin); !bytes.Equal(again, raw) {
					rt.Fatal("what was imported exports to other bytes")
				}
			}
			b := machine.Block{Height: n.Height() + 1, Time: n.Time() + 5}
			for range rapid.IntRange(0, 3).Draw(rt, "txs") {
				b.Txs = append(b.Txs, n.anything(rt, nil))
			}
			want := n.Apply(b)
			if got := twin.Apply(b); !reflect.DeepEqual(got, want) {
				rt.Fatalf("the twin answers %+v, not %+v", got, want)
			}
		}
		if twin.Height() != n.Height() || twin.Time() != n.Time() || twin.BooksRoot() != n.BooksRoot() {
			rt.Fatal("the twin is elsewhere")
		}
	})
}

// lived returns a network with seals, marks and several leaves behind it.
func lived(t testing.TB) *network {
	n := newNetwork(t, "north", "south")
	for range 3 {
		n.logs["north"].grow(3)
		n.logs["south"].grow(1)
		n.mustApply(t, n.sealed("north", n.logs["north"]), n.sealed("south", n.logs["south"], n.fresh(8)...))
	}
	n.apply()
	return n
}

func TestImportRefusesWhatIsNotWhole(t *testing.T) {
	raw := export(t, lived(t).Machine)
	if _, err := machine.Import(bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	for n := range raw {
		if _, err := machine.Import(bytes.NewReader(raw[:n])); err == nil {
			t.Fatalf("%d of %d bytes are taken", n, len(raw))
		}
	}
	if _, err := machine.Import(bytes.NewReader(append(bytes.Clone(raw), 0))); err == nil {
		t.Error("a byte too many is taken")
	}
	for i := range raw {
		altered := bytes.Clone(raw)
		altered[i] ^= 1 << (i % 8)
		if _, err := machine.Import(bytes.NewReader(altered)); err == nil {
			t.Fatalf("byte %d can be changed", i)
		}
	}
}

// Whoever changes the books and mends the checksum is caught by the calendar; who mends the calendar has another root.
func TestImportBindsTheBooksToTheRoot(t *testing.T) {
	n := lived(t)
	raw := export(t, n.Machine)
	found := 0
	for i := range raw[:len(raw)-32] {
		altered := bytes.Clone(raw)
		altered[i] ^= 1
		m, err := machine.Import(bytes.NewReader(mended(altered)))
		if err != nil {
			continue
		}
		found++
		same := m.Root() == n.Root() && m.Network() == n.Network()
		if same && m.BooksRoot() != n.BooksRoot() {
			t.Fatalf("byte %d changes the books and keeps the root", i)
		}
	}
	if found == 0 {
		t.Error("no change reached the check of the books")
	}
}

// The same books in another order of their lines have the same root, and are refused all the same.
func TestImportTakesOneOrderOnly(t *testing.T) {
	n := lived(t)
	raw := export(t, n.Machine)
	_, marks, seals, _ := n.Books()
	line := func(i int) []byte {
		image, height := marks.At(i)
		return binary.BigEndian.AppendUint64(image[:], height)
	}
	entries := seals.All()
	for what, pair := range map[string][2][]byte{
		"marks of two heights": {line(0), line(marks.Len() - 1)},
		"seals of two members": {entries[0].Encode(), entries[1].Encode()},
	} {
		a, b := bytes.Index(raw, pair[0]), bytes.Index(raw, pair[1])
		swapped := bytes.Clone(raw)
		copy(swapped[a:], pair[1])
		copy(swapped[b:], pair[0])
		if bytes.Equal(swapped, raw) {
			t.Fatalf("%s were not swapped", what)
		}
		if _, err := machine.Import(bytes.NewReader(mended(swapped))); !errors.Is(err, machine.ErrExport) {
			t.Errorf("%s swapped: %v", what, err)
		}
	}
}

var errDisk = errors.New("the disk is full")

// full is a disk with room for so many bytes.
type full int

func (f *full) Write(p []byte) (int, error) {
	if len(p) > int(*f) {
		return 0, errDisk
	}
	*f -= full(len(p))
	return len(p), nil
}

func TestExportSaysWhenItCannotWrite(t *testing.T) {
	n := lived(t)
	var disk full
	if err := n.Export(&disk); !errors.Is(err, errDisk) {
		t.Errorf("exporting to a full disk: %v", err)
	}
	broken := io.MultiReader(bytes.NewReader(export(t, n.Machine)[:700]), &failing{})
	if _, err := machine.Import(broken); !errors.Is(err, errDisk) {
		t.Errorf("importing from a failing disk: %v", err)
	}
}

type failing struct{}

func (*failing) Read([]byte) (int, error) { return 0, errDisk }
