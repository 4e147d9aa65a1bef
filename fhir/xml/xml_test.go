package xml_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"cairn/fhir/markup"
	"cairn/fhir/resource"
	"cairn/fhir/xml"
)

const ns = ` xmlns="http://hl7.org/fhir"`

func TestDecode(t *testing.T) {
	for _, c := range []struct{ what, text, want string }{
		{"declaration, comments, white space", "<?xml version='1.0' encoding=\"utf-8\"?>\n<!-- a -->\n<Patient" + ns + ">\n <!-- b --><active value=\"true\"/>\n</Patient> <!-- c -->",
			`{"resourceType":"Patient","active":true}`},
		{"a prefix for FHIR", `<f:Patient xmlns:f="http://hl7.org/fhir"><f:gender value="male"/></f:Patient>`, `{"resourceType":"Patient","gender":"male"}`},
		{"lists of objects and primitives", "<Patient" + ns + `><name><family value="A"/><given value="b"/><given value="c"/></name><name><text value="d"/></name></Patient>`,
			`{"resourceType":"Patient","name":[{"family":"A","given":["b","c"]},{"text":"d"}]}`},
		{"id and extension of a primitive", "<Patient" + ns + `><birthDate id="x" value="1970"><extension url="http://a.example"><valueBoolean value="false"/></extension></birthDate></Patient>`,
			`{"resourceType":"Patient","birthDate":"1970","_birthDate":{"id":"x","extension":[{"url":"http://a.example","valueBoolean":false}]}}`},
		{"extensions in a list of primitives", "<Patient" + ns + `><name><given value="a"/><given id="n"/><given value="b"/></name></Patient>`,
			`{"resourceType":"Patient","name":[{"given":["a",null,"b"],"_given":[null,{"id":"n"},null]}]}`},
		{"a list of primitives without any value", "<Patient" + ns + `><name><given id="n"/></name></Patient>`,
			`{"resourceType":"Patient","name":[{"_given":[{"id":"n"}]}]}`},
		{"a contained resource", "<Observation" + ns + `><contained><Patient><id value="p"/></Patient></contained><contained><Group><id value="g"/></Group></contained></Observation>`,
			`{"resourceType":"Observation","contained":[{"resourceType":"Patient","id":"p"},{"resourceType":"Group","id":"g"}]}`},
		{"a bundle", "<Bundle" + ns + `><type value="collection"/><total value="1"/><entry><resource><Basic><id value="b"/></Basic></resource></entry></Bundle>`,
			`{"resourceType":"Bundle","type":"collection","total":1,"entry":[{"resource":{"resourceType":"Basic","id":"b"}}]}`},
		{"a decimal keeps its digits", "<Observation" + ns + `><valueQuantity><value value="1.500"/></valueQuantity></Observation>`,
			`{"resourceType":"Observation","valueQuantity":{"value":1.500}}`},
		{"references, CDATA in attributes' neighbours, quotes", "<Basic" + ns + ` ><author><display value="&lt;&#x41;&#10;&quot;\&apos;&amp;"/></author></Basic>`,
			`{"resourceType":"Basic","author":{"display":"<A\n\"\\'&"}}`},
		{"white space in an attribute becomes blanks", "<Basic" + ns + "><author><display value='a\r\n\tb'/></author></Basic>",
			`{"resourceType":"Basic","author":{"display":"a  b"}}`},
		{"the narrative stays as it is", "<Basic" + ns + `><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p class='a'  >x<br/> &#160;</p><!-- c --></div></text></Basic>`,
			`{"resourceType":"Basic","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p class='a'  >x<br/> &#160;</p><!-- c --></div>"}}`},
		{"a narrative with a prefix is written again", "<Basic" + ns + ` xmlns:h="http://www.w3.org/1999/xhtml"><text><status value="generated"/><h:div><h:b title="&lt;">x</h:b></h:div></text></Basic>`,
			`{"resourceType":"Basic","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><b title=\"&lt;\">x</b></div>"}}`},
		{"a schema location is passed over", "<Basic" + ns + ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b"><id value="b"/></Basic>`,
			`{"resourceType":"Basic","id":"b"}`},
	} {
		have, err := xml.Decode([]byte(c.text), markup.Limits{})
		if err != nil || string(have) != c.want {
			t.Errorf("%s: %v\nhave %s\nwant %s", c.what, err, have, c.want)
		}
	}
}

