package store

import (
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"cairn/node/fault"
)

//go:embed schema/*.sql
var schemaFiles embed.FS

// migration is one numbered step: schema/0001_house.sql has number 1.
type migration struct {
	number int64
	sql    string
}

// migrations returns the steps in order. Numbers run from 1 without a gap.
func migrations() ([]migration, error) {
	names, err := fs.Glob(schemaFiles, "schema/*.sql")
	if err != nil {
		return nil, err
	}
	var all []migration
	for i, name := range names {
		digits, _, _ := strings.Cut(strings.TrimPrefix(name, "schema/"), "_")
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n != int64(i+1) {
			return nil, fmt.Errorf("schema file %s is out of order", name)
		}
		sql, err := schemaFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all = append(all, migration{n, string(sql)})
	}
	return all, nil
}

// migrate brings the database to the schema of this program, each step in a
// transaction of its own, and refuses a database that is already beyond it.
func migrate(c *conn) error {
	steps, err := migrations()
	if err != nil {
		return err
	}
	have, err := schemaOf(c)
	if err != nil {
		return err
	}
	if have > int64(len(steps)) {
		return fault.New(fault.Unsupported, "store.schema-newer",
			fmt.Sprintf("The data directory was written by a newer cairn (schema %d, this one knows %d).", have, len(steps))).
			WithHint("Start the newer cairn again, or restore a backup from before the upgrade.")
	}
	for _, m := range steps[have:] {
		if err := applyStep(c, m); err != nil {
			return fmt.Errorf("applying schema %d: %w", m.number, err)
		}
	}
	return nil
}

// schemaOf returns the number of the last step that was applied. A new database
// has none.
func schemaOf(c *conn) (have int64, err error) {
	err = within(c, func() error {
		if err := c.script("CREATE TABLE IF NOT EXISTS schema (version INTEGER PRIMARY KEY, applied INTEGER NOT NULL)"); err != nil {
			return err
		}
		have, err = c.number("SELECT max(version) FROM schema")
		return err
	})
	return have, err
}

// applyStep applies a step unless another process was faster.
func applyStep(c *conn, m migration) error {
	return within(c, func() error {
		have, err := c.number("SELECT max(version) FROM schema")
		if err != nil || have >= m.number {
			return err
		}
		if err := c.script(m.sql); err != nil {
			return err
		}
		_, err = c.exec("INSERT INTO schema (version, applied) VALUES (?, ?)", m.number, time.Now().UnixMilli())
		return err
	})
}

// within runs f in a transaction that writes.
func within(c *conn, f func() error) error {
	err := c.hold()
	if err == nil {
		err = f()
	}
	if err == nil {
		err = c.commit()
	}
	if err != nil {
		_ = c.rollback() // the first error is the one to tell
	}
	return err
}
