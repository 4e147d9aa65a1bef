package mapping

import "cairn/fhir/er7/element"

// Required codes of FHIR by those of an HL7 table (v2-to-FHIR, code system maps).
var (
	genders = map[string]string{"F": "female", "M": "male", "O": "other", "U": "unknown", "A": "other", "N": "other"}

	observationStates = map[string]string{"A": "amended", "B": "amended", "C": "corrected", "D": "entered-in-error", "F": "final", "I": "registered", "N": "final",
		"P": "preliminary", "R": "preliminary", "S": "preliminary", "U": "final", "V": "final", "W": "entered-in-error", "X": "cancelled"}

	reportStates = map[string]string{"O": "registered", "I": "registered", "S": "registered", "A": "partial", "P": "preliminary", "C": "corrected", "R": "partial",
		"F": "final", "X": "cancelled", "M": "amended", "N": "registered"}

	orderStates = map[string]string{"A": "active", "CA": "revoked", "CM": "completed", "DC": "revoked", "ER": "entered-in-error", "HD": "on-hold", "IP": "active", "RP": "revoked", "SC": "active"}

	orderControls = map[string]string{"AF": "active", "CA": "revoked", "CR": "revoked", "DC": "revoked", "DF": "revoked", "DR": "revoked", "FU": "completed", "HD": "on-hold",
		"HR": "on-hold", "NW": "active", "OC": "revoked", "OD": "revoked", "OH": "on-hold", "OK": "active", "PR": "active", "PY": "active", "RL": "active", "RO": "active",
		"RQ": "active", "RP": "revoked", "XO": "active", "XR": "active", "XX": "active", "RE": "active", "SC": "active", "SN": "active", "NA": "active", "CH": "active", "PA": "active"}

	priorities = map[string]string{"S": "stat", "A": "asap", "R": "routine", "T": "urgent"}

	vaccinationStates = map[string]string{"CP": "completed", "RE": "not-done", "NA": "not-done", "PA": "completed"}

	allergyCategories = map[string]string{"DA": "medication", "FA": "food", "EA": "environment", "AA": "environment", "PA": "environment", "LA": "environment", "MA": "", "MC": ""}
	severities        = map[string]string{"SV": "severe", "MO": "moderate", "MI": "mild", "U": ""}
	criticalities     = map[string]string{"SV": "high", "MI": "low", "MO": "", "U": ""}

	documentStates  = map[string]string{"AV": "current", "CA": "entered-in-error", "OB": "superseded", "UN": "current"}
	completionState = map[string]string{"DI": "preliminary", "DO": "preliminary", "IP": "preliminary", "IN": "preliminary", "PA": "preliminary", "AU": "final", "LA": "final"}

	appointmentStates = map[string]string{"PENDING": "pending", "WAITLIST": "waitlist", "BOOKED": "booked", "STARTED": "checked-in", "COMPLETE": "fulfilled", "CANCELLED": "cancelled",
		"DISCONTINUED": "cancelled", "DELETED": "entered-in-error", "BLOCKED": "booked", "OVERBOOK": "booked", "NOSHOW": "noshow"}
)

// is returns the concept that a code stands for.
func is(system, code, display string) element.Concept {
	return element.Concept{System: system, Code: code, Display: display}
}

