package markup_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"cairn/fhir/markup"
)

// ours tells a document as one line a token, text that follows text joined.
func ours(raw []byte) (out []string, err error) {
	r := markup.New(raw, markup.Limits{})
	for {
		kind, err := r.Next()
		if err != nil {
			return out, err
		}
		switch kind {
		case markup.End:
			return out, nil
		case markup.Open:
			out = append(out, fmt.Sprintf("open %q %q", r.Space, r.Local))
			for _, a := range r.Attrs {
				out = append(out, fmt.Sprintf("attr %q %q", a.Space, a.Local))
			}
		case markup.Close:
			out = append(out, fmt.Sprintf("close %q %q", r.Space, r.Local))
		case markup.Text:
			out = appendText(out, r.Text)
		}
	}
}

func appendText(out []string, text []byte) []string {
	if len(text) == 0 {
		return out
	}
	if last := len(out) - 1; last >= 0 && strings.HasPrefix(out[last], "text ") {
		out[last] += string(text)
		return out
	}
	return append(out, "text "+string(text))
}

// theirs is the same by the standard library.
func theirs(raw []byte) (out []string, err error) {
	d := xml.NewDecoder(bytes.NewReader(raw))
	for depth := 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			depth++
			out = append(out, fmt.Sprintf("open %q %q", token.Name.Space, token.Name.Local))
			for _, a := range token.Attr {
				if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
					continue
				}
				space := a.Name.Space
				if space == "xml" {
					space = "http://www.w3.org/XML/1998/namespace"
				}
				out = append(out, fmt.Sprintf("attr %q %q", space, a.Name.Local))
			}
		case xml.EndElement:
			depth--
			out = append(out, fmt.Sprintf("close %q %q", token.Name.Space, token.Name.Local))
		case xml.CharData:
			if depth > 0 {
				out = appendText(out, token)
			}
		}
	}
}

var samples = []string{
	`<a/>`, `<a b="c" xmlns="urn:x" d='e'>f&lt;&#65;<![CDATA[<g>]]><!-- h --></a>`, `<p:a xmlns:p="urn:p" p:b="c"><b xml:lang="de"/></p:a>`,
	"<?xml version=\"1.0\" encoding='UTF-8'?>\n<a>\r\n</a>\n", `<a><b xmlns="urn:1"><c xmlns=""/></b></a>`, "\xef\xbb\xbf<a/>",
}

// TestAsTheStandardLibrary compares with encoding/xml, which accepts more, on what both accept.
func TestAsTheStandardLibrary(t *testing.T) {
	for _, text := range samples {
		compare(t, []byte(strings.TrimPrefix(text, "\xef\xbb\xbf")))
		if _, err := ours([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func compare(t *testing.T, raw []byte) {
	t.Helper()
	have, err := ours(raw)
	if err != nil {
		return
	}
	want, err := theirs(raw)
	if err != nil {
		t.Fatalf("we accept what encoding/xml refuses (%v): %q", err, raw)
	}
	if fmt.Sprint(have) != fmt.Sprint(want) {
		t.Fatalf("%q\nhave %q\nwant %q", raw, have, want)
	}
}

func FuzzReader(f *testing.F) {
	for _, text := range samples {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { compare(t, bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))) })
}

func TestReaderRefuses(t *testing.T) {
	many := strings.Repeat(` a="b"`, 2)
	for what, text := range map[string]string{
		"nothing": "", "no element": "<!-- a -->", "a second root": "<a/><b/>", "text outside": "<a/>b", "an undeclared prefix": "<p:a/>",
		"an undeclared prefix of an attribute": `<a p:b="c"/>`, "an attribute twice": "<a" + many + "/>", "a declaration twice": `<a xmlns="a" xmlns="b"/>`,
		"an attribute twice by namespace": `<a xmlns:p="u" xmlns:q="u" p:b="" q:b=""/>`, "a prefix for nothing": `<a xmlns:p=""/>`,
		"the prefix xmlns": `<a xmlns:xmlns="u"/>`, "the prefix xml for another": `<a xmlns:xml="u"/>`, "another prefix for xml": `<a xmlns:p="http://www.w3.org/XML/1998/namespace"/>`,
		"no white space between attributes": `<a b="c"d="e"/>`, "less-than in an attribute": `<a b="<"/>`, "no quotes": `<a b=c/>`, "no value": `<a b/>`,
		"two hyphens in a comment": "<a><!-- -- --></a>", "the end of CDATA in text": "<a>]]></a>", "CDATA outside": "<![CDATA[a]]><a/>",
		"a document type": "<!DOCTYPE a><a/>", "a processing instruction": "<a><?b?></a>", "a declaration inside": `<a><?xml version="1.0"?></a>`,
		"an entity": "<a>&b;</a>", "an ampersand": "<a>&</a>", "a surrogate": "<a>&#xD800;</a>", "a number with a sign": "<a>&#+65;</a>", "a name with two colons": "<a:b:c/>",
		"a name that is not ASCII": "<ä/>", "an end without a start": "</a>", "an end of another": "<a></b>", "no end": "<a>",
	} {
		if _, err := ours([]byte(text)); err == nil {
			t.Errorf("accepted %s: %s", what, text)
		}
	}
}

// TestDeep reads what no parser should follow down.
func TestDeep(t *testing.T) {
	r := markup.New(bytes.Repeat([]byte("<a>"), 3_000_000), markup.Limits{})
	for n := 1; ; n++ {
		if _, err := r.Next(); err != nil {
			if n != 65 {
				t.Errorf("stopped at token %d: %v", n, err)
			}
			return
		}
	}
}

func BenchmarkReader(b *testing.B) {
	raw := []byte("<a>" + strings.Repeat(`<b value="text of a usual length"><c id="1"/></b>`, 1000) + "</a>")
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	var r markup.Reader
	for b.Loop() {
		r.Reset(raw, markup.Limits{})
		for {
			kind, err := r.Next()
			if err != nil {
				b.Fatal(err)
			}
			if kind == markup.End {
				break
			}
		}
	}
}
