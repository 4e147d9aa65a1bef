package consent

import (
	"slices"
	"strings"

	"cairn/fhir/resource"
)

// This file reads the conditions of a provision (FHIR R4 Consent.provision).

func (r *reader) period(rule *Rule, n resource.Node, kind aspect) Span {
	s := Span{resource.Past, resource.Future}
	start, end := n.Get("start"), n.Get("end")
	if n.Kind() != resource.Object || !start.Exists() && !end.Exists() {
		r.fail(n, "must have a start or an end")
		return Span{}
	}
	if start.Exists() {
		s.Lo, _ = r.date(start)
	}
	if end.Exists() {
		_, s.Hi = r.date(end)
	}
	if s.Lo >= s.Hi {
		r.fail(n, "ends before it starts")
	}
	for key, v := range n.Fields() {
		if key != "start" && key != "end" && key != "id" && key != "extension" {
			rule.doubt(v, kind)
		}
	}
	return s
}

func (r *reader) date(n resource.Node) (lo, hi int64) {
	lo, hi, ok := resource.ParseDate(r.text(n))
	if !ok {
		r.fail(n, "is not a date or time")
	}
	return lo, hi
}

// codings reads a list of Coding. One without a system or code cannot be told
// from others.
func (r *reader) codings(rule *Rule, n resource.Node, kind aspect) []Coding {
	var out []Coding
	for e := range r.list(n).Items() {
		c := r.coding(e)
		if c.System == "" || c.Code == "" {
			rule.doubt(e, kind)
			continue
		}
		out = append(out, c)
	}
	return out
}

func (r *reader) actions(rule *Rule, n resource.Node) {
	for e := range r.list(n).Items() {
		known := false
		for _, c := range r.concept(e) {
			i := slices.Index(actionCodes[:], c.Code)
			if i > 0 && c.System == actionSystem {
				rule.Actions, known = append(rule.Actions, Action(i)), true
			}
		}
		if !known {
			rule.doubt(e, inAction)
		}
	}
}

// labels reads securityLabel. A confidentiality that is not on the scale cannot
// be placed.
func (r *reader) labels(rule *Rule, n resource.Node) {
	for _, c := range r.codings(rule, n, inLabel) {
		if c.System == ConfidentialitySystem && confidentiality(c.Code) == 0 {
			rule.doubt(n, inLabel)
			continue
		}
		rule.Labels = append(rule.Labels, c)
	}
}

// classes reads class. A profile or a media type is not known of an item.
func (r *reader) classes(rule *Rule, n resource.Node) {
	for _, c := range r.codings(rule, n, inClass) {
		switch {
		case c.System == typeSystem && (resource.IsType(c.Code) || c.Code == "Resource" || c.Code == "DomainResource"):
			rule.Types = append(rule.Types, c.Code)
		case c.System == typeSystem:
			r.fail(n, "names a type that is not of FHIR R4")
		case strings.HasPrefix(c.System, "urn:ietf:") || strings.HasPrefix(c.System, "http://hl7.org/fhir/"):
			rule.doubt(n, inClass)
		default:
			rule.Classes = append(rule.Classes, c)
		}
	}
}

// codes reads code. Codings of one concept are other names for the same thing.
func (r *reader) codes(rule *Rule, n resource.Node) {
	for e := range r.list(n).Items() {
		list := r.concept(e)
		if len(list) == 0 {
			rule.doubt(e, inCode)
		}
		rule.Codes = append(rule.Codes, list...)
	}
}

func (r *reader) data(rule *Rule, n resource.Node) {
	for e := range r.list(n).Items() {
		d := Datum{Meaning: r.text(e.Get("meaning"))}
		if d.Meaning != "instance" && d.Meaning != "related" && d.Meaning != "dependents" && d.Meaning != "authoredby" {
			r.fail(e, "meaning: must be instance, related, dependents or authoredby")
		}
		typ, id, relative, ok := resource.Target(r.text(e.Get("reference").Get("reference")))
		if !ok || !relative || hasModifier(e) {
			rule.doubt(e, inData)
			continue
		}
		d.Reference = typ + "/" + id
		rule.Data = append(rule.Data, d)
	}
}

