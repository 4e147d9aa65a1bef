package consent

import (
	"strconv"
	"strings"
	"time"

	"cairn/fhir/resource"
)

// Words are a rule in plain English, each part ready to stand in a sentence.
type Words struct {
	Who  string // "East Hospital (east)"; "everyone" if the rule names nobody
	Do   string // "read"
	Why  string // "treatment"; "any reason"
	What string // "laboratory results"; "all records"
	When string // "until the end of 31 December 2026 (UTC)"; "" without a period

	Times  string // "3 times at most, each answer counted"; "" if uses are not counted
	Onward string // "to others, and not from there"; "" if it may not be passed on
}

// Words returns what the rule itself says, without its exceptions. Names come
// from the Consent and always stand beside the id that counts.
func (r *Rule) Words() Words {
	w := Words{Who: "everyone", Do: "read, use, share and change", Why: "any reason", What: r.what(), When: r.Period.words()}
	r.say(&w.Who, each(r.Actors, (*Party).words), inActor, "somebody whom this hospital cannot tell from others")
	r.say(&w.Do, each(r.Actions, func(a *Action) string { return actionWords[*a] }), inAction, "something that this hospital does not know")
	r.say(&w.Why, each(r.Purposes, func(c *Coding) string { return c.words(purposeWords) }), inPurpose, "a reason that this hospital does not know")
	w.Times, w.Onward = times(r.Uses), onward(r.Onward)
	return w
}

func times(n int64) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "once, with one answer"
	}
	return strconv.FormatInt(n, 10) + " times at most, each answer counted"
}

func onward(n int64) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "to others, for no more than this; they may not pass it on"
	}
	return "to others, for no more than this, up to " + strconv.FormatInt(n, 10) + " times in a row"
}

// say puts the values of a condition, if there is one, in place of what stands
// there without.
func (r *Rule) say(at *string, values []string, kind aspect, unclear string) {
	if r.unclear&kind != 0 {
		values = append(values, unclear)
	}
	if len(values) > 0 {
		*at = join(values)
	}
}

// everyRecord is what a rule without conditions on the item is about.
const everyRecord = "all records"

// what returns the records that the rule is about.
func (r *Rule) what() string {
	var parts []string
	add := func(lead, text string) {
		if text != "" {
			parts = append(parts, lead+text)
		}
	}
	types := append(each(r.Types, func(t *string) string { return known(typeWords, *t) }), each(r.Classes, func(c *Coding) string { return c.words(nil) })...)
	switch {
	case len(types) > 0:
		add("", join(types))
	case len(r.Codes)+len(r.Data) == 0:
		parts = append(parts, everyRecord)
	}
	add(when(len(types) > 0, "only "), phrase(r.Codes, func(c *Coding) string { return c.words(categoryWords) }))
	add("marked ", r.labelWords())
	add("dated ", r.DataPeriod.words())
	add("only ", phrase(r.Data, (*Datum).words))
	if len(r.Unclear) > 0 {
		parts = append(parts, "with a condition that this hospital cannot check")
	}
	return strings.Join(parts, ", ")
}

// String returns the filter in plain words.
func (f Filter) String() string {
	kept := f.withheld
	v, f := f.survey()
	switch {
	case f.all && len(kept) > 0:
		return "everything that the hospital does not withhold"
	case f.all:
		return "everything"
	case len(f.parts) == 0:
		return "nothing"
	}
	var list []string
	if v.outcome == NoConsent {
		list = append(list, "what the policy allows where no consent speaks")
	}
	for i := range f.parts {
		list = f.words(&f.parts[i], list)
	}
	return strings.Join(list, "; ")
}

func (f *Filter) words(s *part, list []string) []string {
	for i := range s.program.rules {
		r := &s.program.rules[i]
		if !r.live(f.answers[s.from:]) {
			continue
		}
		lead := "yes to "
		if r.says == Deny {
			lead = "no to "
		}
		list = append(list, strings.Repeat("exception: ", int(r.depth))+lead+r.what)
	}
	return list
}

func (p *Party) words() string {
	name := p.Ref
	if p.Name != "" {
		name = p.Name + " (" + p.Ref + ")"
	}
	if p.Role != "" {
		name = "the role " + p.Role + " at " + name
	}
	return name
}

func (d *Datum) words() string {
	switch d.Meaning {
	case "authoredby":
		return "what " + d.Reference + " made"
	case "instance":
		return "the record " + d.Reference
	}
	return d.Reference + " and what belongs to it"
}

// labelWords says the labels as they count: one level of confidentiality, any
// of the sensitivities, and of the two kinds both in a permit, one in a deny.
func (r *Rule) labelWords() string {
	lv, labels := foldLabels(r.Says, r.Labels)
	sensitive := each(labels, func(c *Coding) string { return c.words(sensitivityWords) })
	if lv == 0 {
		return joinBy(" or ", sensitive)
	}
	confidential, between := levelWords[lv]+" or less private", " and "
	if r.Says == Deny {
		confidential, between = levelWords[lv]+" or more private", " or "
	}
	if len(sensitive) == 0 {
		return confidential
	}
	return joinBy(" or ", sensitive) + between + confidential
}

