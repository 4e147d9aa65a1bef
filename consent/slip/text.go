package slip

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"cairn/consent"
)

// Text returns the text that the patient is shown before she signs: who may do
// what with which records, for what, until when, and what stopping does not
// undo. It is a function of the terms alone, so a custodian makes it again and
// compares its SHA-256 with Slip.TextHash: what she read is what is enforced.
// So the wording is part of the format of a slip: another wording needs another
// version of the encoding, and this one is kept for the slips that have it.
func Text(t consent.Terms) string {
	var b strings.Builder
	root, custodian := t.Root(), t.Custodian()
	if ref, by := t.Under(); ref != "" {
		fmt.Fprintf(&b, "Passed on by %s from your decision %s. It can give no more than that, and ends with it.\n\n", by, ref)
	}
	where := "this hospital"
	if custodian.Ref != "" {
		where = named(custodian)
	}
	fmt.Fprintf(&b, "Your decision about your records at %s\n\n", where)
	writeRule(&b, &root, "", "")
	b.WriteString(stopping[root.Says == consent.Deny])
	b.WriteString("Each time somebody looks, it is written in your log. The log stays, also when you stop this.\n")
	return b.String()
}

// stopping says what the end of a decision does and does not do, by whether it
// is a refusal.
var stopping = map[bool]string{
	false: "\nYou can stop this at any time. From then on nobody is shown anything because of it.\n" +
		"Stopping does not undo what was done before: who has read a record knows it, who was given a copy may still have it, " +
		"and what the law says must be kept is kept.\n",
	true: "\nYou can stop this at any time. From then on your other decisions and the rules of the hospital count again.\n" +
		"Saying no does not undo what was done before: who has read a record knows it, and who was given a copy may still have it.\n",
}

func writeRule(b *strings.Builder, r *consent.Rule, number, indent string) {
	if r.Says != consent.NoConsent {
		w := r.Words()
		b.WriteString(indent + number + lead(r.Says, number != "") + "\n")
		line := func(label, text string) {
			if text != "" {
				fmt.Fprintf(b, "%s  %-9s %s\n", indent, label, text)
			}
		}
		line("Who:", w.Who)
		line("To do:", w.Do)
		line("For:", w.Why)
		line("Records:", w.What)
		line("Time:", w.When)
		line("Times:", w.Times)
		line("Pass on:", w.Onward)
	}
	for i := range r.Rules {
		writeRule(b, &r.Rules[i], fmt.Sprintf("%s%d. ", number, i+1), indent+"  ")
	}
}

func lead(says consent.Outcome, exception bool) string {
	text := map[consent.Outcome]string{consent.Permit: "You say YES to this:", consent.Deny: "You say NO to this:"}[says]
	if exception {
		return "Exception. " + text
	}
	return text
}

func named(p consent.Party) string {
	if p.Name == "" {
		return p.Ref
	}
	return p.Name + " (" + p.Ref + ")"
}

// ErrTerms is what is wrong with a slip whose terms are not what it says.
var ErrTerms = errors.New("slip: the terms are not what the slip says")

// Check compiles the slip's terms and checks that they are what the slip says
// and the patient was shown: the patient is Patient/Subject, the custodian is
// the organisation Custodian, each permit is for people of Grantee only (if the
// slip has one), and TextHash is that of the Text.
func (s *Slip) Check() (consent.Terms, error) {
	if err := s.Validate(); err != nil {
		return consent.Terms{}, err
	}
	t, err := consent.Compile(s.Terms)
	if err != nil {
		return consent.Terms{}, err
	}
	root := t.Root()
	switch {
	case t.Patient() != "Patient/"+s.Subject:
		return consent.Terms{}, fmt.Errorf("%w: they are about another patient", ErrTerms)
	case t.Custodian().Ref != s.Custodian:
		return consent.Terms{}, fmt.Errorf("%w: they are for another custodian", ErrTerms)
	case s.Grantee != "" && !onlyFor(&root, s.Grantee, s.Custodian):
		return consent.Terms{}, fmt.Errorf("%w: they permit something to others than the grantee", ErrTerms)
	case sha256.Sum256([]byte(Text(t))) != s.TextHash:
		return consent.Terms{}, fmt.Errorf("%w: the patient was shown another text", ErrTerms)
	}
	return t, nil
}

// onlyFor tells whether each permit names only parties of the organisation.
func onlyFor(r *consent.Rule, grantee, custodian string) bool {
	if r.Says == consent.Permit {
		for i := range r.Actors {
			if r.Actors[i].Organisation(custodian) != grantee {
				return false
			}
		}
		if len(r.Actors) == 0 {
			return false
		}
	}
	for i := range r.Rules {
		if !onlyFor(&r.Rules[i], grantee, custodian) {
			return false
		}
	}
	return true
}
