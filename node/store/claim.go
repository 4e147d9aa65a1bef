package store

import (
	"slices"
	"strings"

	"cairn/node/fault"
)

// Claim is somebody's word that she treats a patient. Body is the caller's, sealed.
type Claim struct {
	ID      string
	Subject string // local patient id
	Person  string // "member/id"
	Body    []byte
	Made    int64 // Unix milliseconds
	Ends    int64 // when it is over
}

// AddClaim keeps a claim.
func (tx *Tx) AddClaim(c *Claim) error {
	if err := tx.put("INSERT INTO claim (id, subject, person, body, made, ends) VALUES (?, ?, ?, ?, ?, ?)",
		c.ID, c.Subject, c.Person, c.Body, c.Made, c.Ends); err != nil {
		return err
	}
	return tx.Tied(c.Subject)
}

// EndClaim ends a claim before its time. It fails with fault.NotFound when it is
// over already.
func (tx *Tx) EndClaim(id string, body []byte, now int64) error {
	c, err := tx.Claim(id)
	if err != nil {
		return err
	}
	n, err := tx.exec("UPDATE claim SET ends = ?, body = ? WHERE id = ? AND ends > ?", now, body, id, now)
	if err == nil && n == 0 {
		err = noClaim()
	}
	if err != nil {
		return err
	}
	return tx.Tied(c.Subject)
}

// Tied counts a change of what says who treats a patient.
func (tx *Tx) Tied(subject string) error {
	return tx.put("INSERT INTO tie (subject, generation) VALUES (?, 1) ON CONFLICT (subject) DO UPDATE SET generation = tie.generation + 1", subject)
}

// Ties returns how often what says who treats a patient has changed: who keeps
// what followed from it keeps this number too.
func (v *View) Ties(subject string) (int64, error) {
	return v.c.number("SELECT generation FROM tie WHERE subject = ?", subject)
}

const claimColumns = "SELECT id, subject, person, body, made, ends FROM claim "

// Claim returns the claim with this id, over or not.
func (v *View) Claim(id string) (*Claim, error) {
	all, err := v.claims("WHERE id = ?", id)
	if err == nil && len(all) == 0 {
		err = noClaim()
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// ClaimsAbout returns up to limit claims about a patient, newest first.
func (v *View) ClaimsAbout(subject string, limit int) ([]*Claim, error) {
	return v.claims("WHERE subject = ? ORDER BY made DESC, id LIMIT ?", subject, int64(limit))
}

// ClaimsOf returns up to limit claims of a person, newest first.
func (v *View) ClaimsOf(person string, limit int) ([]*Claim, error) {
	return v.claims("WHERE person = ? ORDER BY made DESC, id LIMIT ?", person, int64(limit))
}

// ClaimsBefore returns up to limit claims that were made before a time, newest
// first.
func (v *View) ClaimsBefore(made int64, limit int) ([]*Claim, error) {
	return v.claims("WHERE made < ? ORDER BY made DESC, id LIMIT ?", made, int64(limit))
}

// ClaimBy returns the claim of a person about a patient that lasts longest, nil
// if none lasts beyond now.
func (v *View) ClaimBy(person, subject string, now int64) (*Claim, error) {
	all, err := v.claims("WHERE subject = ? AND person = ? AND ends > ? ORDER BY ends DESC LIMIT 1", subject, person, now)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

func (v *View) claims(where string, args ...any) (all []*Claim, err error) {
	err = v.c.each(claimColumns+where, func(r row) error {
		all = append(all, &Claim{ID: r.text(0), Subject: r.text(1), Person: r.text(2), Body: r.blob(3), Made: r.int(4), Ends: r.int(5)})
		return nil
	}, args...)
	return all, err
}

func noClaim() error {
	return fault.New(fault.NotFound, "store.no-claim", "There is no such claim, or it is over.")
}

// keysAtOnce is how many keys one statement asks for.
const keysAtOnce = 16

var namingQuery = hitColumns + "FROM posting p CROSS JOIN record r WHERE p.key IN (?" + strings.Repeat(", ?", keysAtOnce-1) +
	") AND p.rid > ? AND p.rid <= ? AND r.rid = p.rid AND r.deleted = 0 ORDER BY r.rid DESC LIMIT ?"

// Naming returns current records about a subject that have a posting under one of
// some keys: of every sixteen keys up to limit, those that were stored last. Each
// comes once.
func (v *View) Naming(subject string, keys []int64, limit int) (hits []Hit, err error) {
	lo, hi := bucket(subject)
	seen := make(map[int64]bool)
	for some := range slices.Chunk(keys, keysAtOnce) {
		args := make([]any, 0, keysAtOnce+3)
		for i := range keysAtOnce {
			args = append(args, some[min(i, len(some)-1)])
		}
		err := v.c.each(namingQuery, func(r row) error {
			h, err := scanHit(r)
			if err == nil && h.Subject == subject && !seen[h.rid] {
				seen[h.rid] = true
				hits = append(hits, h)
			}
			return err
		}, append(args, lo, hi, int64(limit))...)
		if err != nil {
			return nil, err
		}
	}
	return hits, nil
}