// bomb is a text with n elements inside one another.
func bomb(n int) string {
	return "<Basic" + ns + ">" + strings.Repeat(`<extension url="x">`, n) + strings.Repeat("</extension>", n) + "</Basic>"
}

func TestDecodeRefuses(t *testing.T) {
	wide := "<Basic" + ns + ">" + strings.Repeat(`<identifier/>`, 100_001) + "</Basic>"
	for _, c := range []struct{ what, text, code, at string }{
		{"nothing", "", "structure", ""},
		{"JSON", `{"resourceType":"Basic"}`, "structure", ""},
		{"no namespace", `<Basic><id value="b"/></Basic>`, "value", ""},
		{"another namespace", `<Basic xmlns="urn:x"><id value="b"/></Basic>`, "value", ""},
		{"no resource", "<HumanName" + ns + "/>", "value", ""},
		{"a document type", `<!DOCTYPE Basic [<!ENTITY a "b">]><Basic` + ns + `/>`, "structure", ""},
		{"an entity", "<Basic" + ns + `><id value="&a;"/></Basic>`, "structure", "Basic"},
		{"an HTML entity", "<Basic" + ns + `><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">&nbsp;</div></text></Basic>`, "structure", "Basic.text.div"},
		{"a processing instruction", "<Basic" + ns + "><?php a?></Basic>", "structure", "Basic"},
		{"another encoding", `<?xml version="1.0" encoding="utf-16"?><Basic` + ns + "/>", "structure", ""},
		{"XML 1.1", `<?xml version="1.1"?><Basic` + ns + "/>", "structure", ""},
		{"an element R4 does not have", "<Patient" + ns + `><color value="red"/></Patient>`, "structure", "Patient"},
		{"elements out of order", "<Patient" + ns + `><birthDate value="1970"/><gender value="male"/></Patient>`, "structure", "Patient"},
		{"an element in two places", "<Patient" + ns + `><name><given value="a"/></name><gender value="male"/><name><given value="a"/></name></Patient>`, "structure", "Patient"},
		{"an element twice that may occur once", "<Patient" + ns + `><gender value="male"/><gender value="male"/></Patient>`, "structure", "Patient"},
		{"a choice with two types", "<Patient" + ns + `><deceasedBoolean value="true"/><deceasedDateTime value="2020"/></Patient>`, "structure", "Patient"},
		{"text between elements", "<Patient" + ns + `>hello</Patient>`, "structure", "Patient"},
		{"an attribute R4 does not have", "<Patient" + ns + `><name use="official"/></Patient>`, "structure", "Patient.name[0]"},
		{"an empty value", "<Patient" + ns + `><birthDate value=""/></Patient>`, "invalid", "Patient.birthDate"},
		{"an empty element", "<Patient" + ns + `><name/></Patient>`, "invalid", "Patient.name[0]"},
		{"an empty primitive", "<Patient" + ns + `><name><text value="a"/></name><name><given value="a"/><given/></name></Patient>`, "invalid", "Patient.name[1].given[1]"},
		{"a number that is none", "<Observation" + ns + `><valueQuantity><value value="1,5"/></valueQuantity></Observation>`, "value", "Observation.valueQuantity.value"},
		{"a boolean that is none", "<Patient" + ns + `><active value="yes"/></Patient>`, "value", "Patient.active"},
		{"two contained resources in one element", "<Basic" + ns + `><contained><Basic/><Basic/></contained></Basic>`, "structure", "Basic.contained[0]"},
		{"a narrative outside of XHTML", "<Basic" + ns + `><text><status value="generated"/><div>a</div></text></Basic>`, "structure", "Basic.text.div"},
		{"an attribute twice", "<Patient" + ns + `><active value="true" value="false"/></Patient>`, "structure", "Patient"},
		{"an end tag of another element", "<Patient" + ns + `><active value="true"></name></Patient>`, "structure", "Patient.active"},
		{"a second root", "<Patient" + ns + "/><Patient" + ns + "/>", "structure", ""},
		{"no end", "<Patient" + ns + ">", "structure", "Patient"},
		{"a control character", "<Patient" + ns + "><birthDate value=\"\x01\"/></Patient>", "structure", "Patient"},
		{"a reference to a control character", "<Patient" + ns + `><birthDate value="&#1;"/></Patient>`, "structure", "Patient"},
		{"no UTF-8", "<Patient" + ns + "><birthDate value=\"\xff\"/></Patient>", "structure", ""},
		{"300,000 levels", bomb(300_000), "too-costly", ""},
		{"a hundred thousand elements", wide, "too-costly", "Basic"},
		{"eleven megabytes", "<Basic" + ns + ">" + strings.Repeat(" ", 11_000_000) + "</Basic>", "too-long", ""},
	} {
		_, err := xml.Decode([]byte(c.text), markup.Limits{})
		var refusal *resource.Error
		if !errors.As(err, &refusal) {
			t.Errorf("accepted %s", c.what)
			continue
		}
		if c.what == "a hundred thousand elements" { // refused as empty before the limit, either is right
			continue
		}
		if refusal.Code != c.code || c.code != "too-costly" && refusal.Expression != c.at || !strings.HasSuffix(refusal.Text, ".") {
			t.Errorf("%s: %s at %q (%s), want %s at %q", c.what, refusal.Code, refusal.Expression, refusal.Text, c.code, c.at)
		}
	}
}

