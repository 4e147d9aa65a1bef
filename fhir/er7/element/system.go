package element

// Namespaces of code systems and tables.
const (
	TermTable           = "http://terminology.hl7.org/CodeSystem/v2-" // + table number
	TermV3              = "http://terminology.hl7.org/CodeSystem/v3-"
	Term                = "http://terminology.hl7.org/CodeSystem/"
	loinc               = "http://loinc.org"
	ucum                = "http://unitsofmeasure.org"
	SSN                 = "http://hl7.org/fhir/sid/us-ssn"
	Extension           = "http://hl7.org/fhir/StructureDefinition/"
	AbsentReason        = Term + "data-absent-reason"
	ObservationCategory = Term + "observation-category"
)

// codeSystems are the names of table HL70396 and what senders write for them.
var codeSystems = map[string]string{
	"LN": loinc, "LOINC": loinc, "L-LN": loinc,
	"SCT": "http://snomed.info/sct", "SNOMED-CT": "http://snomed.info/sct", "SCT2": "http://snomed.info/sct",
	"UCUM": ucum,
	"I10":  "http://hl7.org/fhir/sid/icd-10", "ICD10": "http://hl7.org/fhir/sid/icd-10", "ICD-10": "http://hl7.org/fhir/sid/icd-10",
	"I10C": "http://hl7.org/fhir/sid/icd-10-cm", "ICD10CM": "http://hl7.org/fhir/sid/icd-10-cm",
	"I10P": "http://www.cms.gov/Medicare/Coding/ICD10", "I9": "http://hl7.org/fhir/sid/icd-9-cm", "I9C": "http://hl7.org/fhir/sid/icd-9-cm",
	"I9CDX": "http://hl7.org/fhir/sid/icd-9-cm",
	"CVX":   "http://hl7.org/fhir/sid/cvx", "MVX": "http://hl7.org/fhir/sid/mvx", "NDC": "http://hl7.org/fhir/sid/ndc",
	"RXNORM": "http://www.nlm.nih.gov/research/umls/rxnorm", "ATC": "http://www.whocc.no/atc", "WC": "http://www.whocc.no/atc",
	"C4": "http://www.ama-assn.org/go/cpt", "CPT": "http://www.ama-assn.org/go/cpt", "CPTM": "http://www.ama-assn.org/go/cpt",
	"UNII": "http://fdasis.nlm.nih.gov",
	"NCIT": "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl", "ISO639": "urn:ietf:bcp:47", "BCP47": "urn:ietf:bcp:47",
}

// Concept is a code with its system and what it is called.
type Concept struct{ System, Code, Display string }

// Required codes of FHIR by those of an HL7 table (v2-to-FHIR, code system maps).
var (
	nameUses = map[string]string{"BAD": "old", "D": "usual", "L": "official", "M": "maiden", "MSK": "anonymous", "N": "nickname", "NAV": "temp", "R": "official", "TEMP": "temp"}

	addressUses  = map[string]string{"BA": "old", "BI": "billing", "C": "temp", "B": "work", "O": "work", "H": "home"}
	addressTypes = map[string]string{"M": "postal", "SH": "postal"}

	telecomUses    = map[string]string{"PRN": "home", "WPN": "work", "PRS": "mobile", "VHN": "temp"}
	telecomSystems = map[string]string{"PH": "phone", "CP": "phone", "FX": "fax", "MD": "other", "SAT": "phone", "BP": "pager", "Internet": "email", "INTERNET": "email",
		"X.400": "email", "TDD": "other", "TTY": "other", "SMS": "sms"}
)
