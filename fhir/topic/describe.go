package topic

import (
	"encoding/json"

	"cairn/fhir/resource"
)

// crossVersion begins the URLs of the extensions that carry elements of FHIR
// R5's SubscriptionTopic in an R4 Basic (FHIR R5 2.1.0.6, cross-version
// extensions; Subscriptions R5 Backport, topics in R4).
const crossVersion = "http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic."

// extension is a FHIR extension with one value or further extensions.
type extension struct {
	URL      string      `json:"url"`
	Inner    []extension `json:"extension,omitempty"`
	URI      string      `json:"valueUri,omitempty"`
	String   string      `json:"valueString,omitempty"`
	Markdown string      `json:"valueMarkdown,omitempty"`
	Code     string      `json:"valueCode,omitempty"`
	Boolean  *bool       `json:"valueBoolean,omitempty"`
}

// Describe returns the topic as an R4 Basic resource that stands for a
// SubscriptionTopic: its triggers, and what subscriptions may filter by.
func (t *Topic) Describe(parameters func(typ string) []string) ([]byte, error) {
	list := []extension{
		{URL: crossVersion + "url", URI: t.URL},
		{URL: crossVersion + "title", String: t.Title},
		{URL: crossVersion + "description", Markdown: t.Description},
	}
	for i := range t.Triggers {
		list = append(list, t.Triggers[i].describe())
	}
	for _, typ := range t.Types() {
		for _, name := range append([]string{interactionFilter}, parameters(typ)...) {
			list = append(list, extension{URL: crossVersion + "canFilterBy", Inner: []extension{
				{URL: "resource", URI: typ}, {URL: "filterParameter", String: name},
			}})
		}
	}
	out := basic{ResourceType: "Basic", ID: t.ID(), Extension: list, Modifier: []extension{{URL: crossVersion + "status", Code: "active"}}}
	out.Code.Coding = []coding{{"http://hl7.org/fhir/fhir-types", "SubscriptionTopic"}}
	return json.Marshal(out)
}

// basic is the Basic resource (FHIR R4 2.33).
type basic struct {
	ResourceType string      `json:"resourceType"`
	ID           string      `json:"id"`
	Extension    []extension `json:"extension"`
	Modifier     []extension `json:"modifierExtension"`
	Code         struct {
		Coding []coding `json:"coding"`
	} `json:"code"`
}

type coding struct {
	System string `json:"system"`
	Code   string `json:"code"`
}

func (t *Trigger) describe() extension {
	inner := []extension{{URL: "resource", URI: "http://hl7.org/fhir/StructureDefinition/" + t.Type}}
	for _, i := range t.Interactions {
		inner = append(inner, extension{URL: "supportedInteraction", Code: string(i)})
	}
	if t.Previous != "" || t.Current != "" {
		yes := true
		inner = append(inner, extension{URL: "queryCriteria", Inner: present([]extension{
			{URL: "previous", String: t.Previous},
			{URL: "resultForCreate", Code: "test-passes"},
			{URL: "current", String: t.Current},
			{URL: "resultForDelete", Code: "test-fails"},
			{URL: "requireBoth", Boolean: &yes},
		})})
	}
	if t.FHIRPath != "" {
		inner = append(inner, extension{URL: "fhirPathCriteria", String: t.FHIRPath})
	}
	return extension{URL: crossVersion + "resourceTrigger", Inner: inner}
}

// present leaves out what has no value.
func present(list []extension) (out []extension) {
	for _, e := range list {
		if e.String != "" || e.Code != "" || e.Boolean != nil {
			out = append(out, e)
		}
	}
	return out
}

// ID returns the logical id of the topic's description.
func (t *Topic) ID() string {
	id := t.String()
	if !resource.ValidID(id) {
		return ""
	}
	return id
}
