package life

import (
	"cairn/sample/term"
)

// Measure names what can be observed; it is an index of measures.
type Measure int

// The measures that a record treats in a way of its own, among measureCount.
const (
	Systolic Measure = iota
	Diastolic
	heartRate
	breathing
	temperature
	saturation
	Weight
	Height
	bodyMass
	headSize
	haemoglobinA1c
	glucose
	creatinine
	filtrationRate
	urea
	sodium
	potassium
	albumin
	cholesterol
	highDensity
	triglyceride
	lowDensity
	haemoglobin
	haematocrit
	leukocytes
	platelets
	thyrotropin
	reactiveProtein
	troponin
	airflow
	pain
	moodScore
	gestation
	measureCount
)

// Scale says how a measure is written down. All its figures are fixed-point numbers with so many places.
type Scale struct {
	Name     term.Concept
	Category string // code of observation-category
	Unit     string // for people
	UCUM     string
	Places   int
	Low      [2]int // reference range by Sex, 0 where it is open
	High     [2]int

	spread  int // standard deviation from one person to the next
	noise   int // standard deviation from one measurement to the next
	floor   int // no measurement is outside floor and ceiling
	ceiling int
}

// The categories of what is observed, codes of observation-category.
const (
	VitalSigns  = "vital-signs"
	Laboratory  = "laboratory"
	Survey      = "survey"
	Examination = "exam"
	Social      = "social-history"
)

// Scale returns how a measure is written down.
func (m Measure) Scale() *Scale { return &scales[m] }

// both is a limit that does not depend on sex.
func both(limit int) [2]int { return [2]int{limit, limit} }

