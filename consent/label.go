package consent

// Code systems of security labels.
const (
	ConfidentialitySystem = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	SensitivitySystem     = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
)

// level is a confidentiality, a mark on a scale; 0 is none.
type level uint8

const (
	levelU level = iota + 1
	levelL
	levelM
	levelN
	levelR
	levelV
)

// confidentiality returns the level of a code of v3-Confidentiality, 0 if it is
// not on the scale.
func confidentiality(code string) level {
	if len(code) != 1 {
		return 0
	}
	switch code[0] {
	case 'U':
		return levelU
	case 'L':
		return levelL
	case 'M':
		return levelM
	case 'N':
		return levelN
	case 'R':
		return levelR
	case 'V':
		return levelV
	}
	return 0
}

// levelOf returns the highest confidentiality among labels. Without one the
// item counts as R and as not yet looked at. A code without its system can
// raise the level, never lower it.
func levelOf(labels []Coding) (lv level, labelled bool) {
	var loose level
	for i := range labels {
		switch labels[i].System {
		case ConfidentialitySystem:
			l := confidentiality(labels[i].Code)
			lv, labelled = max(lv, l), labelled || l != 0
		case "":
			loose = max(loose, confidentiality(labels[i].Code))
		}
	}
	if !labelled {
		lv = levelR
	}
	return max(lv, loose), labelled
}

// foldLabels parts the labels of a rule into one level of confidentiality, the
// highest of a permit, the lowest of a deny, and the sensitivities.
func foldLabels(says Outcome, labels []Coding) (lv level, sensitive []Coding) {
	for _, c := range labels {
		l := level(0)
		if c.System == ConfidentialitySystem {
			l = confidentiality(c.Code)
		}
		switch {
		case l == 0:
			sensitive = append(sensitive, c)
		case lv == 0, says == Deny && l < lv, says != Deny && l > lv:
			lv = l
		}
	}
	return lv, sensitive
}
