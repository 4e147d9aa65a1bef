package store

// Rows returns how many rows of the tables posting, word and span the record is
// to have.
func (r *Ready) Rows() int { return len(r.traces.keys) + len(r.traces.words) + len(r.traces.spans) }
