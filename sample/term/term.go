// Package term holds codes of the code systems that FHIR resources use, with their canonical addresses.
package term

// The code systems.
const (
	SystemSNOMED   = "http://snomed.info/sct"
	SystemLOINC    = "http://loinc.org"
	SystemRxNorm   = "http://www.nlm.nih.gov/research/umls/rxnorm"
	SystemATC      = "http://www.whocc.no/atc"
	SystemICD10    = "http://hl7.org/fhir/sid/icd-10-cm"
	SystemCVX      = "http://hl7.org/fhir/sid/cvx"
	SystemUCUM     = "http://unitsofmeasure.org"
	SystemLanguage = "urn:ietf:bcp:47"
	SystemActCode  = HL7 + "v3-ActCode"
	SystemMarital  = HL7 + "v3-MaritalStatus"
)

// HL7 is what the addresses of HL7's own code systems begin with.
const HL7 = "http://terminology.hl7.org/CodeSystem/"

// Coding is a code of a system, as FHIR's Coding.
type Coding struct {
	System, Code, Display string
}

// Concept is a thing in words and codes, as FHIR's CodeableConcept.
type Concept struct {
	Text    string
	Codings []Coding
}

// Told makes a concept of its words and codes.
func Told(text string, codings ...Coding) Concept {
	return Concept{text, codings}
}

// In makes a coding of a system that has no function of its own here.
func In(system, code, display string) Coding { return Coding{system, code, display} }

// SNOMED is a code of SNOMED CT.
func SNOMED(code, display string) Coding { return Coding{SystemSNOMED, code, display} }

// LOINC is a code of LOINC.
func LOINC(code, display string) Coding { return Coding{SystemLOINC, code, display} }

// RxNorm is a code of RxNorm.
func RxNorm(code, display string) Coding { return Coding{SystemRxNorm, code, display} }

// ATC is a code of the Anatomical Therapeutic Chemical classification.
func ATC(code, display string) Coding { return Coding{SystemATC, code, display} }

// ICD10 is a code of ICD-10-CM.
func ICD10(code, display string) Coding { return Coding{SystemICD10, code, display} }

// CVX is a code of the CDC's list of vaccines.
func CVX(code, display string) Coding { return Coding{SystemCVX, code, display} }