// words returns the plain words for a code, or the code and its system.
func (c *Coding) words(table map[string]string) string {
	if w, ok := table[c.Code]; ok && systemOf[c.System] {
		return w
	}
	return c.Code + " (" + c.System + ")"
}

var systemOf = map[string]bool{PurposeSystem: true, ObservationCategory: true, SensitivitySystem: true}

func (s Span) words() string {
	if s == (Span{}) {
		return ""
	}
	var parts []string
	if s.Lo != resource.Past {
		parts = append(parts, "from "+moment(s.Lo, "the start of "))
	}
	if s.Hi != resource.Future {
		parts = append(parts, "until "+until(s.Hi))
	}
	return strings.Join(parts, " ")
}

const dayMillis = 24 * 60 * 60 * 1000

func moment(ms int64, midnight string) string {
	t := time.UnixMilli(ms).UTC()
	if ms%dayMillis == 0 {
		return midnight + t.Format("2 January 2006") + " (UTC)"
	}
	return t.Format("2 January 2006, 15:04:05") + " UTC"
}

// until says the end of a span, which is the first moment outside it.
func until(ms int64) string {
	if ms%dayMillis == 0 {
		return moment(ms-dayMillis, "the end of ")
	}
	return moment(ms, "")
}

func known(table map[string]string, code string) string {
	if w, ok := table[code]; ok {
		return w
	}
	return code
}

func when(cond bool, text string) string {
	if cond {
		return text
	}
	return ""
}

func each[T any](list []T, say func(*T) string) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = say(&list[i])
	}
	return out
}

func phrase[T any](list []T, say func(*T) string) string { return join(each(list, say)) }

// join makes a list as one says it: "a, b and c".
func join(list []string) string { return joinBy(" and ", list) }

func joinBy(last string, list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + last + list[len(list)-1]
}

var actionWords = map[Action]string{Collect: "collect", Access: "read", Use: "use", Disclose: "share", Correct: "change"}

var purposeWords = map[string]string{
	"TREAT": "treatment", "ETREAT": "emergency treatment", "BTG": "breaking the glass in an emergency",
	"ERTREAT": "emergency room treatment", "CLINTRL": "care in a clinical trial", "COC": "planning of care",
	"CAREMGT": "care management", "HPAYMT": "payment", "HOPERAT": "running the hospital", "HRESCH": "research",
	"CLINTRCH": "clinical trial research", "BIORCH": "biomedical research", "PUBHLTH": "public health",
	"PATRQT": "what the patient asks for", "FAMRQT": "what the family asks for", "HMARKT": "marketing",
	"COVERAGE": "insurance cover", "CLMATTCH": "papers for a claim", "COVAUTH": "approval by the insurer",
	"HLEGAL": "legal matters", "TRAIN": "training of staff", "HQUALIMP": "better quality of care",
}

var categoryWords = map[string]string{
	"laboratory": "laboratory results", "vital-signs": "vital signs", "imaging": "imaging results",
	"social-history": "social history", "procedure": "results of procedures", "survey": "answers to questionnaires",
	"exam": "findings of examinations", "therapy": "notes on therapy", "activity": "physical activity",
}

var sensitivityWords = map[string]string{
	"PSY": "mental health", "PSYTHPN": "psychotherapy notes", "HIV": "HIV", "STD": "sexual infections",
	"SEX": "sexual and reproductive health", "SDV": "sexual and domestic violence", "ETH": "substance use",
	"SUD": "substance use disorder", "ETHUD": "alcohol use disorder", "OPIOIDUD": "opioid use disorder",
	"GDIS": "genetic disease", "SICKLE": "sickle cell", "MH": "mental health", "BH": "behavioural health",
}

var levelWords = [...]string{
	levelU: "open to all", levelL: "of low privacy", levelM: "of moderate privacy", levelN: "of normal privacy",
	levelR: "restricted", levelV: "very restricted",
}

var typeWords = map[string]string{
	"AllergyIntolerance": "allergies", "Binary": "files", "CarePlan": "care plans", "CareTeam": "care teams",
	"Claim": "claims", "Condition": "conditions", "Coverage": "insurance", "Device": "devices",
	"DiagnosticReport": "diagnostic reports", "DocumentReference": "documents", "DomainResource": "all kinds of records",
	"Encounter": "visits", "ExplanationOfBenefit": "bills", "FamilyMemberHistory": "family history", "Goal": "goals",
	"ImagingStudy": "imaging studies", "Immunization": "vaccinations", "Medication": "medicines",
	"MedicationAdministration": "medicines given", "MedicationDispense": "medicines handed out",
	"MedicationRequest": "prescriptions", "MedicationStatement": "medicines taken", "Observation": "measurements",
	"Patient": "personal details", "Procedure": "procedures", "Provenance": "origins of records",
	"Resource": "all kinds of records", "ServiceRequest": "orders",
}
