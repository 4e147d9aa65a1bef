package consent

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"cairn/fhir/resource"
)

// PolicyURI is the policy that a Consent made by Build refers to.
const PolicyURI = "urn:cairn:policy:patient-decides"

// Draft is a consent in the making, for one custodian.
type Draft struct {
	ID        string // resource id, "" for none
	Patient   string // the patient's id at the custodian
	Custodian string // member id
	Signed    int64  // Unix milliseconds

	Deny          bool   // a closure rather than a permit
	Grantee       string // member id of who may, or may not; "" is everyone
	GranteeName   string // as the patient is shown it
	CustodianName string // as the patient is shown it
	Team          string // of the grantee, who alone is meant: "CareTeam/3" of the custodian or "east/Group/7"; "" for all of it
	TeamName      string // as the patient is shown it

	Actions    []Action // none: any
	Purposes   []string // codes of v3-PurposeOfUse; none: any
	Types      []string // resource types; none: any
	Categories []string // codes of the observation-category system
	Codes      []Coding // other codes and categories
	Labels     []Coding // confidentiality and sensitivity
	Records    []string // single records: "Observation/5"
	Period     Span     // when it holds
	DataPeriod Span     // of the records' clinical dates
	Uses       int64    // for how many accesses it is good; 0: any number
	Onward     int64    // how many times in a row it may be passed on

	Under string // the Ref of the consent that this one passes on, "" for one of the patient's
	By    string // member id of who passes it on

	// Exceptions are rules of the opposite kind, unless they say otherwise. As
	// FHIR tests an exception on its own, each condition that one leaves open
	// is taken from the draft, so that it reaches no further than what it is an
	// exception to. Not taken over are the time in which it holds, which the
	// root's gates anyway, and a confidentiality, which points upwards in a deny
	// and downwards in a permit.
	Exceptions []Rule
}

// Rule returns the draft's root rule.
func (d *Draft) Rule() Rule {
	r := Rule{
		Says: Permit, Actions: d.Actions, Types: d.Types, Labels: d.Labels, Period: d.Period, DataPeriod: d.DataPeriod,
		Uses: d.Uses, Onward: d.Onward,
	}
	if d.Deny {
		r.Says = Deny
	}
	if typ, ok := typeIn(d.Team); ok {
		r.Actors = []Party{{Type: typ, Ref: d.Team, Name: d.TeamName}}
	} else if d.Grantee != "" {
		r.Actors = []Party{{Type: "Organization", Ref: d.Grantee, Name: d.GranteeName}}
	}
	for _, p := range d.Purposes {
		r.Purposes = append(r.Purposes, Coding{PurposeSystem, p})
	}
	for _, c := range d.Categories {
		r.Codes = append(r.Codes, Coding{ObservationCategory, c})
	}
	r.Codes = append(r.Codes, d.Codes...)
	for _, ref := range d.Records {
		r.Data = append(r.Data, Datum{"instance", ref})
	}
	r.Rules = within(&r, d.Exceptions)
	return r
}

// within returns the exceptions with what they leave open taken from the rule
// that they are exceptions to.
func within(above *Rule, exceptions []Rule) []Rule {
	out := slices.Clone(exceptions)
	for i := range out {
		e := &out[i]
		if e.Says == NoConsent {
			e.Says = above.Says.opposite()
		}
		e.Actors = orElse(e.Actors, above.Actors)
		e.Purposes = orElse(e.Purposes, above.Purposes)
		e.Actions = orElse(e.Actions, above.Actions)
		if len(e.Types)+len(e.Classes) == 0 {
			e.Types, e.Classes = above.Types, above.Classes
		}
		e.Codes = orElse(e.Codes, above.Codes)
		e.Data = orElse(e.Data, above.Data)
		if e.DataPeriod == (Span{}) {
			e.DataPeriod = above.DataPeriod
		}
		if !slices.ContainsFunc(above.Labels, isConfidentiality) {
			e.Labels = orElse(e.Labels, above.Labels)
		}
		e.Rules = within(e, e.Rules)
	}
	return out
}

