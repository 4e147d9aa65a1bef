package mapping

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/fhir/er7"
	"cairn/fhir/er7/element"
	"cairn/fhir/profile"
	"cairn/fhir/resource"
	"cairn/fhir/search"
)

var update = flag.Bool("update", false, "write the golden files anew")

var received = time.Date(2024, 6, 1, 12, 0, 0, 0, time.UTC)

func sender(t testing.TB) Sender {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return Sender{Name: "north", Zone: zone, Systems: map[string]string{
		"NORTH": "urn:oid:1.2.3.4", "SSA": element.SSN, "LAB": "urn:oid:1.2.3.4.5", "CDCGS1VIS": "urn:oid:2.16.840.1.114222.4.5.307",
	}, Codes: map[string]string{"0001:W": "F"}}
}

// makeID makes short ids that a reader of the golden files can follow. The real
// ones depend on a secret.
func makeID(typ string, parts ...string) string {
	sum := sha256.Sum256([]byte(typ + "\x00" + strings.Join(parts, "\x00")))
	return strings.ToLower(typ[:3]) + "-" + hex.EncodeToString(sum[:4])
}

func read(t testing.TB, file string) *er7.Message {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	m, err := er7.Parse(raw, er7.ASCII)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func caseFor(t testing.TB) Case {
	return Case{Sender: sender(t), Patient: "pat-1", Prior: "pat-2", Received: received, Hash: sha256.Sum256([]byte("message")), ID: makeID}
}

var modes = map[element.Mode]string{element.Replace: "replace", element.Merge: "merge", element.Keep: "keep", element.Patch: "patch"}

// show writes entries for people to read, and sees that each resource is valid.
func show(t testing.TB, entries []Entry) string {
	t.Helper()
	var out strings.Builder
	for _, e := range entries {
		body, err := e.Body()
		if err != nil {
			t.Fatal(err)
		}
		if e.Mode != element.Patch {
			valid(t, body)
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, body, "", " "); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s %s/%s", modes[e.Mode], e.Type, e.ID)
		if len(e.Erase) > 0 {
			fmt.Fprintf(&out, " erase %s", strings.Join(e.Erase, " "))
		}
		fmt.Fprintf(&out, "\n%s\n\n", pretty.String())
	}
	return out.String()
}

func valid(t testing.TB, body []byte) {
	t.Helper()
	doc, err := resource.Parse(body, resource.Limits{})
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	for _, issue := range profile.Check(doc) {
		t.Errorf("%s: %+v in %s", doc.Type(), issue, body)
	}
	index, err := search.Extract(doc)
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if about := index.Subject == "pat-1" || index.Subject == "pat-2"; about == hospital[doc.Type()] {
		t.Errorf("%s is about %q: it would be in no patient's consent: %s", doc.Type(), index.Subject, body)
	}
}

// TestGolden maps each message of testdata and compares with what was made of
// it before; -update writes anew, and you read the diff.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.hl7")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d messages: %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			entries, errs := Map(read(t, name), caseFor(t))
			for _, e := range errs {
				t.Errorf("%d %v", e.Code, e)
			}
			entries = append(entries, Trace(read(t, name), caseFor(t), entries)...)
			have := show(t, entries)
			golden := strings.TrimSuffix(file, ".hl7") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(have), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if have != string(want) {
				t.Errorf("%s has changed:\n%s", name, have)
			}
		})
	}
}

// edit maps a message of testdata after replacing a text in it.
func edit(t *testing.T, file, old, is string) ([]Entry, []*er7.Error) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(raw), old, is, 1)
	if text == string(raw) {
		t.Fatalf("%s does not hold %q", file, old)
	}
	m, err := er7.Parse([]byte(text), er7.ASCII)
	if err != nil {
		t.Fatal(err)
	}
	party, errs := Whom(m, sender(t))
	if len(errs) > 0 || len(party.Patient) == 0 {
		return nil, errs
	}
	return Map(m, caseFor(t))
}

