package patch

import (
	"strings"
)

// pointer is a JSON Pointer (RFC 6901): the reference tokens, unescaped. The empty pointer is the whole document.
type pointer []string

var unescaper = strings.NewReplacer("~1", "/", "~0", "~")

func parsePointer(s string) (pointer, bool) {
	if s == "" {
		return pointer{}, true
	}
	if s[0] != '/' {
		return nil, false
	}
	tokens := strings.Split(s[1:], "/")
	for i, token := range tokens {
		for at := strings.IndexByte(token, '~'); at >= 0; {
			if at+1 >= len(token) || token[at+1] != '0' && token[at+1] != '1' {
				return nil, false
			}
			next := strings.IndexByte(token[at+1:], '~')
			if next < 0 {
				break
			}
			at += 1 + next
		}
		tokens[i] = unescaper.Replace(token)
	}
	return tokens, true
}

// leads reports whether p is a proper prefix of q.
func (p pointer) leads(q pointer) bool {
	if len(p) >= len(q) {
		return false
	}
	for i := range p {
		if p[i] != q[i] {
			return false
		}
	}
	return true
}

// index reads an array index: digits without leading zeros (RFC 6901 4).
func index(token string) (int, bool) {
	if token == "" || len(token) > 9 || token[0] == '0' && len(token) > 1 {
		return 0, false
	}
	n := 0
	for _, c := range []byte(token) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// place is the kid of v that a token names, or -1.
func (v *value) place(token string) int {
	switch v.kind {
	case object:
		return v.member(token)
	case array:
		if i, ok := index(token); ok && i < len(v.kids) {
			return i
		}
	}
	return -1
}