func orElse[T any](own, above []T) []T {
	if len(own) > 0 {
		return own
	}
	return above
}

func isConfidentiality(c Coding) bool { return c.System == ConfidentialitySystem }

// Build writes the draft as a FHIR R4 Consent in JSON. It has every element that
// IHE Privacy Consent on FHIR 1.1 requires; it says nothing that Compile does
// not understand, and Compile gives back exactly its Rule. The same draft gives
// the same bytes.
func Build(d Draft) ([]byte, error) {
	if d.Patient == "" || d.Custodian == "" {
		return nil, errors.New("building a Consent: it needs a patient and a custodian")
	}
	rule := d.Rule()
	body := consentJSON{
		ResourceType: "Consent", ID: d.ID, Status: "active",
		Scope:        concept{[]coding{{scopeSystem, "patient-privacy"}}},
		Category:     []concept{{[]coding{{"http://loinc.org", "59284-0"}}}},
		Patient:      reference{Reference: "Patient/" + d.Patient},
		DateTime:     instant(d.Signed),
		Performer:    []reference{{Reference: "Patient/" + d.Patient}},
		Organization: []reference{{Reference: "Organization/" + d.Custodian, Display: d.CustodianName}},
		Source:       attachment{"text/plain", "The text that the patient was shown and signed"},
		Policy:       []policyJSON{{PolicyURI}},
		Provision:    provisionOf(&rule),
	}
	if d.Under != "" {
		body.ModifierExtension = []extension{{URL: UnderExtension, String: d.Under}}
		body.Performer = []reference{{Reference: "Organization/" + d.By}}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("building a Consent: %w", err)
	}
	t, err := Compile(raw)
	if err != nil {
		return nil, fmt.Errorf("building a Consent: %w", err)
	}
	if root := t.Root(); !root.equal(&rule) {
		return nil, errors.New("building a Consent: a rule cannot be said in FHIR")
	}
	return raw, nil
}

// equal tells whether two rules say the same, in the same order.
func (r *Rule) equal(o *Rule) bool {
	return r.Says == o.Says && r.Period == o.Period && r.DataPeriod == o.DataPeriod &&
		slices.Equal(r.Actors, o.Actors) && slices.Equal(r.Actions, o.Actions) &&
		slices.Equal(r.Purposes, o.Purposes) && slices.Equal(r.Types, o.Types) &&
		slices.Equal(r.Classes, o.Classes) && slices.Equal(r.Codes, o.Codes) &&
		slices.Equal(r.Labels, o.Labels) && slices.Equal(r.Data, o.Data) &&
		slices.Equal(r.Unclear, o.Unclear) && r.Uses == o.Uses && r.Onward == o.Onward && r.unclear == o.unclear &&
		slices.EqualFunc(r.Rules, o.Rules, func(a, b Rule) bool { return a.equal(&b) })
}

func provisionOf(r *Rule) *provisionJSON {
	p := &provisionJSON{
		Type: map[Outcome]string{Permit: "permit", Deny: "deny"}[r.Says], Period: periodOf(r.Period), DataPeriod: periodOf(r.DataPeriod),
		SecurityLabel: codingsOf(r.Labels), Purpose: codingsOf(r.Purposes),
	}
	if r.Uses > 0 {
		p.ModifierExtension = []extension{{URL: UsesExtension, Number: r.Uses}}
	}
	if r.Onward > 0 {
		p.Extension = []extension{{URL: OnwardExtension, Number: r.Onward}}
	}
	for i := range r.Actors {
		p.Actor = append(p.Actor, actorOf(&r.Actors[i]))
	}
	for _, a := range r.Actions {
		p.Action = append(p.Action, concept{[]coding{{actionSystem, a.String()}}})
	}
	for _, t := range r.Types {
		p.Class = append(p.Class, coding{typeSystem, t})
	}
	p.Class = append(p.Class, codingsOf(r.Classes)...)
	for _, c := range codingsOf(r.Codes) {
		p.Code = append(p.Code, concept{[]coding{c}})
	}
	for _, d := range r.Data {
		p.Data = append(p.Data, dataJSON{d.Meaning, reference{Reference: d.Reference}})
	}
	for i := range r.Rules {
		p.Provision = append(p.Provision, provisionOf(&r.Rules[i]))
	}
	return p
}

