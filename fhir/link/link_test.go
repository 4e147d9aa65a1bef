package link

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cairn/fhir/resource"
)

const placeholder = "urn:uuid:6f1c2d3e-0001-4000-8000-000000000001"

func to(link string) (string, bool) { return "Patient/7", link == placeholder }

func TestRewrite(t *testing.T) {
	for _, c := range []struct{ name, have, want string }{
		{"a uri", `"photo":[{"url":"LINK"}]`, `"photo":[{"url":"Patient/7"}]`},
		{"a uri in an extension, and its own url", `"extension":[{"url":"LINK","valueUri":"LINK"}]`, `"extension":[{"url":"LINK","valueUri":"Patient/7"}]`},
		{"an extension of a primitive", `"_birthDate":{"extension":[{"url":"urn:x","valueUrl":"LINK"}]}`, `"_birthDate":{"extension":[{"url":"urn:x","valueUrl":"Patient/7"}]}`},
		{"a canonical, a uuid, a string, a markdown", `"extension":[{"url":"urn:x","valueCanonical":"LINK"},{"url":"urn:x","valueUuid":"LINK"},{"url":"urn:x","valueString":"LINK"},{"url":"urn:x","valueMarkdown":"[x](LINK)"}]`, ""},
		{"an identifier's value is a string", `"identifier":[{"system":"urn:ietf:rfc:3986","value":"LINK"}]`, ""},
		{"a reference is not this package's", `"managingOrganization":{"reference":"LINK"}`, ""},
		{"a contained resource", `"contained":[{"resourceType":"Patient","id":"a","photo":[{ "url" : "LINK" }]}]`, `"contained":[{"resourceType":"Patient","id":"a","photo":[{ "url" : "Patient/7" }]}]`},
		{"an escaped one", `"photo":[{"url":"urn\u003auuid:6f1c2d3e-0001-4000-8000-000000000001"}]`, `"photo":[{"url":"Patient/7"}]`},
		{"another link", `"photo":[{"url":"urn:uuid:6f1c2d3e-0001-4000-8000-000000000002"}]`, ""},
		{
			"the narrative", `"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><a title='LINK' href = 'LINK'>LINK</a><img src=\"LINK\" alt=\"LINK\"/><abbr href=\"LINK\"/></div>"}`,
			`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><a title='LINK' href = 'Patient/7'>LINK</a><img src=\"Patient/7\" alt=\"LINK\"/><abbr href=\"LINK\"/></div>"}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := func(inner string) string {
				return `{"resourceType":"Patient",` + strings.ReplaceAll(inner, "LINK", placeholder) + `,"active":true}`
			}
			want := text(c.want)
			if c.want == "" {
				want = text(c.have)
			}
			doc, err := resource.Parse([]byte(text(c.have)), resource.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			got, changed := Rewrite(doc, to)
			if string(got) != want || changed != (c.want != "") {
				t.Errorf("changed: %t\n got %s\nwant %s", changed, got, want)
			}
		})
	}
}

// FuzzRewrite: whatever is parsed is still a resource of the same type
// afterwards, and nothing is left to replace.
func FuzzRewrite(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Patient","photo":[{"url":"` + placeholder + `"}],"text":{"div":"<div><a href='` + placeholder + `'/></div>"}}`))
	f.Add([]byte(`{"resourceType":"Patient","text":{"div":"<a href=<img src='` + placeholder + `' <a"}}`))
	files, _ := filepath.Glob("../../../shared/data/pcf/*.json")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		doc, err := resource.Parse(raw, resource.Limits{})
		if err != nil {
			return
		}
		once, _ := Rewrite(doc, to)
		again, err := resource.Parse(once, resource.Limits{})
		if err != nil || again.Type() != doc.Type() {
			t.Fatalf("%v: %s", err, once)
		}
		if _, more := Rewrite(again, to); more {
			t.Errorf("there is more to replace: %s", once)
		}
	})
}