// TestRefused: what is wrong is named by place and code.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		file, old, is string
		at            string
		code          er7.Code
	}{
		"type":               {"adt-a01.hl7", "ADT^A01^ADT_A01", "BAR^P01", "MSH-9.1", er7.UnsupportedType},
		"event":              {"adt-a01.hl7", "ADT^A01^ADT_A01", "ADT^A60", "MSH-9.2", er7.UnsupportedEvent},
		"no patient":         {"adt-a02.hl7", "PID|", "ZID|", "PID", er7.SegmentSequence},
		"two patients":       {"adt-a02.hl7", "PV1|", "PID|2\rPV1|", "PID[2]", er7.SegmentSequence},
		"no identifier":      {"adt-a02.hl7", "100017^^^NORTH^MR", "", "PID-3", er7.RequiredMissing},
		"unknown authority":  {"adt-a02.hl7", "100017^^^NORTH^MR", "100017^^^MARS^MR", "PID-3.4", er7.TableValue},
		"account only":       {"adt-a02.hl7", "100017^^^NORTH^MR", "100017^^^NORTH^AN", "PID-3.4", er7.TableValue},
		"no prior":           {"adt-a40.hl7", "MRG|", "ZRG|", "MRG", er7.SegmentSequence},
		"gender":             {"adt-a08.hl7", "|F||", "|Z||", "PID-8", er7.TableValue},
		"birth date":         {"adt-a08.hl7", "19800317", "1980-03-17", "PID-7", er7.DataType},
		"no visit":           {"adt-a02.hl7", "V4711^^^NORTH^VN", "", "PV1-19", er7.RequiredMissing},
		"class":              {"adt-a02.hl7", "|I|", "|X|", "PV1-2", er7.TableValue},
		"no class":           {"adt-a02.hl7", "|I|", "||", "PV1-2", er7.RequiredMissing},
		"no result status":   {"oru-r01.hl7", "||CH|F|", "||CH||", "OBR-25", er7.RequiredMissing},
		"result status":      {"oru-r01.hl7", "||CH|F|", "||CH|Y|", "OBR-25", er7.TableValue},
		"not a number":       {"oru-r01.hl7", "+148", "many", "OBX[2]-5.1", er7.DataType},
		"no code":            {"oru-r01.hl7", "2951-2^Sodium^LN", "", "OBX[2]-3", er7.RequiredMissing},
		"value type":         {"oru-r01.hl7", "OBX|2|NM|", "OBX|2|XAD|", "OBX[2]-2", er7.TableValue},
		"no value type":      {"oru-r01.hl7", "OBX|2|NM|", "OBX|2||", "OBX[2]-2", er7.RequiredMissing},
		"base 64":            {"oru-r01.hl7", "JVBERi0xLjQK", "JVB*", "OBX[16]-5.5", er7.DataType},
		"encoding":           {"oru-r01.hl7", "^Base64^", "^UU^", "OBX[16]-5.4", er7.TableValue},
		"order number":       {"oru-r01-radiology.hl7", "R-3001^RIS", "", "OBR-3", er7.RequiredMissing},
		"end before start":   {"oru-r01.hl7", "|||20240131130000|", "|||20240131130000|20240131120000", "OBR-8", er7.DataType},
		"no vaccine":         {"vxu-v04.hl7", "110^DTaP-Hep B-IPV^CVX", "", "RXA-5", er7.RequiredMissing},
		"no vaccination":     {"vxu-v04.hl7", "20240310093000", "", "RXA-3", er7.RequiredMissing},
		"no document number": {"mdm-t02.hl7", "D-5001^TRANS", "", "TXA-12", er7.RequiredMissing},
		"completion":         {"mdm-t02.hl7", "||LA|", "||ZZ|", "TXA-17", er7.TableValue},
		"no order control":   {"orm-o01.hl7", "ORC|NW|", "ORC||", "ORC-1", er7.RequiredMissing},
		"no start at all":    {"siu-s12.hl7", "30|min^^UCUM|^^^20240515093000", "||", "SCH-11", er7.RequiredMissing},
		"appointment state":  {"siu-s12.hl7", "|Booked", "|Maybe", "SCH-25", er7.TableValue},
		"nobody takes part":  {"siu-s12.hl7", "7003^Barlow^Owen^^^Dr^^^NORTH", "", "AIP-3", er7.RequiredMissing},
		"no insurer":         {"adt-a01.hl7", "I-77^^^PAYERS^NIIP|Lindenau Mutual", "|", "IN1-3", er7.RequiredMissing},
		"no allergen":        {"adt-a01.hl7", "7980^Penicillin G^RXNORM", "", "AL1-3", er7.RequiredMissing},
	} {
		t.Run(name, func(t *testing.T) {
			entries, errs := edit(t, c.file, c.old, c.is)
			if entries != nil || len(errs) == 0 {
				t.Fatalf("%d entries, no error", len(entries))
			}
			if errs[0].At.String() != c.at || errs[0].Code != c.code {
				t.Errorf("%d %v, want %d at %s", errs[0].Code, errs[0], c.code, c.at)
			}
		})
	}
}

