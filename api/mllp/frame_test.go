package mllp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"cairn/fhir/er7"
	"cairn/node/feed"
)

// readAll takes a stream apart, up to the error that ends it.
func readAll(in io.Reader) (messages []string, err error) {
	f := frames{bufio.NewReaderSize(in, 16)}
	for {
		if err := f.start(); err != nil {
			return messages, err
		}
		m, err := f.rest()
		if err != nil {
			return messages, err
		}
		messages = append(messages, string(m))
	}
}

// TestFrames reads streams whole, and byte by byte.
func TestFrames(t *testing.T) {
	long := strings.Repeat("x", 100)
	for name, c := range map[string]struct {
		stream string
		want   []string
		err    error
	}{
		"one":                       {"\x0babc\x1c\r", []string{"abc"}, io.EOF},
		"two":                       {"\x0babc\x1c\r\x0bdef\x1c\r", []string{"abc", "def"}, io.EOF},
		"longer than the buffer":    {"\x0b" + long + "\x1c\r", []string{long}, io.EOF},
		"no CR at the end":          {"\x0babc\x1c\x0bdef\x1c", []string{"abc", "def"}, io.EOF},
		"LF at the end":             {"\x0babc\x1c\r\n\x0bdef\x1c\n", []string{"abc", "def"}, io.EOF},
		"garbage between":           {"xx\x0babc\x1c\r\x1c\x1cyy\x00\x0bdef\x1c\r", []string{"abc", "def"}, io.EOF},
		"nothing in it":             {"\x0b\x1c\r", []string{""}, io.EOF},
		"begun anew":                {"\x0bab\x0bc\x0bdef\x1c\r", []string{"def"}, io.EOF},
		"begun anew after a while":  {"\x0b" + long + "\x0bdef\x1c\r", []string{"def"}, io.EOF},
		"broken off":                {"\x0babc", nil, io.ErrUnexpectedEOF},
		"broken off after one":      {"\x0babc\x1c\r\x0bd", []string{"abc"}, io.ErrUnexpectedEOF},
		"nothing":                   {"", nil, io.EOF},
		"garbage only":              {"GET / HTTP/1.1\r\n\r\n", nil, io.EOF},
		"garbage without an end":    {strings.Repeat("x", maxGarbage+1), nil, errGarbage},
		"a frame without an end":    {"\x0b" + strings.Repeat("x", er7.MaxMessage+100), nil, errTooLong},
		"the longest":               {"\x0b" + strings.Repeat("x", er7.MaxMessage) + "\x1c\r", []string{strings.Repeat("x", er7.MaxMessage)}, io.EOF},
		"one byte more":             {"\x0b" + strings.Repeat("x", er7.MaxMessage+1) + "\x1c\r", nil, errTooLong},
		"a long one, then begun":    {"\x0b" + strings.Repeat("x", er7.MaxMessage) + "\x0babc\x1c\r", []string{"abc"}, io.EOF},
		"garbage, then garbage end": {strings.Repeat("x", maxGarbage-1) + "\x0babc\x1c\r", []string{"abc"}, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			for how, in := range map[string]io.Reader{"whole": strings.NewReader(c.stream), "by bytes": iotest.OneByteReader(strings.NewReader(c.stream))} {
				have, err := readAll(in)
				if !errors.Is(err, c.err) || len(have) != len(c.want) {
					t.Fatalf("%s: %d messages, %v; want %d, %v", how, len(have), err, len(c.want), c.err)
				}
				for i := range have {
					if have[i] != c.want[i] {
						t.Errorf("%s: message %d has %d bytes", how, i, len(have[i]))
					}
				}
			}
		})
	}
	if have, err := readAll(bytes.NewReader(frame([]byte("abc")))); !errors.Is(err, io.EOF) || len(have) != 1 || have[0] != "abc" {
		t.Errorf("%v %v", have, err)
	}
}

// FuzzFrames: no stream makes a message longer than one may be, or one with a
// character of framing in it.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("xx\x0babc\x1c\r\x0bd\x0be\x1c"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		messages, err := readAll(bytes.NewReader(stream))
		if err == nil {
			t.Fatal("a stream does not end")
		}
		for _, m := range messages {
			if len(m) > er7.MaxMessage || strings.ContainsAny(m, "\x0b\x1c") {
				t.Fatalf("%q", m)
			}
		}
	})
}

// TestCodes: who gets which acknowledgement (HL7 v2.8.2 2.9.3).
func TestCodes(t *testing.T) {
	for _, c := range []struct {
		accept, app string
		code        er7.Ack
		kept        bool
		want        string
	}{
		{"", "", er7.Accept, true, "AA"}, {"", "", er7.Fault, true, "AE"}, {"", "", er7.Reject, false, "AR"},
		{"AL", "NE", er7.Accept, true, "CA"}, {"AL", "NE", er7.Fault, true, "CA"}, {"AL", "NE", er7.Reject, false, "CR"},
		{"AL", "AL", er7.Accept, true, "CA AA"}, {"AL", "AL", er7.Fault, true, "CA AE"}, {"AL", "AL", er7.Reject, false, "CR"},
		{"NE", "AL", er7.Accept, true, "AA"}, {"NE", "AL", er7.Reject, false, "AR"}, {"NE", "NE", er7.Accept, true, ""},
		{"ER", "ER", er7.Accept, true, ""}, {"ER", "ER", er7.Fault, true, "AE"}, {"ER", "NE", er7.Reject, false, "CR"},
		{"SU", "SU", er7.Accept, true, "CA AA"}, {"SU", "SU", er7.Fault, true, "CA"}, {"", "AL", er7.Accept, true, "AA"},
	} {
		var got []string
		for _, code := range codes(&feed.Answer{Header: er7.Header{AcceptAck: c.accept, AppAck: c.app}, Code: c.code, Kept: c.kept}) {
			got = append(got, string(code))
		}
		if have := strings.Join(got, " "); have != c.want {
			t.Errorf("%+v: %q", c, have)
		}
	}
}
