package store

// AddMark queues a mark for the next seal. A mark that already waits stays
// where it is.
func (tx *Tx) AddMark(mark [32]byte) error {
	err := tx.put("INSERT INTO mark (mark) VALUES (?) ON CONFLICT DO NOTHING", mark[:])
	return err
}

// Marks returns up to n of the marks that wait, oldest first.
func (v *View) Marks(n int) ([][32]byte, error) {
	var all [][32]byte
	err := v.c.each("SELECT mark FROM mark ORDER BY seq LIMIT ?", func(r row) error {
		var m [32]byte
		if !r.hash(0, &m) {
			return damaged("a mark")
		}
		all = append(all, m)
		return nil
	}, int64(n))
	return all, err
}

// RemoveMarks takes marks out of the queue. One that is not there is no error.
func (tx *Tx) RemoveMarks(marks [][32]byte) error {
	for i := range marks {
		if err := tx.put("DELETE FROM mark WHERE mark = ?", marks[i][:]); err != nil {
			return err
		}
	}
	return nil
}
