// Package mandate says what one person may do in the name of another: a parent
// of a minor, a guardian with a legal basis, a proxy whom the patient chose.
//
// It is a pure decision on facts and block time: a child's years take powers away
// and end a mandate without anybody's click, and so does a date. Where a fact is
// not known the answer is the narrower one.
package mandate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// Kind of a mandate.
type Kind string

const (
	Parent   Kind = "parent"   // by the child's age; ends by itself
	Guardian Kind = "guardian" // by a court or an authority; has a basis and an end
	Proxy    Kind = "proxy"    // whom the patient chose; for what she chose
)

// Power is one thing that may be done in a patient's name.
type Power string

const (
	See    Power = "see"    // read her records
	Watch  Power = "watch"  // see who looked, and what she allowed
	Decide Power = "decide" // allow and stop, sign consents
)

// Powers are all powers, in the order in which they are shown.
var Powers = []Power{See, Watch, Decide}

// Mandate is what stands at a hospital about two people. All times are Unix
// milliseconds.
type Mandate struct {
	Kind    Kind
	Subject string  // the patient, by her id at this hospital
	Holder  string  // who acts, as the hospital's sign-in names the person
	Powers  []Power // of a guardian or a proxy; a parent's follow from the child's age
	Basis   string  // of a guardian: which decision of whom; of a parent, how it was shown
	Born    string  // of a parent's mandate: the child's date of birth, YYYY, YYYY-MM or YYYY-MM-DD
	From    int64
	Until   int64 // 0: no date ends it; a guardian's has one
	Ended   int64 // when somebody ended it; 0 if nobody has
}

// Ages are the years at which a jurisdiction takes powers from parents.
type Ages struct {
	Jurisdiction string // such as "US-CA", for people
	Shared       int    // from this birthday on the child decides, and what is sensitive is the child's own
	Own          int    // from this birthday on the mandate is over
}

// DefaultAges hold where a hospital says nothing else: twelve and eighteen.
var DefaultAges = Ages{Jurisdiction: "default", Shared: 12, Own: 18}

// Errors of Validate, compared with errors.Is.
var (
	ErrForm = errors.New("mandate: a part is missing or does not have its form")
	ErrAges = errors.New("mandate: ages are whole years with 0 <= shared <= own <= 30")
)

// Validate returns the first thing that is wrong with ages.
func (a Ages) Validate() error {
	if a.Shared < 0 || a.Own < a.Shared || a.Own > 30 || len(a.Jurisdiction) > 32 {
		return ErrAges
	}
	return nil
}

const maxText = 200

// Validate returns the first thing that is wrong with a mandate.
func (m Mandate) Validate() error {
	switch {
	case m.Subject == "" || m.Holder == "" || m.Subject == m.Holder || len(m.Holder) > maxText || len(m.Subject) > maxText:
		return fmt.Errorf("%w: it names two people", ErrForm)
	case len(m.Basis) > maxText || !utf8.ValidString(m.Basis):
		return fmt.Errorf("%w: the basis is a text of at most %d bytes", ErrForm, maxText)
	case m.Until != 0 && m.Until <= m.From || m.From < 0:
		return fmt.Errorf("%w: it ends before it begins", ErrForm)
	}
	for i, p := range m.Powers {
		if !slices.Contains(Powers, p) || slices.Contains(m.Powers[:i], p) {
			return fmt.Errorf("%w: powers are see, watch, decide, each once", ErrForm)
		}
	}
	return m.validateKind()
}

func (m Mandate) validateKind() error {
	switch m.Kind {
	case Parent:
		if _, err := birth(m.Born); err != nil || len(m.Powers) > 0 || m.Basis == "" {
			return fmt.Errorf("%w: a parent's needs the child's date of birth and how it was shown, and no powers of its own", ErrForm)
		}
	case Guardian:
		if m.Basis == "" || m.Until == 0 || len(m.Powers) == 0 || m.Born != "" {
			return fmt.Errorf("%w: a guardian's needs its legal basis, an end and powers", ErrForm)
		}
	case Proxy:
		if len(m.Powers) == 0 || m.Born != "" {
			return fmt.Errorf("%w: a proxy's needs powers", ErrForm)
		}
	default:
		return fmt.Errorf("%w: it is a parent's, a guardian's or a proxy's", ErrForm)
	}
	return nil
}