func (r *reader) actors(rule *Rule, n resource.Node) {
	for e := range r.list(n).Items() {
		party, ok := r.reference(e.Get("reference"))
		role, clear := r.role(e.Get("role"))
		if !ok || !clear || hasModifier(e) {
			rule.doubt(e, inActor)
			continue
		}
		if len(role) == 0 {
			role = []string{""}
		}
		for _, party.Role = range role {
			rule.Actors = append(rule.Actors, party)
		}
	}
}

func hasModifier(n resource.Node) bool { return n.Get("modifierExtension").Exists() }

// recipients are the roles, by code system, of an actor who is the asker.
var recipients = map[Coding]bool{
	{participationSystem, "IRCP"}:                                                   true,
	{participationSystem, "PRCP"}:                                                   true,
	{"http://terminology.hl7.org/CodeSystem/v3-RoleCode", "GRANTEE"}:                true,
	{"http://terminology.hl7.org/CodeSystem/v3-RoleCode", "DELEGATEE"}:              true,
	{"http://terminology.hl7.org/CodeSystem/extra-security-role-type", "humanuser"}: true,
}

const participationSystem = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"

// role reads the roles that the asker must have, none for a recipient of any
// role. It is not clear what is meant of an actor who takes part in another way,
// such as an author.
func (r *reader) role(n resource.Node) (codes []string, clear bool) {
	list := r.concept(n)
	for _, c := range list {
		switch {
		case recipients[c]:
		case c.System == "" || strings.HasPrefix(c.System, "http://terminology.hl7.org/CodeSystem/v3-Participation") ||
			c.System == "http://terminology.hl7.org/CodeSystem/contractsignertypecodes" ||
			c.System == "http://terminology.hl7.org/CodeSystem/extra-security-role-type":
			return nil, false
		default:
			codes = append(codes, c.Code)
		}
	}
	return codes, len(list) > 0
}

// reference reads whom a Reference means. It is not known for one to another
// server, within the resource, or by a stranger's identifier.
func (r *reader) reference(n resource.Node) (Party, bool) {
	p := Party{Name: r.text(n.Get("display"))}
	if literal := n.Get("reference"); literal.Exists() {
		typ, id, relative, ok := resource.Target(r.text(literal))
		if !ok || !relative {
			return p, false
		}
		p.Type, p.Ref = typ, typ+"/"+id
		if typ == "Organization" {
			p.Ref = id
		}
		return p, p.known()
	}
	id := n.Get("identifier")
	system, value := r.text(id.Get("system")), r.text(id.Get("value"))
	p.Type, p.Ref = r.text(n.Get("type")), value
	switch system {
	case MemberSystem:
		p.Type = "Organization"
	case PersonSystem:
		said, ok := typeIn(value)
		if p.Type == "" {
			p.Type = said
		}
		if p.Type == "Organization" || ok && said != p.Type {
			return p, false
		}
	default:
		return p, false
	}
	return p, p.known()
}

// typeIn returns the type in "east/CareTeam/3", if it says one. Who is named
// without one is a person.
func typeIn(value string) (string, bool) {
	for part := range strings.SplitSeq(value, "/") {
		if actorTypes[part] {
			return part, true
		}
	}
	return "Practitioner", false
}

// known tells whether the party can be told from others: an organisation by a
// member id, another by a reference at the custodian or a member.
func (p *Party) known() bool {
	if p.Type == "Organization" {
		return isMember(p.Ref)
	}
	if !actorTypes[p.Type] {
		return false
	}
	if local(p.Ref) {
		return true
	}
	member, rest, ok := strings.Cut(p.Ref, "/")
	return ok && isMember(member) && rest != ""
}

var actorTypes = map[string]bool{
	"Organization": true, "Device": true, "Group": true, "CareTeam": true, "Patient": true,
	"Practitioner": true, "RelatedPerson": true, "PractitionerRole": true,
}

// isMember tells whether the text has the form of a member id.
func isMember(id string) bool {
	for i, c := range []byte(id) {
		lower := c >= 'a' && c <= 'z'
		if !lower && (i == 0 || !(c >= '0' && c <= '9' || c == '-')) {
			return false
		}
	}
	return id != "" && len(id) <= 32
}
