package resource

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestStamp(t *testing.T) {
	for _, c := range []struct{ what, in, out string }{
		{
			"nothing there, compact",
			`{"resourceType":"Patient","active":true}`,
			`{"resourceType":"Patient","id":"x","meta":{"versionId":"2","lastUpdated":"T"},"active":true}`,
		},
		{
			"nothing there, indented",
			"{\n  \"resourceType\": \"Patient\",\n  \"active\": true\n}\n",
			"{\n  \"resourceType\": \"Patient\",\n  \"id\": \"x\",\n  \"meta\": {\"versionId\": \"2\", \"lastUpdated\": \"T\"},\n  \"active\": true\n}\n",
		},
		{
			"nothing but the type",
			`{"resourceType":"Patient"}`,
			`{"resourceType":"Patient","id":"x","meta":{"versionId":"2","lastUpdated":"T"}}`,
		},
		{
			"the type not in front",
			"{ \"active\": true, \"resourceType\": \"Patient\" }",
			"{ \"id\": \"x\", \"meta\": {\"versionId\": \"2\", \"lastUpdated\": \"T\"}, \"active\": true, \"resourceType\": \"Patient\" }",
		},
		{
			"all there, in odd places",
			`{"meta":{"lastUpdated":"2001-01-01T00:00:00Z","tag":[{"code":"k"}],"versionId":"1"},"active":true,"id":"old","resourceType":"Patient"}`,
			`{"meta":{"lastUpdated":"T","tag":[{"code":"k"}],"versionId":"2"},"active":true,"id":"x","resourceType":"Patient"}`,
		},
		{
			"meta with other members",
			"{\"resourceType\":\"Patient\",\"id\":\"old\",\"meta\":{\n\t\"source\": \"s\"\n}}",
			"{\"resourceType\":\"Patient\",\"id\":\"x\",\"meta\":{\n\t\"versionId\": \"2\",\n\t\"lastUpdated\": \"T\",\n\t\"source\": \"s\"\n}}",
		},
		{
			"id there, meta not",
			`{"resourceType":"Patient","id":"old","active":true}`,
			`{"resourceType":"Patient","meta":{"versionId":"2","lastUpdated":"T"},"id":"x","active":true}`,
		},
		{
			"names spelled with escapes",
			`{"resourceType":"Patient","\u0069d":"old","m\u0065ta":{"v\u0065rsionId":"1"}}`,
			`{"resourceType":"Patient","\u0069d":"x","m\u0065ta":{"lastUpdated":"T","v\u0065rsionId":"2"}}`,
		},
		{
			"contained resources keep theirs",
			`{"resourceType":"Patient","contained":[{"resourceType":"Group","id":"g","meta":{"versionId":"1"}}],"id":"old"}`,
			`{"resourceType":"Patient","meta":{"versionId":"2","lastUpdated":"T"},"contained":[{"resourceType":"Group","id":"g","meta":{"versionId":"1"}}],"id":"x"}`,
		},
	} {
		d, err := Parse([]byte(c.in), Limits{})
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		if got := string(Stamp(d, "x", "2", "T")); got != c.out {
			t.Errorf("%s:\n got %s\nwant %s", c.what, got, c.out)
		}
		if string(d.Raw()) != c.in {
			t.Errorf("%s: the received bytes changed", c.what)
		}
	}
}

func TestStampCannotBeBrokenOutOf(t *testing.T) {
	d := sample(t)
	out := Stamp(d, `a","x":"b`, "1\\", "\x01")
	if _, err := strict(out); err != nil {
		t.Errorf("stamping with quotes: %v", err)
	}
}

// TestStampKeepsEveryOtherByte stamps every Synthea resource, as received and made compact. All other members are
// byte for byte the same, so no decimal has lost a digit.
func TestStampKeepsEveryOtherByte(t *testing.T) {
	decimals := 0
	eachResource(t, func(raw []byte) {
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			t.Fatal(err)
		}
		for _, in := range [][]byte{raw, compact.Bytes()} {
			d, err := Parse(in, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			out := Stamp(d, "an-id", "7", "2021-03-04T05:06:07.008Z")
			if err := stamped(d, out); err != nil {
				t.Fatalf("%s: %v", d.Type(), err)
			}
			s, _ := Parse(out, Limits{})
			was, is := numbers(d), numbers(s)
			if was != is {
				t.Errorf("%s: numbers changed", d.Type())
			}
			decimals += strings.Count(is, ".")
		}
	})
	if decimals == 0 {
		t.Error("no decimal was looked at")
	}
}

