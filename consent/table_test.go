package consent

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"cairn/fhir/resource"
)

// The truth tables are the files testdata/*.txt. A file defines consents by name
// and then gives rows, each a sentence and a line of four columns:
//
//	let labs
//	  permit org=east purpose=TREAT code=laboratory
//	    deny data=Observation/9
//
//	The hospital that was allowed laboratory results reads one.
//	  labs | east TREAT | Observation/1 category=laboratory | PERMIT yes consent.permit:provision
//
// The columns are the consents ("a + b", "a!stopped", "a!uncommitted", "none"),
// the asker, the item ("search" for none), and what must come out: the outcome,
// whether it is allowed, the rule and for some rows the number of the grant.
// Every row with an item also checks that the filter of the same search gives
// the same answer. README in testdata lists the words.

const tableHome = "north"

var tablePolicy = Policy{
	Home: tableHome, Purposes: []string{"TREAT", "HPAYMT", "HOPERAT"},
	Withheld: []Withheld{{"psychotherapy-notes", PsychotherapyNotes, "they are the therapist's."}, {"endangering", Endangering, "it could endanger somebody."}},
}

type row struct {
	line                   int
	sentence               string
	consents, ask, item    string
	outcome, allowed, rule string
	grant                  string
}

type table struct {
	terms map[string]Terms
	rows  []row
}

func TestTruthTables(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no truth tables: %v", err)
	}
	total, sentences := 0, make(map[string]string)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			tab := readTable(t, file)
			for _, r := range tab.rows {
				if where, twice := sentences[r.sentence]; twice {
					t.Errorf("%s:%d: the sentence stands at %s already", file, r.line, where)
				}
				sentences[r.sentence] = fmt.Sprintf("%s:%d", file, r.line)
				checkRow(t, file, &tab, r)
			}
			total += len(tab.rows)
		})
	}
	t.Logf("%d rows", total)
	if total < 80 {
		t.Errorf("only %d rows", total)
	}
}

