package erasure

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func request() *Request {
	return &Request{Network: [32]byte{1}, Custodian: "north", Subject: "p-1", TextHash: [32]byte{2}, Salt: [32]byte{3}, IssuedAt: 1_700_000_000_000}
}

func TestRequestHasOneForm(t *testing.T) {
	want := request()
	raw := want.Encode()
	got, err := Decode(raw)
	if err != nil || *got != *want || got.ID() != want.ID() {
		t.Fatalf("%+v %v", got, err)
	}
	for i := range raw {
		other := slices.Clone(raw)
		other[i] ^= 0x80
		if r, err := Decode(other); err == nil && r.ID() == want.ID() {
			t.Errorf("byte %d says nothing", i)
		}
		if _, err := Decode(raw[:i]); err == nil {
			t.Errorf("%d bytes are taken", i)
		}
	}
	if _, err := Decode(append(raw, 0)); err == nil {
		t.Error("a byte too many is taken")
	}
}

// The salts of an act depend on whom else she asks, and differ.
func TestSaltsOfAnAct(t *testing.T) {
	a := Act{Secret: [32]byte{9}, Custodians: []string{"east", "north"}}
	b := Act{Secret: a.Secret, Custodians: []string{"east", "north", "south"}}
	if a.Salt("east") == a.Salt("north") || a.Salt("east") == b.Salt("east") {
		t.Error("salts are alike")
	}
}

func TestStatementHasOneForm(t *testing.T) {
	want := Statement{Image: [32]byte{1}, Records: 2, Versions: 3, Entries: 4, List: [32]byte{5}, Exports: 6, Backups: "2026-12-30"}
	text := want.String()
	got, err := ParseStatement(text)
	if err != nil || *got != want {
		t.Fatalf("%q: %+v %v", text, got, err)
	}
	for _, other := range []string{"", text + " ", strings.Replace(text, "records 2", "records 02", 1), strings.Replace(text, "2026-12-30", "", 1), text[1:], strings.ToUpper(text)} {
		if _, err := ParseStatement(other); err == nil {
			t.Errorf("%q is taken", other)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(request().Encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if r, err := Decode(raw); err == nil && !bytes.Equal(r.Encode(), raw) {
			t.Errorf("%x has another form", raw)
		}
	})
}

func FuzzParseStatement(f *testing.F) {
	f.Add((&Statement{Backups: "2026-12-30"}).String())
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := ParseStatement(text); err == nil && s.String() != text {
			t.Errorf("%q has another form", text)
		}
	})
}