// Concepts by the codes of an HL7 table.
var (
	encounterClasses = map[string]element.Concept{
		"E": is(element.TermV3+"ActCode", "EMER", "emergency"), "I": is(element.TermV3+"ActCode", "IMP", "inpatient encounter"), "O": is(element.TermV3+"ActCode", "AMB", "ambulatory"),
		"P": is(element.TermV3+"ActCode", "PRENC", "pre-admission"), "R": is(element.TermTable+"0004", "R", "Recurring patient"), "B": is(element.TermTable+"0004", "B", "Obstetrics"),
		"C": is(element.TermTable+"0004", "C", "Commercial Account"), "N": is(element.TermTable+"0004", "N", "Not Applicable"), "U": is(element.TermTable+"0004", "U", "Unknown"),
	}
	maritalStates = map[string]element.Concept{
		"A": is(element.TermV3+"MaritalStatus", "L", "Legally Separated"), "D": is(element.TermV3+"MaritalStatus", "D", "Divorced"), "M": is(element.TermV3+"MaritalStatus", "M", "Married"),
		"S": is(element.TermV3+"MaritalStatus", "S", "Never Married"), "W": is(element.TermV3+"MaritalStatus", "W", "Widowed"), "C": is(element.TermV3+"MaritalStatus", "C", "Common Law"),
		"G": is(element.TermV3+"MaritalStatus", "T", "Domestic partner"), "P": is(element.TermV3+"MaritalStatus", "T", "Domestic partner"), "R": is(element.TermV3+"MaritalStatus", "T", "Domestic partner"),
		"E": is(element.TermV3+"MaritalStatus", "L", "Legally Separated"), "N": is(element.TermV3+"MaritalStatus", "A", "Annulled"), "I": is(element.TermV3+"MaritalStatus", "I", "Interlocutory"),
		"B": is(element.TermV3+"MaritalStatus", "U", "unmarried"), "U": is(element.TermV3+"NullFlavor", "UNK", "Unknown"), "O": is(element.TermV3+"NullFlavor", "OTH", "Other"), "T": is(element.TermV3+"NullFlavor", "NAVU", "Not available"),
	}
	relations = map[string]element.Concept{
		"SEL": is(element.TermV3+"RoleCode", "ONESELF", "self"), "SPO": is(element.TermV3+"RoleCode", "SPS", "spouse"), "DOM": is(element.TermV3+"RoleCode", "SIGOTHR", "significant other"),
		"CHD": is(element.TermV3+"RoleCode", "CHILD", "child"), "GCH": is(element.TermV3+"RoleCode", "GRNDCHILD", "grandchild"), "NCH": is(element.TermV3+"RoleCode", "NCHILD", "natural child"),
		"SCH": is(element.TermV3+"RoleCode", "STPCHLD", "step child"), "FCH": is(element.TermV3+"RoleCode", "CHLDFOST", "foster child"), "PAR": is(element.TermV3+"RoleCode", "PRN", "parent"),
		"MTH": is(element.TermV3+"RoleCode", "MTH", "mother"), "FTH": is(element.TermV3+"RoleCode", "FTH", "father"), "GRP": is(element.TermV3+"RoleCode", "GRPRN", "grandparent"),
		"EXF": is(element.TermV3+"RoleCode", "EXT", "extended family member"), "SIB": is(element.TermV3+"RoleCode", "SIB", "sibling"), "BRO": is(element.TermV3+"RoleCode", "BRO", "brother"),
		"SIS": is(element.TermV3+"RoleCode", "SIS", "sister"), "FND": is(element.TermV3+"RoleCode", "FRND", "unrelated friend"), "EMC": is(element.TermTable+"0131", "C", "Emergency Contact"),
		"EMR": is(element.TermTable+"0131", "E", "Employer"), "UNK": is(element.TermTable+"0131", "U", "Unknown"), "OTH": is(element.TermTable+"0131", "O", "Other"),
	}
	subscribers = map[string]element.Concept{
		"SEL": is(element.Term+"subscriber-relationship", "self", "Self"), "SPO": is(element.Term+"subscriber-relationship", "spouse", "Spouse"), "CHD": is(element.Term+"subscriber-relationship", "child", "Child"),
		"PAR": is(element.Term+"subscriber-relationship", "parent", "Parent"), "OTH": is(element.Term+"subscriber-relationship", "other", "Other"), "18": is(element.Term+"subscriber-relationship", "self", "Self"),
	}
	encounterPriorities = map[string]element.Concept{"1": is(element.TermV3+"ActPriority", "EM", "emergency"), "2": is(element.TermV3+"ActPriority", "UR", "urgent"), "3": is(element.TermV3+"ActPriority", "EL", "elective")}
	routes              = map[string]element.Concept{
		"ID": is(element.TermV3+"RouteOfAdministration", "IDINJ", "Injection, intradermal"), "IM": is(element.TermV3+"RouteOfAdministration", "IM", "Injection, intramuscular"),
		"IV": is(element.TermV3+"RouteOfAdministration", "IVINJ", "Injection, intravenous"), "PO": is(element.TermV3+"RouteOfAdministration", "PO", "Swallow, oral"),
		"SC": is(element.TermV3+"RouteOfAdministration", "SQ", "Injection, subcutaneous"), "TD": is(element.TermV3+"RouteOfAdministration", "TRNSDERM", "Transdermal"),
	}
	diagnosisRoles = map[string]element.Concept{"A": is(element.Term+"diagnosis-role", "AD", "Admission diagnosis"), "F": is(element.Term+"diagnosis-role", "DD", "Discharge diagnosis"), "W": {}}
	confidential   = map[string]element.Concept{
		"V": is(element.TermV3+"Confidentiality", "V", "very restricted"), "R": is(element.TermV3+"Confidentiality", "R", "restricted"), "U": is(element.TermV3+"Confidentiality", "N", "normal"),
		"PSY": is(element.TermV3+"ActCode", "PSY", "psychiatry disorder information sensitivity"), "AID": is(element.TermV3+"ActCode", "HIV", "HIV/AIDS information sensitivity"),
		"HIV": is(element.TermV3+"ActCode", "HIV", "HIV/AIDS information sensitivity"), "ETH": is(element.TermV3+"ActCode", "ETH", "substance abuse information sensitivity"),
		"EMP": is(element.TermV3+"ActCode", "EMP", "employee information sensitivity"), "VIP": is(element.TermV3+"ActCode", "CEL", "celebrity information sensitivity"),
	}
)

