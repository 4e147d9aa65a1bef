package bench

import (
	"encoding/binary"
	"testing"
)

// part is one part of an export.
func part(kind byte, height uint64, content []byte) []byte {
	head := binary.BigEndian.AppendUint64([]byte{kind}, height)
	return append(binary.BigEndian.AppendUint64(head, uint64(len(content))), content...)
}

// field is a length-delimited protobuf field.
func fieldOf(number byte, content []byte) []byte {
	return append([]byte{number<<3 | 2, byte(len(content))}, content...)
}

func TestReadExport(t *testing.T) {
	two := append(fieldOf(1, []byte("a seal")), fieldOf(1, []byte("another"))...)
	full := append(append(fieldOf(1, []byte("header")), fieldOf(2, two)...), 4<<3, 1) // and a number
	empty := fieldOf(1, []byte("header"))
	var file []byte
	for _, p := range [][]byte{
		[]byte("cairn/chain/export/v1\n"), part('G', 0, []byte("genesis")), part('B', 1, full), part('B', 2, empty), part('B', 3, full),
		part('C', 3, []byte("commit")), part('S', 3, []byte("books")),
	} {
		file = append(file, p...)
	}
	got, err := readExport(file, 1)
	want := orders{blocks: 2, seals: 2, bytes: len(full) + len(empty), sealsBytes: len("a seal") + len("another")}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if _, err := readExport(file[:len(file)-1], 0); err == nil {
		t.Error("a cut export was taken")
	}
	if _, err := readExport([]byte("something else\n"), 0); err == nil {
		t.Error("something else was taken")
	}
}

func TestDiskParts(t *testing.T) {
	var d disk
	for _, path := range []string{"blockstore.db/000001.ldb", "state.db/000001.ldb", "leaves", "nodes", "wal/wal", "books", "sign.json"} {
		d.add(path, 10)
	}
	if want := (disk{blocks: 10, state: 30, calendar: 20, wal: 10}); d != want || d.lasting() != 60 {
		t.Errorf("got %+v, want %+v", d, want)
	}
}
