package store

import (
	"encoding/binary"
	"fmt"
)

// SQLite overwrites what is deleted (secure_delete), but when it spreads the
// rows of a page over others it leaves the copies that they had in the part of
// the page that is not in use. sweep zeroes those parts, by the file format
// https://www.sqlite.org/fileformat.html#b_tree_pages.

const (
	sweepPages = 2000 // swept under one lock
	// From this page number on, a page that only holds the rest of a long row
	// could look like one of a b-tree: it begins with the number of the next.
	maxSwept = 2 << 24
)

// sweep zeroes the unused parts of some pages, from one on, in a transaction of
// its own, and returns the page to go on with, 0 at the end.
func (c *lite) sweep(from int64) (next int64, err error) {
	if err := c.hold(); err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_ = c.rollback() // the first error is the one to tell
		}
	}()
	pages, err := (&conn{session: c}).number("PRAGMA page_count")
	if err == nil && pages >= maxSwept {
		err = unreadable(fmt.Errorf("%d pages are too many to tell their kinds apart", pages))
	}
	if err != nil {
		return 0, err
	}
	end := from + sweepPages
	dirty := map[int64][]byte{}
	seen := int64(0)
	err = c.each("SELECT pgno, data FROM sqlite_dbpage WHERE pgno >= ? AND pgno < ?", func(r row) error {
		seen++
		if page := r.blob(1); wipe(page, r.int(0) == 1) {
			dirty[r.int(0)] = page
		}
		return nil
	}, end-sweepPages, end)
	if err != nil {
		return 0, err
	}
	for pgno, page := range dirty {
		if n, err := c.exec("UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?", page, pgno); err != nil || n != 1 {
			return 0, broken(fmt.Errorf("sweeping page %d: %d rows, %w", pgno, n, err))
		}
	}
	if seen < sweepPages {
		end = 0
	}
	return end, c.commit()
}

// wipe zeroes what lies between the cells and the pointers to them, and reports
// whether there was anything. Pages that are not of a b-tree stay as they are.
func wipe(page []byte, first bool) (found bool) {
	at := 0
	if first {
		at = 100 // the file's header
	}
	if len(page) < at+12 {
		return false
	}
	header := 12
	switch page[at] {
	case 10, 13: // leaves
		header = 8
	case 2, 5:
	default:
		return false
	}
	cells := int(binary.BigEndian.Uint16(page[at+3:]))
	content := int(binary.BigEndian.Uint16(page[at+5:]))
	if content == 0 {
		content = 65536
	}
	begin := at + header + 2*cells
	if begin > content || content > len(page) {
		return false
	}
	for i, b := range page[begin:content] {
		if b != 0 {
			found, page[begin+i] = true, 0
		}
	}
	return found
}
