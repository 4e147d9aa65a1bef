package demo

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the attacker's own driver: he does not go through node/store
)

// EditRow plays a database administrator who edits one stored version
// ("Type/id/_history/1") by hand: one bit of its sealed body.
func EditRow(dir, location string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.db"))
	if err != nil || len(files) != 1 {
		return fmt.Errorf("looking for the database: %d files, %w", len(files), err)
	}
	db, err := sql.Open("sqlite", "file:"+files[0]+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	defer db.Close()
	part := strings.Split(location, "/")
	var body []byte
	const where = " WHERE version = ? AND rid = (SELECT rid FROM record WHERE type = ? AND id = ?)"
	if err := db.QueryRow("SELECT body FROM version"+where, part[3], part[0], part[1]).Scan(&body); err != nil {
		return fmt.Errorf("reading a row: %w", err)
	}
	body[len(body)/2] ^= 1
	if _, err := db.Exec("UPDATE version SET body = ?"+where, body, part[3], part[0], part[1]); err != nil {
		return fmt.Errorf("editing a row: %w", err)
	}
	return nil
}
