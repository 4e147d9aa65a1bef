package store

// TileBytes is the size of a full tile: 256 hashes, C2SP tlog-tiles.
const TileBytes = 256 * 32

// PutTile keeps a full tile of the log. A tile that is already there must not
// change; putting it again is harmless.
func (tx *Tx) PutTile(level int, n uint64, data []byte) error {
	if len(data) != TileBytes {
		return damaged("a tile that was to be stored")
	}
	err := tx.put("INSERT INTO tile (level, n, data) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
		int64(level), int64(n), data)
	return err
}

// Tile returns a full tile.
func (v *View) Tile(level int, n uint64) ([]byte, error) {
	var data []byte
	found, err := v.c.one("SELECT data FROM tile WHERE level = ? AND n = ?",
		func(r row) error { data = r.blob(0); return nil }, int64(level), clampInt64(n))
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, missing("store.no-tile", "There is no such tile of the log.")
	case len(data) != TileBytes:
		return nil, damaged("a tile of the log")
	}
	return data, nil
}

// CountTiles returns how many full tiles of a level are stored. They are the
// first ones: tile n is stored after tile n-1.
func (v *View) CountTiles(level int) (uint64, error) {
	n, err := v.c.number("SELECT count(*) FROM tile WHERE level = ?", int64(level))
	return uint64(n), err
}