// TestNoValueInErrors: an error names the place, never what stands there.
func TestNoValueInErrors(t *testing.T) {
	_, errs := edit(t, "adt-a08.hl7", "|F||", "|SECRET||")
	if len(errs) != 1 || strings.Contains(errs[0].Error(), "SECRET") {
		t.Errorf("%v", errs)
	}
}

// TestOwnCodes: a code of the sender's own is translated.
func TestOwnCodes(t *testing.T) {
	entries, errs := edit(t, "adt-a08.hl7", "|F||", "|W||")
	if len(errs) > 0 || entries[0].Elements["gender"] != "female" {
		t.Errorf("%v %v", errs, entries)
	}
}

// entryOf finds the entry of a type.
func entryOf(t *testing.T, entries []Entry, typ string) *Entry {
	t.Helper()
	for i := range entries {
		if entries[i].Type == typ {
			return &entries[i]
		}
	}
	t.Fatalf("no %s", typ)
	return nil
}

func mapped(t *testing.T, file string) []Entry {
	t.Helper()
	entries, errs := Map(read(t, file), caseFor(t))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return entries
}

// TestStay follows one visit through admission, transfer, discharge and its
// cancellation, and a patient through a change: the same records change.
func TestStay(t *testing.T) {
	visit, err := entryOf(t, mapped(t, "adt-a01.hl7"), "Encounter").Body()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		file       string
		want, none []string
	}{
		{"adt-a02.hl7", []string{`"status":"in-progress"`, `"display":"W5 501 2"`, `"start":"2024-01-31T11:30:00+01:00"`, `"code":"ATND"`}, nil},
		{"adt-a03.hl7", []string{`"status":"finished"`, `"end":"2024-02-03T09:55:00+01:00"`, `"start":"2024-01-31T11:30:00+01:00"`, `"dischargeDisposition"`, `"code":"AD"`, `"code":"DD"`}, []string{`"status":"active"`}},
		{"adt-a13.hl7", []string{`"status":"in-progress"`, `"start":"2024-01-31T11:30:00+01:00"`}, []string{`"end"`, `"dischargeDisposition"`}},
	} {
		e := entryOf(t, mapped(t, step.file), "Encounter")
		if visit, err = e.Over(visit); err != nil || visit == nil {
			t.Fatalf("%s: %v", step.file, err)
		}
		valid(t, visit)
		for _, w := range step.want {
			if !strings.Contains(string(visit), w) {
				t.Errorf("%s: no %s in %s", step.file, w, visit)
			}
		}
		for _, w := range step.none {
			if strings.Contains(string(visit), w) {
				t.Errorf("%s: %s in %s", step.file, w, visit)
			}
		}
	}
}

// TestPatientKeepsWhatIsNotSent: what the message does not say stays, what it
// erases goes, what it says is laid over.
func TestPatientKeepsWhatIsNotSent(t *testing.T) {
	have := []byte(`{"resourceType":"Patient","id":"pat-1","meta":{"versionId":"3","security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]},` +
		`"identifier":[{"system":"urn:oid:1.2.3.4","value":"100017"},{"system":"urn:x","value":"9"}],"photo":[{"title":"x"}],"telecom":[{"system":"phone","value":"1"}],` +
		`"deceasedBoolean":false,"birthDate":"1980-03-17","_birthDate":{"extension":[{"url":"urn:y","valueString":"z"}]},"name":[{"family":"Hartley"}],"multipleBirthInteger":2}`)
	e := entryOf(t, mapped(t, "adt-a08.hl7"), "Patient")
	is, err := e.Over(have)
	if err != nil {
		t.Fatal(err)
	}
	valid(t, is)
	for _, w := range []string{`"photo"`, `"urn:x"`, `"family":"Hartley-Marsh"`, `"deceasedBoolean":false`, `"multipleBirthInteger":2`, `"code":"R"`} {
		if !strings.Contains(string(is), w) {
			t.Errorf("no %s in %s", w, is)
		}
	}
	for _, w := range []string{`"telecom"`, `"_birthDate"`} {
		if strings.Contains(string(is), w) {
			t.Errorf("%s in %s", w, is)
		}
	}
	if again, err := e.Over(is); err != nil || again != nil {
		t.Errorf("the same message once more changes %s (%v)", again, err)
	}
}

