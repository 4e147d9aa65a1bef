package store

import (
	"encoding/binary"
	"errors"
)

// manyRows are the questions that are asked most, each with one that answers many
// of them: its arguments are arrays, and the last column of a row says whose it
// is, counted from 1. It costs the server little more than a single one. Every
// row is looked up by itself, so that no plan is one for all rows of a table.
var manyRows = map[string]string{
	usedRow: "SELECT r.*, k.n FROM unnest(?) WITH ORDINALITY AS k (hash, n) CROSS JOIN LATERAL " +
		"(SELECT until FROM used WHERE hash = k.hash OFFSET 0) AS r",
	currentRow: "SELECT r.*, k.n FROM unnest(?, ?) WITH ORDINALITY AS k (type, id, n) CROSS JOIN LATERAL " +
		"(" + hitColumns + sealedColumns + "FROM record r " + sealedJoin + "WHERE r.type = k.type AND r.id = k.id OFFSET 0) AS r",
}

// jointly is questions that are the same but for their arguments.
type jointly struct {
	sql  string // of manyRows
	of   []*question
	args [][]any
	rows answer
}

// join adds a question to those that are the same.
func join(all []*jointly, sql string, q *question) []*jointly {
	for _, j := range all {
		if j.sql == sql {
			j.of, j.args = append(j.of, q), append(j.args, q.args)
			return all
		}
	}
	return append(all, &jointly{sql: sql, of: []*question{q}, args: [][]any{q.args}})
}

// add has the questions go to the server, as they are if there is but one.
func (j *jointly) add(c *elephant) error {
	if len(j.of) == 1 {
		q := j.of[0]
		return c.add(q.sql, "", 0, request{rows: &q.rows}, q.args)
	}
	columns := make([]any, len(j.args[0]))
	for i := range columns {
		for _, args := range j.args {
			if err := storable(args[i]); err != nil {
				return err
			}
		}
		columns[i] = cells{j.args, i}
	}
	return c.add(j.sql, "", 0, request{rows: &j.rows}, columns)
}

// share gives each question the rows that are its own.
func (j *jointly) share() error {
	a := &j.rows
	for all := a.cells; len(all) > 0 && a.width > 0; all = all[a.width:] {
		own, n := all[:a.width-1:a.width-1], all[a.width-1]
		if len(n) != 8 || binary.BigEndian.Uint64(n)-1 >= uint64(len(j.of)) {
			return broken(errors.New("an answer to many questions has a row of none of them"))
		}
		rows := &j.of[binary.BigEndian.Uint64(n)-1].rows
		rows.cells, rows.width = append(rows.cells, own...), len(own)
	}
	return nil
}
