package store

// Session is somebody's sign-in that lasts. All times are Unix milliseconds.
type Session struct {
	Hash  [32]byte // of its secret
	ID    string   // by which its owner names it
	Owner string
	Body  []byte // the caller's, sealed
	Begun int64
	Seen  int64 // when it was used last, or not long before
	Idle  int64 // milliseconds after Seen when it is over
	Ends  int64 // when it is over in any case
}

// sessionsAtMost is how many sessions an owner has at once; the oldest give way.
const sessionsAtMost = 100

const sessionColumns = "SELECT hash, id, owner, body, begun, seen, idle, ends FROM session "

// AddSession keeps a new session, and forgets those of anybody that ended before
// it began.
func (tx *Tx) AddSession(s *Session) error {
	if err := tx.put("DELETE FROM session WHERE ends < ?", s.Begun); err != nil {
		return err
	}
	err := tx.put("DELETE FROM session WHERE owner = ? AND hash NOT IN (SELECT hash FROM session WHERE owner = ? ORDER BY begun DESC, hash LIMIT ?)",
		s.Owner, s.Owner, int64(sessionsAtMost-1))
	if err != nil {
		return err
	}
	return tx.put("INSERT INTO session (hash, id, owner, body, begun, seen, idle, ends) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		s.Hash[:], s.ID, s.Owner, s.Body, s.Begun, s.Seen, s.Idle, s.Ends)
}

// TouchSession notes that a session was used. One that is gone stays gone.
func (tx *Tx) TouchSession(hash [32]byte, seen int64) error {
	return tx.put("UPDATE session SET seen = ? WHERE hash = ? AND seen < ?", seen, hash[:], seen)
}

// EndSession ends the session with this hash, if there is one.
func (tx *Tx) EndSession(hash [32]byte) error {
	return tx.put("DELETE FROM session WHERE hash = ?", hash[:])
}

// DeleteSession ends an owner's session and reports whether there was one.
func (tx *Tx) DeleteSession(owner, id string) (bool, error) {
	n, err := tx.exec("DELETE FROM session WHERE owner = ? AND id = ?", owner, id)
	return n == 1, err
}

// DeleteSessions ends all sessions of an owner and returns how many there were.
func (tx *Tx) DeleteSessions(owner string) (int, error) {
	n, err := tx.exec("DELETE FROM session WHERE owner = ?", owner)
	return int(n), err
}

// DeleteOtherSessions ends all sessions of an owner but one.
func (tx *Tx) DeleteOtherSessions(owner, but string) error {
	return tx.put("DELETE FROM session WHERE owner = ? AND id <> ?", owner, but)
}

// Session returns the session with this hash, over or not.
func (v *View) Session(hash [32]byte) (*Session, error) {
	all, err := v.sessions("WHERE hash = ?", hash[:])
	if err == nil && len(all) == 0 {
		err = missing("store.no-session", "There is no such session.")
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// Sessions returns the sessions of an owner that are not over, newest first.
func (v *View) Sessions(owner string, now int64) ([]*Session, error) {
	return v.sessions("WHERE owner = ? AND ends > ? AND seen + idle > ? ORDER BY begun DESC, id", owner, now, now)
}

func (v *View) sessions(where string, args ...any) (all []*Session, err error) {
	err = v.c.each(sessionColumns+where, func(r row) error {
		s := &Session{ID: r.text(1), Owner: r.text(2), Body: r.blob(3), Begun: r.int(4), Seen: r.int(5), Idle: r.int(6), Ends: r.int(7)}
		if !r.hash(0, &s.Hash) {
			return damaged("a session's hash")
		}
		all = append(all, s)
		return nil
	}, args...)
	return all, err
}