// Standing is what a mandate gives at a moment.
type Standing struct {
	Powers    []Power // none: nothing
	Sensitive bool    // whether See reaches what is labelled sensitive
	Changes   int64   // when, if nobody does anything, this changes next; 0 for never
	Rule      string  // which rule says so
	Text      string  // for people
}

// Has tells whether a power is given.
func (s Standing) Has(p Power) bool { return slices.Contains(s.Powers, p) }

// At returns what the mandate gives at a block time.
func (m Mandate) At(now int64, ages Ages) Standing {
	switch {
	case m.Ended != 0 && now >= m.Ended:
		return Standing{Rule: "mandate.ended", Text: "It was ended."}
	case now < m.From:
		return Standing{Changes: m.From, Rule: "mandate.early", Text: "It has not begun."}
	case m.Until != 0 && now >= m.Until:
		return Standing{Rule: "mandate.over", Text: "Its time is over."}
	}
	s := Standing{Powers: slices.Clone(m.Powers), Sensitive: true, Changes: m.Until, Rule: "mandate." + string(m.Kind), Text: texts[m.Kind]}
	if m.Kind == Parent {
		return m.parent(s, now, ages)
	}
	return s
}

var texts = map[Kind]string{
	Guardian: "A guardian, by the legal basis that the hospital has seen.",
	Proxy:    "Somebody whom the patient chose.",
}

// parent shrinks a parent's powers by the child's age.
func (m Mandate) parent(s Standing, now int64, ages Ages) Standing {
	born, err := birth(m.Born)
	if err != nil || ages.Validate() != nil {
		return Standing{Rule: "mandate.age-unknown", Text: "The child's age is not known, so nothing is given."}
	}
	shared, own := birthday(born, ages.Shared), birthday(born, ages.Own)
	switch {
	case now >= own:
		return Standing{Rule: "mandate.of-age", Text: fmt.Sprintf("The child is %d and decides alone.", ages.Own)}
	case now >= shared:
		s.Powers, s.Sensitive, s.Rule = []Power{See, Watch}, false, "mandate.parent-shared"
		s.Text = fmt.Sprintf("A parent of a child of %d or older: the child decides, and what is sensitive is the child's own.", ages.Shared)
		s.Changes = sooner(s.Changes, own)
		return s
	}
	s.Powers, s.Rule = slices.Clone(Powers), "mandate.parent"
	s.Text = fmt.Sprintf("A parent of a child younger than %d.", ages.Shared)
	s.Changes = sooner(s.Changes, shared)
	return s
}

func sooner(a, b int64) int64 {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// birth returns the earliest day that a FHIR date (R4 2.24.0.1) may mean: who is
// perhaps old enough is treated as being so.
func birth(date string) (time.Time, error) {
	number := func(from, to, least int) int {
		if len(date) < to {
			return least
		}
		n, err := strconv.ParseUint(date[from:to], 10, 16)
		if err != nil {
			return 0
		}
		return int(n) //nolint:gosec // at most four digits
	}
	dashed := func(i int) bool { return len(date) <= i || date[i] == '-' }
	y, m, d := number(0, 4, 0), number(5, 7, 1), number(8, 10, 1)
	born := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if !slices.Contains([]int{4, 7, 10}, len(date)) || !dashed(4) || !dashed(7) || y < 1800 || born.Year() != y || born.Month() != time.Month(m) || born.Day() != d {
		return time.Time{}, ErrForm
	}
	return born, nil
}

// birthday returns when a child is of an age: at the beginning of that day where
// it begins first on Earth (UTC+14). Of 29 February it is 1 March in other years.
func birthday(born time.Time, years int) int64 {
	return born.AddDate(years, 0, 0).Add(-14 * time.Hour).UnixMilli()
}

// Last tells whether ending one of a patient's mandates would leave nobody who
// may act for her: she has no way to sign in, and no other mandate gives Decide.
func Last(subjectSignsIn bool, others []Mandate, now int64, ages Ages) bool {
	return !subjectSignsIn && !slices.ContainsFunc(others, func(m Mandate) bool { return m.At(now, ages).Has(Decide) })
}
