package slip

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// clientData is what the browser says of the page that asked (WebAuthn Level 2,
// 5.8.1 CollectedClientData).
type clientData struct {
	Type, Challenge, Origin string
	CrossOrigin             bool
	Framed                  bool // there is a topOrigin: another page had this one in a frame
}

var (
	errLength    = errors.New("is too short or too long")
	errText      = errors.New("is not UTF-8")
	errJSON      = errors.New("is not a JSON object")
	errDuplicate = errors.New("has a name twice")
	errMember    = errors.New("has a member of the wrong kind")
	errMissing   = errors.New("lacks a member")
)

const maxClientDepth = 8

// parseClientData reads clientDataJSON strictly. Members that it does not know
// are allowed (the standard adds some over time); no name may occur twice.
func parseClientData(raw []byte) (clientData, error) {
	if len(raw) == 0 || len(raw) > maxClientData {
		return clientData{}, errLength
	}
	if !utf8.Valid(raw) {
		return clientData{}, errText
	}
	if !json.Valid(raw) {
		return clientData{}, errJSON
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return clientData{}, errJSON
	}
	var c clientData
	seen, err := object(dec, 1, c.member)
	if err != nil {
		return clientData{}, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return clientData{}, errJSON
	}
	if !seen["type"] || !seen["challenge"] || !seen["origin"] {
		return clientData{}, errMissing
	}
	return c, nil
}

// member takes one member of the outermost object.
func (c *clientData) member(name string, value any) bool {
	var ok bool
	switch name {
	case "type":
		c.Type, ok = value.(string)
	case "challenge":
		c.Challenge, ok = value.(string)
	case "origin":
		c.Origin, ok = value.(string)
	case "crossOrigin":
		c.CrossOrigin, ok = value.(bool)
	case "topOrigin":
		c.Framed, ok = true, true
	default:
		ok = true
	}
	return ok
}

// object reads the members of an object whose brace is already read. take, if
// not nil, gets each member; the value of one that is no scalar is nil.
func object(dec *json.Decoder, depth int, take func(string, any) bool) (map[string]bool, error) {
	seen := make(map[string]bool)
	for {
		t, err := dec.Token()
		if err != nil {
			return nil, errJSON
		}
		if t == json.Delim('}') {
			return seen, nil
		}
		name, ok := t.(string)
		if !ok {
			return nil, errJSON
		}
		if seen[name] {
			return nil, errDuplicate
		}
		seen[name] = true
		v, err := value(dec, depth)
		if err != nil {
			return nil, err
		}
		if take != nil && !take(name, v) {
			return nil, errMember
		}
	}
}

// value reads any value and returns it if it is a scalar.
func value(dec *json.Decoder, depth int) (any, error) {
	t, err := dec.Token()
	if err != nil || depth > maxClientDepth {
		return nil, errJSON
	}
	switch t {
	case json.Delim('{'):
		_, err := object(dec, depth+1, nil)
		return nil, err
	case json.Delim('['):
		for dec.More() {
			if _, err := value(dec, depth+1); err != nil {
				return nil, err
			}
		}
		if _, err := dec.Token(); err != nil {
			return nil, errJSON
		}
		return nil, nil
	}
	return t, nil
}
