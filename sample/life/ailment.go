package life

import (
	"cairn/sample/term"
)

// Ailment is a condition that a person can have.
type Ailment struct {
	term.Concept
	Lasting bool // goes on the problem list
	Mental  bool // is restricted, with all that is done for it
}

func lasting(text, code, display, icd10, icdDisplay string) *Ailment {
	return &Ailment{Concept: term.Told(text, term.SNOMED(code, display), term.ICD10(icd10, icdDisplay)), Lasting: true}
}

func passing(text, code, display, icd10, icdDisplay string) *Ailment {
	a := lasting(text, code, display, icd10, icdDisplay)
	a.Lasting = false
	return a
}

func ofMind(a *Ailment) *Ailment {
	a.Mental = true
	return a
}

var (
	prediabetes    = lasting("Prediabetes", "714628002", "Prediabetes", "R73.03", "Prediabetes")
	diabetes       = lasting("Type 2 diabetes mellitus", "44054006", "Diabetes mellitus type 2", "E11.9", "Type 2 diabetes mellitus without complications")
	hypertension   = lasting("Essential hypertension", "59621000", "Essential hypertension", "I10", "Essential (primary) hypertension")
	hyperlipidemia = lasting("Hyperlipidemia", "55822004", "Hyperlipidemia", "E78.5", "Hyperlipidemia, unspecified")
	kidneyDisease  = lasting("Chronic kidney disease stage 3", "433144002", "Chronic kidney disease stage 3", "N18.30", "Chronic kidney disease, stage 3 unspecified")
	underThyroid   = lasting("Hypothyroidism", "40930008", "Hypothyroidism", "E03.9", "Hypothyroidism, unspecified")
	obesity        = lasting("Obesity", "414916001", "Obesity", "E66.9", "Obesity, unspecified")
	ironDeficiency = lasting("Iron deficiency anemia", "87522002", "Iron deficiency anemia", "D50.9", "Iron deficiency anemia, unspecified")
	asthma         = lasting("Asthma", "195967001", "Asthma", "J45.909", "Unspecified asthma, uncomplicated")
	kneeArthrosis  = lasting("Osteoarthritis of knee", "239873007", "Osteoarthritis of knee", "M17.9", "Osteoarthritis of knee, unspecified")
	depression     = ofMind(lasting("Major depressive disorder", "370143000", "Major depressive disorder", "F32.9", "Major depressive disorder, single episode, unspecified"))
	anxiety        = ofMind(lasting("Anxiety disorder", "197480006", "Anxiety disorder", "F41.9", "Anxiety disorder, unspecified"))
	pregnancy      = lasting("Normal pregnancy", "72892002", "Normal pregnancy", "Z34.90", "Encounter for supervision of normal pregnancy, unspecified, unspecified trimester")
	infarction     = passing("Myocardial infarction", "22298006", "Myocardial infarction", "I21.9", "Acute myocardial infarction, unspecified")
	coronary       = lasting("Coronary arteriosclerosis", "53741008", "Coronary arteriosclerosis", "I25.10", "Atherosclerotic heart disease of native coronary artery without angina pectoris")
	stroke         = passing("Stroke", "230690007", "Cerebrovascular accident", "I63.9", "Cerebral infarction, unspecified")
	heartFailure   = lasting("Heart failure", "84114007", "Heart failure", "I50.9", "Heart failure, unspecified")
	pneumonia      = passing("Pneumonia", "233604007", "Pneumonia", "J18.9", "Pneumonia, unspecified organism")
	appendicitis   = passing("Acute appendicitis", "85189001", "Acute appendicitis", "K35.80", "Unspecified acute appendicitis")
	bronchitis     = passing("Acute bronchitis", "10509002", "Acute bronchitis", "J20.9", "Acute bronchitis, unspecified")
	sinusitis      = passing("Viral sinusitis", "444814009", "Viral sinusitis", "J01.90", "Acute sinusitis, unspecified")
	strepThroat    = passing("Streptococcal sore throat", "43878008", "Streptococcal sore throat", "J02.0", "Streptococcal pharyngitis")
	otitis         = passing("Otitis media", "65363002", "Otitis media", "H66.90", "Otitis media, unspecified, unspecified ear")
	urineInfection = passing("Urinary tract infection", "68566005", "Urinary tract infectious disease", "N39.0", "Urinary tract infection, site not specified")
)

