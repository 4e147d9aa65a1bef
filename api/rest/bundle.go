package rest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
)

// Responses writes a response bundle, an entry for each answer.
func Responses(kind string, answers []*Answer, want Return) []byte {
	out := []byte(`{"resourceType":"Bundle","type":"` + kind + `"`)
	for i, a := range answers {
		out = append(out, Separator(i)...)
		out = appendResponse(out, a, want)
	}
	return append(out, Closing(len(answers))...)
}

// appendResponse writes one entry of a response bundle.
func appendResponse(out []byte, a *Answer, want Return) []byte {
	a.Prefer(want, Minimal)
	out = append(out, '{')
	outcome := a.Refused() != nil || a.Written && want == Outcome
	if body := embedded(a); body != nil && !outcome {
		out = append(append(append(out, `"resource":`...), body...), ',')
	}
	out = append(append(out, `"response":{"status":`...), Quote(a.StatusLine())...)
	if a.Location != "" {
		out = append(append(out, `,"location":`...), Quote(a.Location)...)
	}
	if a.Version > 0 {
		out = append(append(out, `,"etag":`...), Quote(ETag(a.Version))...)
	}
	if a.Updated > 0 {
		out = append(append(out, `,"lastModified":`...), Quote(Instant(a.Updated))...)
	}
	if outcome {
		out = append(append(out, `,"outcome":`...), a.Body...)
	}
	return append(appendReceipts(out, a), `}}`...)
}

func appendReceipts(out []byte, a *Answer) []byte {
	n := 0
	for _, r := range a.Receipts {
		if r.ID == "" {
			continue
		}
		if n == 0 {
			out = append(out, `,"extension":[`...)
		} else {
			out = append(out, ',')
		}
		out = append(append(append(out, `{"url":"urn:cairn:receipt","valueString":`...), Quote(r.String())...), '}')
		n++
	}
	if n > 0 {
		out = append(out, ']')
	}
	return out
}

// embedded returns the body as a resource; what is none becomes a Binary.
func embedded(a *Answer) []byte {
	switch {
	case a.Body == nil || a.Status == http.StatusNotModified:
		return nil
	case a.Media == "":
		return a.Body
	}
	return []byte(`{"resourceType":"Binary","contentType":` + string(Quote(a.Media)) + `,"data":"` + base64.StdEncoding.EncodeToString(a.Body) + `"}`)
}

// Instant writes a time as FHIR has it.
func Instant(millis int64) string {
	return time.UnixMilli(millis).UTC().Format("2006-01-02T15:04:05.000Z")
}

// Quote returns a JSON string.
func Quote(s string) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // so that URLs stay readable
	if err := enc.Encode(s); err != nil {
		return []byte(`""`)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// Separator opens the list of entries or goes on with it; an empty list is
// left out (FHIR R4 2.6.2).
func Separator(i int) string {
	if i == 0 {
		return `,"entry":[`
	}
	return ","
}

func Closing(n int) string {
	if n == 0 {
		return "}"
	}
	return "]}"
}

// AppendLinks writes the links of a page; next may be "".
func AppendLinks(out []byte, self, next string) []byte {
	out = append(append(append(out, `,"link":[{"relation":"self","url":`...), Quote(self)...), '}')
	if next != "" {
		out = append(append(append(out, `,{"relation":"next","url":`...), Quote(next)...), '}')
	}
	return append(out, ']')
}
