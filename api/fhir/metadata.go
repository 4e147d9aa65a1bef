package fhir

import (
	"encoding/json"
	"net/http"

	"cairn/fhir/resource"
	"cairn/fhir/search"
)

// metadata serves GET [base]/metadata (FHIR R4 3.1.0.9): what is implemented,
// taken from the table of interactions and from the search room.
func (s *Server) metadata(w http.ResponseWriter, _ *http.Request) {
	data, err := json.Marshal(s.capability())
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	send(w, http.StatusOK, data)
}

type code struct {
	Code string `json:"code"`
}

type param struct {
	Name       string `json:"name"`
	Definition string `json:"definition,omitempty"`
	Type       string `json:"type"`
}

type restResource struct {
	Type         string      `json:"type"`
	Interaction  []code      `json:"interaction"`
	Versioning   string      `json:"versioning"`
	UpdateCreate bool        `json:"updateCreate"`
	SearchParam  []param     `json:"searchParam,omitempty"`
	Operation    []operation `json:"operation,omitempty"`
}

type operation struct {
	Name       string `json:"name"`
	Definition string `json:"definition"`
}

// operationBase names the operations that are Cairn's own.
const operationBase = "urn:cairn:operation:"

func (s *Server) capability() map[string]any {
	var ofType, ofSystem []code
	operations := []operation{{"evidence", operationBase + "evidence"}}
	for _, i := range interactions {
		switch {
		case i.code == "":
		case i.system:
			ofSystem = append(ofSystem, code{i.code})
		default:
			ofType = append(ofType, code{i.code})
		}
	}
	var resources []restResource
	for _, typ := range resource.Types() {
		r := restResource{Type: typ, Interaction: ofType, Versioning: "versioned-update", UpdateCreate: true, Operation: operations}
		if typ == "Patient" {
			r.Operation = append(operations[:1:1], operation{"gather", operationBase + "gather"})
		}
		for _, p := range search.Params(typ) {
			r.SearchParam = append(r.SearchParam, param{p.Name, p.Definition, string(p.Type)})
		}
		resources = append(resources, r)
	}
	return map[string]any{
		"resourceType": "CapabilityStatement", "status": "active", "date": "2026-11-22", "kind": "instance", "fhirVersion": "4.0.1",
		"format":         []string{"application/fhir+json"},
		"software":       map[string]string{"name": "Cairn", "version": s.Software},
		"implementation": map[string]string{"description": "Cairn node", "url": s.Root + "/fhir"},
		"rest": []map[string]any{{
			"mode": "server", "resource": resources, "interaction": ofSystem,
			"security": map[string]any{"description": "SMART Backend Services (private_key_jwt) for software, which vouches for people in hl7-b2b; passkeys for patients. Every read is decided by consent and logged before it is answered."},
		}},
	}
}
