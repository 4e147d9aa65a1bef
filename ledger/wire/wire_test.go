package wire_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"cairn/ledger/wire"
)

// parts is one value of every kind that the encoding knows.
type parts struct {
	A uint8
	B uint16
	C uint32
	D uint64
	E int64
	F bool
	G [32]byte
	H []byte
	I string
	J [][32]byte
	K [3]byte
}

func (p parts) encode() []byte {
	w := wire.NewWriter("domain")
	w.Uint8(p.A)
	w.Uint16(p.B)
	w.Uint32(p.C)
	w.Uint64(p.D)
	w.Int64(p.E)
	w.Bool(p.F)
	w.Hash(p.G)
	w.Bytes(p.H)
	w.String(p.I)
	w.Hashes(p.J)
	w.Raw(p.K[:])
	return w.Out()
}

func decode(raw []byte) (p parts, err error) {
	r := wire.NewReader(raw)
	domain := make([]byte, 6)
	r.Raw(domain)
	if string(domain) != "domain" {
		r.Refuse()
	}
	p = parts{
		A: r.Uint8(), B: r.Uint16(), C: r.Uint32(), D: r.Uint64(), E: r.Int64(), F: r.Bool(),
		G: r.Hash(), H: r.Bytes(10), I: r.String(10), J: r.Hashes(3),
	}
	r.Raw(p.K[:])
	return p, r.Done()
}

func draw(t *rapid.T) parts {
	p := parts{
		A: rapid.Byte().Draw(t, "a"), B: rapid.Uint16().Draw(t, "b"), C: rapid.Uint32().Draw(t, "c"),
		D: rapid.Uint64().Draw(t, "d"), E: rapid.Int64().Draw(t, "e"), F: rapid.Bool().Draw(t, "f"),
		H: rapid.SliceOfN(rapid.Byte(), 0, 10).Draw(t, "h"), I: rapid.StringN(0, 10, 10).Draw(t, "i"),
	}
	if len(p.H) == 0 {
		p.H = nil
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "j") {
		p.J = append(p.J, [32]byte{byte(i)})
	}
	return p
}

func TestValuesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := draw(t)
		back, err := decode(p.encode())
		if err != nil || !reflect.DeepEqual(back, p) {
			t.Fatalf("%+v came back as %+v, %v", p, back, err)
		}
	})
}

func TestEveryShorterAndLongerInputIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := draw(t).encode()
		cut := rapid.IntRange(0, len(raw)-1).Draw(t, "cut")
		if _, err := decode(raw[:cut]); err == nil {
			t.Fatalf("%d of %d bytes decode", cut, len(raw))
		}
		if _, err := decode(append(raw, 0)); !errors.Is(err, wire.ErrTrailing) {
			t.Fatalf("a byte too many: %v", err)
		}
	})
}

func TestReaderRefuses(t *testing.T) {
	for _, c := range []struct {
		what string
		raw  []byte
		read func(*wire.Reader)
		want error
	}{
		{"an integer that is cut", []byte{1, 2, 3}, func(r *wire.Reader) { r.Uint32() }, wire.ErrShort},
		{"a truth value of 2", []byte{2}, func(r *wire.Reader) { r.Bool() }, wire.ErrForm},
		{"bytes above the limit", []byte{0, 0, 0, 3, 1, 2, 3}, func(r *wire.Reader) { r.Bytes(2) }, wire.ErrLong},
		{"a length of 4 GiB", []byte{255, 255, 255, 255}, func(r *wire.Reader) { r.Bytes(math.MaxInt) }, wire.ErrShort},
		{"a text that is no UTF-8", []byte{0, 0, 0, 1, 0xff}, func(r *wire.Reader) { _ = r.String(9) }, wire.ErrForm},
		{"a list above the limit", []byte{0, 2}, func(r *wire.Reader) { r.Count(1, 1) }, wire.ErrLong},
		{"a list that the input cannot hold", []byte{0, 9, 1}, func(r *wire.Reader) { r.Count(10, 32) }, wire.ErrShort},
		{"hashes above the limit", append([]byte{0, 2}, make([]byte, 64)...), func(r *wire.Reader) { r.Hashes(1) }, wire.ErrLong},
	} {
		r := wire.NewReader(c.raw)
		c.read(r)
		if err := r.Done(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
		if r.Uint64() != 0 || r.Bytes(9) != nil || r.Hash() != [32]byte{} || !errors.Is(r.Err(), c.want) {
			t.Errorf("%s: the first error does not stick", c.what)
		}
	}
}

func TestReaderSharesNoMemory(t *testing.T) {
	raw := []byte{0, 0, 0, 2, 7, 7}
	got := wire.NewReader(raw).Bytes(2)
	raw[4] = 9
	if got[0] != 7 {
		t.Error("what was read changes with the input")
	}
}

func TestAListThatIsTooLongDoesNotReadBack(t *testing.T) {
	w := new(wire.Writer)
	w.Hashes(make([][32]byte, 1<<16))
	r := wire.NewReader(w.Out())
	r.Hashes(1<<16 - 1)
	if r.Done() == nil {
		t.Error("65,536 hashes read back as fewer")
	}
}

func FuzzReader(f *testing.F) {
	f.Add(parts{H: []byte("bytes"), I: "text", J: make([][32]byte, 2)}.encode())
	f.Add(parts{}.encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if p, err := decode(raw); err == nil && !bytes.Equal(p.encode(), raw) {
			t.Fatal("decoded bytes encode to others")
		}
	})
}
