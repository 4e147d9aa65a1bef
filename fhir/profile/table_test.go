package profile

import (
	"regexp"
	"strings"
	"testing"

	"cairn/test/generator"
)

// TestTableIsGenerated compares the table with what its generator writes.
func TestTableIsGenerated(t *testing.T) {
	generator.Same(t, "r4.txt", "9df8366aa60d3e88b7364b8e2096cb5e3e30f0e803724829cb588fb62381e1f2")
	generator.Compare(t, "r4.txt")
}

// TestFormatsAsR4 compares each format with R4's own regular expression on texts that are nearly right. Where ours is
// stricter, stricter says why.
func TestFormatsAsR4(t *testing.T) {
	stricter := map[string]string{
		"2020-02-30": "no such day", "2020-02-30T00:00:00Z": "no such day", "4294967296": "more than 32 bits", "-4294967296": "more than 32 bits",
		"a\u0001": "a control character", "YWJ=YWJj": "padding in the middle", "": "empty", "====": "padding only", "Y===": "too much padding",
	}
	texts := []string{
		"", "a", "A", "0", "00", "01", "1", "-1", "+1", "1.0", "1.", ".5", "1e5", "1E-5", "1e", "-0", "-0.0", "4294967296", "-4294967296", "2147483647",
		"true", "True", " a", "a ", "a b", "a  b", "a\nb", "a\u0001", "\u00e4", "a-b.c", strings.Repeat("a", 64), strings.Repeat("a", 65),
		"2020", "0000", "0001", "2020-1", "2020-13", "2020-02", "2020-02-29", "2020-02-30", "2020-02-32", "2020-01-01T10", "2020-01-01T10:00", "2020-01-01T10:00:00",
		"2020-01-01T10:00:00Z", "2020-01-01T24:00:00Z", "2020-01-01T10:00:60Z", "2020-01-01T10:00:61Z", "2020-01-01T10:00:00.123456+14:00", "2020-01-01T10:00:00+14:01",
		"2020-01-01T10:00:00.Z", "2020-02-30T00:00:00Z", "10:00", "10:00:00", "24:00:00", "10:60:00", "10:00:60", "10:00:00.5", "10:00:00.", "10:00:00Z",
		"urn:oid:1.2", "urn:oid:3.2", "urn:oid:1", "urn:oid:1.02", "urn:oid:1.2.", "urn:oid:1.2.840", "1.2", "urn:oid:11.2",
		"urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "urn:uuid:C757873D-ec9a-4326-a141-556f43239520", "urn:uuid:c757873dec9a4326a141556f43239520",
		"YWJj", "YWI=", "YQ==", "YWJ", "YWJ=YWJj", "YWJj\nYWJj", "Y W J j", "YWJ-", "====", "Y===", "http://a.example/b|1", "http://a.example/b c",
	}
	for name, s := range tables().shapes {
		if s.Kind != Primitive || s.Regex == "" {
			continue
		}
		re, err := regexp.Compile(`^(?:` + s.Regex + `)$`)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, text := range texts {
			ours, theirs := s.Accepts([]byte(text)), re.MatchString(text)
			if ours == theirs || theirs && stricter[text] != "" || looser[name+" "+text] {
				continue
			}
			t.Errorf("%s %q: ours %v, R4's expression %v", name, text, ours, theirs)
		}
	}
}

// looser is where R4's expression refuses what its text allows.
var looser = map[string]bool{
	"base64Binary Y W J j": true, // white space anywhere, RFC 2045; the expression wants groups of four
}
