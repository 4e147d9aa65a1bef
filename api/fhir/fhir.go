// Package fhir is the FHIR R4 REST face: one file for each interaction. It
// decodes, calls a desk once and encodes; it decides nothing.
package fhir

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cairn/api/face"
	"cairn/fhir/resource"
	"cairn/node/bundle"
	"cairn/node/exchange"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/record"
)

// Server answers FHIR requests below /fhir.
type Server struct {
	Door     *identity.Door
	Records  *record.Desk
	Exchange *exchange.Desk
	Bundles  *bundle.Desk
	Root     string // this node's root URL; the service base is Root + "/fhir"
	Software string // version, for the CapabilityStatement
}

// contentTypes are what the face reads and writes (FHIR R4 3.1.0.1.9).
var contentTypes = []string{"application/fhir+json", "application/json"}

// interaction is one route of the face. The CapabilityStatement is made from
// the same table, so it cannot claim what is not there.
type interaction struct {
	pattern string // below the service base
	code    string // of http://hl7.org/fhir/restful-interaction; "" for an operation
	system  bool   // of the whole system rather than of a type
	serve   func(*Server, http.ResponseWriter, *http.Request, identity.Actor) error
}

var interactions = []interaction{
	{"POST /fhir/{type}", "create", false, (*Server).create},
	{"GET /fhir/{type}/{id}", "read", false, (*Server).read},
	{"GET /fhir/{type}/{id}/_history/{version}", "vread", false, (*Server).vread},
	{"GET /fhir/{type}/{id}/_history/{version}/$evidence", "", false, (*Server).evidence},
	{"PUT /fhir/{type}/{id}", "update", false, (*Server).update},
	{"DELETE /fhir/{type}/{id}", "delete", false, (*Server).delete},
	{"GET /fhir/{type}", "search-type", false, (*Server).search},
	{"POST /fhir/{type}/_search", "", false, (*Server).searchByPost},
	{"POST /fhir", "transaction", true, (*Server).transaction},
	{"POST /fhir/{$}", "", true, (*Server).transaction},
	{"GET /fhir/Patient/{id}/$gather", "", false, (*Server).gather},
}

// Handler returns the face.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, i := range interactions {
		mux.HandleFunc(i.pattern, s.guard(i))
	}
	mux.HandleFunc("GET /fhir/metadata", s.metadata)
	mux.HandleFunc("/fhir/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, fault.New(fault.Unsupported, "not-supported", "this interaction is not supported").
			WithHint("GET "+s.Root+"/fhir/metadata lists what is"))
	})
	return mux
}

// guard signs the actor in and renders the error of an interaction.
func (s *Server) guard(i interaction) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		actor, err := s.Door.Actor(r)
		if err == nil {
			err = cmp.Or(known(r), acceptable(r))
		}
		if err == nil {
			err = i.serve(s, w, r, actor)
		}
		if err != nil {
			s.refuse(w, r, err)
		}
	}
}

// known refuses a type that R4 does not have and an id that it does not allow,
// before anything else looks at them.
func known(r *http.Request) error {
	if typ := r.PathValue("type"); typ != "" && !resource.IsType(typ) {
		return fault.New(fault.NotFound, "not-supported", "FHIR R4 has no such resource type").WithHint("types are spelled as in http://hl7.org/fhir/R4/resourcelist.html")
	}
	if id := r.PathValue("id"); id != "" && !resource.ValidID(id) {
		return fault.New(fault.Invalid, "value", "an id has 1 to 64 letters, digits, hyphens and dots")
	}
	return nil
}

// acceptable refuses a request for another format than JSON, the only one that
// is spoken here.
func acceptable(r *http.Request) error {
	format := r.URL.Query().Get("_format")
	accept := r.Header.Get("Accept")
	if strings.Contains(format, "xml") || strings.Contains(format, "ttl") || strings.Contains(accept, "xml") && !strings.Contains(accept, "json") && !strings.Contains(accept, "*/*") {
		return fault.New(fault.Unsupported, "format", "answers are given in JSON only").WithHint("send Accept: application/fhir+json")
	}
	return nil
}

// answer writes one record version with its headers (FHIR R4 3.1.0.1.10).
func (s *Server) answer(w http.ResponseWriter, r *http.Request, status int, v record.Version) {
	h := w.Header()
	h.Set("ETag", etag(v.Version))
	h.Set("Last-Modified", time.UnixMilli(v.Updated).UTC().Format(http.TimeFormat))
	h.Set("Cairn-Receipt", v.Receipt.String())
	if v.Created {
		h.Set("Location", s.Root+"/fhir/"+v.Location())
	}
	if r.Method != http.MethodGet && strings.Contains(r.Header.Get("Prefer"), "return=minimal") || v.Deleted {
		w.WriteHeader(status)
		return
	}
	send(w, status, v.Raw)
}

func send(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/fhir+json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // the client has gone
}

func etag(version uint64) string { return `W/"` + strconv.FormatUint(version, 10) + `"` }

// ifMatch reads the version that a request requires, 0 if it requires none.
func ifMatch(r *http.Request) (uint64, error) {
	text := r.Header.Get("If-Match")
	if text == "" {
		return 0, nil
	}
	inner, ok := strings.CutPrefix(text, `W/"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	version, err := strconv.ParseUint(inner, 10, 63)
	if !ok || !closed || err != nil || version == 0 {
		return 0, fault.New(fault.Invalid, "value", `If-Match must be the ETag of a version, such as W/"3"`)
	}
	return version, nil
}

// body reads a resource from the request.
func body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	return face.Body(w, r, contentTypes...)
}
