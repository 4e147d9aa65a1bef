package calendar_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"cairn/ledger/calendar"
)

func leaf(n uint64) calendar.Leaf {
	return calendar.Leaf{Height: n * 3, Time: int64(n) * 1000, Books: sha256.Sum256([]byte{byte(n)})}
}

// The root is that of the whole log, at every size, also when the book was written out and read back on the way.
func TestRootIsThatOfRFC6962(t *testing.T) {
	var hashes []tlog.Hash
	read := tlog.HashReaderFunc(func(at []int64) (list []tlog.Hash, err error) {
		for _, i := range at {
			list = append(list, hashes[i])
		}
		return list, nil
	})
	b := new(calendar.Book)
	if b.Root() != sha256.Sum256(nil) {
		t.Fatal("the empty log has another root")
	}
	for n := range int64(130) {
		l := leaf(uint64(n))
		more, err := tlog.StoredHashesForRecordHash(n, l.Hash(), read)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, more...)
		b.Append(l)
		want, err := tlog.TreeHash(n+1, read)
		if err != nil {
			t.Fatal(err)
		}
		if b.Root() != want || b.Size() != uint64(n+1) {
			t.Fatalf("root of %d leaves", n+1)
		}
		back, err := calendar.DecodeBook(b.Encode())
		if err != nil || back.Root() != want {
			t.Fatalf("%d leaves came back otherwise: %v", n+1, err)
		}
		if last, there := back.Last(); !there || last != l {
			t.Fatalf("the last of %d leaves came back as %+v", n+1, last)
		}
		b = back
	}
}

func TestLeafIsTheRecord(t *testing.T) {
	l := leaf(7)
	if l.Hash() != tlog.RecordHash(l.Encode()) {
		t.Error("the leaf hash is not that of the encoded leaf")
	}
	back, err := calendar.Decode(l.Encode())
	if err != nil || back != l {
		t.Errorf("%+v came back as %+v, %v", l, back, err)
	}
	raw := l.Encode()
	for i := range raw {
		altered := bytes.Clone(raw)
		altered[i] ^= 1
		if other, err := calendar.Decode(altered); err == nil && other == l {
			t.Errorf("byte %d does not matter", i)
		}
	}
}

func TestBookThatDoesNotFitItsSizeIsRefused(t *testing.T) {
	b := new(calendar.Book)
	for n := range uint64(6) {
		b.Append(leaf(n))
	}
	raw := b.Encode()
	for size := range byte(10) {
		altered := bytes.Clone(raw)
		altered[7] = size
		_, err := calendar.DecodeBook(altered)
		fits := size == 4 || size == 6 || size == 7 // size-1 has two bits set, as 5 does
		if (err == nil) != fits {
			t.Errorf("six leaves with the size %d: %v", size, err)
		}
	}
}

func TestOrigins(t *testing.T) {
	if got := calendar.Origin("demo"); got != "cairn/demo/calendar" {
		t.Error(got)
	}
	if got := calendar.LogOrigin("demo", "north"); got != "cairn/demo/log/north" {
		t.Error(got)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(leaf(3).Encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if l, err := calendar.Decode(raw); err == nil && !bytes.Equal(l.Encode(), raw) {
			t.Fatal("decoded bytes encode to others")
		}
	})
}

func FuzzDecodeBook(f *testing.F) {
	b := new(calendar.Book)
	f.Add(b.Encode())
	for n := range uint64(5) {
		b.Append(leaf(n))
		f.Add(b.Encode())
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := calendar.DecodeBook(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(b.Encode(), raw) {
			t.Fatal("decoded bytes encode to others")
		}
		b.Append(leaf(1))
		b.Root()
	})
}
