package sample_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cairn/sample"
)

const syntheaFolder = "../../shared/data/synthea"

// synthea returns the 20 bundles of real shape by their file names.
func synthea(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(syntheaFolder + "/*.json")
	if err != nil || len(files) != 20 {
		t.Fatalf("want the 20 Synthea bundles in %s beside the project, found %d (%v)", filepath.Clean("../shared/data/synthea"), len(files), err)
	}
	bundles := map[string][]byte{}
	for _, f := range files {
		if bundles[filepath.Base(f)], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	return bundles
}

// everybody counts the entries that every part must have, anybody those that one or more must.
var (
	everybody = []string{"Patient"}
	anybody   = []string{"Practitioner", "Organization"}
)

// checkSplit holds the parts against the whole. It returns how many entries of one part each part has.
func checkSplit(t *testing.T, whole []byte, parts [][]byte) []int {
	t.Helper()
	in, times, loads := read(t, whole), map[string]int{}, make([]int, len(parts))
	for p, part := range parts {
		out, order := read(t, part), -1
		if out.ResourceType != "Bundle" || out.Type != "transaction" {
			t.Errorf("part %d is a %s of type %s", p, out.ResourceType, out.Type)
		}
		for _, e := range out.Entry {
			at := slices.IndexFunc(in.Entry, func(o entry) bool { return o.FullURL == e.FullURL })
			if at < 0 || !bytes.Equal(in.Entry[at].raw, e.raw) {
				t.Fatalf("part %d has an entry of other bytes", p)
			}
			if at <= order {
				t.Errorf("part %d changes the order of entries", p)
			}
			order = at
			times[e.FullURL]++
			if kind := out.at[e.FullURL].ResourceType; !slices.Contains(everybody, kind) && !slices.Contains(anybody, kind) {
				loads[p]++
			}
			for _, m := range urns.FindAll(e.Resource, -1) {
				if in.at[string(m)] != nil && out.at[string(m)] == nil {
					t.Errorf("part %d: a %s refers to what is in another part", p, out.at[e.FullURL].ResourceType)
				}
			}
		}
	}
	for _, e := range in.Entry {
		kind, n := in.at[e.FullURL].ResourceType, times[e.FullURL]
		switch {
		case slices.Contains(everybody, kind) && n != len(parts),
			slices.Contains(anybody, kind) && (n < 1 || n > len(parts)),
			!slices.Contains(everybody, kind) && !slices.Contains(anybody, kind) && n != 1:
			t.Errorf("a %s is in %d of %d parts", kind, n, len(parts))
		}
	}
	return loads
}

func TestSplitSamples(t *testing.T) {
	g := sample.New(5)
	for i := range 40 {
		whole := g.Bundle(i)
		for _, n := range []int{1, 2, 4, 7} {
			parts, err := sample.Split(whole, n)
			if err != nil || len(parts) != n {
				t.Fatalf("patient %d: %d parts of %d, %v", i, len(parts), n, err)
			}
			loads := checkSplit(t, whole, parts)
			if n <= 4 && slices.Min(loads)*3 < slices.Max(loads) {
				t.Errorf("patient %d in %d parts of %v entries", i, n, loads)
			}
			if t.Failed() {
				t.Fatalf("patient %d of seed 5 in %d parts", i, n)
			}
		}
	}
}

func TestSplitSynthea(t *testing.T) {
	for name, whole := range synthea(t) {
		for _, n := range []int{2, 4} {
			parts, err := sample.Split(whole, n)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if strings.HasPrefix(name, "hospitalInformation") {
				if len(parts) != 1 || !bytes.Equal(parts[0], whole) {
					t.Errorf("the list of hospitals comes back as %d parts", len(parts))
				}
				continue
			}
			loads := checkSplit(t, whole, parts)
			if len(parts) != n || slices.Min(loads) == 0 {
				t.Errorf("a bundle in %d of %d parts of %v entries", len(parts), n, loads)
			}
			if n == 4 {
				t.Logf("%v", loads)
			}
			again, err := sample.Split(whole, n)
			if err != nil || !slices.EqualFunc(parts, again, bytes.Equal) {
				t.Errorf("a second split differs (%v)", err)
			}
		}
	}
}

// made builds a bundle of entries "url kind reference...", all separated by blanks.
func made(entries ...string) []byte {
	var all []string
	for _, e := range entries {
		f := strings.Fields(e)
		refs := make([]string, len(f[2:]))
		for i, to := range f[2:] {
			refs[i] = fmt.Sprintf(`{"reference":%q}`, to)
		}
		all = append(all, fmt.Sprintf(`{"fullUrl":%q,"resource":{"resourceType":%q,"any":[%s]}}`, f[0], f[1], strings.Join(refs, ",")))
	}
	return []byte(`{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join(all, ",") + `]}`)
}

// where tells, for each entry, the parts that it is in.
func where(t *testing.T, bundle []byte, parts int) map[string]string {
	t.Helper()
	out, err := sample.Split(bundle, parts)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for p, part := range out {
		for _, e := range read(t, part).Entry {
			found[e.FullURL] += fmt.Sprint(p)
		}
	}
	return found
}

func TestSplitRules(t *testing.T) {
	for _, c := range []struct {
		rule    string
		entries []string
		want    map[string]string
	}{
		{"groups stay together and the largest goes first",
			[]string{"p Patient", "a Encounter p", "b Encounter p", "c Observation p b", "d Encounter p"},
			map[string]string{"p": "01", "b": "0", "c": "0", "a": "1", "d": "1"}},
		{"a reference is a tie whichever way it points",
			[]string{"p Patient", "a Observation", "b DiagnosticReport a", "c Procedure"},
			map[string]string{"p": "01", "a": "0", "b": "0", "c": "1"}},
		{"shared entries go where they are needed and tie nothing",
			[]string{"p Patient", "o Organization", "l Location o", "a Encounter l", "b Encounter l", "q Organization", "c Encounter b q"},
			map[string]string{"p": "01", "o": "01", "l": "01", "a": "1", "b": "0", "c": "0", "q": "0"}},
		{"what the patient names is everywhere",
			[]string{"o Organization", "d Practitioner", "p Patient d o", "a Encounter", "b Encounter"},
			map[string]string{"o": "01", "d": "01", "p": "01", "a": "0", "b": "1"}},
		{"a device of the patient is hers, and so is what describes it",
			[]string{"p Patient", "e Device p", "x Endpoint e", "a Observation e", "b Observation e", "c Observation x", "d Procedure"},
			map[string]string{"p": "01", "e": "0", "x": "0", "a": "0", "b": "0", "c": "0", "d": "1"}},
		{"shared entries that nobody needs go to the first, complete",
			[]string{"p Patient", "o Organization", "m Organization o", "a Encounter", "b Encounter o"},
			map[string]string{"p": "01", "o": "01", "m": "0", "a": "0", "b": "1"}},
		{"versions, fragments and addresses of a server",
			[]string{"http://h.example/Patient/1 Patient", "http://h.example/Encounter/2 Encounter Patient/1", "c Condition Encounter/2/_history/1", "d Condition",
				"e Procedure d#part"},
			map[string]string{"http://h.example/Patient/1": "01", "http://h.example/Encounter/2": "0", "c": "0", "d": "1", "e": "1"}},
		{"fewer groups than parts",
			[]string{"p Patient", "a Encounter p"},
			map[string]string{"p": "01", "a": "0"}},
	} {
		got := where(t, made(c.entries...), 2)
		for url, parts := range c.want {
			if got[url] != parts {
				t.Errorf("%s: %s is in parts %q, want %q", c.rule, url, got[url], parts)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %d entries, want %d", c.rule, len(got), len(c.want))
		}
	}
}

func TestSplitSeesLinksInNarratives(t *testing.T) {
	const a, b = "urn:uuid:00000000-0000-4000-8000-00000000000a", "urn:uuid:00000000-0000-4000-8000-00000000000b"
	bundle := strings.Replace(string(made("p Patient", a+" Encounter", b+" Composition x", "c Condition")),
		`{"reference":"x"}`, `"<a href=\"`+a+`\">visit<\/a> \u00e9"`, 1)
	if got := where(t, []byte(bundle), 2); got[a] != got[b] || got["c"] == got[a] {
		t.Errorf("parts %v", got)
	}
}

func TestSplitRefuses(t *testing.T) {
	for _, c := range []struct{ what, bundle string }{
		{"nothing", ``}, {"not JSON", `{"resourceType":`}, {"a list", `[]`}, {"another resource", `{"resourceType":"Patient"}`},
		{"another type", `{"resourceType":"Bundle","type":"batch"}`},
		{"another case", `{"ResourceType":"Bundle","Type":"transaction"}`},
		{"entries twice", `{"resourceType":"Bundle","type":"transaction","entry":[],"entry":[]}`},
		{"data behind it", `{"resourceType":"Bundle","type":"transaction"} {}`},
		{"an entry without a resource", `{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"a"}]}`},
		{"an entry that is none", `{"resourceType":"Bundle","type":"transaction","entry":[1]}`},
		{"entries that are none", `{"resourceType":"Bundle","type":"transaction","entry":{}}`},
		{"an address that is none", `{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":1,"resource":{"resourceType":"Patient"}}]}`},
		{"an address of two", string(made("a Patient", "a Encounter"))},
	} {
		if _, err := sample.Split([]byte(c.bundle), 2); err == nil {
			t.Errorf("%s is split", c.what)
		}
	}
	if _, err := sample.Split(made("p Patient"), 0); err == nil {
		t.Error("a bundle is split into no parts")
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(made("p Patient", "a Encounter p", "o Organization", "b Observation a o", "c Condition"), 3)
	f.Add([]byte(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient","x":"\\\"\u0041"}}]}`), 2)
	f.Add(sample.New(1).Bundle(3), 4)
	f.Fuzz(func(t *testing.T, bundle []byte, parts int) {
		parts = min(parts, 8)
		out, err := sample.Split(bundle, parts)
		if err != nil {
			return
		}
		for _, part := range out {
			if _, err := sample.Split(part, 1); err != nil {
				t.Errorf("a part cannot be read: %v", err)
			}
		}
	})
}

func BenchmarkSplit(b *testing.B) {
	whole := sample.New(1).Bundle(0)
	b.SetBytes(int64(len(whole)))
	for b.Loop() {
		if _, err := sample.Split(whole, 4); err != nil {
			b.Fatal(err)
		}
	}
}