// fractures are the bones that break in these stories.
var fractures = []*Ailment{
	passing("Fracture of forearm", "65966004", "Fracture of forearm", "S52.90XA", "Unspecified fracture of unspecified forearm, initial encounter for closed fracture"),
	passing("Fracture of clavicle", "58150001", "Fracture of clavicle", "S42.009A", "Fracture of unspecified part of unspecified clavicle, initial encounter for closed fracture"),
	passing("Fracture of ankle", "16114001", "Fracture of ankle", "S82.899A", "Other fracture of unspecified lower leg, initial encounter for closed fracture"),
}

// Operation is something that is done to a person.
type Operation struct {
	term.Concept
	Lasts int // minutes
}

func done(text, code, display string, lasts int) *Operation {
	return &Operation{term.Told(text, term.SNOMED(code, display)), lasts}
}

var (
	immobilization = done("Immobilization of the fracture", "274474001", "Bone immobilization", 30)
	appendectomy   = done("Appendectomy", "80146002", "Excision of appendix", 70)
	angioplasty    = done("Percutaneous coronary intervention", "415070008", "Percutaneous coronary intervention", 75)
	spirometry     = done("Spirometry", "127783003", "Spirometry", 20)
	footCheck      = done("Diabetic foot examination", "401191002", "Diabetic foot examination", 10)
	talkTherapy    = done("Cognitive and behavioral therapy", "228557008", "Cognitive and behavioral therapy", 50)
	colonoscopy    = done("Colonoscopy", "73761001", "Colonoscopy", 40)
	mammography    = done("Screening mammography", "24623002", "Screening mammography", 15)
	chestFilm      = done("Chest X-ray", "399208008", "Plain chest X-ray", 10)
	ultrasound     = done("Ultrasound", "16310003", "Diagnostic ultrasonography", 25)
	delivery       = done("Vaginal delivery", "177184002", "Normal delivery procedure", 45)
	caesarean      = done("Cesarean section", "11466000", "Cesarean section", 55)
	heartTracing   = done("12-lead electrocardiogram", "268400002", "12 lead electrocardiogram", 10)
)

// Vaccine is a CVX code with its short name.
type Vaccine struct {
	term.Coding
}

func cvx(code, display string) *Vaccine {
	return &Vaccine{term.CVX(code, display)}
}

var (
	hepatitisB     = cvx("08", "Hep B, adolescent or pediatric")
	rotavirus      = cvx("119", "rotavirus, monovalent")
	diphtheria     = cvx("20", "DTaP")
	haemophilus    = cvx("49", "Hib (PRP-OMP)")
	pneumococcus   = cvx("133", "Pneumococcal conjugate PCV 13")
	polio          = cvx("10", "IPV")
	measles        = cvx("03", "MMR")
	varicella      = cvx("21", "varicella")
	hepatitisA     = cvx("83", "Hep A, ped/adol, 2 dose")
	boosterTdap    = cvx("115", "Tdap")
	papilloma      = cvx("165", "HPV9")
	meningococcus  = cvx("114", "meningococcal MCV4P")
	influenza      = cvx("140", "Influenza, seasonal, injectable, preservative free")
	tetanus        = cvx("113", "Td (adult) preservative free")
	zoster         = cvx("187", "zoster recombinant")
	pneumococcus23 = cvx("33", "pneumococcal polysaccharide vaccine, 23 valent")
	covid          = cvx("208", "COVID-19, mRNA, LNP-S, PF, 30 mcg/0.3 mL dose")
)