var scales = [measureCount]Scale{
	Systolic: {Name: term.Told("Systolic blood pressure", term.LOINC("8480-6", "Systolic blood pressure")), Category: VitalSigns,
		Unit: "mmHg", UCUM: "mm[Hg]", spread: 7, noise: 4, floor: 60, ceiling: 215},
	Diastolic: {Name: term.Told("Diastolic blood pressure", term.LOINC("8462-4", "Diastolic blood pressure")), Category: VitalSigns,
		Unit: "mmHg", UCUM: "mm[Hg]", spread: 5, noise: 3, floor: 35, ceiling: 125},
	heartRate: {Name: term.Told("Heart rate", term.LOINC("8867-4", "Heart rate")), Category: VitalSigns,
		Unit: "beats/minute", UCUM: "/min", spread: 5, noise: 4, floor: 45, ceiling: 180},
	breathing: {Name: term.Told("Respiratory rate", term.LOINC("9279-1", "Respiratory rate")), Category: VitalSigns,
		Unit: "breaths/minute", UCUM: "/min", spread: 1, noise: 1, floor: 10, ceiling: 60},
	temperature: {Name: term.Told("Body temperature", term.LOINC("8310-5", "Body temperature")), Category: VitalSigns,
		Unit: "°C", UCUM: "Cel", Places: 1, noise: 2, floor: 355, ceiling: 409},
	saturation: {Name: term.Told("Oxygen saturation", term.LOINC("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry"),
		term.LOINC("2708-6", "Oxygen saturation in Arterial blood")), Category: VitalSigns,
		Unit: "%", UCUM: "%", noise: 1, floor: 80, ceiling: 100},
	Weight: {Name: term.Told("Body weight", term.LOINC("29463-7", "Body weight")), Category: VitalSigns,
		Unit: "kg", UCUM: "kg", Places: 1, floor: 22, ceiling: 1800},
	Height: {Name: term.Told("Body height", term.LOINC("8302-2", "Body height")), Category: VitalSigns,
		Unit: "cm", UCUM: "cm", Places: 1, floor: 440, ceiling: 2100},
	bodyMass: {Name: term.Told("Body mass index", term.LOINC("39156-5", "Body mass index (BMI) [Ratio]")), Category: VitalSigns,
		Unit: "kg/m2", UCUM: "kg/m2", Places: 1, floor: 0, ceiling: 900},
	headSize: {Name: term.Told("Head circumference", term.LOINC("9843-4", "Head Occipital-frontal circumference")), Category: VitalSigns,
		Unit: "cm", UCUM: "cm", Places: 1, spread: 8, noise: 2, floor: 310, ceiling: 540},
	haemoglobinA1c: {Name: term.Told("Hemoglobin A1c", term.LOINC("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood")), Category: Laboratory,
		Unit: "%", UCUM: "%", Places: 1, spread: 1, noise: 1, Low: both(40), High: both(56), floor: 42, ceiling: 140},
	glucose: {Name: term.Told("Glucose", term.LOINC("2345-7", "Glucose [Mass/volume] in Serum or Plasma")), Category: Laboratory,
		Unit: "mg/dL", UCUM: "mg/dL", noise: 6, Low: both(70), High: both(99), floor: 62, ceiling: 420},
	creatinine: {Name: term.Told("Creatinine", term.LOINC("2160-0", "Creatinine [Mass/volume] in Serum or Plasma")), Category: Laboratory,
		Unit: "mg/dL", UCUM: "mg/dL", Places: 2, spread: 7, noise: 3, Low: [2]int{74, 59}, High: [2]int{135, 104}, floor: 20, ceiling: 600},
	filtrationRate: {Name: term.Told("eGFR", term.LOINC("98979-8", "Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Serum, "+
		"Plasma or Blood by Creatinine-based formula (CKD-EPI 2021)")), Category: Laboratory,
		Unit: "mL/min/1.73m2", UCUM: "mL/min/{1.73_m2}", Low: both(60), floor: 1, ceiling: 140},
	urea: {Name: term.Told("Urea nitrogen", term.LOINC("3094-0", "Urea nitrogen [Mass/volume] in Serum or Plasma")), Category: Laboratory,
		Unit: "mg/dL", UCUM: "mg/dL", spread: 2, noise: 2, Low: both(7), High: both(20), floor: 5, ceiling: 90},
	sodium: {Name: term.Told("Sodium", term.LOINC("2951-2", "Sodium [Moles/volume] in Serum or Plasma")), Category: Laboratory,
		Unit: "mmol/L", UCUM: "mmol/L", noise: 2, Low: both(135), High: both(145), floor: 128, ceiling: 150},
	potassium: {Name: term.Told("Potassium", term.LOINC("2823-3", "Potassium [Moles/volume] in Serum or Plasma")), Category: Laboratory,
		Unit: "mmol/L", UCUM: "mmol/L", Places: 1, noise: 2, Low: both(35), High: both(51), floor: 30, ceiling: 60},
	albumin: {Name: term.Told("Albumin/creatinine in urine", term.LOINC("14959-1", "Microalbumin/Creatinine [Mass Ratio] in Urine")), Category: Laboratory,
		Unit: "mg/g", UCUM: "mg/g", noise: 3, High: both(30), floor: 2, ceiling: 900},
	cholesterol: {Name: term.Told("Total cholesterol", term.LOINC("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma")), Category: Laboratory,
		Unit: "mg/dL", UCUM: "mg/dL", spread: 22, noise: 6, High: both(200), floor: 105, ceiling: 380},
	highDensity: {Name: term.Told("HDL cholesterol", term.LOINC("2085-9", "Cholesterol in HDL [Mass/volume] in Serum or Plasma")), Category: Laboratory,
		Unit: "mg/dL", UCUM: "mg/dL", spread: 8, noise: 2, Low: [2]int{40, 50}, floor: 24, ceiling: 95},
	triglyceride: {Name: term.Told("Triglycerides", term.LOINC("2571-8", "Triglyceride [Mass/volume] in Serum or Plasma")), Category: Laboratory,
		Unit: "mg/dL", UCUM: "mg/dL", spread: 25, noise: 10, High: both(150), floor: 40, ceiling: 390},
	lowDensity: {Name: term.Told("LDL cholesterol", term.LOINC("13457-7", "Cholesterol in LDL [Mass/volume] in Serum or Plasma by calculation")), Category: Laboratory,
		Unit: "mg/dL", UCUM: "mg/dL", High: both(130), floor: 10, ceiling: 330},
	haemoglobin: {Name: term.Told("Hemoglobin", term.LOINC("718-7", "Hemoglobin [Mass/volume] in Blood")), Category: Laboratory,
		Unit: "g/dL", UCUM: "g/dL", Places: 1, spread: 5, noise: 2, Low: [2]int{135, 120}, High: [2]int{175, 155}, floor: 65, ceiling: 185},
	haematocrit: {Name: term.Told("Hematocrit", term.LOINC("4544-3", "Hematocrit [Volume Fraction] of Blood by Automated count")), Category: Laboratory,
		Unit: "%", UCUM: "%", Places: 1, Low: [2]int{388, 349}, High: [2]int{500, 445}, floor: 190, ceiling: 580},
	leukocytes: {Name: term.Told("Leukocytes", term.LOINC("6690-2", "Leukocytes [#/volume] in Blood by Automated count")), Category: Laboratory,
		Unit: "10*3/uL", UCUM: "10*3/uL", Places: 1, spread: 10, noise: 6, Low: both(45), High: both(110), floor: 30, ceiling: 250},
	platelets: {Name: term.Told("Platelets", term.LOINC("777-3", "Platelets [#/volume] in Blood by Automated count")), Category: Laboratory,
		Unit: "10*3/uL", UCUM: "10*3/uL", spread: 40, noise: 15, Low: both(150), High: both(450), floor: 110, ceiling: 520},
	thyrotropin: {Name: term.Told("Thyrotropin", term.LOINC("3016-3", "Thyrotropin [Units/volume] in Serum or Plasma")), Category: Laboratory,
		Unit: "mIU/L", UCUM: "m[IU]/L", Places: 1, spread: 5, noise: 2, Low: both(4), High: both(40), floor: 2, ceiling: 300},
	reactiveProtein: {Name: term.Told("C-reactive protein", term.LOINC("1988-5", "C reactive protein [Mass/volume] in Serum or Plasma")), Category: Laboratory,
		Unit: "mg/L", UCUM: "mg/L", noise: 1, High: both(10), floor: 1, ceiling: 320},
	troponin: {Name: term.Told("Troponin I", term.LOINC("10839-9", "Troponin I.cardiac [Mass/volume] in Serum or Plasma")), Category: Laboratory,
		Unit: "ng/mL", UCUM: "ng/mL", Places: 2, High: both(4), floor: 1, ceiling: 4000},
	airflow: {Name: term.Told("FEV1/FVC", term.LOINC("19926-5", "FEV1/FVC")), Category: Examination,
		Unit: "%", UCUM: "%", spread: 2, noise: 2, Low: both(70), floor: 40, ceiling: 95},
	pain: {Name: term.Told("Pain severity", term.LOINC("72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported")), Category: Survey,
		Unit: "{score}", UCUM: "{score}", noise: 1, floor: 0, ceiling: 10},
	moodScore: {Name: term.Told("PHQ-9 total score", term.LOINC("44261-6", "Patient Health Questionnaire 9 item (PHQ-9) total score [Reported]")), Category: Survey,
		Unit: "{score}", UCUM: "{score}", noise: 1, floor: 0, ceiling: 27},
	gestation: {Name: term.Told("Gestational age", term.LOINC("49051-6", "Gestational age in weeks")), Category: Examination,
		Unit: "weeks", UCUM: "wk", floor: 0, ceiling: 43},
}

