package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	_ "modernc.org/sqlite" // the attacker's own drivers: he does not go through node/store

	"cairn/node"
)

// EditRow plays a database administrator who edits one stored version
// ("Type/id/_history/1") of a hospital by hand: one bit of its sealed body.
func EditRow(ctx context.Context, cfg node.Config, location string) error {
	part := strings.Split(location, "/")
	if cfg.Store != "" {
		return editServer(ctx, cfg.Store, part[3], part[0], part[1])
	}
	return editFile(ctx, filepath.Join(cfg.Data, "store"), part[3], part[0], part[1])
}

func editFile(ctx context.Context, dir, version, typ, id string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.db"))
	if err != nil || len(files) != 1 {
		return fmt.Errorf("looking for the database: %d files, %w", len(files), err)
	}
	db, err := sql.Open("sqlite", "file:"+files[0]+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	defer db.Close()
	var body []byte
	const where = " WHERE version = ? AND rid = (SELECT rid FROM record WHERE type = ? AND id = ?)"
	if err := db.QueryRowContext(ctx, "SELECT body FROM version"+where, version, typ, id).Scan(&body); err != nil {
		return fmt.Errorf("reading a row: %w", err)
	}
	body[len(body)/2] ^= 1
	if _, err := db.ExecContext(ctx, "UPDATE version SET body = ?"+where, body, version, typ, id); err != nil {
		return fmt.Errorf("editing a row: %w", err)
	}
	return nil
}

func editServer(ctx context.Context, address, version, typ, id string) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("the address of the database cannot be read")
	}
	q := u.Query()
	q.Del("fsync") // cairn's own
	u.RawQuery = q.Encode()
	db, err := pgconn.Connect(ctx, u.String())
	if err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	defer db.Close(ctx) //nolint:errcheck // nothing is under way
	const edit = "UPDATE version SET body = set_byte(body, length(body) / 2, get_byte(body, length(body) / 2) # 1) " +
		"WHERE version = $1::bigint AND rid = (SELECT rid FROM record WHERE type = $2 AND id = $3)"
	done := db.ExecParams(ctx, edit, [][]byte{[]byte(version), []byte(typ), []byte(id)}, nil, nil, nil).Read()
	if done.Err != nil || done.CommandTag.RowsAffected() != 1 {
		return fmt.Errorf("editing a row: %d rows, %w", done.CommandTag.RowsAffected(), done.Err)
	}
	return nil
}
