package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"testing"
)

// doctor tries altered copies of good bundles. No copy may verify.
type doctor struct {
	t     *testing.T
	trust *Trust
	tried int
}

func (d *doctor) try(raw []byte, what string, at ...any) {
	d.tried++
	if v := Verify(raw, d.trust); v.Status == OK {
		d.t.Errorf("%s: OK", fmt.Sprintf(what, at...))
	}
}

func operate(t *testing.T, with func(d *doctor, name string, raw []byte)) {
	t.Helper()
	w := newWorld(t, "demo")
	w.grow()
	for name, b := range w.specimens() {
		t.Run(name, func(t *testing.T) {
			d := &doctor{t: t, trust: w.trust()}
			with(d, name, encoded(t, b))
			t.Logf("%d altered copies refused", d.tried)
		})
	}
}

func TestNoFlippedByteIsOK(t *testing.T) {
	operate(t, func(d *doctor, _ string, raw []byte) {
		for at := range raw {
			was := raw[at]
			for _, to := range []byte{was ^ 1, was ^ 0x20, was ^ 0x80, was + 1} {
				raw[at] = to
				d.try(raw, "byte %d from %q to %q", at, was, to)
			}
			for other := 1; at%17 == 0 && other < 256; other++ {
				raw[at] = was + byte(other)
				d.try(raw, "byte %d from %q to %q", at, was, raw[at])
			}
			raw[at] = was
		}
	})
}

func TestNoDeletedOrCutByteIsOK(t *testing.T) {
	operate(t, func(d *doctor, _ string, raw []byte) {
		for at := range raw {
			d.try(append(append([]byte(nil), raw[:at]...), raw[at+1:]...), "byte %d deleted", at)
			d.try(raw[:at], "cut at byte %d", at)
			d.try(raw[at+1:], "begun after byte %d", at)
		}
	})
}

func TestNoInsertedByteIsOK(t *testing.T) {
	operate(t, func(d *doctor, _ string, raw []byte) {
		longer := make([]byte, len(raw)+1)
		for at := range longer {
			copy(longer, raw[:at])
			copy(longer[at+1:], raw[at:])
			for _, c := range []byte(" \n\t\x000A\"\\,=+/u") {
				longer[at] = c
				d.try(longer, "%q inserted at byte %d", c, at)
			}
		}
	})
}

func TestNoMovedBytesAreOK(t *testing.T) {
	operate(t, func(d *doctor, _ string, raw []byte) {
		for at := 1; at < len(raw); at++ {
			if raw[at] == raw[at-1] {
				continue
			}
			raw[at], raw[at-1] = raw[at-1], raw[at]
			d.try(raw, "bytes %d and %d exchanged", at-1, at)
			raw[at], raw[at-1] = raw[at-1], raw[at]
		}
	})
}

// fields splits a bundle's text into its twelve top-level fields.
func fields(t *testing.T, raw []byte) [][]byte {
	t.Helper()
	var out [][]byte
	for _, name := range []string{"statement", "sentences", "network", "event", "records", "log", "seal", "marks", "books", "calendar", "checkpoint"} {
		at := bytes.LastIndex(raw, []byte(`,"`+name+`":`))
		if name == "statement" {
			at = bytes.Index(raw, []byte(`,"statement":`))
		}
		if at < 0 {
			t.Fatalf("no field %s", name)
		}
		out = append(out, raw[:at])
		raw = raw[at:]
	}
	return append(out, raw)
}

// pair returns two bundles of one network whose parts all differ.
func pair(t *testing.T) (a, b *Bundle, trust *Trust) {
	t.Helper()
	w := newWorld(t, "demo")
	w.grow()
	a = w.assemble(w.marked(w.record(w.entry(w.base(w.checkpoint("north", "south", "east")), "south", 3, true), 0), 77, 5))
	w.event("north", KindRecordUpdated, 2)
	w.beat("north", 500)
	b = w.assemble(w.marked(w.record(w.entry(w.base(w.checkpoint("west", "south", "east")), "north", 6, true), 1), 500, 6))
	return a, b, w.trust()
}

func TestNoFieldsOfAnotherBundleAreOK(t *testing.T) {
	a, b, trust := pair(t)
	first, second := fields(t, encoded(t, a)), fields(t, encoded(t, b))
	d := &doctor{t: t, trust: trust}
	for choice := range 1 << len(first) {
		var mixed []byte
		for i := range first {
			from := first
			if choice>>i&1 == 1 {
				from = second
			}
			mixed = append(mixed, from[i]...)
		}
		if bytes.Equal(mixed, encoded(t, a)) || bytes.Equal(mixed, encoded(t, b)) {
			continue
		}
		d.try(mixed, "fields %b of the other", choice)
	}
	if d.tried < 1000 {
		t.Errorf("only %d mixtures", d.tried)
	}
}

