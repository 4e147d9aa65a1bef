package fhir_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var rewrite = flag.Bool("rewrite", false, "write the answers of the stories anew")

// TestStories plays every story in testdata: HTTP as text. In a story a block
// is a request and what was answered:
//
//	# what is shown
//	> POST Patient                     method, path below the service base
//	> Prefer: return=minimal           headers
//	{"resourceType":"Patient"}         the body, up to an empty line
//	= P id                             names a value of the answer: a path into it, or "header Location";
//	                                   I is the id in a Location
//	< 201 Created                      what came back; -rewrite writes these lines
//
// $N is a number of the run. $P stands for the value in later requests; in answers it is written <P>, and
// what differs from run to run is <instant>, <uuid>, <receipt>...
// A GET that is answered with Retry-After is sent again until it is done.
// "> @ ehr", "> @ nobody" and "> @ physician" say who asks from there on.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.http")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".http"), func(t *testing.T) { playFile(t, file) })
	}
}

func playFile(t *testing.T, file string) {
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := play(t, string(want))
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	w, g := strings.Split(string(want), "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			t.Fatalf("%s:%d\n got %s\nwant %s", file, i+1, g[i], w[i])
		}
	}
	if len(w) != len(g) {
		t.Fatalf("%s: %d lines, want %d", file, len(g), len(w))
	}
}

// story is one that is being played.
type story struct {
	t      *testing.T
	access string
	vars   [][2]string // name and value, the latest first
}

// play sends the requests of a story and returns it with the answers that came.
func play(t *testing.T, text string) string {
	number := fmt.Sprint(time.Now().UnixNano())
	s := &story{t: t, access: token(t, physician(t)), vars: [][2]string{{"N", number}}}
	var out bytes.Buffer
	for _, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		s.block(&out, block)
		out.WriteString("\n")
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func (s *story) block(out *bytes.Buffer, block string) {
	var request, headers, captures []string
	var body strings.Builder
	for _, line := range strings.Split(block, "\n") {
		switch {
		case strings.HasPrefix(line, "< ") || line == "<":
			continue
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "> @ "):
			s.become(line[4:])
		case strings.HasPrefix(line, ">") && request == nil:
			request = strings.SplitN(s.fill(strings.TrimSpace(line[1:])), " ", 2)
		case strings.HasPrefix(line, ">"):
			headers = append(headers, s.fill(strings.TrimSpace(line[1:])))
		case strings.HasPrefix(line, "="):
			captures = append(captures, line)
		default:
			body.WriteString(s.fill(line))
		}
		fmt.Fprintln(out, line)
	}
	if request == nil {
		return
	}
	path := ""
	if len(request) > 1 {
		path = request[1]
	}
	a := send(s.t, s.access, request[0], path, body.String(), headers...)
	for a.status == http.StatusAccepted && request[0] == http.MethodGet && a.header.Get("Retry-After") != "" {
		time.Sleep(50 * time.Millisecond)
		a = send(s.t, s.access, request[0], path, body.String(), headers...)
	}
	for _, line := range captures {
		s.capture(line, a)
	}
	out.WriteString(s.shown(a))
}

func (s *story) become(who string) {
	switch who {
	case "nobody":
		s.access = ""
	case "ehr":
		s.access = token(s.t, ehr(s.t))
	default:
		s.access = token(s.t, physician(s.t))
	}
}

func (s *story) fill(text string) string {
	for _, v := range s.vars {
		text = strings.ReplaceAll(text, "$"+v[0], v[1])
	}
	return text
}

func (s *story) capture(line string, a answer) {
	words := strings.Fields(line)
	value := ""
	if words[2] == "header" {
		value = a.header.Get(words[3])
	} else {
		value = a.get(s.t, words[2])
	}
	if value == "" {
		s.t.Fatalf("%s: there is no such value in %d %s", line, a.status, a.body)
	}
	value = strings.TrimPrefix(value, hospital.url+"/fhir/")
	if words[1] == "I" { // the id in a location
		value = strings.Split(value, "/")[1]
	}
	s.vars = append([][2]string{{words[1], value}}, s.vars...)
}

// volatile is what differs from run to run.
var volatile = []struct {
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`north/[0-9]+/[0-9a-f-]{36}`), "<receipt>"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`), "<instant>"},
	{regexp.MustCompile(`[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT`), "<date>"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<uuid>"},
	{regexp.MustCompile(`It knows: [^"]*`), "It knows: <parameters>"},
	{regexp.MustCompile(`cursor=[A-Za-z0-9_-]+`), "cursor=<cursor>"},
}

// told are the headers that a story shows.
var told = []string{"Allow", "Cairn-Receipt", "Content-Encoding", "Content-Location", "Content-Type", "Etag", "Last-Modified", "Location"}

// shown writes an answer as it stands in a story.
func (s *story) shown(a answer) string {
	var out strings.Builder
	fmt.Fprintf(&out, "< %d %s\n", a.status, http.StatusText(a.status))
	for _, name := range told {
		for _, value := range a.header.Values(name) {
			fmt.Fprintf(&out, "< %s: %s\n", name, s.stable(value))
		}
	}
	if len(a.body) == 0 {
		return out.String()
	}
	text := s.stable(string(a.body))
	for _, start := range []string{`{"fullUrl"`, `{"resource":`, `{"response"`, `{"relation"`, `{"severity"`} {
		text = strings.ReplaceAll(text, start, "\n<   "+start)
	}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		out.WriteString("< " + strings.TrimPrefix(line, "< ") + "\n")
	}
	return out.String()
}

func (s *story) stable(text string) string {
	for _, v := range slices.Backward(s.vars) {
		if len(v[1]) > 6 {
			text = strings.ReplaceAll(text, v[1], "<"+v[0]+">")
		}
	}
	text = strings.ReplaceAll(text, hospital.url+"/fhir", "<base>")
	for _, v := range volatile {
		text = v.find.ReplaceAllString(text, v.put)
	}
	return text
}
