package fhir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"

	"cairn/api/rest"
	"cairn/fhir/guide"
	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/record"
)

// metadata serves GET [base]/metadata (FHIR R4 3.1.0.9): what is implemented,
// taken from the tables of interactions and operations and from the search
// room. Its ETag follows from the content.
func (s *Server) metadata(_ context.Context, c *rest.Call) (*rest.Answer, error) {
	if mode := c.Query.Get("mode"); mode != "" && mode != "full" {
		return nil, fault.New(fault.Unsupported, "not-supported", "only the whole statement is given").WithHint("send mode=full, or leave it out")
	}
	st := s.statement()
	a := &rest.Answer{Body: st.body, Header: http.Header{"Etag": {st.tag}}}
	if c.Header.Get("If-None-Match") == st.tag {
		a.Status = http.StatusNotModified
	}
	return a, nil
}

// statement is the CapabilityStatement, as it is sent.
type statement struct {
	body []byte
	tag  string // its ETag
}

// state makes the statement: it follows from the program and its configuration.
func (s *Server) state() statement {
	data, err := json.Marshal(s.capability())
	if err != nil {
		panic(err) // it is made of strings
	}
	sum := sha256.Sum256(data)
	return statement{data, `W/"` + hex.EncodeToString(sum[:8]) + `"`}
}

type code struct {
	Code string `json:"code"`
}

type param struct {
	Name       string `json:"name"`
	Definition string `json:"definition,omitempty"`
	Type       string `json:"type"`
	Text       string `json:"documentation,omitempty"`
}

// extension is an extension with a canonical URL as its value.
type extension struct {
	URL       string `json:"url"`
	Canonical string `json:"valueCanonical"`
}

// restResource is CapabilityStatement.rest.resource.
type restResource struct {
	Extension         []extension       `json:"extension,omitempty"`
	Type              string            `json:"type"`
	Profile           string            `json:"profile"`
	Profiles          []string          `json:"supportedProfile,omitempty"`
	Interaction       []code            `json:"interaction"`
	Versioning        string            `json:"versioning"`
	ReadHistory       bool              `json:"readHistory"`
	UpdateCreate      bool              `json:"updateCreate"`
	ConditionalCreate bool              `json:"conditionalCreate"`
	ConditionalRead   string            `json:"conditionalRead"`
	ConditionalUpdate bool              `json:"conditionalUpdate"`
	ConditionalDelete string            `json:"conditionalDelete"`
	SearchInclude     []string          `json:"searchInclude,omitempty"`
	SearchRevInclude  []string          `json:"searchRevInclude,omitempty"`
	SearchParam       []param           `json:"searchParam,omitempty"`
	Operation         []statedOperation `json:"operation,omitempty"`
}

type statedOperation struct {
	Name       string `json:"name"`
	Definition string `json:"definition"`
}

// stated returns the codes of the interactions of a type, or with "" those of
// the system.
func (s *Server) stated(typ string) (out []code) {
	for _, i := range s.interactions {
		if i.code == "" || i.code == "capabilities" || (typ == "") != (i.level == onSystem) {
			continue
		}
		if typ == "" || s.hasOwn(typ) == ownRoute(i.shape, typ) && (ownRoute(i.shape, typ) || strings.HasPrefix(i.shape, "{type}")) {
			out = append(out, code{i.code})
		}
	}
	return out
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

// statedResource says what is done with one type.
func (s *Server) statedResource(typ string) restResource {
	own := s.hasOwn(typ)
	r := restResource{
		Type: typ, Profile: "http://hl7.org/fhir/StructureDefinition/" + typ, Interaction: s.stated(typ), Versioning: "versioned-update",
		ReadHistory: s.serves(http.MethodGet, typ+"/1/_history/1"), UpdateCreate: !s.Records.Rules().ServerIDs,
		ConditionalCreate: !own, ConditionalRead: "full-support", ConditionalUpdate: s.serves(http.MethodPut, typ), ConditionalDelete: "not-supported",
		Operation: s.statedOperations(typ),
	}
	if s.serves(http.MethodDelete, typ) {
		r.ConditionalDelete = "single"
		if s.Records.Rules().DeleteMany > 1 {
			r.ConditionalDelete = "multiple"
		}
	}
	if own {
		r.ConditionalRead = "not-supported"
	}
	for _, p := range guide.Profiles(typ) {
		r.Profiles = append(r.Profiles, p.URL) // what $validate knows without being given it
	}
	for _, p := range search.Params(typ) {
		r.SearchParam = append(r.SearchParam, param{p.Name, p.Definition, string(p.Type), p.Documentation})
	}
	if !own {
		r.SearchInclude, r.SearchRevInclude = search.Included(typ)
	}
	return r
}

// smart is how software signs in (http://terminology.hl7.org/CodeSystem/restful-security-service).
const smart = "http://terminology.hl7.org/CodeSystem/restful-security-service"

func (s *Server) capability() map[string]any {
	var resources []restResource
	for _, typ := range resource.Types() {
		r := s.statedResource(typ)
		if typ == "Subscription" {
			r.Profiles, r.Extension = []string{subscriptionProfile}, statedTopics()
		}
		resources = append(resources, r)
	}
	var compartments []string
	for _, name := range search.Compartments() {
		compartments = append(compartments, "http://hl7.org/fhir/CompartmentDefinition/"+strings.ToLower(name[:1])+name[1:])
	}
	return map[string]any{
		"resourceType": "CapabilityStatement", "status": "active", "date": "2026-11-22", "kind": "instance", "fhirVersion": "4.0.1",
		"instantiates":   []string{subscriptionServer},
		"format":         rest.Formats(),
		"patchFormat":    []string{record.JSONPatch, record.FHIRPathPatch},
		"software":       map[string]string{"name": "Cairn", "version": s.Software},
		"implementation": map[string]string{"description": "Cairn node", "url": s.base()},
		"rest": []map[string]any{{
			"mode": "server", "resource": resources, "interaction": s.stated(""), "operation": s.statedOperations(""), "compartment": compartments,
			"security": map[string]any{
				"service":     []map[string]any{{"coding": []map[string]string{{"system": smart, "code": "SMART-on-FHIR"}}, "text": "SMART Backend Services"}},
				"description": "SMART Backend Services (private_key_jwt) for software, which vouches for people in hl7-b2b; passkeys for patients. GET [base]/.well-known/smart-configuration says where. Every read is decided by consent and logged before it is answered.",
			},
		}},
	}
}
