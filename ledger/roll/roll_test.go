package roll_test

import (
	"bytes"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"cairn/ledger/roll"
)

const domain = "test roll"

func line(i int) []byte { return fmt.Appendf(nil, "line %d", i) }

// made returns the roll of lines 0..n-1, filled from the front.
func made(n int) *roll.Roll {
	r := roll.New(domain)
	for i := range n {
		r.Insert(i, line(i))
	}
	return r
}

func TestEveryLineIsProved(t *testing.T) {
	for n := range 70 {
		r := made(n)
		for i := range n {
			p := r.Prove(i)
			if err := p.Verify(domain, r.Root(), line(i)); err != nil {
				t.Fatalf("line %d of %d: %v", i, n, err)
			}
			for name, bad := range map[string]error{
				"another line":   p.Verify(domain, r.Root(), line(i+1)),
				"another domain": p.Verify("other", r.Root(), line(i)),
				"another root":   p.Verify(domain, made(n+1).Root(), line(i)),
				"another index":  roll.Proof{Index: p.Index + 1, Size: p.Size, Path: p.Path}.Verify(domain, r.Root(), line(i)),
				"another size":   roll.Proof{Index: p.Index, Size: p.Size + 1, Path: p.Path}.Verify(domain, r.Root(), line(i)),
				"a longer path":  roll.Proof{Index: p.Index, Size: p.Size, Path: append(p.Path, [32]byte{})}.Verify(domain, r.Root(), line(i)),
			} {
				if bad == nil {
					t.Fatalf("line %d of %d verifies with %s", i, n, name)
				}
			}
		}
	}
	if (roll.Proof{}).Verify(domain, made(0).Root(), nil) == nil {
		t.Error("the zero proof proves something")
	}
}

// The paths are those of RFC 6962, which tlog checks by an implementation of its own.
func TestPathsAreThoseOfRFC6962(t *testing.T) {
	var hashes []tlog.Hash
	read := tlog.HashReaderFunc(func(at []int64) (list []tlog.Hash, err error) {
		for _, i := range at {
			list = append(list, hashes[i])
		}
		return list, nil
	})
	for n := int64(1); n < 70; n++ {
		more, err := tlog.StoredHashes(n-1, line(int(n-1)), read)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, more...)
		tree, err := tlog.TreeHash(n, read)
		if err != nil {
			t.Fatal(err)
		}
		r := made(int(n))
		for i := range n {
			var proof tlog.RecordProof
			for _, h := range r.Prove(int(i)).Path {
				proof = append(proof, h)
			}
			if err := tlog.CheckRecord(proof, n, tree, i, tlog.RecordHash(line(int(i)))); err != nil {
				t.Fatalf("line %d of %d: %v", i, n, err)
			}
		}
	}
}

// Lines that come in any order and change in place give the root of the same lines written once.
func TestRootIsThatOfTheLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var lines []int
		r := roll.New(domain)
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			v := rapid.IntRange(0, 99).Draw(t, "value")
			if len(lines) > 0 && rapid.Bool().Draw(t, "set") {
				i := rapid.IntRange(0, len(lines)-1).Draw(t, "at")
				lines[i] = v
				r.Set(i, line(v))
			} else {
				i := rapid.IntRange(0, len(lines)).Draw(t, "before")
				lines = append(lines[:i], append([]int{v}, lines[i:]...)...)
				r.Insert(i, line(v))
			}
			if rapid.Bool().Draw(t, "hash") {
				r.Root()
			}
		}
		once := roll.New(domain)
		for i, v := range lines {
			once.Insert(i, line(v))
		}
		if r.Root() != once.Root() || r.Len() != len(lines) {
			t.Fatal("the way to the lines shows in the root")
		}
	})
}

func FuzzDecode(f *testing.F) {
	r := made(9)
	f.Add(r.Prove(3).Encode())
	f.Add(roll.Proof{}.Encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := roll.Decode(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Encode(), raw) {
			t.Fatal("decoded bytes encode to others")
		}
		if p.Verify(domain, r.Root(), line(50)) == nil {
			t.Fatal("a line that is not there was proved")
		}
	})
}