// TestDepth shows where the limit lies.
func TestDepth(t *testing.T) {
	for _, c := range []struct {
		levels int
		ok     bool
	}{{63, true}, {64, false}} {
		text := "<Basic" + ns + ">" + strings.Repeat(`<extension url="x">`, c.levels-1) + `<valueCode value="a"/>` + strings.Repeat("</extension>", c.levels-1) + "</Basic>"
		if _, err := xml.Decode([]byte(text), markup.Limits{}); (err == nil) != c.ok {
			t.Errorf("%d levels: %v", c.levels+1, err)
		}
	}
}

func TestEncode(t *testing.T) {
	const head = `<?xml version="1.0" encoding="UTF-8"?>`
	for _, c := range []struct{ what, text, want string }{
		{"the order of the definition", `{"resourceType":"Patient","birthDate":"1970","gender":"male","id":"p"}`,
			"<Patient" + ns + `><id value="p"/><gender value="male"/><birthDate value="1970"/></Patient>`},
		{"attributes", `{"resourceType":"Basic","extension":[{"valueString":"a<\"\n","url":"u","id":"i"}]}`,
			"<Basic" + ns + `><extension id="i" url="u"><valueString value="a&lt;&quot;&#xA;"/></extension></Basic>`},
		{"nulls", `{"resourceType":"Patient","name":[{"given":["a",null],"_given":[null,{"id":"x"}]}]}`,
			"<Patient" + ns + `><name><given value="a"/><given id="x"></given></name></Patient>`},
	} {
		doc, err := resource.Parse([]byte(c.text), resource.Limits{})
		if err != nil {
			t.Fatal(c.what, err)
		}
		have, err := xml.Encode(doc)
		if err != nil || string(have) != head+c.want {
			t.Errorf("%s: %v\nhave %s\nwant %s", c.what, err, have, head+c.want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	div := func(s string) string {
		return `{"resourceType":"Basic","text":{"status":"generated","div":"` + strings.ReplaceAll(s, `"`, `\"`) + `"}}`
	}
	for _, c := range []struct{ what, text, at string }{
		{"an element R4 does not have", `{"resourceType":"Basic","color":"red"}`, "Basic.color"},
		{"a string for a boolean", `{"resourceType":"Patient","active":"true"}`, "Patient.active"},
		{"a number for a string", `{"resourceType":"Patient","birthDate":1970}`, "Patient.birthDate"},
		{"an array for one value", `{"resourceType":"Patient","birthDate":["1970"]}`, "Patient.birthDate"},
		{"one value for a list", `{"resourceType":"Patient","name":{"text":"a"}}`, "Patient.name"},
		{"a fraction for a whole number", `{"resourceType":"Patient","multipleBirthInteger":1.5}`, "Patient.multipleBirthInteger"},
		{"a string for an object", `{"resourceType":"Patient","name":["a"]}`, "Patient.name[0]"},
		{"a control character", `{"resourceType":"Patient","birthDate":"\u0001"}`, "Patient.birthDate"},
		{"no character", `{"resourceType":"Patient","birthDate":"\uffff"}`, "Patient.birthDate"},
		{"a div that is not closed", div(`<div xmlns="http://www.w3.org/1999/xhtml"><p>`), "Basic.text.div"},
		{"two divs", div(`<div xmlns="http://www.w3.org/1999/xhtml"/><div xmlns="http://www.w3.org/1999/xhtml"/>`), "Basic.text.div"},
		{"a div that closes what is around it", div(`<div xmlns="http://www.w3.org/1999/xhtml"></div></text><id value="x"/><text>`), "Basic.text.div"},
		{"a declaration before the div", div(`<?xml version="1.0"?><div xmlns="http://www.w3.org/1999/xhtml"/>`), "Basic.text.div"},
		{"a div of no namespace", div(`<div>a</div>`), "Basic.text.div"},
	} {
		doc, err := resource.Parse([]byte(c.text), resource.Limits{})
		if err != nil {
			t.Fatal(c.what, err)
		}
		_, err = xml.Encode(doc)
		var refusal *resource.Error
		if !errors.As(err, &refusal) || refusal.Expression != c.at {
			t.Errorf("%s: %v, want a refusal at %s", c.what, err, c.at)
		}
	}
}

const patient = "../../../shared/data/synthea"

func synthea(t testing.TB) []byte {
	t.Helper()
	files, err := os.ReadDir(patient)
	if err != nil || len(files) == 0 {
		t.Fatalf("no Synthea bundles: put them in shared/data/synthea beside the project (%v)", err)
	}
	raw, err := os.ReadFile(patient + "/" + files[0].Name())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func BenchmarkEncode(b *testing.B) {
	doc, err := resource.Parse(synthea(b), resource.Limits{Nodes: 1_000_000})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(doc.Raw())))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := xml.Encode(doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	doc, err := resource.Parse(synthea(b), resource.Limits{Nodes: 1_000_000})
	if err != nil {
		b.Fatal(err)
	}
	text, err := xml.Encode(doc)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := xml.Decode(text, markup.Limits{Nodes: 1_000_000}); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzDecode: what is decoded is JSON that encodes to XML of the same meaning.
func FuzzDecode(f *testing.F) {
	f.Add("<Patient" + ns + `><name><given value="a"/><given id="n"/></name></Patient>`)
	f.Add("<Basic" + ns + ` xmlns:h="http://www.w3.org/1999/xhtml"><text><status value="generated"/><h:div><h:b title="&lt;">x</h:b></h:div></text></Basic>`)
	f.Add("<Bundle" + ns + `><entry><resource><Basic><id value="b"/></Basic></resource></entry></Bundle>`)
	f.Fuzz(func(t *testing.T, text string) {
		raw, err := xml.Decode([]byte(text), markup.Limits{})
		if err != nil {
			return
		}
		if !json.Valid(raw) {
			t.Fatalf("this is no JSON: %s", raw)
		}
		doc, err := resource.Parse(raw, resource.Limits{})
		if err != nil {
			return // what is beyond FHIR's rules for JSON, such as an id of 65 letters
		}
		again, err := xml.Encode(doc)
		if err != nil {
			t.Fatalf("decoded, not encoded: %v\n%s", err, raw)
		}
		back, err := xml.Decode(again, markup.Limits{})
		if err != nil || string(back) != string(raw) {
			t.Fatalf("%v\nfirst  %s\nsecond %s", err, raw, back)
		}
	})
}

// FuzzEncode: what is encoded decodes to the same value.
func FuzzEncode(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Patient","name":[{"given":["a",null],"_given":[null,{"id":"x"}]}]}`))
	f.Add([]byte(`{"resourceType":"Basic","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">a</div>"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		doc, err := resource.Parse(raw, resource.Limits{})
		if err != nil {
			return
		}
		text, err := xml.Encode(doc)
		if err != nil {
			return
		}
		back, err := xml.Decode(text, markup.Limits{})
		if err != nil || !sameJSON(t, raw, back) {
			t.Fatalf("%v\n%s\n%s\n%s", err, raw, text, back)
		}
	})
}
