package claim

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for text, want := range map[string]error{
		`{}`: nil, `{"a":1,"b":[{"a":1},{"a":2}]}`: nil, ` {"a":{"b":null}} `: nil,
		deep(maxDepth): nil, deep(maxDepth + 1): ErrSize,
		`{"sub":1,"sub":2}`: ErrTwice, `{"sub":1,"SUB":2}`: ErrTwice, `{"a":{"iat":1,"Iat":2}}`: ErrTwice,
		`{"a":[{"x":1,"X":2}]}`: ErrTwice, "{\"sub\":1,\"\u017fub\":2}": ErrTwice, `{"sub":1,"\u0053ub":2}`: ErrTwice, "{\"k\":1,\"\u212a\":2}": ErrTwice,
		``: ErrForm, `[]`: ErrForm, `1`: ErrForm, `{} {}`: ErrForm, `{"a":1`: ErrForm, `{"a":}`: ErrForm, `{"a":1}x`: ErrForm,
		`{"a":"` + strings.Repeat("x", MaxBytes) + `"}`: ErrSize,
	} {
		if err := Check([]byte(text)); !errors.Is(err, want) {
			t.Errorf("%.60s: %v instead of %v", text, err, want)
		}
	}
}

func TestDecode(t *testing.T) {
	var v struct {
		Sub string `json:"sub"`
	}
	if err := Decode([]byte(`{"SUB":"x","other":1}`), &v); err != nil || v.Sub != "" {
		t.Errorf("another case counts: %q, %v", v.Sub, err)
	}
	if err := Decode([]byte(`{"sub":"x"}`), &v); err != nil || v.Sub != "x" {
		t.Errorf("%q, %v", v.Sub, err)
	}
}

// FuzzCheck compares with encoding/json: what is taken is an object for it too,
// and reading it loses no member.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":1,"A":2}`, `{"a":[1,{"b":2}]}`, `{`, `{"a":1}}`, "{\"\xff\":1,\"\ufffd\":2}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if Check(raw) != nil {
			return
		}
		var m map[string]any
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatalf("taken, and no object: %v", err)
		}
		var v struct{ Sub, Iat any }
		if err := Decode(raw, &v); err != nil {
			t.Fatalf("checked, and not decoded: %v", err)
		}
	})
}
