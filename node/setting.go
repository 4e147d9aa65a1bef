package node

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// A decoder stops at the first thing that it does not like. Who edits a file by
// hand wants to know everything that is wrong with it at once, and on which
// line; so the file is read three times: for its syntax, for its keys and what
// kind of value they have, and, without the lines that are wrong, for what the
// values say.

// problem is one thing that is wrong with a configuration file.
type problem struct {
	line int    // 0 where there is no line, as when a key is missing
	key  string // "listen", "client 2: rights"; "" for the file
	text string
}

func (p problem) String() string {
	out := p.text
	if p.key != "" {
		out = p.key + ": " + out
	}
	if p.line > 0 {
		out = fmt.Sprintf("line %d: %s", p.line, out)
	}
	return out
}

// decodeConfig reads a configuration over the defaults that cfg holds. What is
// wrong comes back in the order of the lines.
func decodeConfig(data []byte, cfg *Config) []problem {
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return []problem{{text: "this is not a text file"}}
	}
	var syntax *toml.DecodeError
	if err := toml.Unmarshal(data, &map[string]any{}); errors.As(err, &syntax) {
		return []problem{fromDecoder(syntax)}
	}
	s := &settings{lines: bytes.SplitAfter(data, []byte("\n")), at: make(map[string]int), count: make(map[string]int)}
	s.scan(data)
	if err := toml.Unmarshal(bytes.Join(s.lines, nil), cfg); errors.As(err, &syntax) {
		s.problems = append(s.problems, fromDecoder(syntax))
	} else if err != nil {
		s.problems = append(s.problems, problem{text: strings.TrimPrefix(err.Error(), "toml: ")})
	}
	for _, p := range cfg.problems() {
		if !s.blames(p.key) {
			p.line = s.line(p.key)
			s.problems = append(s.problems, p)
		}
	}
	slices.SortStableFunc(s.problems, func(a, b problem) int { return cmp.Compare(uint(a.line-1), uint(b.line-1)) }) //nolint:gosec // those without a line last
	return s.problems
}

func fromDecoder(err *toml.DecodeError) problem {
	line, _ := err.Position()
	text, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "toml: "), ": strconv")
	return problem{line: line, text: text}
}

// settings are the keys of one file.
type settings struct {
	lines    [][]byte       // of the file; those that are wrong become empty
	at       map[string]int // key -> line
	count    map[string]int // table -> how many of its kind there were
	problems []problem

	table  string         // prefix of the keys of the table that is being read: "", "client 2: "
	fields reflect.Type   // its struct; nil for a table that nobody knows
	ends   func(next int) // called with the line on which the next expression begins
}

// blames reports whether something is said about this key already.
func (s *settings) blames(key string) bool {
	return slices.ContainsFunc(s.problems, func(p problem) bool { return p.key == key })
}

// wrong says what is wrong with the expression on a line, and drops it.
func (s *settings) wrong(line int, key, format string, args ...any) {
	s.problems = append(s.problems, problem{line, key, fmt.Sprintf(format, args...)})
	s.drop(line)
}

// drop blanks the lines of the expression that begins on a line, once it is
// known where the next one begins.
func (s *settings) drop(line int) {
	s.ends = func(next int) {
		for i := line - 1; i < next-1; i++ {
			s.lines[i] = []byte("\n")
		}
	}
}

// line returns where a key stands; of one that is missing, its table's header.
func (s *settings) line(key string) int {
	if line, ok := s.at[key]; ok {
		return line
	}
	table, _, _ := strings.Cut(key, ":")
	return s.at[table]
}

// scan notes every key, says which have no place or the wrong kind of value,
// and blanks their lines.
func (s *settings) scan(data []byte) {
	var p unstable.Parser
	p.Reset(data)
	s.fields, s.ends = reflect.TypeFor[Config](), func(int) {}
	for p.NextExpression() {
		e := p.Expression()
		line := 1 + bytes.Count(data[:keyOf(e).Raw.Offset], []byte("\n"))
		s.ends(line)
		s.ends = func(int) {}
		switch e.Kind {
		case unstable.KeyValue:
			s.keyValue(e, line)
		case unstable.Table, unstable.ArrayTable:
			s.header(e, line)
		}
	}
	s.ends(len(s.lines) + 1)
}

// keyOf returns the first part of an expression's key.
func keyOf(e *unstable.Node) *unstable.Node {
	keys := e.Key()
	keys.Next()
	return keys.Node()
}

