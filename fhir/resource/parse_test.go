package resource

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// example is a line of a file in testdata: words, a text, and what it shows.
type example struct {
	words []string
	text  string
	shows string
}

func examples(t testing.TB, file string) []example {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var all []example
	for number, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.IndexAny(line, "\"`")
		quoted, err := strconv.QuotedPrefix(line[max(at, 0):])
		if err != nil {
			t.Fatalf("%s:%d: %v", file, number+1, err)
		}
		text, _ := strconv.Unquote(quoted)
		all = append(all, example{strings.Fields(line[:at]), text, strings.TrimSpace(line[at+len(quoted):])})
	}
	return all
}

func TestParseRefuses(t *testing.T) {
	for _, e := range examples(t, "refused.txt") {
		_, err := Parse([]byte(e.text), Limits{})
		var refusal *Error
		if !errors.As(err, &refusal) {
			t.Errorf("accepted %s", e.shows)
			continue
		}
		if got := []string{refusal.Code, orDash(refusal.Expression)}; fmt.Sprint(got) != fmt.Sprint(e.words) {
			t.Errorf("%s: got %v, want %v (%s)", e.shows, got, e.words, refusal.Text)
		}
		if refusal.Offset < 0 || refusal.Offset > len(e.text) || !strings.HasSuffix(refusal.Text, ".") {
			t.Errorf("%s: offset %d, text %q", e.shows, refusal.Offset, refusal.Text)
		}
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func TestParseAccepts(t *testing.T) {
	for _, e := range examples(t, "accepted.txt") {
		d, err := Parse([]byte(e.text), Limits{})
		if err != nil {
			t.Errorf("%s: %v", e.shows, err)
			continue
		}
		if string(d.Raw()) != e.text || !IsType(d.Type()) {
			t.Errorf("%s: kept as another text", e.shows)
		}
	}
}

// TestStringsByteByByte puts every byte at every place of a string that is longer than the scanner's step.
func TestStringsByteByByte(t *testing.T) {
	for at := range 20 {
		for b := range 128 {
			content := []byte("01234567890123456789")
			content[at] = byte(b)
			_, err := Parse([]byte(`{"resourceType":"Patient","language":"`+string(content)+`"}`), Limits{})
			if want := b < ' ' || b == '"' || b == '\\'; (err != nil) != want {
				t.Errorf("byte %#x at %d: %v", b, at, err)
			}
		}
	}
}

// nested is a resource in which an array begins at depth 2 and objects and arrays take turns down to depth.
func nested(depth int) string {
	var open, end string
	for level := 2; level <= depth; level++ {
		if level%2 == 0 {
			open, end = open+"[", "]"+end
		} else {
			open, end = open+`{"extension":`, "}"+end
		}
	}
	return `{"resourceType":"Basic","extension":` + open + `"x"` + end + `}`
}

func TestParseKeepsToItsLimits(t *testing.T) {
	small := `{"resourceType":"Patient","name":[{"given":["a","b"]}]}`
	many := `{"resourceType":"Patient","name":[{"given":["a"` + strings.Repeat(`,"a"`, 200_000) + `]}]}`
	bomb := strings.Repeat(`{"a":`, 1_000_000)
	for _, c := range []struct {
		what, text string
		lim        Limits
		code       string
	}{
		{"64 levels", nested(64), Limits{}, ""},
		{"65 levels", nested(65), Limits{}, CodeTooCostly},
		{"a million levels of objects", bomb, Limits{}, CodeTooCostly},
		{"a million levels of arrays", `{"a":` + strings.Repeat(`[`, 1_000_000), Limits{}, CodeTooCostly},
		{"200,000 values", many, Limits{}, CodeTooCostly},
		{"200,000 values where they are allowed", many, Limits{Nodes: 300_000}, ""},
		{"as many values as allowed", small, Limits{Nodes: 7}, ""},
		{"one value more", small, Limits{Nodes: 6}, CodeTooCostly},
		{"as many bytes as allowed", small, Limits{Bytes: len(small)}, ""},
		{"one byte more", small, Limits{Bytes: len(small) - 1}, CodeTooLong},
		{"20 MB", strings.Repeat(" ", 20_000_000), Limits{}, CodeTooLong},
		{"256 members", members(255), Limits{}, ""},
		{"257 members", members(256), Limits{}, CodeTooCostly},
		{"100,000 members", members(100_000), Limits{Nodes: 200_000}, CodeTooCostly},
	} {
		_, err := Parse([]byte(c.text), c.lim)
		var refusal *Error
		errors.As(err, &refusal)
		if got := code(refusal); got != c.code {
			t.Errorf("%s: code %q, want %q", c.what, got, c.code)
		}
	}
}

func code(e *Error) string {
	if e == nil {
		return ""
	}
	return e.Code
}

func members(n int) string {
	var b strings.Builder
	b.WriteString(`{"resourceType":"Basic"`)
	for i := range n {
		fmt.Fprintf(&b, `,"m%d":1`, i)
	}
	return b.String() + "}"
}

// TestErrorsQuoteNothing puts a name into every place of a resource where a value can stand and breaks it there.
func TestErrorsQuoteNothing(t *testing.T) {
	const canary = "Zebulon Quartermain"
	for _, text := range []string{
		`{"resourceType":"` + canary + `"}`,
		`{"resourceType":"Patient","id":"` + canary + `"}`,
		`{"resourceType":"Patient","` + canary + `":null}`,
		`{"resourceType":"Patient","` + canary + `":{"a":}}`,
		`{"resourceType":"Patient","` + strings.ToLower(canary) + `":null}`,
		`{"resourceType":"Patient","_` + strings.ToLower(canary) + `":1}`,
		`{"resourceType":"Patient","a` + strings.Repeat("Quartermain", 6) + `":null}`,
		`{"resourceType":"Patient","name":[{"family":"` + canary + `",}]}`,
		`{"resourceType":"Patient","name":["` + canary + `",1]}`,
		`{"resourceType":"Patient","meta":{"versionId":"` + canary + `"}}`,
		`{"resourceType":"Patient","meta":{"lastUpdated":"` + canary + `"}}`,
		`{"resourceType":"Condition","subject":{"reference":"` + canary + `"}}`,
		`{"resourceType":"Patient","` + canary + `":1,"` + canary + `":2}`,
		`{"resourceType":"Patient"} ` + canary,
		canary,
	} {
		_, err := Parse([]byte(text), Limits{})
		if err == nil {
			t.Errorf("accepted a broken resource")
			continue
		}
		for _, part := range strings.Fields(canary) {
			if strings.Contains(strings.ToLower(err.Error()), strings.ToLower(part)) {
				t.Errorf("the error quotes the resource: %v", err)
			}
		}
	}
}

func TestReparseUsesItsNodesAgain(t *testing.T) {
	first := []byte(`{"resourceType":"Patient","id":"a","name":[{"given":["x","y"]}]}`)
	second := []byte(`{"resourceType":"Group","id":"b"}`)
	var d Doc
	if err := d.Reparse(first, Limits{}); err != nil {
		t.Fatal(err)
	}
	if allocations := testing.AllocsPerRun(100, func() {
		if err := d.Reparse(first, Limits{}); err != nil {
			t.Fatal(err)
		}
	}); allocations > 3 {
		t.Errorf("%v allocations for a resource that fits", allocations)
	}
	if err := d.Reparse(second, Limits{}); err != nil || d.Type() != "Group" || d.ID() != "b" || d.Root().Len() != 2 {
		t.Errorf("holds %s/%s after the second resource (%v)", d.Type(), d.ID(), err)
	}
	if err := d.Reparse([]byte(`{"resourceType":"Group",`), Limits{}); err == nil || d.Root().Exists() || d.Type() != "" {
		t.Error("holds a resource after an error")
	}
}
