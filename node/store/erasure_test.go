package store_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/store"
)

// erase erases a subject in steps of three.
func erase(t *testing.T, s *store.Store, id [32]byte, subject string) *store.Erasure {
	t.Helper()
	update(t, s, func(tx *store.Tx) error {
		if err := tx.AddErasure(&store.Erasure{ID: id, State: 1, Body: []byte("sealed")}); err != nil {
			return err
		}
		return tx.EraseRest(subject, "nobody")
	})
	for _, step := range []func(*store.Tx) (bool, error){
		func(tx *store.Tx) (bool, error) { return tx.EraseRecords(id, subject, 3) },
		func(tx *store.Tx) (bool, error) { return tx.EraseEntries(id, subject, 3) },
	} {
		for more := true; more; {
			update(t, s, func(tx *store.Tx) (err error) { more, err = step(tx); return err })
		}
	}
	var e *store.Erasure
	view(t, s, func(v *store.View) (err error) { e, err = v.Erasure(id); return err })
	return e
}

// Of a patient who was erased nothing is left in any row or file; of others
// everything is, and the log's leaves are those that they were.
func TestErasedPatientIsInNoFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	canary := func(kind string, n int) string { return fmt.Sprintf("canary-%s-%05d-of-a-patient", kind, n) }
	update(t, s, func(tx *store.Tx) error {
		for n := range 10 {
			for i, subject := range []string{"hers", "others"} {
				id := fmt.Sprint(subject, n)
				r := observation(id, 1, subject, "c")
				r.Body = []byte("body")
				if subject == "hers" {
					r.Body = []byte(canary("body", n))
					r.Index.Facets.Codes = []search.Coding{{System: "s", Code: canary("facet", n)}}
					r.Index.Texts = append(r.Index.Texts, search.Text{Param: "name", Value: canary("name", n)})
				}
				if err := tx.PutRecord(r, 0); err != nil {
					return err
				}
				e := logEntry(2*n+i, subject)
				if subject == "hers" {
					e.Body = []byte(canary("entry", n))
				}
				if err := tx.Append(e); err != nil {
					return err
				}
			}
		}
		_, err := tx.AddKey("hers", []byte(canary("key", 0)))
		return err
	})
	read := logEntry(100, "hers") // one that may be in the spool
	read.Body = []byte(canary("spool", 0))
	if err := s.Log(bg, []*store.Entry{read}, nil); err != nil {
		t.Fatal(err)
	}
	leaves := func() (all [][32]byte) {
		view(t, s, func(v *store.View) (err error) { all, err = v.Leaves(0, s.Size()); return err })
		return all
	}
	before := leaves()
	id := [32]byte{7}
	e := erase(t, s, id, "hers")
	if e.Records != 10 || e.Versions != 10 || len(e.Entries) != 11 || !slices.IsSorted(e.Entries) {
		t.Errorf("%d records, %d versions, entries %v", e.Records, e.Versions, e.Entries)
	}
	if !slices.Equal(before, leaves()) {
		t.Error("leaves of the log changed")
	}
	view(t, s, func(v *store.View) error {
		for _, index := range e.Entries {
			if row, err := v.Entry(index); err != nil || row.Subject != "" || len(row.Body) != 0 {
				t.Errorf("entry %d: %+v %v", index, row, err)
			}
		}
		subjects, err := v.Subjects()
		if err != nil || !slices.Equal(subjects, []string{"others"}) {
			t.Errorf("subjects %v %v", subjects, err)
		}
		page, err := v.Search(search.Query{Type: "Observation", CountOnly: true}, nil)
		if page.Total != 10 {
			t.Errorf("%d records are left", page.Total)
		}
		_, gone := v.Key("hers")
		wantKind(t, gone, fault.NotFound)
		return err
	})
	rows := 0
	view(t, s, func(v *store.View) error { // the rows that searches begin with are those of the others
		for n := range 10 {
			head, err := v.Current("Observation", fmt.Sprint("others", n))
			if err != nil {
				return err
			}
			x, err := head.Load()
			if err != nil {
				return err
			}
			some, err := v.CheckFound(head, x)
			if rows += some; err != nil {
				return err
			}
		}
		return v.CheckRows(10, rows)
	})
	if err := s.Checkpoint(bg); err != nil {
		t.Fatal(err)
	}
	sqliteOnly(t, "the files are the server's; docs/adr/0013-postgresql.md says what Checkpoint does there")
	if n := count(t, dir, "canary-"); n != 0 {
		t.Errorf("%d canaries survive", n)
	}
}

// A record that is stored after an erasure gets a number that no other has.
func TestNumbersAfterAnErasure(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put := func(id, subject string) {
		t.Helper()
		update(t, s, func(tx *store.Tx) error { return tx.PutRecord(observation(id, 1, subject, "c"), 0) })
	}
	put("a", "others")
	put("b", "hers")
	erase(t, s, [32]byte{1}, "hers")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	put("c", "others")
	view(t, s, func(v *store.View) error {
		var seen []string
		err := v.EachVersion(func(one *store.Version) error { seen = append(seen, one.ID); return nil })
		if !slices.Equal(seen, []string{"a", "c"}) {
			t.Errorf("versions of %v", seen)
		}
		return err
	})
	again := open2(t, s)
	wantKind(t, again, fault.Conflict)
}

// open2 asks for the same erasure twice.
func open2(t *testing.T, s *store.Store) error {
	t.Helper()
	return s.Update(bg, func(tx *store.Tx) error {
		return tx.AddErasure(&store.Erasure{ID: [32]byte{1}, Body: bytes.Repeat([]byte{1}, 4)})
	})
}

// Every table of the schema that names a person is one that an erasure empties of
// her: a table that is added later is not forgotten.
func TestErasureKnowsEveryTable(t *testing.T) {
	apart := map[string]string{
		"record":       "EraseRecords",
		"version":      "EraseRecords",
		"entry":        "EraseEntries",
		"invitation":   "by a hash of whose it is",
		"subscription": "owned by software of members",
	}
	files, err := filepath.Glob("schema/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`(?m)^\s*(subject|owner|holder)\s+TEXT`)
	tables := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?s)(?:CREATE TABLE|ALTER TABLE) (\w+)(.*?);`).FindAllStringSubmatch(string(raw), -1) {
			name, rest := m[1], strings.ReplaceAll(m[2], "ADD COLUMN ", "\n")
			if !named.MatchString(rest) {
				continue
			}
			if tables++; !store.ErasesFrom(name) && apart[name] == "" {
				t.Errorf("%s: the table `%s` names a person, and an erasure leaves it as it is", file, name)
			}
		}
	}
	if tables < 15 {
		t.Errorf("only %d tables were found", tables)
	}
}
