package life

import (
	"cairn/sample/term"
)

// Medicine is a product with the way in which it is taken here.
type Medicine struct {
	term.Concept
	How      string // what the label says
	PerDay   int    // doses a day
	Amount   int    // units a dose
	Unit     string // of a dose
	AsNeeded bool
}

func tablet(perDay int, how string, codings ...term.Coding) *Medicine {
	return &Medicine{Concept: term.Told(codings[0].Display, codings...), How: how, PerDay: perDay, Amount: 1, Unit: "tablet"}
}

func capsule(perDay int, how string, codings ...term.Coding) *Medicine {
	m := tablet(perDay, how, codings...)
	m.Unit = "capsule"
	return m
}

func puffs(perDay int, how string, codings ...term.Coding) *Medicine {
	m := tablet(perDay, how, codings...)
	m.Unit, m.Amount = "puff", 2
	return m
}

func syrup(text string, perDay int, how string, codings ...term.Coding) *Medicine {
	return &Medicine{Concept: term.Told(text, codings...), How: how, PerDay: perDay, Amount: 5, Unit: "mL"}
}

func needed(m *Medicine) *Medicine {
	m.AsNeeded = true
	return m
}

const (
	onceDaily  = "Take 1 tablet once a day"
	twiceDaily = "Take 1 tablet twice a day"
)

var (
	metformin = tablet(2, twiceDaily+" with meals",
		term.RxNorm("860975", "24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet"), term.ATC("A10BA02", "metformin"))
	liraglutide = &Medicine{Concept: term.Told("liraglutide pen injector", term.RxNorm("897122", "3 ML liraglutide 6 MG/ML Pen Injector"),
		term.ATC("A10BJ02", "liraglutide")), How: "Inject 1.2 mg under the skin once a day", PerDay: 1, Amount: 1, Unit: "injection"}
	lisinopril = tablet(1, onceDaily, term.RxNorm("314076", "lisinopril 10 MG Oral Tablet"), term.ATC("C09AA03", "lisinopril"))
	amlodipine = tablet(1, onceDaily, term.RxNorm("197361", "amlodipine 5 MG Oral Tablet"), term.ATC("C08CA01", "amlodipine"))
	thiazide   = tablet(1, onceDaily+" in the morning", term.RxNorm("310798", "hydrochlorothiazide 25 MG Oral Tablet"),
		term.ATC("C03AA03", "hydrochlorothiazide"))
	simvastatin   = tablet(1, onceDaily+" in the evening", term.RxNorm("312961", "simvastatin 20 MG Oral Tablet"), term.ATC("C10AA01", "simvastatin"))
	atorvastatin  = tablet(1, onceDaily, term.RxNorm("259255", "atorvastatin 80 MG Oral Tablet"), term.ATC("C10AA05", "atorvastatin"))
	aspirin       = tablet(1, onceDaily, term.RxNorm("243670", "aspirin 81 MG Oral Tablet"), term.ATC("B01AC06", "acetylsalicylic acid"))
	clopidogrel   = tablet(1, onceDaily, term.RxNorm("309362", "clopidogrel 75 MG Oral Tablet"), term.ATC("B01AC04", "clopidogrel"))
	metoprolol    = tablet(2, twiceDaily, term.RxNorm("866924", "metoprolol tartrate 25 MG Oral Tablet"), term.ATC("C07AB02", "metoprolol"))
	levothyroxine = tablet(1, onceDaily+" before breakfast", term.RxNorm("966222", "levothyroxine sodium 0.075 MG Oral Tablet"),
		term.ATC("H03AA01", "levothyroxine sodium"))
	iron      = tablet(1, onceDaily, term.RxNorm("310325", "ferrous sulfate 325 MG Oral Tablet"), term.ATC("B03AA07", "ferrous sulfate"))
	albuterol = needed(puffs(4, "Inhale 2 puffs when short of breath, up to 4 times a day",
		term.RxNorm("745679", "200 ACTUAT albuterol 0.09 MG/ACTUAT Metered Dose Inhaler"), term.ATC("R03AC02", "salbutamol")))
	fluticasone = puffs(2, "Inhale 2 puffs twice a day",
		term.RxNorm("895994", "120 ACTUAT fluticasone propionate 0.044 MG/ACTUAT Metered Dose Inhaler"), term.ATC("R03BA05", "fluticasone"))
	prednisone = tablet(2, twiceDaily, term.RxNorm("312617", "prednisone 5 MG Oral Tablet"), term.ATC("H02AB07", "prednisone"))
	fluoxetine = capsule(1, "Take 1 capsule once a day in the morning", term.RxNorm("310385", "fluoxetine 20 MG Oral Capsule"),
		term.ATC("N06AB03", "fluoxetine"))
	sertraline        = tablet(1, onceDaily, term.RxNorm("312941", "sertraline 50 MG Oral Tablet"), term.ATC("N06AB06", "sertraline"))
	amoxicillin       = tablet(3, "Take 1 tablet three times a day", term.RxNorm("308192", "amoxicillin 500 MG Oral Tablet"), term.ATC("J01CA04", "amoxicillin"))
	amoxicillinSyrup  = syrup("amoxicillin oral suspension", 2, "Give 5 mL twice a day", term.RxNorm("723", "amoxicillin"), term.ATC("J01CA04", "amoxicillin"))
	azithromycin      = tablet(1, onceDaily, term.RxNorm("248656", "azithromycin 500 MG Oral Tablet"), term.ATC("J01FA10", "azithromycin"))
	azithromycinSyrup = syrup("azithromycin oral suspension", 1, "Give 5 mL once a day", term.RxNorm("18631", "azithromycin"), term.ATC("J01FA10", "azithromycin"))
	nitrofurantoin    = capsule(4, "Take 1 capsule four times a day with food", term.RxNorm("311995", "nitrofurantoin, macrocrystals 50 MG Oral Capsule"),
		term.ATC("J01XE01", "nitrofurantoin"))
	acetaminophen = needed(tablet(4, "Take 1 tablet for pain or fever, up to 4 times a day",
		term.RxNorm("313782", "acetaminophen 325 MG Oral Tablet"), term.ATC("N02BE01", "paracetamol")))
	acetaminophenChild = needed(tablet(4, "Chew 1 tablet for pain or fever, up to 4 times a day",
		term.RxNorm("313820", "acetaminophen 160 MG Chewable Tablet"), term.ATC("N02BE01", "paracetamol")))
	ibuprofen = needed(tablet(3, "Take 1 tablet for pain with food, up to 3 times a day",
		term.RxNorm("310965", "ibuprofen 200 MG Oral Tablet"), term.ATC("M01AE01", "ibuprofen")))
)
