package index

import (
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// anyIndex draws an index from a small vocabulary, so that values repeat and queries hit.
func anyIndex(t *rapid.T) Index {
	text := rapid.SampledFrom([]string{"", "a", "b", "http://loinc.org", "Ann Å", "ann", "z" + string(make([]byte, 3))})
	param := rapid.SampledFrom([]string{"code", "date", "subject", "x-own"})
	number := rapid.OneOf(rapid.SampledFrom([]float64{0, 1.5, -3, 180, math.Inf(1), math.Inf(-1)}), rapid.Float64())
	return Index{
		Tokens: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Token {
			return Token{param.Draw(t, "param"), text.Draw(t, "system"), text.Draw(t, "code"), text.Draw(t, "text")}
		}), 0, 80).Draw(t, "tokens"),
		Identifiers: rapid.SliceOf(rapid.Custom(func(t *rapid.T) Identifier {
			return Identifier{param.Draw(t, "param"), text.Draw(t, "system"), text.Draw(t, "code"), text.Draw(t, "value")}
		})).Draw(t, "identifiers"),
		Dates: rapid.SliceOf(rapid.Custom(func(t *rapid.T) Date {
			return Date{param.Draw(t, "param"), rapid.Int64().Draw(t, "lo"), rapid.Int64().Draw(t, "hi")}
		})).Draw(t, "dates"),
		References: rapid.SliceOf(rapid.Custom(func(t *rapid.T) Reference {
			return Reference{param.Draw(t, "param"), text.Draw(t, "target"), text.Draw(t, "system"), text.Draw(t, "value")}
		})).Draw(t, "references"),
		Texts: rapid.SliceOf(rapid.Custom(func(t *rapid.T) Text {
			return Text{param.Draw(t, "param"), rapid.String().Draw(t, "value")}
		})).Draw(t, "texts"),
		Numbers: rapid.SliceOf(rapid.Custom(func(t *rapid.T) Number {
			return Number{param.Draw(t, "param"), number.Draw(t, "lo"), number.Draw(t, "hi")}
		})).Draw(t, "numbers"),
		Quantities: rapid.SliceOf(rapid.Custom(func(t *rapid.T) Quantity {
			return Quantity{param.Draw(t, "param"), number.Draw(t, "lo"), number.Draw(t, "hi"), text.Draw(t, "system"), text.Draw(t, "code"), text.Draw(t, "unit")}
		})).Draw(t, "quantities"),
		URIs: rapid.SliceOf(rapid.Custom(func(t *rapid.T) URI {
			return URI{param.Draw(t, "param"), text.Draw(t, "value")}
		})).Draw(t, "uris"),
		Places: rapid.SliceOf(rapid.Custom(func(t *rapid.T) Place {
			return Place{param.Draw(t, "param"), number.Draw(t, "latitude"), number.Draw(t, "longitude")}
		})).Draw(t, "places"),
		Composites: rapid.SliceOf(rapid.Custom(func(t *rapid.T) Composite {
			return Composite{param.Draw(t, "param"), rapid.SliceOfN(rapid.SliceOf(rapid.Uint32()), 1, 3).Draw(t, "parts")}
		})).Draw(t, "composites"),
	}
}

func TestEncodeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := anyIndex(t)
		raw := x.Encode()
		got, err := Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if !sameIndex(&x, &got) {
			t.Fatalf("got  %+v\nwant %+v", got, x)
		}
		for n := range raw {
			if _, err := Decode(raw[:n]); err == nil {
				t.Fatalf("%d of %d bytes are accepted", n, len(raw))
			}
		}
		if _, err := Decode(append(raw, 0)); err == nil {
			t.Fatal("a byte too many is accepted")
		}
	})
}

// sameIndex compares without telling an empty list from none.
func sameIndex(a, b *Index) bool {
	x, y := reflect.ValueOf(*a), reflect.ValueOf(*b)
	for i := range x.NumField() {
		l, r := x.Field(i), y.Field(i)
		if l.Kind() != reflect.Slice {
			continue
		}
		if l.Len() != r.Len() {
			return false
		}
		for j := range l.Len() {
			if c, ok := l.Index(j).Interface().(Composite); ok {
				if !sameParts(c, r.Index(j).Interface().(Composite)) {
					return false
				}
			} else if l.Index(j).Interface() != r.Index(j).Interface() {
				return false
			}
		}
	}
	return true
}

func sameParts(a, b Composite) bool {
	if a.Param != b.Param || len(a.Parts) != len(b.Parts) {
		return false
	}
	for i := range a.Parts {
		if string(encodePlaces(a.Parts[i])) != string(encodePlaces(b.Parts[i])) {
			return false
		}
	}
	return true
}

func encodePlaces(places []uint32) (out []byte) {
	for _, at := range places {
		out = append(out, byte(at>>24), byte(at>>16), byte(at>>8), byte(at))
	}
	return out
}

func FuzzDecode(f *testing.F) {
	x := extract(f, `{"resourceType":"Observation","code":{"coding":[{"system":"http://loinc.org","code":"1"},{"code":"1"}]},
	 "subject":{"reference":"Patient/1"},"effectiveDateTime":"2020"}`)
	f.Add(x.Encode())
	f.Add([]byte{1, 255, 255, 255, 255, 15})
	f.Fuzz(func(t *testing.T, raw []byte) {
		x, err := Decode(raw)
		if err != nil {
			return
		}
		again, err := Decode(x.Encode())
		if err != nil || !sameIndex(&x, &again) {
			t.Fatalf("%+v became %+v, %v", x, again, err)
		}
	})
}

func TestEverySyntheaIndexIsReadBack(t *testing.T) {
	size, n := 0, 0
	for _, d := range synthea(t) {
		x, err := Extract(d)
		if err != nil {
			t.Fatal(err)
		}
		raw := x.Encode()
		got, err := Decode(raw)
		if err != nil || !sameIndex(&x, &got) {
			t.Fatalf("%s: %v", d.Type(), err)
		}
		size, n = size+len(raw), n+1
	}
	t.Logf("%d bytes for each of %d", size/n, n)
}

// An index that is read into again and again says what one says that is read
// into once.
func TestDecodeOver(t *testing.T) {
	var over Index
	rapid.Check(t, func(t *rapid.T) {
		x := anyIndex(t)
		raw := x.Encode()
		once, err := Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := over.Decode(raw); err != nil {
			t.Fatal(err)
		}
		if !sameIndex(&once, &over) {
			t.Fatalf("got  %+v\nwant %+v", over, once)
		}
		_ = over.Decode(raw[:rapid.IntRange(0, len(raw)).Draw(t, "cut")])
	})
}