func codingsOf(list []Coding) (out []coding) {
	for _, c := range list {
		out = append(out, coding(c))
	}
	return out
}

// actorOf writes a party: one of the custodian, and an organisation, by a
// literal reference, somebody of another member by an identifier.
func actorOf(p *Party) actorJSON {
	a := actorJSON{Role: concept{[]coding{{participationSystem, "IRCP"}}}, Reference: reference{Display: p.Name}}
	if p.Role != "" {
		a.Role.Coding = append(a.Role.Coding, coding{RoleSystem, p.Role})
	}
	switch {
	case p.Type == "Organization":
		a.Reference.Reference = "Organization/" + p.Ref
	case local(p.Ref):
		a.Reference.Reference = p.Ref
	default:
		a.Reference.Type, a.Reference.Identifier = p.Type, &identifierJSON{PersonSystem, p.Ref}
	}
	return a
}

func periodOf(s Span) *periodJSON {
	if s == (Span{}) {
		return nil
	}
	p := &periodJSON{}
	if s.Lo != resource.Past {
		p.Start = instant(s.Lo)
	}
	if s.Hi != resource.Future {
		p.End = instant(s.Hi - 1)
	}
	return p
}

func instant(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// RoleSystem is the code system in which Build writes a party's role.
const RoleSystem = "http://terminology.hl7.org/CodeSystem/practitioner-role"

type consentJSON struct {
	ResourceType string `json:"resourceType"`
	ID           string `json:"id,omitempty"`

	ModifierExtension []extension `json:"modifierExtension,omitempty"`

	Status       string         `json:"status"`
	Scope        concept        `json:"scope"`
	Category     []concept      `json:"category"`
	Patient      reference      `json:"patient"`
	DateTime     string         `json:"dateTime"`
	Performer    []reference    `json:"performer"`
	Organization []reference    `json:"organization"`
	Source       attachment     `json:"sourceAttachment"`
	Policy       []policyJSON   `json:"policy"`
	Provision    *provisionJSON `json:"provision"`
}

type extension struct {
	URL    string `json:"url"`
	Number int64  `json:"valuePositiveInt,omitempty"`
	String string `json:"valueString,omitempty"`
}

type provisionJSON struct {
	Extension         []extension `json:"extension,omitempty"`
	ModifierExtension []extension `json:"modifierExtension,omitempty"`

	Type          string           `json:"type,omitempty"`
	Period        *periodJSON      `json:"period,omitempty"`
	Actor         []actorJSON      `json:"actor,omitempty"`
	Action        []concept        `json:"action,omitempty"`
	SecurityLabel []coding         `json:"securityLabel,omitempty"`
	Purpose       []coding         `json:"purpose,omitempty"`
	Class         []coding         `json:"class,omitempty"`
	Code          []concept        `json:"code,omitempty"`
	DataPeriod    *periodJSON      `json:"dataPeriod,omitempty"`
	Data          []dataJSON       `json:"data,omitempty"`
	Provision     []*provisionJSON `json:"provision,omitempty"`
}

type coding struct {
	System string `json:"system"`
	Code   string `json:"code"`
}

type concept struct {
	Coding []coding `json:"coding"`
}

type reference struct {
	Reference  string          `json:"reference,omitempty"`
	Type       string          `json:"type,omitempty"`
	Identifier *identifierJSON `json:"identifier,omitempty"`
	Display    string          `json:"display,omitempty"`
}

type identifierJSON struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

type periodJSON struct {
	Start string `json:"start,omitempty"`
	End   string `json:"end,omitempty"`
}

type actorJSON struct {
	Role      concept   `json:"role"`
	Reference reference `json:"reference"`
}

type dataJSON struct {
	Meaning   string    `json:"meaning"`
	Reference reference `json:"reference"`
}

type policyJSON struct {
	URI string `json:"uri"`
}

type attachment struct {
	ContentType string `json:"contentType"`
	Title       string `json:"title"`
}
