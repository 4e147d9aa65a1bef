package rest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cairn/api/face"
	"cairn/fhir/resource"
	"cairn/fhir/subset"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/identity"
)

// Answer is what an interaction answers.
type Answer struct {
	Status   int    // HTTP status; 0 is 200
	Body     []byte // a resource in JSON, unless Media says otherwise; nil: none
	Media    string // media type of a Body that is no resource
	Location string // of what was created, below the service base
	Version  uint64 // for the ETag; 0: none
	Updated  int64  // for Last-Modified, Unix milliseconds; 0: none
	Written  bool   // Body is what was just stored: a client may prefer to do without
	Receipts []evidence.Receipt
	Header   http.Header // further headers; may be nil

	// Sign returns what this hospital signs of the answer, for the header
	// Cairn-Answer; nil for nobody to whom it signs. code is that of a refusal,
	// body the content as it is sent, before compression. Nothing is sent if it
	// fails.
	Sign func(status int, code string, body []byte) (string, error)

	fault *fault.Error
}

// ETag returns the weak entity tag of a record version (FHIR R4 3.1.0.1.6).
func ETag(version uint64) string { return `W/"` + strconv.FormatUint(version, 10) + `"` }

// status returns the answer's HTTP status.
func (a *Answer) status() int {
	if a.Status == 0 {
		return http.StatusOK
	}
	return a.Status
}

// StatusLine returns the status as a Bundle's response has it: "201 Created".
func (a *Answer) StatusLine() string {
	return strconv.Itoa(a.status()) + " " + http.StatusText(a.status())
}

// Prefer gives what was stored in the form that the client prefers (FHIR R4
// 3.1.0.1.10); unsaid is what holds if it said nothing.
func (a *Answer) Prefer(want, unsaid Return) {
	if !a.Written {
		return
	}
	if want == Unsaid {
		want = unsaid
	}
	switch want {
	case Minimal:
		a.Body = nil
	case Outcome:
		a.Body = OutcomeOf(Issue{Severity: "information", Code: "informational",
			Details: Details{Coding: []Coding{{CodeSystem, "stored"}}, Text: "This was stored."}})
	}
}

// Write writes an answer. It is the one place where answers of the FHIR face
// become bytes: the preferred return, the rendering, the format, compression
// and HEAD are settled here. base is the service base URL.
func Write(w http.ResponseWriter, r *http.Request, base string, f Form, a *Answer) {
	if a.fault != nil {
		face.Note(r, a.fault)
		face.Headers(w, a.fault)
	}
	a.Prefer(f.Return, Representation)
	body, err := f.Subset(a)
	if err == nil {
		body, err = f.render(a, body)
	}
	if err != nil {
		a = Refusal(err)
		face.Note(r, a.fault)
		body, f.format = a.Body, &formats[0]
	}
	h := w.Header()
	if err := a.sign(h, r.Method, body); err != nil {
		a = Refusal(err)
		face.Note(r, a.fault)
		face.Headers(w, a.fault)
		body, f.format = a.Body, &formats[0]
	}
	a.headers(h, base)
	h.Add("Vary", "Accept, Accept-Encoding")
	h.Set("Cache-Control", "no-store")
	if a.status() == http.StatusNotModified || body == nil {
		w.WriteHeader(a.status())
		return
	}
	h.Set("Content-Type", a.media(f))
	if r.Method != http.MethodHead && zips(r, len(body)) {
		zip(w, a.status(), body)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(a.status())
	if r.Method != http.MethodHead {
		w.Write(body) //nolint:errcheck // the client has gone
	}
}

// sign sets what is signed of the answer.
func (a *Answer) sign(h http.Header, method string, body []byte) error {
	if a.Sign == nil {
		return nil
	}
	if method == http.MethodHead || a.status() == http.StatusNotModified {
		body = nil
	}
	code := ""
	if a.fault != nil {
		code = a.fault.Code
	}
	text, err := a.Sign(a.status(), code, body)
	if err == nil {
		h.Set(identity.AnswerHeader, text)
	}
	return err
}

func (a *Answer) media(f Form) string {
	if a.Media != "" {
		return a.Media
	}
	return f.format.media[0] + "; charset=utf-8"
}

// headers sets those that say something of the record (FHIR R4 3.1.0.1.6).
func (a *Answer) headers(h http.Header, base string) {
	for name, values := range a.Header {
		h[name] = values
	}
	if a.Version > 0 {
		h.Set("ETag", ETag(a.Version))
	}
	if a.Updated > 0 {
		h.Set("Last-Modified", time.UnixMilli(a.Updated).UTC().Format(http.TimeFormat))
	}
	if a.Location != "" {
		h.Set("Location", base+"/"+a.Location)
	}
	for _, receipt := range a.Receipts {
		if receipt.ID != "" {
			h.Add("Cairn-Receipt", receipt.String())
		}
	}
}

// Subset returns the body with what _summary and _elements leave of it. Of a
// bundle that answers with several records, each is cut down on its own.
func (f Form) Subset(a *Answer) ([]byte, error) {
	choice := subset.Choice{Summary: f.Summary, Elements: f.Elements}
	if choice.Whole() || a.Body == nil || a.Media != "" || a.fault != nil {
		return a.Body, nil
	}
	doc, err := resource.Parse(a.Body, answerLimits)
	if err != nil {
		return nil, err
	}
	if doc.Type() == "Bundle" && a.Version == 0 {
		return subset.InBundle(doc.Root(), choice), nil
	}
	return subset.Of(doc.Root(), choice), nil
}

// render gives a body in the format that is wanted.
func (f Form) render(a *Answer, body []byte) ([]byte, error) {
	if body == nil || a.Media != "" {
		return body, nil
	}
	if f.format.encode != nil {
		return f.format.encode(body)
	}
	if !f.Pretty {
		return body, nil
	}
	var out bytes.Buffer
	if err := json.Indent(&out, body, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// zips tells whether a body of this size is to be compressed for this client
// (RFC 9110 12.5.3).
func zips(r *http.Request, size int) bool {
	if size < zipFrom {
		return false
	}
	for _, part := range strings.Split(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		coding, param, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			name, q, _ := strings.Cut(strings.TrimSpace(param), "=")
			return name != "q" || quality(q) > 0
		}
	}
	return false
}
