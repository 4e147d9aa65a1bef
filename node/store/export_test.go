package store

import "context"

// SetSchema pretends that a program with this schema wrote the database.
func SetSchema(s *Store, version int64) error {
	return s.Update(context.Background(), func(tx *Tx) error {
		_, err := tx.exec("INSERT INTO schema (version, applied) VALUES (?, 0)", version)
		return err
	})
}