// name returns a key as it is written, dotted where it has parts.
func name(e *unstable.Node) string {
	var parts []string
	for keys := e.Key(); keys.Next(); {
		parts = append(parts, string(keys.Node().Data))
	}
	return strings.Join(parts, ".")
}

// header begins a table.
func (s *settings) header(e *unstable.Node, line int) {
	key := name(e)
	s.table, s.fields = "", nil
	field, known := fieldOf(reflect.TypeFor[Config](), key)
	isList := known && field.Kind() == reflect.Slice && field.Elem().Kind() == reflect.Struct
	first, again := s.at[key]
	switch {
	case known && field.Kind() == reflect.Struct && e.Kind == unstable.ArrayTable:
		s.wrong(line, key, "there is one only, so its header is [%s]", key)
	case known && field.Kind() == reflect.Struct && again:
		s.wrong(line, key, "stands on line %d already", first)
	case known && field.Kind() == reflect.Struct:
		s.at[key] = line
		s.table, s.fields = key+": ", field
	case !isList:
		s.wrong(line, key, "no such table")
	case e.Kind == unstable.Table:
		s.wrong(line, key, "there may be several, so its header is [[%s]]", key)
	default:
		s.enter(key, field.Elem(), line)
	}
}

// enter goes into the next table of a list of tables.
func (s *settings) enter(key string, fields reflect.Type, line int) {
	s.count[key]++
	owner := fmt.Sprintf("%s %d", key, s.count[key])
	s.at[owner] = line
	s.table, s.fields = owner+": ", fields
}

// keyValue checks one key and its value.
func (s *settings) keyValue(e *unstable.Node, line int) {
	if s.fields == nil { // the table itself is wrong
		s.drop(line)
		return
	}
	key := s.table + name(e)
	field, known := fieldOf(s.fields, name(e))
	first, again := s.at[key]
	s.at[key] = line
	switch {
	case !known:
		s.wrong(line, key, "no such key")
	case again:
		s.wrong(line, key, "stands on line %d already", first)
	default:
		s.value(e.Value(), field, key, line)
	}
}

// value checks that a value is of its key's kind.
func (s *settings) value(v *unstable.Node, want reflect.Type, key string, line int) {
	if !fits(v.Kind, want) {
		s.wrong(line, key, "must be %s, not %s", wanted(want), kinds[v.Kind])
		return
	}
	table, fields := s.table, s.fields
	if want.Kind() == reflect.Struct {
		s.table, s.fields = key+": ", want
		for members := v.Children(); members.Next(); {
			s.keyValue(members.Node(), line)
		}
		s.table, s.fields = table, fields
	}
	if want.Kind() != reflect.Slice {
		return
	}
	for items := v.Children(); items.Next(); {
		item := items.Node()
		if !fits(item.Kind, want.Elem()) {
			s.wrong(line, key, "must be %s; %s is in it", wanted(want), kinds[item.Kind])
			return
		}
		if item.Kind != unstable.InlineTable {
			continue
		}
		s.enter(key, want.Elem(), line)
		for members := item.Children(); members.Next(); {
			s.keyValue(members.Node(), line)
		}
	}
	s.table, s.fields = table, fields
}

// fieldOf returns the type of the field that a key stands for.
func fieldOf(of reflect.Type, key string) (reflect.Type, bool) {
	for i := range of.NumField() {
		tag, _, _ := strings.Cut(of.Field(i).Tag.Get("toml"), ",")
		if tag == key {
			return of.Field(i).Type, true
		}
	}
	return nil, false
}

func fits(kind unstable.Kind, want reflect.Type) bool {
	switch want.Kind() {
	case reflect.String:
		return kind == unstable.String
	case reflect.Int64:
		return kind == unstable.Integer
	case reflect.Bool:
		return kind == unstable.Bool
	case reflect.Slice:
		return kind == unstable.Array
	default:
		return kind == unstable.InlineTable
	}
}

func wanted(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.String:
		return `a text ("...")`
	case t.Kind() == reflect.Int64:
		return "a whole number"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Struct:
		return "a table"
	case t.Elem().Kind() == reflect.String:
		return `a list of texts (["...", "..."])`
	default:
		return "a list of tables"
	}
}

var kinds = map[unstable.Kind]string{
	unstable.String: "a text", unstable.Bool: "true or false", unstable.Float: "a number with a fraction", unstable.Integer: "a number",
	unstable.LocalDate: "a date", unstable.LocalTime: "a time", unstable.LocalDateTime: "a time", unstable.DateTime: "a time",
	unstable.Array: "a list", unstable.InlineTable: "a table",
}
