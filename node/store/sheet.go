package store

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// sheet is a table to which rows are added many at a time. Most of what a write
// costs is in such rows: one statement for many of them, in the order of the
// table's key, costs half of what one for each does.
type sheet struct {
	at      int // its place among sheets
	table   string
	columns []string
	sorted  bool // rows are added in the order of their columns
	// What a row does whose key is there already: it is left out when loose,
	// it fails the update with otherwise if that is set, and else it is a
	// mistake of the database.
	loose     bool
	otherwise error
	single    bool // SQLite does better with one row a statement

	lite    map[int]string // statements of SQLite by how many rows they add
	strict  string         // of PostgreSQL
	lenient string         // of PostgreSQL: leaves out rows that are there, of a loose sheet
}

// The sheets, in the order in which their rows must be added.
var (
	sheetRecord = &sheet{table: "record", otherwise: errExists, single: true,
		columns: []string{"rid", "type", "id", "version", "seq", "subject", "deleted", "updated", "facets", "found"}}
	sheetVersion = &sheet{table: "version", single: true, // it refers to record: SQLite would keep a journal for several rows
		columns: []string{"seq", "rid", "type", "version", "subject", "updated", "deleted", "entry", "facets", "body"}}
	sheetEntry   = &sheet{table: "entry", columns: []string{"idx", "id", "kind", "time", "subject", "leaf", "body"}}
	sheetPosting = &sheet{table: "posting", loose: true, sorted: true, columns: []string{"key", "rid"}}
	sheetWord    = &sheet{table: "word", loose: true, sorted: true, columns: []string{"key", "value", "rid"}}
	sheetSpan    = &sheet{table: "span", loose: true, sorted: true, columns: []string{"key", "width", "lo", "hi", "rid"}}

	sheets = [...]*sheet{sheetRecord, sheetVersion, sheetEntry, sheetPosting, sheetWord, sheetSpan}
)

func isLoose(table string) bool {
	return slices.ContainsFunc(sheets[:], func(s *sheet) bool { return s.loose && s.table == table })
}

// litePortions are how many rows a statement of SQLite adds, most first.
var litePortions = [...]int{64, 8, 1}

func init() {
	for i, s := range sheets {
		s.at, s.lite = i, make(map[int]string, len(litePortions))
		columns := s.table + " (" + strings.Join(s.columns, ", ") + ") "
		marks := "?" + strings.Repeat(", ?", len(s.columns)-1)
		// Several rows that may abort a statement make SQLite keep a journal of
		// it: these either leave a row out or fail where they are, and then the
		// whole transaction is given up.
		verb := "INSERT OR FAIL INTO "
		if s.loose {
			verb = "INSERT OR IGNORE INTO "
		}
		for _, n := range litePortions {
			s.lite[n] = verb + columns + "VALUES (" + marks + ")" + strings.Repeat(", ("+marks+")", n-1)
		}
		s.strict = "INSERT INTO " + columns + "SELECT * FROM unnest(" + marks + ")"
		s.lenient = s.strict
		if s.loose {
			s.lenient += " ON CONFLICT DO NOTHING"
		}
		if s.otherwise != nil {
			s.lite[1] = "INSERT INTO " + columns + "VALUES (" + marks + ") ON CONFLICT (type, id) DO NOTHING"
			s.strict += " ON CONFLICT (type, id) DO NOTHING"
			s.lenient = s.strict
		}
	}
}

// mostKept bounds what is kept of rows that are not at the database, in
// bytes.
const mostKept = 512 << 10

// kept are rows that were added and are not at the database.
type kept struct {
	rows  [len(sheets)][][]any
	marks [len(sheets)]int // how many of them were there at the last mark
	size  int              // about, in bytes
	room  []any            // for the next rows
}

func (p *kept) add(to *sheet, args []any) {
	if len(p.room) < len(args) {
		p.room = make([]any, 1024)
	}
	row := p.room[:len(args):len(args)]
	p.room = p.room[len(args):]
	copy(row, args)
	p.rows[to.at] = append(p.rows[to.at], row)
	for _, a := range args {
		p.size += sizeOf(a)
	}
}

func sizeOf(value any) int {
	switch v := value.(type) {
	case string:
		return 16 + len(v)
	case []byte:
		return 24 + len(v)
	}
	return 8
}

// mark remembers which rows are there.
func (p *kept) mark() {
	for i := range p.rows {
		p.marks[i] = len(p.rows[i])
	}
}

// back drops the rows since the mark.
func (p *kept) back() {
	for i, n := range p.marks {
		clear(p.rows[i][n:])
		p.rows[i] = p.rows[i][:n]
	}
}

func (p *kept) clear() {
	p.marks = [len(sheets)]int{}
	p.back()
	p.size, p.room = 0, nil
}

func (p *kept) empty() bool {
	for i := range p.rows {
		if len(p.rows[i]) > 0 {
			return false
		}
	}
	return true
}

// take returns the rows of a sheet, all or those before the mark, as they are
// to be added.
func (p *kept) take(from *sheet, all bool) [][]any {
	rows := p.rows[from.at]
	if !all {
		rows = rows[:p.marks[from.at]]
	}
	if from.sorted {
		slices.SortFunc(rows, compareCells)
	}
	return rows
}

// drop forgets the rows before the mark, which is set back.
func (p *kept) drop() {
	for i, n := range p.marks {
		p.rows[i] = slices.Delete(p.rows[i], 0, n)
		p.marks[i] = 0
	}
}

func compareCells(a, b []any) int {
	for i := range a {
		n := 0
		switch x := a[i].(type) {
		case int64:
			y, _ := b[i].(int64)
			n = cmp.Compare(x, y)
		case []byte:
			y, _ := b[i].([]byte)
			n = bytes.Compare(x, y)
		}
		if n != 0 {
			return n
		}
	}
	return 0
}
