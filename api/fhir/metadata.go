package fhir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"cairn/api/rest"
	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/node/fault"
)

// metadata serves GET [base]/metadata (FHIR R4 3.1.0.9): what is implemented,
// taken from the tables of interactions and operations and from the search
// room. Its ETag follows from the content.
func (s *Server) metadata(_ context.Context, c *rest.Call) (*rest.Answer, error) {
	if mode := c.Query.Get("mode"); mode != "" && mode != "full" {
		return nil, fault.New(fault.Unsupported, "not-supported", "only the whole statement is given").WithHint("send mode=full, or leave it out")
	}
	a := &rest.Answer{Body: s.statement, Header: http.Header{"Etag": {s.statementTag}}}
	if c.Header.Get("If-None-Match") == s.statementTag {
		a.Status = http.StatusNotModified
	}
	return a, nil
}

// state makes the statement, once: it follows from the program.
func (s *Server) state() {
	data, err := json.Marshal(s.capability())
	if err != nil {
		panic(err) // it is made of strings
	}
	sum := sha256.Sum256(data)
	s.statement, s.statementTag = data, `W/"`+hex.EncodeToString(sum[:8])+`"`
}

type code struct {
	Code string `json:"code"`
}

type param struct {
	Name       string `json:"name"`
	Definition string `json:"definition,omitempty"`
	Type       string `json:"type"`
}

// extension is an extension with a canonical URL as its value.
type extension struct {
	URL       string `json:"url"`
	Canonical string `json:"valueCanonical"`
}

type restResource struct {
	Extension    []extension       `json:"extension,omitempty"`
	Type         string            `json:"type"`
	Profiles     []string          `json:"supportedProfile,omitempty"`
	Interaction  []code            `json:"interaction"`
	Versioning   string            `json:"versioning"`
	UpdateCreate bool              `json:"updateCreate"`
	SearchParam  []param           `json:"searchParam,omitempty"`
	Operation    []statedOperation `json:"operation,omitempty"`
}

type statedOperation struct {
	Name       string `json:"name"`
	Definition string `json:"definition"`
}

// stated returns the codes of the interactions at some of the levels: of a
// type's own routes where it has some, else of those of every type.
func (s *Server) stated(typ string, at level) (out []code) {
	own := slices.ContainsFunc(s.interactions, func(i interaction) bool { return ownRoute(i.shape, typ) })
	for _, i := range s.interactions {
		general := i.shape == "" || strings.HasPrefix(i.shape, "{") || i.shape[0] == '_'
		if i.code != "" && i.code != "capabilities" && i.level&at != 0 && (own && ownRoute(i.shape, typ) || !own && general) {
			out = append(out, code{i.code})
		}
	}
	return out
}

// ownRoute tells whether a route is one of a type's own.
func ownRoute(shape, typ string) bool {
	first, _, _ := strings.Cut(shape, "/")
	return typ != "" && first == typ
}

// statedOperations returns the operations of a type, or with "" those of the
// system.
func (s *Server) statedOperations(typ string) (out []statedOperation) {
	for _, o := range s.operations {
		if typ == "" && o.on&onSystem != 0 || typ != "" && o.of(typ) {
			out = append(out, statedOperation{o.name, o.definition})
		}
	}
	return out
}

func (s *Server) capability() map[string]any {
	var resources []restResource
	for _, typ := range resource.Types() {
		r := restResource{Type: typ, Interaction: s.stated(typ, onType|onInstance|onVersion), Versioning: "versioned-update", UpdateCreate: true, Operation: s.statedOperations(typ)}
		for _, p := range search.Params(typ) {
			r.SearchParam = append(r.SearchParam, param{p.Name, p.Definition, string(p.Type)})
		}
		if typ == "Subscription" {
			r.Profiles, r.Extension = []string{subscriptionProfile}, statedTopics()
		}
		resources = append(resources, r)
	}
	return map[string]any{
		"resourceType": "CapabilityStatement", "status": "active", "date": "2026-11-22", "kind": "instance", "fhirVersion": "4.0.1",
		"instantiates":   []string{subscriptionServer},
		"format":         rest.Formats(),
		"software":       map[string]string{"name": "Cairn", "version": s.Software},
		"implementation": map[string]string{"description": "Cairn node", "url": s.base()},
		"rest": []map[string]any{{
			"mode": "server", "resource": resources, "interaction": s.stated("", onSystem), "operation": s.statedOperations(""),
			"security": map[string]any{"description": "SMART Backend Services (private_key_jwt) for software, which vouches for people in hl7-b2b; passkeys for patients. Every read is decided by consent and logged before it is answered."},
		}},
	}
}
