// Package claim reads the JSON of signed tokens strictly: one value, no member
// name twice in an object, not in another case either, bounded depth. A reader
// that is less strict than the one who signed can be made to read something
// else than what was meant; encoding/json lets SUB stand for sub, and the last
// of two members count.
package claim

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"io"
	"unicode"

	"github.com/go-jose/go-jose/v4/json"
)

// Limits of what is read.
const (
	MaxBytes = 64 << 10
	maxDepth = 16
)

// Why JSON is refused. They are compared with errors.Is.
var (
	ErrSize  = errors.New("claims are larger or deeper than the limit")
	ErrTwice = errors.New("a name stands twice in an object")
	ErrForm  = errors.New("not one JSON object")
)

// Decode reads one JSON object into v, by names that agree to the letter.
// Members that v does not know are left out.
func Decode(raw []byte, v any) error {
	if err := Check(raw); err != nil {
		return err
	}
	return json.Unmarshal(raw, v)
}

// Check reports whether raw is one JSON object in which no name stands twice,
// whatever its case, at any depth.
func Check(raw []byte) error {
	if len(raw) > MaxBytes {
		return ErrSize
	}
	r := reader{dec: stdjson.NewDecoder(bytes.NewReader(raw))}
	r.dec.UseNumber()
	if first, err := r.dec.Token(); err != nil || first != stdjson.Delim('{') {
		return ErrForm
	}
	if err := r.object(1); err != nil {
		return err
	}
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return ErrForm
	}
	return nil
}

type reader struct{ dec *stdjson.Decoder }

// object reads the rest of an object whose brace was read.
func (r reader) object(depth int) error {
	seen := make(map[string]bool)
	for r.dec.More() {
		token, err := r.dec.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return ErrForm
		}
		if name = folded(name); seen[name] {
			return ErrTwice
		}
		seen[name] = true
		if err := r.value(depth); err != nil {
			return err
		}
	}
	return r.end()
}

// value reads one value in an object or array at a depth.
func (r reader) value(depth int) error {
	token, err := r.dec.Token()
	if err != nil {
		return ErrForm
	}
	delim, nested := token.(stdjson.Delim)
	switch {
	case !nested:
		return nil
	case depth == maxDepth:
		return ErrSize
	case delim == '{':
		return r.object(depth + 1)
	}
	for r.dec.More() {
		if err := r.value(depth + 1); err != nil {
			return err
		}
	}
	return r.end()
}

// end reads the closing bracket.
func (r reader) end() error {
	if _, err := r.dec.Token(); err != nil {
		return ErrForm
	}
	return nil
}

// folded returns a form that names have in common which differ in case only, by
// the simple folding of Unicode, as encoding/json compares them.
func folded(name string) string {
	out := make([]rune, 0, len(name))
	for _, c := range name {
		least := c
		for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		out = append(out, least)
	}
	return string(out)
}
