package consent

import "strings"

// PurposeSystem is the code system of v3-PurposeOfUse.
const PurposeSystem = "http://terminology.hl7.org/CodeSystem/v3-ActReason"

// purpose is the purpose of an ask.
type purpose struct {
	bit     uint64 // its place in the R4 hierarchy, 0 if it has none
	coding  Coding
	unknown bool // what lies above it cannot be told
}

func askedPurpose(text string) purpose {
	c := Coding{PurposeSystem, text}
	if at := strings.IndexByte(text, '|'); at >= 0 {
		c = Coding{text[:at], text[at+1:]}
	}
	p := purpose{coding: c}
	if c.System == PurposeSystem {
		p.bit = purposes[c.Code].bit
		p.unknown = p.bit == 0
	}
	return p
}

// reaches tells whether a rule for the purpose c reaches p.
func reaches(c Coding, p purpose) bool {
	return c == p.coding || c.System == PurposeSystem && purposes[c.Code].below&p.bit != 0
}

type purposePlace struct{ bit, below uint64 }

// purposes holds each code of the R4 hierarchy with its own bit, and with the
// bits of itself and all codes below it. Codes that came after R4 are not in
// it: they mean only themselves, so that a permit does not grow by a later
// edition of the code system.
var purposes = placePurposes(
	"PurposeOfUse(HMARKT HOPERAT(CAREMGT DONAT FRAUD GOV HACCRED HCOMPL HDECD HDIRECT HDM HLEGAL HOUTCOMS HPRGRP HQUALIMP " +
		"HSYSADMIN(LABELING METAMGT) MEMADMIN MILCDM PATADMIN PATSFTY PERFMSR RECORDMGT SYSDEV(HTEST) TRAIN) " +
		"HPAYMT(CLMATTCH COVAUTH COVERAGE(ELIGDTRM ELIGVER ENROLLM MILDCRG) REMITADV) " +
		"HRESCH(BIORCH CLINTRCH(CLINTRCHNPC CLINTRCHPC PRECLINTRCH) DSRCH POARCH TRANSRCH) " +
		"PATRQT(FAMRQT PWATRNY SUPNWK) PUBHLTH(DISASTER THREAT) TREAT(CLINTRL COC ETREAT(BTG ERTREAT) POPHLTH))")

func placePurposes(tree string) map[string]purposePlace {
	places := make(map[string]purposePlace)
	var above []string
	code, bit := "", uint64(1)
	place := func() {
		if code == "" {
			return
		}
		places[code] = purposePlace{bit: bit, below: bit}
		for _, a := range above {
			p := places[a]
			p.below |= bit
			places[a] = p
		}
		bit <<= 1
	}
	for _, r := range tree {
		switch r {
		case '(':
			place()
			above, code = append(above, code), ""
		case ')':
			place()
			above, code = above[:len(above)-1], ""
		case ' ':
			place()
			code = ""
		default:
			code += string(r)
		}
	}
	return places
}
