package rest

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"cairn/node/fault"
)

// format is a representation of resources that is spoken here.
type format struct {
	name   string
	media  []string // first the formal one (FHIR R4 3.1.0.1.9)
	decode func([]byte) ([]byte, error)
	encode func([]byte) ([]byte, error)
}

// formats are the representations, the one that is given unasked first. What
// is stored and what a receipt is about is always the JSON.
var formats = []format{
	{name: "json", media: []string{"application/fhir+json", "application/json", "text/json"}},
	{name: "xml", media: []string{"application/fhir+xml", "application/xml", "text/xml"}, decode: fromXML, encode: toXML},
}

// Formats returns the formal media types of all representations.
func Formats() (out []string) {
	for _, f := range formats {
		out = append(out, f.media[0])
	}
	return out
}

// formatOf returns the format of a media type, nil if it is none of FHIR's.
func formatOf(media string) *format {
	for i := range formats {
		if formats[i].name == media || slices.Contains(formats[i].media, media) {
			return &formats[i]
		}
	}
	return nil
}

// IsFormat tells whether a media type is that of a resource.
func IsFormat(media string) bool { return formatOf(media) != nil }

// Return is what a client prefers to get back for a write (FHIR R4
// 3.1.0.1.10).
type Return string

// The preferences. Not to have one is Unsaid.
const (
	Unsaid         Return = ""
	Minimal        Return = "minimal"
	Representation Return = "representation"
	Outcome        Return = "OperationOutcome"
)

// Form is the form in which the answer is wanted.
type Form struct {
	format   *format
	Pretty   bool
	Summary  string   // _summary: "", true, text, data, count or false
	Elements []string // _elements
	Return   Return   // Prefer: return=
	Lenient  bool     // Prefer: handling=lenient
	Strict   bool     // Prefer: handling=strict
	Async    bool     // Prefer: respond-async
	Native   bool     // no format of resources is named, by Accept or _format
}

// FormOf reads the form from the headers and the query, and takes _format and
// _pretty out of the query. It fails with Unsupported (code "format") when no
// format that is spoken here is acceptable. The Form is good for a refusal in
// either case.
func FormOf(h http.Header, query url.Values) (Form, error) {
	f := Form{format: &formats[0]}
	f.prefer(h.Values("Prefer"))
	if !query.Has("_format") {
		f.Native = !names(h.Values("Accept"))
		found := accepted(h.Values("Accept"))
		if found == nil {
			return f, notSpoken()
		}
		f.format = found
	}
	return f, f.Take(query)
}

// Take reads the parameters that say how the answer is to look, of the query or
// of a form that was posted, and takes _format and _pretty out.
func (f *Form) Take(values url.Values) error {
	if values.Get("_pretty") == "true" {
		f.Pretty = true
	}
	if values.Has("_format") {
		found := formatOf(mediaOf(strings.ReplaceAll(values.Get("_format"), " ", "+"))) // a plus in a URL is a space
		if found == nil {
			return notSpoken()
		}
		f.format = found
	}
	values.Del("_format")
	values.Del("_pretty")
	return f.subset(values)
}

func notSpoken() error {
	return fault.New(fault.Unsupported, codeFormat, "none of the formats that are asked for is spoken here").
		WithHint("send Accept: " + list(Formats()))
}

// subset reads _summary and _elements (FHIR R4 3.1.1.5.8, 3.1.1.5.9).
func (f *Form) subset(query url.Values) error {
	switch text := query.Get("_summary"); text {
	case "":
	case "true", "text", "data", "count", "false":
		f.Summary = text
	default:
		return fault.New(fault.Invalid, "value", "_summary is true, text, data, count or false")
	}
	if text := strings.Join(query["_elements"], ","); text != "" {
		f.Elements = strings.Split(text, ",")
	}
	if len(f.Elements) > maxElements {
		return fault.New(fault.Invalid, "too-costly", "_elements names too many elements").WithHint("send at most 100, or leave it out")
	}
	return nil
}

const maxElements = 100

// prefer reads the preferences of RFC 7240 that FHIR names; others are passed
// over, as that says.
func (f *Form) prefer(values []string) {
	for _, value := range values {
		for _, p := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ';' }) {
			switch strings.ReplaceAll(strings.TrimSpace(p), `"`, "") {
			case "return=minimal":
				f.Return = Minimal
			case "return=representation":
				f.Return = Representation
			case "return=OperationOutcome":
				f.Return = Outcome
			case "handling=lenient":
				f.Lenient = true
			case "handling=strict":
				f.Strict = true
			case "respond-async":
				f.Async = true
			}
		}
	}
}

// names tells whether an Accept header names a format of resources.
func names(values []string) bool {
	return slices.ContainsFunc(strings.Split(strings.Join(values, ","), ","), func(part string) bool {
		media, _, err := mime.ParseMediaType(part)
		return err == nil && formatOf(media) != nil
	})
}

// accepted returns the format that an Accept header likes best (RFC 9110
// 12.5.1), nil if it takes none. Without the header any will do.
func accepted(values []string) *format {
	var best *format
	most := 0.0
	all := strings.Join(values, ",")
	if strings.TrimSpace(all) == "" {
		return &formats[0]
	}
	for _, part := range strings.Split(all, ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil || !version(params["fhirversion"]) {
			continue
		}
		q := quality(params["q"])
		found := formatOf(media)
		if media == "*/*" || media == "application/*" {
			found = &formats[0]
		}
		if found != nil && (q > most || q == most && q > 0 && found == &formats[0]) {
			best, most = found, q
		}
	}
	return best
}

func quality(text string) float64 {
	if text == "" {
		return 1
	}
	q, err := strconv.ParseFloat(text, 64)
	if err != nil || q < 0 || q > 1 {
		return 0
	}
	return q
}

// release is the FHIR version as media types name it.
const release = "4.0"

// version tells whether the parameter fhirVersion names R4, or is not there
// (FHIR R4 3.1.0.1.12).
func version(text string) bool { return text == "" || text == release }

// mediaOf returns the media type of a Content-Type, "" if it is none, or names
// another FHIR version or another encoding of characters than UTF-8.
func mediaOf(text string) string {
	media, params, err := mime.ParseMediaType(text)
	charset := params["charset"]
	if err != nil || !version(params["fhirversion"]) || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return ""
	}
	return media
}

// MediaOf returns the media type of the body of a request, "" if it names none
// that can be read here.
func MediaOf(h http.Header) string { return mediaOf(h.Get("Content-Type")) }
