package store

// SetMeta keeps a value of the node under a key.
func (tx *Tx) SetMeta(key string, value []byte) error {
	err := tx.put("INSERT INTO meta (key, value) VALUES (?, ?) "+
		"ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)
	return err
}

// Meta returns the value under a key, nil if there is none.
func (v *View) Meta(key string) ([]byte, error) {
	var value []byte
	_, err := v.c.one("SELECT value FROM meta WHERE key = ?", func(r row) error { value = r.blob(0); return nil }, key)
	return value, err
}