// sections are the diagnostic services of table HL70074 by the category that
// their observations have.
var sections = map[string]string{
	"BG": "laboratory", "BLB": "laboratory", "CG": "laboratory", "CH": "laboratory", "CP": "laboratory", "GE": "laboratory", "HM": "laboratory", "IMM": "laboratory",
	"LAB": "laboratory", "MB": "laboratory", "MCB": "laboratory", "MYC": "laboratory", "OSL": "laboratory", "SR": "laboratory", "SP": "laboratory", "TX": "laboratory",
	"VR": "laboratory", "CT": "imaging", "CUS": "imaging", "NMS": "imaging", "NMR": "imaging", "OUS": "imaging", "RAD": "imaging", "RX": "imaging", "RUS": "imaging",
	"VUS": "imaging", "XRC": "imaging", "EC": "procedure", "EN": "procedure", "CTH": "procedure", "PF": "procedure", "OT": "therapy", "PT": "therapy", "RC": "therapy",
	"ICU": "vital-signs", "NRS": "exam", "PHY": "exam",
}

// interpretations are the codes of table HL70078 that
// v3-ObservationInterpretation has.
var interpretations = map[string]string{
	"<": "Off scale low", ">": "Off scale high", "A": "Abnormal", "AA": "Critical abnormal", "B": "Better", "CAR": "Carrier", "D": "Significant change down",
	"DET": "Detected", "E": "Equivocal", "EX": "outside threshold", "EXP": "Expected", "H": "High", "HH": "Critical high", "HU": "Significantly high", "I": "Intermediate",
	"IE": "Insufficient evidence", "IND": "Indeterminate", "L": "Low", "LL": "Critical low", "LU": "Significantly low", "N": "Normal", "NCL": "No CLSI defined breakpoint",
	"ND": "Not detected", "NEG": "Negative", "NR": "Non-reactive", "NS": "Non-susceptible", "POS": "Positive", "R": "Resistant", "RR": "Reactive", "S": "Susceptible",
	"SDD": "Susceptible-dose dependent", "SYN-R": "Synergy - resistant", "SYN-S": "Synergy - susceptible", "U": "Significant change up", "UNE": "Unexpected", "W": "Worse",
	"WR": "Weakly reactive",
}
