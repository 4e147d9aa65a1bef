package store

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/base64"
	"io"
)

// A link to the next page of a search says what is asked for: names, numbers,
// diagnoses. URLs stand in the logs of whatever a request passes on its way, so
// in a link all of it is one text that only this hospital can read.

// linkForm tells what is sealed as a link from what is sealed as a cursor.
const linkForm = "cairn/link/1\x00"

// SealLink seals the query of a link for whom and for what bound names.
func (s *Store) SealLink(bound, query string) (string, error) {
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		return "", err
	}
	if _, err = io.WriteString(w, query); err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.cursors.aead.Seal(nil, nil, packed.Bytes(), linkBound(bound))), nil
}

// OpenLink returns the query of a link that SealLink made for the same. Any other
// text is refused with fault.Invalid.
func (s *Store) OpenLink(bound, text string) (string, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return "", badCursor()
	}
	packed, err := s.cursors.aead.Open(nil, nil, sealed, linkBound(bound))
	if err != nil {
		return "", badCursor()
	}
	query, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed))) // of our own making
	if err != nil {
		return "", badCursor()
	}
	return string(query), nil
}

func linkBound(bound string) []byte {
	sum := sha256.Sum256([]byte(linkForm + bound))
	return sum[:]
}
