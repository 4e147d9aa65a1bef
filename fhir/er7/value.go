package er7

import (
	"strings"
)

// null is the value that says "delete what you have" (HL7 v2.8.2 2.5.3).
const null = `""`

// Value is a part of a message: a field with its repetitions, one repetition, a
// component or a subcomponent. The zero Value is empty and stands nowhere.
type Value struct {
	m     *Message
	raw   string
	depth int // 0 field, 1 repetition, 2 component, 3 subcomponent
	at    Position
}

// At returns where the value stands.
func (v Value) At() Position { return v.at }

// Raw returns the value as it stands in the message, escape sequences and all.
func (v Value) Raw() string { return v.raw }

// Empty tells whether the value says nothing. A null ("") says something.
func (v Value) Empty() bool {
	if v.m == nil {
		return true
	}
	for i := range len(v.raw) {
		switch c := v.raw[i]; c {
		case ' ', '\t', v.m.seps.Component, v.m.seps.Subcomponent, v.m.seps.Repetition:
		default:
			return false
		}
	}
	return true
}

// Null tells whether the value is the null value, which asks to delete what the
// receiver has.
func (v Value) Null() bool { return v.raw == null }

// Valued tells whether the value holds something other than null.
func (v Value) Valued() bool { return !v.Empty() && !v.Null() }

// Repetitions returns the repetitions of a field that are not empty.
func (v Value) Repetitions() []Value {
	if v.depth != 0 {
		return []Value{v}
	}
	var out []Value
	rest, n := v.raw, 0
	for more := true; more; {
		var one string
		one, rest, more = cut(rest, v.separator(0))
		n++
		next := v
		next.raw, next.depth, next.at.Repetition = one, 1, n
		if !next.Empty() {
			out = append(out, next)
		}
	}
	return out
}

// First returns the first repetition of a field, empty or not.
func (v Value) First() Value {
	if v.depth != 0 {
		return v
	}
	v.raw, _, _ = cut(v.raw, v.separator(0))
	v.depth, v.at.Repetition = 1, 1
	return v
}

// Component returns a component, from 1, of a field's first repetition or of a
// repetition; of a component it returns a subcomponent. What has no parts is
// its own first part, so that values of older versions read like those of later
// ones.
func (v Value) Component(n int) Value {
	if v.m == nil {
		return Value{}
	}
	if v.depth == 0 {
		v = v.First()
	}
	if v.depth == 3 {
		if n > 1 {
			v.raw = ""
		}
		return v
	}
	rest := v.raw
	for i := 1; i < n; i++ {
		var more bool
		if _, rest, more = cut(rest, v.separator(v.depth)); !more {
			rest = ""
			break
		}
	}
	v.raw, _, _ = cut(rest, v.separator(v.depth))
	v.depth++
	if v.depth == 2 {
		v.at.Component = n
	} else {
		v.at.Subcomponent = n
	}
	return v
}

// separator returns what stands between the parts at a depth.
func (v Value) separator(depth int) byte {
	if v.m == nil {
		return 0
	}
	return [...]byte{v.m.seps.Repetition, v.m.seps.Component, v.m.seps.Subcomponent}[depth]
}

func cut(s string, separator byte) (before, after string, found bool) {
	if i := strings.IndexByte(s, separator); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// Text returns the value unescaped and without blanks around it, "" for null.
// Of a value with parts it is the first one's.
func (v Value) Text() (string, error) {
	text, err := v.Formatted()
	return strings.TrimSpace(text), err
}

// Formatted is Text with the blanks and line ends around it, for reports whose
// layout means something.
func (v Value) Formatted() (string, error) {
	for v.m != nil && v.depth < 3 {
		at := v.at
		v = v.Component(1)
		v.at = at
	}
	if v.m == nil || v.Null() {
		return "", nil
	}
	text, mistake := v.m.unescape(v.raw)
	if mistake != "" {
		return "", wrong(v.at, DataType, mistake)
	}
	return text, nil
}

// Whole returns a repetition unescaped with its separators in place: for text
// fields whose sender did not escape them.
func (v Value) Whole() (string, error) {
	if v.depth == 0 {
		v = v.First()
	}
	if v.m == nil || v.Null() {
		return "", nil
	}
	text, mistake := v.m.unescape(v.raw)
	if mistake != "" {
		return "", wrong(v.at, DataType, mistake)
	}
	return text, nil
}

// Wrong returns an error about this value.
func (v Value) Wrong(code Code, text string) *Error { return wrong(v.at, code, text) }
