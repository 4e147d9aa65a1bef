package machine_test

import (
	"crypto/sha256"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// history is a member's own log, whole, so that a test can prove and forge what it likes.
type history struct {
	entries [][]byte
	hashes  []tlog.Hash
}

func (h *history) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if at >= int64(len(h.hashes)) {
			return nil, fmt.Errorf("no hash at %d", at)
		}
		list[i] = h.hashes[at]
	}
	return list, nil
}

func (h *history) add(entry []byte) {
	more, err := tlog.StoredHashes(int64(len(h.entries)), entry, h)
	if err != nil {
		panic(err)
	}
	h.entries = append(h.entries, entry)
	h.hashes = append(h.hashes, more...)
}

func (h *history) grow(n int) {
	for range n {
		h.add(fmt.Appendf(nil, "entry %d", len(h.entries)))
	}
}

// with returns the log of these entries.
func with(entries [][]byte) *history {
	h := new(history)
	for _, e := range entries {
		h.add(e)
	}
	return h
}

// rewritten returns the log with one entry changed.
func (h *history) rewritten(at int) *history {
	entries := append([][]byte(nil), h.entries...)
	entries[at] = fmt.Appendf(nil, "another entry %d", at)
	return with(entries)
}

// cut returns the first n entries of the log.
func (h *history) cut(n int) *history { return with(h.entries[:n]) }

func (h *history) size() uint64 { return uint64(len(h.entries)) }

func (h *history) root() [32]byte {
	if len(h.entries) == 0 {
		return sha256.Sum256(nil)
	}
	root, err := tlog.TreeHash(int64(len(h.entries)), h)
	if err != nil {
		panic(err)
	}
	return root
}

// since returns the consistency proof from a smaller size to the whole log.
func (h *history) since(size uint64) [][32]byte {
	if size == 0 || size >= h.size() {
		return nil
	}
	proof, err := tlog.ProveTree(int64(len(h.entries)), int64(size), h)
	if err != nil {
		panic(err)
	}
	list := make([][32]byte, len(proof))
	for i, p := range proof {
		list[i] = p
	}
	return list
}