func numbers(d *Doc) string {
	var all strings.Builder
	for i := range d.nodes {
		if n := (Node{d, uint32(i)}); n.Kind() == Number {
			fmt.Fprintf(&all, "%s ", n.Raw())
		}
	}
	return all.String()
}

const transaction = `{"resourceType":"Bundle","type":"transaction","entry":[
 {"fullUrl":"urn:uuid:p","resource":{"resourceType":"Patient","identifier":[{"system":"urn:oid:1.2","value":"urn:uuid:p"}]}},
 {"resource":{"resourceType":"Observation","subject":{"reference":"urn:uuid:p"},"valueString":"urn:uuid:p",
  "contained":[{"resourceType":"Device","id":"d","patient":{"reference":"urn:uuid\u003ap"}}],
  "extension":[{"url":"urn:uuid:p","valueReference":{"reference":"urn:uuid:q"}},{"url":"http://a.example","valueUri":"urn:uuid:p"}],
  "device":{"reference":"#d"}}},
 {"resource":{"resourceType":"DetectedIssue","reference":"urn:uuid:p","identifiedDateTime":"2020"}},
 {"resource":{"resourceType":"Immunization","education":[{"reference":"urn:uuid:p"}]}},
 {"resource":{"resourceType":"Measure","group":[{"population":[{"criteria":{"language":"text/cql","reference":"urn:uuid:p"}}]}]}}]}`

func TestRewrite(t *testing.T) {
	d, err := Parse([]byte(transaction), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	out := string(Rewrite(d, func(reference string) (string, bool) { return "Patient/7", reference == "urn:uuid:p" }))
	want := strings.Replace(transaction, `"subject":{"reference":"urn:uuid:p"}`, `"subject":{"reference":"Patient/7"}`, 1)
	want = strings.Replace(want, `urn:uuid\u003ap`, "Patient/7", 1)
	if out != want {
		t.Errorf("got %s", out)
	}
}

func TestReferences(t *testing.T) {
	d, err := Parse([]byte(transaction), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for where, reference := range d.References() {
		got = append(got, where+" "+reference)
	}
	want := []string{
		"Bundle.entry[1].resource.subject.reference urn:uuid:p",
		"Bundle.entry[1].resource.contained[0].patient.reference urn:uuid:p",
		"Bundle.entry[1].resource.extension[0].valueReference.reference urn:uuid:q",
		"Bundle.entry[1].resource.device.reference #d",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for range d.References() {
		break
	}
}

// TestRewriteSynthea resolves every transaction: afterwards no reference is a urn, and undoing it gives back the bytes.
func TestRewriteSynthea(t *testing.T) {
	all := map[string]string{}
	var bundles []*Doc
	for name, raw := range synthea(t) {
		d, err := Parse(raw, Limits{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for entry := range d.Root().Get("entry").Items() {
			url, _ := entry.Get("fullUrl").Text()
			typ, _ := entry.Get("resource").Get("resourceType").Text()
			id, _ := entry.Get("resource").Get("id").Text()
			all[url] = typ + "/" + id
		}
		bundles = append(bundles, d)
	}
	back := map[string]string{}
	for url, target := range all {
		back[target] = url
	}
	for _, d := range bundles {
		out, err := Parse(Rewrite(d, func(r string) (string, bool) { to, ok := all[r]; return to, ok }), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for where, reference := range out.References() {
			if strings.HasPrefix(reference, "urn:") {
				t.Errorf("%s is unresolved", where)
			}
		}
		if undone := Rewrite(out, func(r string) (string, bool) { to, ok := back[r]; return to, ok }); !bytes.Equal(undone, d.Raw()) {
			t.Error("undoing the rewriting does not give back the bytes")
		}
	}
}

func TestTarget(t *testing.T) {
	for _, c := range []struct {
		reference string
		want      string
	}{
		{"Patient/1", "Patient 1 local"},
		{"Patient/1/_history/3", "Patient 1 local"},
		{"https://a.example/fhir/Patient/1", "Patient 1 remote"},
		{"http://a.example/Patient/1/_history/3", "Patient 1 remote"},
		{"https://Patient/1", "Patient 1 remote"},
		{"fhir/Patient/1", "-"},
		{"/Patient/1", "-"},
		{"ftp://a.example/Patient/1", "-"},
		{"Patient", "-"},
		{"Patient/", "-"},
		{"Person/a b", "-"},
		{"Nothing/1", "-"},
		{"Patient/1/_history/", "-"},
		{"urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", "-"},
		{"#p", "-"},
		{"", "-"},
	} {
		got := "-"
		if typ, id, local, ok := Target(c.reference); ok {
			got = fmt.Sprint(typ, " ", id, map[bool]string{true: " local", false: " remote"}[local])
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.reference, got, c.want)
		}
	}
}