// Panel is a set of laboratory measures that are ordered and reported together. What is computed from others comes after them.
type Panel struct {
	Name     term.Concept
	Measures []Measure
}

var (
	metabolicPanel = &Panel{term.Told("Basic metabolic panel", term.LOINC("24321-2", "Basic metabolic 2000 panel - Serum or Plasma")),
		[]Measure{glucose, urea, creatinine, filtrationRate, sodium, potassium}}
	lipidPanel = &Panel{term.Told("Lipid panel", term.LOINC("24331-1", "Lipid 1996 panel - Serum or Plasma")),
		[]Measure{cholesterol, highDensity, triglyceride, lowDensity}}
	bloodCount = &Panel{term.Told("Complete blood count", term.LOINC("58410-2", "Complete blood count (hemogram) panel - Blood by Automated count")),
		[]Measure{haemoglobin, haematocrit, leukocytes, platelets}}
)

// alone makes a report of a single test, which carries the code of the test.
func alone(m Measure) *Panel {
	return &Panel{scales[m].Name, []Measure{m}}
}

var (
	longTermSugar = alone(haemoglobinA1c)
	urineAlbumin  = alone(albumin)
	thyroidTest   = alone(thyrotropin)
	inflammation  = alone(reactiveProtein)
	heartMarker   = alone(troponin)
)

// Judge compares a value with the reference range: L, N or H of v3-ObservationInterpretation, nothing without a range.
func (s *Scale) Judge(value int, female bool) string {
	low, high := s.Low[Sex(female)], s.High[Sex(female)]
	switch {
	case low == 0 && high == 0:
		return ""
	case value < low:
		return "L"
	case high != 0 && value > high:
		return "H"
	}
	return "N"
}