func checkRow(t *testing.T, file string, tab *table, r row) {
	t.Helper()
	grants, err := tab.grants(r.consents)
	if err != nil {
		t.Errorf("%s:%d: %v", file, r.line, err)
		return
	}
	ask, err := parseAsk(r.ask, r.item)
	if err != nil {
		t.Errorf("%s:%d: %v", file, r.line, err)
		return
	}
	d := Decide(ask, grants, tablePolicy)
	got := fmt.Sprintf("%s %s %s", d.Outcome, yesNo(d.Allowed), d.Rule)
	if want := fmt.Sprintf("%s %s %s", r.outcome, r.allowed, r.rule); got != want {
		t.Errorf("%s:%d: %s\n got %s\nwant %s", file, r.line, r.sentence, got, want)
	}
	if r.grant != "" && d.Grant != r.grant {
		t.Errorf("%s:%d: %s: grant %q, want %q", file, r.line, r.sentence, d.Grant, r.grant)
	}
	if ask.Item != nil {
		search := ask
		search.Item = nil
		if m := Decide(search, grants, tablePolicy).Filter.Match(*ask.Item); m != d.Allowed {
			t.Errorf("%s:%d: %s: the filter says %v, the decision %v", file, r.line, r.sentence, m, d.Allowed)
		}
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func readTable(t *testing.T, file string) table {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tab := table{terms: make(map[string]Terms)}
	var sentence, name string
	var body []string
	define := func(line int) {
		if name == "" {
			return
		}
		terms, err := compileText(t, name, body)
		if err != nil {
			t.Fatalf("%s:%d: consent %s: %v", file, line, name, err)
		}
		tab.terms[name], name, body = terms, "", nil
	}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text := lines.Text()
		indented := strings.HasPrefix(text, "  ")
		switch {
		case strings.TrimSpace(text) == "" || strings.HasPrefix(text, "#"):
			define(n)
		case strings.HasPrefix(text, "let "):
			define(n)
			name = strings.TrimPrefix(text, "let ")
		case indented && name != "":
			body = append(body, text)
		case indented:
			r, err := parseRow(n, sentence, text)
			if err != nil {
				t.Fatalf("%s:%d: %v", file, n, err)
			}
			tab.rows, sentence = append(tab.rows, r), ""
		default:
			if sentence != "" {
				t.Fatalf("%s:%d: a sentence without a row", file, n)
			}
			sentence = text
		}
	}
	define(0)
	return tab
}

func parseRow(line int, sentence, text string) (row, error) {
	cols := strings.Split(text, "|")
	if len(cols) != 4 || !strings.HasSuffix(sentence, ".") {
		return row{}, fmt.Errorf("a row is a sentence and four columns")
	}
	want := strings.Fields(cols[3])
	if len(want) < 3 || len(want) > 4 {
		return row{}, fmt.Errorf("the last column is an outcome, yes or no, a rule and perhaps a grant")
	}
	r := row{line, sentence, strings.TrimSpace(cols[0]), cols[1], cols[2], want[0], want[1], want[2], ""}
	if len(want) == 4 {
		r.grant = want[3]
	}
	return r, nil
}

func (tab *table) grants(text string) ([]Grant, error) {
	if text == "none" {
		return nil, nil
	}
	var out []Grant
	named := make(map[string]Grant)
	for i, part := range strings.Split(text, " + ") {
		name, fact, _ := strings.Cut(part, "!")
		terms, ok := tab.terms[name]
		if !ok {
			return nil, fmt.Errorf("no consent %q", name)
		}
		g := Grant{Ref: fmt.Sprint(i + 1), Terms: terms, Facts: Facts{Committed: fact != "uncommitted", Stopped: fact == "stopped"}}
		if n, ok := strings.CutPrefix(fact, "used="); ok {
			g.Facts.Used, _ = strconv.ParseInt(n, 10, 64)
		}
		if ref, _ := terms.Under(); ref != "" {
			if parent, ok := named[ref]; ok {
				g.Under = &parent
			}
		}
		out = append(out, g)
		g.Ref = name
		named[name] = g
	}
	return out, nil
}

// words splits a column into its plain words and its key=value pairs.
func words(text string) (plain []string, pairs map[string]string) {
	pairs = make(map[string]string)
	for _, w := range strings.Fields(text) {
		if k, v, ok := strings.Cut(w, "="); ok {
			pairs[k] = v
		} else {
			plain = append(plain, w)
		}
	}
	return plain, pairs
}

func parseAsk(text, item string) (Ask, error) {
	plain, pairs := words(text)
	if len(plain) < 2 {
		return Ask{}, fmt.Errorf("an asker is an organisation and a purpose, or - for what is not known")
	}
	known := func(s string) string { return strings.TrimPrefix(s, "-") }
	org := known(plain[0])
	a := Ask{
		Actor:  Actor{Organisation: org, Person: org + "/Practitioner/1", Role: "doctor", Teams: []string{}},
		Action: Access, Purpose: purposeText(known(plain[1])), Now: 1780315200000, // 2026-06-01T12:00:00Z
	}
	for _, w := range plain[2:] {
		switch w {
		case "subject":
			a.Actor.Subject = true
		case "acting":
			a.Actor.Acting = true
		default:
			a.Action = 0
			for i, code := range actionCodes {
				if code == w {
					a.Action = Action(i)
				}
			}
		}
	}
	for k, v := range pairs {
		switch k {
		case "person":
			a.Actor.Person = known(v)
		case "role":
			a.Actor.Role = known(v)
		case "teams":
			if a.Actor.Teams = strings.Split(v, ","); v == "-" {
				a.Actor.Teams = nil
			}
		case "now":
			lo, _, ok := resource.ParseDate(v)
			if !ok {
				return Ask{}, fmt.Errorf("now=%s", v)
			}
			a.Now = lo
		default:
			return Ask{}, fmt.Errorf("an asker has no %s", k)
		}
	}
	if strings.TrimSpace(item) == "search" {
		return a, nil
	}
	it, err := parseItem(item)
	a.Item = &it
	return a, err
}

// purposeText writes out "my:Audit7", a purpose of another code system.
func purposeText(word string) string {
	if c := codingList(PurposeSystem, word)[0]; c.System != PurposeSystem {
		return c.System + "|" + c.Code
	}
	return word
}

func parseItem(text string) (Item, error) {
	plain, pairs := words(text)
	if len(plain) != 1 {
		return Item{}, fmt.Errorf("an item is Type/id and pairs")
	}
	it := Item{References: []string{}, Authors: []string{}, Codes: []Coding{}, Categories: []Coding{}}
	it.Type, it.ID, _ = strings.Cut(plain[0], "/")
	for k, v := range pairs {
		var err error
		switch k {
		case "category":
			it.Categories = codingsOrUnknown(ObservationCategory, v)
		case "code":
			it.Codes = codingsOrUnknown("http://loinc.org", v)
		case "label":
			it.Labels = labelList(v)
		case "date":
			it.Lo, it.Hi, err = spanOf(v)
		case "source":
			it.Source = v
		case "author":
			it.Authors = listOrUnknown(v)
		case "refs":
			it.References = listOrUnknown(v)
		default:
			err = fmt.Errorf("an item has no %s", k)
		}
		if err != nil {
			return Item{}, err
		}
	}
	return it, nil
}

func listOrUnknown(v string) []string {
	if v == "?" {
		return nil
	}
	return strings.Split(v, ",")
}

func codingsOrUnknown(system, v string) []Coding {
	if v == "?" {
		return nil
	}
	return codingList(system, v)
}

// codingList reads codes; "x:c" has the system of that short name and ":c" none.
func codingList(system, text string) (out []Coding) {
	for _, code := range strings.Split(text, ",") {
		s := system
		if short, rest, ok := strings.Cut(code, ":"); ok {
			s, code = shortSystems[short], rest
		}
		out = append(out, Coding{s, code})
	}
	return out
}

var shortSystems = map[string]string{
	"": "", "loinc": "http://loinc.org", "sct": "http://snomed.info/sct", "cat": ObservationCategory,
	"v3": PurposeSystem, "my": "http://example.org/policies/purposeOfUse", "conf": ConfidentialitySystem,
	"act": SensitivitySystem, "type": typeSystem, "part": participationSystem, "role": RoleSystem,
	"cond": "http://terminology.hl7.org/CodeSystem/condition-category", "mime": "urn:ietf:bcp:13", "do": actionSystem,
}

// labelList reads labels: one letter is a confidentiality, more a sensitivity.
func labelList(text string) (out []Coding) {
	for _, code := range strings.Split(text, ",") {
		system := SensitivitySystem
		if len(code) == 1 {
			system = ConfidentialitySystem
		}
		out = append(out, codingList(system, code)...)
	}
	return out
}

func spanOf(text string) (lo, hi int64, err error) {
	from, to, ok := strings.Cut(text, "..")
	if !ok {
		to = from
	}
	lo, hi = resource.Past, resource.Future
	good := true
	if from != "" {
		lo, _, good = resource.ParseDate(from)
	}
	if to != "" && good {
		_, hi, good = resource.ParseDate(to)
	}
	if !good {
		return 0, 0, fmt.Errorf("date %q", text)
	}
	return lo, hi, nil
}

// readShared reads one of the IHE PCF example Consents.
func readShared(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "shared", "data", "pcf", name))
	if err != nil {
		t.Fatalf("the IHE PCF examples are read from shared/data/pcf beside the project's root: %v", err)
	}
	return raw
}
