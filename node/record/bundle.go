package record

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"cairn/fhir/resource"
	"cairn/node/fault"
)

// bundleNodes bounds the JSON nodes of a bundle; each resource in it keeps the
// limit of a single one.
const bundleNodes = 1_000_000

// Bundle is a batch or a transaction that was posted (FHIR R4 3.1.0.11).
type Bundle struct {
	Type    string // batch or transaction
	Entries []Entry
	Once    string // key under which a transaction is carried out once; "": as often as it is sent

	sum [sha256.Size]byte // of its bytes
}

// Entry is one request in a bundle.
type Entry struct {
	At      string // its expression, for errors: "Bundle.entry[3]"
	Method  string // GET, HEAD, POST, PUT, PATCH or DELETE
	URL     string // relative to the service base: "Patient/7", "Patient?name=x"
	FullURL string
	Type    string // of the URL
	ID      string // of the URL, "" if it has none
	Query   string // of the URL

	IfNoneExist, IfMatch, IfNoneMatch, IfModifiedSince string

	Body  []byte // of POST, PUT and PATCH; a resource in JSON unless Media says otherwise
	Media string // media type of a patch that came as a Binary

	Err error // why it cannot be read
}

// ReadBundle reads a batch or transaction bundle. base is the service base,
// which entries may name in their URLs. It fails with Invalid.
func ReadBundle(body []byte, base string) (Bundle, error) {
	doc, err := resource.Parse(body, resource.Limits{Nodes: bundleNodes})
	if err != nil {
		return Bundle{}, Invalid(err)
	}
	root := doc.Root()
	if doc.Type() != "Bundle" {
		return Bundle{}, bad("resourceType", "a Bundle is expected here", "POST single resources to [base]/[type]")
	}
	b := Bundle{sum: sha256.Sum256(body)}
	b.Type, _ = root.Get("type").Text()
	if b.Type != "transaction" && b.Type != "batch" {
		return Bundle{}, bad("Bundle.type", "only a batch or a transaction can be posted here", "set Bundle.type to transaction or batch")
	}
	for entry := range root.Get("entry").Items() {
		b.Entries = append(b.Entries, readEntry(entry, fmt.Sprintf("Bundle.entry[%d]", len(b.Entries)), base))
	}
	return b, nil
}

func readEntry(entry resource.Node, where, base string) Entry {
	request := entry.Get("request")
	e := Entry{At: where, Method: text(request, "method"), URL: strings.TrimPrefix(text(request, "url"), base+"/"), FullURL: text(entry, "fullUrl")}
	e.IfNoneExist, e.IfMatch = text(request, "ifNoneExist"), text(request, "ifMatch")
	e.IfNoneMatch, e.IfModifiedSince = text(request, "ifNoneMatch"), text(request, "ifModifiedSince")
	e.URL = strings.TrimPrefix(e.URL, "/")
	path, query, _ := strings.Cut(e.URL, "?")
	e.Query = query
	e.Type, e.ID, _ = strings.Cut(path, "/")
	switch e.Method {
	case "GET", "HEAD", "DELETE":
	case "POST", "PUT", "PATCH":
		e.Err = e.body(entry.Get("resource"))
	default:
		e.Err = bad(where+".request.method", "an entry needs a method", "GET, HEAD, POST, PUT, PATCH or DELETE")
	}
	return e
}

// body takes the entry's resource; a patch in a Binary is unpacked (FHIR R4
// 3.1.0.5).
func (e *Entry) body(n resource.Node) error {
	if !n.Exists() {
		if e.Method == "POST" && strings.Contains(e.URL, "$") {
			return nil // an operation may need none
		}
		return bad(e.At+".resource", "POST, PUT and PATCH need a resource", "")
	}
	e.Body = n.Raw()
	if e.Method != "PATCH" || !n.Get("resourceType").Is("Binary") {
		return nil
	}
	e.Media = text(n, "contentType")
	data, err := base64.StdEncoding.DecodeString(text(n, "data"))
	if err != nil || e.Media == "" {
		return bad(e.At+".resource", "a Binary with a patch needs contentType and data", "data is base64")
	}
	e.Body = data
	return nil
}

func text(n resource.Node, name string) string {
	s, _ := n.Get(name).Text()
	return s
}

// Reads tells whether the entry changes nothing.
func (e *Entry) Reads() bool { return e.Method == "GET" || e.Method == "HEAD" }

// AtEntry points a fault at the request of an entry.
func AtEntry(err error, e Entry) error {
	if f := fault.As(err); strings.HasPrefix(f.Expression, e.At) {
		return f
	}
	return at(err, e.At+".request")
}

// at points a fault at the entry that caused it.
func at(err error, where string) error {
	if many, ok := err.(findings); ok { //nolint:errorlint // only what structure gave
		return many.at(where)
	}
	f := fault.As(err)
	if f.Expression == "" {
		return f.At(where)
	}
	// What is said of a resource by its type stands in the entry's resource.
	if typ, rest, _ := strings.Cut(f.Expression, "."); resource.IsType(typ) {
		return f.At(strings.TrimSuffix(where, ".resource") + ".resource." + rest)
	}
	return f.At(where + "." + f.Expression)
}

func bad(where, text, hint string) error {
	return fault.New(fault.Invalid, "invalid", text).WithHint(hint).At(where)
}
