package consent

// Outcome is what consents say of an ask. Their order is the lattice: of two
// outcomes the greater one counts.
type Outcome uint8

// The outcomes, weakest first.
const (
	NoConsent    Outcome = iota // nothing is said: the policy decides
	NotPermitted                // a permit is for this asker, but not for this item
	Permit
	Deny
)

// String returns the outcome as DESIGN and the truth tables write it.
func (o Outcome) String() string {
	switch o {
	case NoConsent:
		return "NO_CONSENT"
	case NotPermitted:
		return "NOT_PERMITTED"
	case Permit:
		return "PERMIT"
	case Deny:
		return "DENY"
	}
	return "?"
}

// Decision is the answer to an Ask.
type Decision struct {
	// Outcome is what the consents say. For a search it is the outcome for the
	// items that fare best.
	Outcome Outcome
	// Allowed tells whether it may be done, after NoConsent has fallen to the
	// policy. For a search: whether any item may be shown.
	Allowed bool
	// Filter holds whether or not there was an item.
	Filter Filter
	// Rule is the code of what decided: "policy.subject", "policy.own-staff",
	// "policy.purpose", "policy.other-organisation", "policy.withheld:" followed by
	// the code of what is withheld, or "consent.permit:",
	// "consent.deny:", "consent.not-permitted:" followed by the path of the
	// provision, such as "provision.provision[1]".
	Rule string
	// Grant is the Ref of the consent that decided, if one did.
	Grant string
	// Explanation says it in plain words. It holds nothing about the patient.
	Explanation string
}

// Rules of the policy.
const (
	ruleSubject  = "policy.subject"
	ruleOwnStaff = "policy.own-staff"
	rulePurpose  = "policy.purpose"
	ruleOther    = "policy.other-organisation"
	ruleWithheld = "policy.withheld:"
)

// Decide says whether the ask may be done, by the grants and, where they say
// nothing, by the policy. The patient's own access is never denied by a consent;
// it ends where the policy withholds.
func Decide(ask Ask, grants []Grant, policy Policy) Decision {
	if !ask.Actor.Subject && !ask.Actor.Acting {
		return decide(&ask, grants, &policy)
	}
	d := Decision{Outcome: Permit, Allowed: true, Filter: Everything(), Rule: ruleSubject, Explanation: explain(ruleSubject, Permit)}
	if !ask.Actor.Subject {
		d = decide(&ask, grants, &policy)
	}
	d.Filter.withheld = policy.Withheld
	if ask.Item != nil && d.Allowed {
		if w := d.Filter.withholds(ask.Item); w != nil {
			d.Outcome, d.Allowed, d.Rule, d.Grant = NotPermitted, false, ruleWithheld+w.Code, ""
			d.Explanation = "The hospital does not show this to the patient: " + w.Reason
		}
	}
	return d
}

// decide is Decide for those who are not the patient.
func decide(ask *Ask, grants []Grant, policy *Policy) Decision {
	q := newQuestion(ask, policy.Home)
	implicit := policy.rule(&q)
	f := q.residual(grants, implicit == ruleOwnStaff)
	var v verdict
	if ask.Item != nil {
		v = f.judge(ask.Item)
	} else {
		v, f = f.survey()
	}
	d := Decision{Outcome: v.outcome, Allowed: v.outcome == Permit || v.outcome == NoConsent && implicit == ruleOwnStaff, Filter: f, Rule: implicit}
	if v.by != nil {
		d.Rule, d.Grant = v.by.codesOf[v.outcome], grants[v.grant].Ref
	}
	d.Explanation = explain(d.Rule, v.outcome)
	return d
}

// rule returns what the policy says of the question, as a Rule.
func (p *Policy) rule(q *question) string {
	org := q.ask.Actor.Organisation
	if org == "" || org != p.Home {
		return ruleOther
	}
	for _, code := range p.Purposes {
		if reaches(Coding{PurposeSystem, code}, q.purpose) {
			return ruleOwnStaff
		}
	}
	return rulePurpose
}

// explain puts a rule into plain words.
func explain(rule string, o Outcome) string {
	switch o {
	case Deny:
		return "The patient has said no to this."
	case NotPermitted:
		return "The patient lets you see some records, but not this one."
	case Permit:
		if rule == ruleSubject {
			return "These are your own records. You may always see them."
		}
		return "The patient has said yes to this."
	}
	switch rule {
	case ruleOwnStaff:
		return "The patient has said nothing about this. Staff of this hospital may do it for this reason."
	case rulePurpose:
		return "The patient has said nothing about this. Staff of this hospital may not do it for this reason."
	}
	return "The patient has not said yes. Others may see records only if the patient says yes."
}