// TestNoPartsOfAnotherBundleAreOK mixes parts and writes the sentences anew, as
// a forger would.
func TestNoPartsOfAnotherBundleAreOK(t *testing.T) {
	a, b, trust := pair(t)
	swaps := []func(to *Bundle){
		func(to *Bundle) { to.Event = b.Event },
		func(to *Bundle) { to.Records = b.Records },
		func(to *Bundle) { to.Log = b.Log },
		func(to *Bundle) { to.Seal = b.Seal },
		func(to *Bundle) { to.Marks = b.Marks },
		func(to *Bundle) { to.Books = b.Books },
		func(to *Bundle) { to.Calendar = b.Calendar },
		func(to *Bundle) { to.Checkpoint = b.Checkpoint },
	}
	d := &doctor{t: t, trust: trust}
	for choice := 1; choice < 1<<len(swaps)-1; choice++ {
		mixed := *a
		for i, swap := range swaps {
			if choice>>i&1 == 1 {
				swap(&mixed)
			}
		}
		if raw, err := rewritten(&mixed); err == nil {
			d.try(raw, "parts %b of the other", choice)
		}
	}
	if d.tried < 200 {
		t.Errorf("only %d mixtures", d.tried)
	}
}

// rewritten encodes b with the statement and sentences that its parts make.
func rewritten(b *Bundle) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	b.Statement, b.Sentences = b.statement(), b.sentences()
	return b.Encode()
}

// TestNoAlteredValueIsOK alters every single value of a bundle, down to each
// byte of each hash and proof, and writes the sentences anew. What the text
// tests leave to the sentences, this leaves to the hashes and signatures.
func TestNoAlteredValueIsOK(t *testing.T) {
	operate(t, func(d *doctor, name string, raw []byte) {
		n := countValues(t, raw)
		for i := range n {
			b, err := Decode(raw)
			if err != nil {
				t.Fatal(err)
			}
			path := alterValue(reflect.ValueOf(b).Elem(), "bundle", &i)
			if ofAbsentMark(b, path) {
				continue
			}
			if altered, err := rewritten(b); err == nil && !bytes.Equal(altered, raw) {
				d.try(altered, "%s", path)
			}
		}
		if d.tried < n/2 {
			d.t.Errorf("only %d of %d altered values could be tried", d.tried, n)
		}
	})
}

// ofAbsentMark reports whether the altered value is the image of an absent
// mark: another absent image is another truth, and the sentence says which.
func ofAbsentMark(b *Bundle, path string) bool {
	for i := range b.Marks {
		at := fmt.Sprintf("bundle.Marks[%d].Image[", i)
		if !b.Marks[i].Present && len(path) > len(at) && path[:len(at)] == at {
			return true
		}
	}
	return false
}

func countValues(t *testing.T, raw []byte) int {
	t.Helper()
	b, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	left := 1 << 30
	alterValue(reflect.ValueOf(b).Elem(), "bundle", &left)
	return 1<<30 - left
}

// alterValue changes the value number *left, counted in the order of a walk,
// and returns where it stands. Unexported proofs are altered by the text tests
// and by their own rooms' tests.
func alterValue(v reflect.Value, path string, left *int) string {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		return alterValue(v.Elem(), path, left)
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue
			}
			if at := alterValue(v.Field(i), path+"."+v.Type().Field(i).Name, left); at != "" {
				return at
			}
		}
		return ""
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if at := alterValue(v.Index(i), fmt.Sprintf("%s[%d]", path, i), left); at != "" {
				return at
			}
		}
		return ""
	}
	if *left--; *left >= 0 {
		return ""
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int64:
		v.SetInt(v.Int() + 1)
	default:
		v.SetUint(v.Uint() ^ 1)
	}
	return path
}

func hasAbsentMark(b *Bundle) bool {
	for i := range b.Marks {
		if !b.Marks[i].Present {
			return true
		}
	}
	return false
}

// fuzzWorld has keys of its own for each state of the code: a corpus kept from
// another state holds bundles that were true then.
func fuzzWorld(t testing.TB) *world {
	demo := newWorld(t, "demo")
	demo.grow()
	sum := sha256.New()
	specimens := demo.specimens()
	for _, name := range []string{StatementMark, StatementEntry, StatementEvent, StatementRecord} {
		sum.Write(encoded(t, specimens[name]))
	}
	w := newWorld(t, "fuzz-"+hex.EncodeToString(sum.Sum(nil)[:8]))
	w.grow()
	return w
}

func FuzzBundle(f *testing.F) {
	w := fuzzWorld(f)
	trust := w.trust()
	good := map[string]bool{}
	for _, b := range w.specimens() {
		raw := encoded(f, b)
		good[string(raw)] = true
		f.Add(raw)
	}
	f.Add([]byte(`{"format":"cairn/bundle/v1","statement":"`))
	f.Fuzz(func(t *testing.T, in []byte) {
		if v := Verify(in, trust); v.Status == OK && !good[string(in)] {
			t.Fatal("OK")
		}
		b, err := Decode(in)
		if err != nil {
			return
		}
		out, err := b.Encode()
		if err != nil || !bytes.Equal(in, out) {
			t.Fatalf("taken but encodes as %q (%v)", out, err)
		}
		if hasAbsentMark(b) {
			return // the sentences of another absent image would be another truth
		}
		if raw, err := rewritten(b); err == nil && !good[string(raw)] && Verify(raw, trust).Status == OK {
			t.Fatal("OK with the sentences written anew")
		}
	})
}
