package store

import (
	"cmp"
	"context"
)

// InOrder compares records of different subjects as searches do.
func InOrder(a, b Record) int {
	lo, _ := bucket(a.Subject)
	other, _ := bucket(b.Subject)
	return cmp.Compare(lo, other)
}

// Settings returns what the database says of its durability settings, for the
// writer and for a reader.
func Settings(s *Store, name string) (writer, reader int64, err error) {
	err = s.Update(context.Background(), func(tx *Tx) (err error) { writer, err = tx.c.number("PRAGMA " + name); return err })
	if err != nil {
		return 0, 0, err
	}
	err = s.View(context.Background(), func(v *View) (err error) { reader, err = v.c.number("PRAGMA " + name); return err })
	return writer, reader, err
}

// SetSchema pretends that a program with this schema wrote the database.
func SetSchema(s *Store, version int64) error {
	return s.Update(context.Background(), func(tx *Tx) error {
		_, err := tx.exec("INSERT INTO schema (version, applied) VALUES (?, 0)", version)
		return err
	})
}

// RemoveEntry takes a row out of the log, as somebody with the file could.
func RemoveEntry(s *Store, index int64) error {
	return s.Update(context.Background(), func(tx *Tx) error {
		_, err := tx.exec("DELETE FROM entry WHERE idx = ?", index)
		return err
	})
}