// TestCorrection: a corrected result meets the record of the first, and a
// report keeps the results that the correction does not repeat.
func TestCorrection(t *testing.T) {
	first := mapped(t, "oru-r01.hl7")
	second, errs := edit(t, "oru-r01.hl7", "OBX|1|NM|2345-7^Glucose^LN||98.50", "OBX|1|NM|2345-7^Glucose^LN||89.50")
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for i := range first {
		if first[i].ID != second[i].ID {
			t.Errorf("%s %s became %s", first[i].Type, first[i].ID, second[i].ID)
		}
	}
	report, err := entryOf(t, first, "DiagnosticReport").Body()
	if err != nil {
		t.Fatal(err)
	}
	part, errs := edit(t, "oru-r01.hl7", "OBX|17|NM|1988-5", "OBX|17|NM|1988-6")
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	both, err := entryOf(t, part, "DiagnosticReport").Over(report)
	if n := strings.Count(string(both), `"Observation/`); err != nil || n != 16 {
		t.Errorf("%d results, want 15 and one more (%v)", n, err)
	}
}

// TestAnyField puts values of a pool into every field of every message, three
// of them into each: either it is refused, or what is made of it is valid.
func TestAnyField(t *testing.T) {
	pool := []string{"", `""`, "x", " ", "0", "-1.50", "20240101", "20240101120000", `a  b\.br\c`, "A^B^L^C^D^E", "^only text", "1&2&ISO^^x&1.2.3&ISO^^2024", "N~Y~~x", "F", "N",
		"^^^NORTH&1.2&ISO", "<5", "^>=^1^-^2", "application^pdf^Base64^^QUJD", "99999999999999999999", `\T\\R\`, "\u00fc\u4e16", "   lead", "<script>"}
	files, err := filepath.Glob("testdata/*.hl7")
	if err != nil {
		t.Fatal(err)
	}
	made, refused := 0, 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
		for at := 1; at < len(lines); at++ {
			fields := strings.Split(lines[at], "|")
			for n := 1; n < len(fields)+3; n++ {
				for k := range 3 {
					changed := append(append([]string{}, fields...), "", "", "")
					changed[n] = pool[(at*5+n+k*8)%len(pool)]
					text := strings.Join(lines[:at], "\r") + "\r" + strings.Join(changed, "|") + "\r" + strings.Join(lines[at+1:], "\r")
					if mapsValid(t, text) {
						made++
					} else {
						refused++
					}
				}
			}
		}
	}
	t.Logf("%d messages were mapped, %d refused", made, refused)
	if made < 2000 || refused < 200 {
		t.Errorf("%d mapped, %d refused", made, refused)
	}
}

// mapsValid maps a message and sees that what is made is valid.
func mapsValid(t *testing.T, text string) bool {
	m, err := er7.Parse([]byte(text), er7.UTF8)
	if err != nil {
		return false
	}
	c := caseFor(t)
	if _, errs := Whom(m, c.Sender); len(errs) > 0 {
		return false
	}
	entries, errs := Map(m, c)
	if len(errs) > 0 {
		return false
	}
	for _, e := range append(entries, Trace(m, c, entries)...) {
		body, err := e.Body()
		if err != nil {
			t.Fatal(err)
		}
		if e.Mode != element.Patch {
			valid(t, body)
		}
		if t.Failed() {
			t.Fatalf("of %q", text)
		}
	}
	return true
}

// FuzzMap: whatever a message says, what is made of it is valid, and nothing
// panics.
func FuzzMap(f *testing.F) {
	files, err := filepath.Glob("testdata/*.hl7")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := er7.Parse(raw, er7.UTF8)
		if err != nil {
			return
		}
		c := caseFor(t)
		Whom(m, c.Sender)
		entries, errs := Map(m, c)
		for _, e := range errs {
			if e.Text == "" || e.Code < 100 {
				t.Fatalf("%+v", e)
			}
		}
		if len(errs) == 0 {
			entries = append(entries, Trace(m, c, entries)...)
		}
		for _, e := range entries {
			body, err := e.Body()
			if err != nil {
				t.Fatal(err)
			}
			if e.Mode != element.Patch {
				valid(t, body)
			}
			if _, err := e.Over(body); err != nil {
				t.Fatal(err)
			}
		}
	})
}
