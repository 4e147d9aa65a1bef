package index

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"
	"sync"

	"cairn/fhir/search/param"
)

var errIndex = errors.New("this search index is not readable")

// met is memory for the strings that a decoder has seen.
var met = sync.Pool{New: func() any { return new([fewStrings]string) }}

// decoder reads on until something is bad; then everything is zero.
type decoder struct {
	raw  []byte
	text string // the same, so that strings are cut out of it without a copy each
	at   int
	bad  bool
	seen []string

	lists  [][]uint32 // where the groups of composites are put
	places []uint32
}

// Decode reads what Encode wrote and refuses anything else. Subject, Updated and Facets are left to the caller.
func Decode(raw []byte) (x Index, err error) {
	if err = x.Decode(raw); err != nil {
		return Index{}, err
	}
	return x, nil
}

// Decode is Decode into an index, whose lists are written over: what was read
// from it before must not be used any more. After an error nothing of it must be.
func (x *Index) Decode(raw []byte) error {
	few := met.Get().(*[fewStrings]string) //nolint:forcetypeassert // New makes nothing else
	defer met.Put(few)
	d := decoder{raw: raw, text: string(raw), seen: few[:0]}
	if len(raw) == 0 || raw[0] != indexVersion {
		return errIndex
	}
	d.at = 1
	x.Tokens = decode(&d, x.Tokens, 4, func(v *Token) { v.Param, v.System, v.Code, v.Text = d.name(), d.string(), d.string(), d.string() })
	x.Identifiers = decode(&d, x.Identifiers, 4, func(v *Identifier) { v.Param, v.System, v.Code, v.Value = d.name(), d.string(), d.string(), d.string() })
	x.Dates = decode(&d, x.Dates, 3, func(v *Date) { v.Param, v.Lo = d.name(), d.varint(); v.Hi = v.Lo + int64(d.number()) }) //nolint:gosec // wraps around as it did when written
	x.References = decode(&d, x.References, 4, func(v *Reference) {
		v.Param, v.Target, v.System, v.Value = d.name(), d.string(), d.string(), d.string()
	})
	x.Texts = decode(&d, x.Texts, 2, func(v *Text) { v.Param, v.Value = d.name(), d.string() })
	x.Numbers = decode(&d, x.Numbers, 3, func(v *Number) { v.Param = d.name(); v.Lo, v.Hi = d.floats() })
	x.Quantities = decode(&d, x.Quantities, 6, func(v *Quantity) {
		v.Param = d.name()
		v.Lo, v.Hi = d.floats()
		v.System, v.Code, v.Unit = d.string(), d.string(), d.string()
	})
	x.URIs = decode(&d, x.URIs, 2, func(v *URI) { v.Param, v.Value = d.name(), d.string() })
	x.Places = decode(&d, x.Places, 3, func(v *Place) { v.Param = d.name(); v.Latitude, v.Longitude = d.floats() })
	x.Composites = decode(&d, x.Composites, 2, func(v *Composite) { v.Param = d.name(); v.Parts = d.parts() })
	if d.bad || d.at != len(raw) {
		return errIndex
	}
	return nil
}

// decode reads a list whose values take at least so many bytes each.
func decode[V Value](d *decoder, list []V, least int, value func(*V)) []V {
	n := d.number()
	if n > uint64(len(d.raw)-d.at)/uint64(least) { //nolint:gosec // neither is negative
		d.bad = true
	}
	if d.bad || n == 0 {
		return list[:0]
	}
	list = slices.Grow(list[:0], int(n))[:n] //nolint:gosec // at most the length of raw
	for i := range list {
		value(&list[i])
	}
	return list
}

func (d *decoder) number() uint64 {
	if d.bad {
		return 0
	}
	if d.at < len(d.raw) && d.raw[d.at] < 0x80 {
		d.at++
		return uint64(d.raw[d.at-1])
	}
	n, size := binary.Uvarint(d.raw[d.at:])
	if size <= 0 {
		d.bad = true
		return 0
	}
	d.at += size
	return n
}

func (d *decoder) varint() int64 {
	n := d.number()
	return int64(n>>1) ^ -int64(n&1) //nolint:gosec // zigzag
}

func (d *decoder) name() string {
	n := d.number()
	if n == 0 {
		return d.string()
	}
	if n > param.Names {
		d.bad = true
		return ""
	}
	return param.Name(n - 1)
}

func (d *decoder) string() string {
	n := d.number()
	if n&1 == 0 {
		return d.literal(n >> 1)
	}
	if n >>= 1; n < uint64(len(commonStrings)) {
		return commonStrings[n]
	}
	if n -= uint64(len(commonStrings)); n < uint64(len(d.seen)) {
		return d.seen[n]
	}
	d.bad = true
	return ""
}

func (d *decoder) literal(n uint64) string {
	if d.bad || n == 0 || n > uint64(len(d.raw)-d.at) { //nolint:gosec // not negative
		d.bad = true
		return ""
	}
	from := d.at
	d.at += int(n) //nolint:gosec // at most the length of raw
	s := d.text[from:d.at]
	d.seen = append(d.seen, s)
	return s
}

func (d *decoder) floats() (lo, hi float64) {
	low := bits.ReverseBytes64(d.number())
	lo, hi = math.Float64frombits(low), math.Float64frombits(low^bits.ReverseBytes64(d.number()))
	d.bad = d.bad || math.IsNaN(lo) || math.IsNaN(hi)
	return lo, hi
}

// parts reads the groups of a composite. All of an index share few arrays.
func (d *decoder) parts() [][]uint32 {
	n := d.number()
	if n > maxParts || d.bad {
		d.bad = true
		return nil
	}
	if cap(d.lists)-len(d.lists) < int(n) { //nolint:gosec // at most maxParts
		d.lists = make([][]uint32, 0, 2*maxParts)
	}
	from := len(d.lists)
	for range n {
		d.lists = append(d.lists, d.list())
	}
	return d.lists[from:len(d.lists):len(d.lists)]
}

func (d *decoder) list() []uint32 {
	n := d.number()
	if d.bad || n > uint64(len(d.raw)-d.at) { //nolint:gosec // not negative
		d.bad = true
		return nil
	}
	if cap(d.places)-len(d.places) < int(n) { //nolint:gosec // at most the length of raw
		d.places = make([]uint32, 0, max(int(n), 4*maxParts)) //nolint:gosec // as above
	}
	from := len(d.places)
	for range n {
		at := d.number()
		d.bad = d.bad || at > math.MaxUint32
		d.places = append(d.places, uint32(at)) //nolint:gosec // checked the line above
	}
	return d.places[from:len(d.places):len(d.places)]
}

const maxParts = 8 // components of a composite parameter; R4 has three at most
