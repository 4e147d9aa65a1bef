package sample_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/sample"
)

const some = 250 // patients that are looked at closely

func TestTimesAreWithinLife(t *testing.T) {
	reference := time.UnixMilli(sample.Reference).UTC()
	if got := reference.Format(time.RFC3339); got != "2026-01-01T00:00:00Z" {
		t.Fatalf("Reference is %s", got)
	}
	each(t, some, func(t *testing.T, _ int, r *record) {
		p := r.patient()
		birth, end := when(t, p.BirthDate), reference
		if p.DeceasedDateTime != "" {
			end = when(t, p.DeceasedDateTime)
		}
		for _, res := range r.at {
			for _, s := range res.times() {
				if at := when(t, s); at.Before(birth) || at.After(end) || !at.Before(reference) {
					t.Errorf("a %s of %s, born %s, end %s", res.ResourceType, s, p.BirthDate, end)
				}
			}
			if res.AbatementDateTime != "" && res.AbatementDateTime < res.OnsetDateTime {
				t.Errorf("a condition from %s to %s", res.OnsetDateTime, res.AbatementDateTime)
			}
		}
	})
}

func TestEncountersDoNotOverlap(t *testing.T) {
	each(t, some, func(t *testing.T, _ int, r *record) {
		last := time.Time{}
		for _, e := range r.all("Encounter") {
			start, end := when(t, e.Period.Start), when(t, e.Period.End)
			if start.Before(last) || !end.After(start) {
				t.Errorf("an encounter %s to %s after one that ended %s", e.Period.Start, e.Period.End, last)
			}
			if day := start.Weekday(); e.Class.Code == "AMB" && (day == time.Saturday || day == time.Sunday) {
				t.Errorf("a planned visit on a %s", day)
			}
			last = end
			for _, res := range r.at {
				if res.Encounter.Reference != e.fullURL || res.EffectiveDateTime == "" {
					continue
				}
				if at := when(t, res.EffectiveDateTime); at.Before(start) || at.After(end) {
					t.Errorf("a %s at %s, encounter %s to %s", res.ResourceType, res.EffectiveDateTime, e.Period.Start, e.Period.End)
				}
			}
		}
	})
}

func TestBodiesAreConsistent(t *testing.T) {
	each(t, some, func(t *testing.T, _ int, r *record) {
		for _, e := range r.all("Encounter") {
			seen := r.seen(e.fullURL)
			value := func(code string) float64 {
				if o := seen[code]; o != nil {
					return o.ValueQuantity.number(t)
				}
				return math.NaN()
			}
			if o := seen["85354-9"]; o != nil {
				high, low := o.Component[0].ValueQuantity.number(t), o.Component[1].ValueQuantity.number(t)
				if low >= high || high > 215 || low < 35 {
					t.Errorf("a blood pressure of %v/%v", high, low)
				}
			}
			if bmi := value("29463-7") / math.Pow(value("8302-2")/100, 2); math.Abs(bmi-value("39156-5")) > 0.051 {
				t.Errorf("a body mass index of %v, want %v", value("39156-5"), bmi)
			}
			if ldl := value("2093-3") - value("2085-9") - value("2571-8")/5; math.Abs(ldl-value("13457-7")) > 0.51 {
				t.Errorf("an LDL cholesterol of %v, want %v", value("13457-7"), ldl)
			}
			if ratio := value("4544-3") / value("718-7"); ratio < 2.8 || ratio > 3.2 {
				t.Errorf("haematocrit and haemoglobin in a ratio of %v", ratio)
			}
		}
	})
}

func TestChildrenGrow(t *testing.T) {
	grown := 0
	each(t, some, func(t *testing.T, _ int, r *record) {
		last := 0.0
		for _, o := range r.all("Observation") {
			if !o.Code.has("8302-2") {
				continue
			}
			tall := o.ValueQuantity.number(t)
			if tall < last {
				t.Errorf("%v cm after %v cm", tall, last)
			}
			if last > 0 && tall > last+5 {
				grown++
			}
			last = tall
		}
	})
	if grown < 100 {
		t.Errorf("children grew %d times only", grown)
	}
}

func TestJudgementsAgreeWithRanges(t *testing.T) {
	judged := map[string]int{}
	each(t, some, func(t *testing.T, _ int, r *record) {
		for _, o := range r.all("Observation") {
			if (len(o.Interpretation) == 0) != (len(o.ReferenceRange) == 0) {
				t.Errorf("%s with a range or a judgement only", o.Code.Text)
			}
			if len(o.ReferenceRange) == 0 {
				continue
			}
			value, limits, want := o.ValueQuantity.number(t), o.ReferenceRange[0], "N"
			if limits.Low != nil && value < limits.Low.number(t) {
				want = "L"
			}
			if limits.High != nil && value > limits.High.number(t) {
				want = "H"
			}
			if !o.Interpretation[0].has(want) {
				t.Errorf("%s of %v judged %s", o.Code.Text, value, o.Interpretation[0].Coding[0].Code)
			}
			judged[want]++
		}
	})
	if judged["L"] < 50 || judged["H"] < 200 || judged["N"] < judged["L"]+judged["H"] {
		t.Errorf("judgements %v", judged)
	}
}

func TestReportsHaveTheirResults(t *testing.T) {
	each(t, some, func(t *testing.T, _ int, r *record) {
		for _, report := range r.all("DiagnosticReport") {
			if len(report.Result) == 0 {
				t.Errorf("a %s without results", report.Code.Text)
			}
			for _, ref := range report.Result {
				o := r.at[ref.Reference]
				if o == nil || o.ResourceType != "Observation" || o.Encounter != report.Encounter || o.Issued != report.Issued {
					t.Errorf("a %s with a result of elsewhere", report.Code.Text)
				}
			}
		}
	})
}

// TestSugarRisesAndFalls follows HbA1c before, at and after the diagnosis of diabetes.
func TestSugarRisesAndFalls(t *testing.T) {
	risen, fallen := 0, 0
	each(t, 600, func(t *testing.T, _ int, r *record) {
		at := slices.IndexFunc(r.all("Condition"), func(c *resource) bool { return c.Code.has("44054006") })
		if at < 0 {
			return
		}
		onset := r.all("Condition")[at].OnsetDateTime
		var before, then, after float64
		for _, o := range r.all("Observation") {
			switch value := o.ValueQuantity; {
			case !o.Code.has("4548-4"):
			case o.EffectiveDateTime[:10] < onset:
				before = value.number(t)
			case o.EffectiveDateTime[:10] == onset:
				then = value.number(t)
			case after == 0:
				after = value.number(t)
			}
		}
		if then < 6.5 {
			t.Errorf("diabetes found with an HbA1c of %v%%", then)
		}
		if before > 0 && (before >= 6.5 || before >= then) {
			t.Errorf("an HbA1c of %v%% the year before, then %v%%", before, then)
		}
		if after > 0 && after >= then {
			t.Errorf("an HbA1c of %v%% with metformin, %v%% without", after, then)
		}
		if before > 0 {
			risen++
		}
		if after > 0 {
			fallen++
		}
		if !slices.ContainsFunc(r.all("MedicationRequest"), func(m *resource) bool {
			return m.MedicationCodeableConcept.has("A10BA02") && m.AuthoredOn[:10] == onset
		}) {
			t.Error("diabetes found and no metformin")
		}
	})
	if risen < 20 || fallen < 25 {
		t.Errorf("HbA1c seen to rise %d times and to fall %d times", risen, fallen)
	}
}

func TestMedicinesSuit(t *testing.T) {
	penicillins := 0
	each(t, 600, func(t *testing.T, _ int, r *record) {
		p := r.patient()
		allergic := slices.ContainsFunc(r.all("AllergyIntolerance"), func(a *resource) bool { return a.Code.has("91936005") })
		for _, m := range r.all("MedicationRequest") {
			if m.MedicationCodeableConcept.has("J01CA04") {
				penicillins++
				if allergic {
					t.Error("a penicillin for who must not have it")
				}
			}
			lasts := when(t, m.DispenseRequest.ValidityPeriod.End)
			switch running := !lasts.Before(time.UnixMilli(sample.Reference)); {
			case m.Status == "active" && (!running || p.DeceasedDateTime != ""):
				t.Errorf("an active prescription until %s", lasts)
			case m.Status == "completed" && running:
				t.Errorf("a completed prescription until %s", lasts)
			}
		}
		pregnant := slices.ContainsFunc(r.all("Condition"), func(c *resource) bool { return c.Code.has("72892002") })
		if pregnant && slices.ContainsFunc(r.all("MedicationRequest"), func(m *resource) bool {
			return m.MedicationCodeableConcept.has("C09AA03") || m.MedicationCodeableConcept.has("M01AE01")
		}) {
			t.Error("a medicine that harms the unborn")
		}
		if age := when(t, p.BirthDate).Year(); pregnant && (age < 1976 || age > 2007) {
			t.Errorf("a pregnancy of a woman born %d", age)
		}
	})
	if penicillins < 50 {
		t.Errorf("%d penicillins only", penicillins)
	}
}

// TestLettersAgreeWithTheRecord reads each line of each letter and looks for the resource that says the same.
func TestLettersAgreeWithTheRecord(t *testing.T) {
	lines := 0
	each(t, some, func(t *testing.T, _ int, r *record) {
		letters := r.all("DocumentReference")
		if len(letters) == 0 {
			t.Error("no letter")
		}
		for _, d := range letters {
			a := d.Content[0].Attachment
			if a.ContentType != "text/plain; charset=utf-8" || a.Size != len(a.Data) {
				t.Errorf("a letter of type %s, %d bytes said to be %d", a.ContentType, len(a.Data), a.Size)
			}
			lines += checkLetter(t, r, d, string(a.Data))
		}
	})
	if lines < 2000 {
		t.Errorf("%d lines checked only", lines)
	}
}

func checkLetter(t *testing.T, r *record, d *resource, text string) int {
	var name []struct{ Text string }
	if err := json.Unmarshal(r.patient().Name, &name); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"Patient: " + name[0].Text + "\n", "Born: " + r.patient().BirthDate + "\n"} {
		if !strings.Contains(text, s) {
			t.Errorf("the letter does not say %q", s)
		}
	}
	encounter, said := d.Context.Encounter[0].Reference, map[string]bool{}
	for _, res := range r.at {
		if res.Encounter.Reference == encounter || res.ResourceType == "AllergyIntolerance" || res.fullURL == encounter {
			for _, line := range sayings(res) {
				said[line] = true
			}
		}
	}
	lines := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "- ") {
			continue
		}
		line, _, _ = strings.Cut(line[2:], " (")
		if lines++; !said[line] && !said[strings.SplitN(line, ": ", 2)[0]] {
			t.Errorf("the letter says %q, the record does not", line)
		}
	}
	return lines
}

// sayings is how a letter would put a resource.
func sayings(r *resource) []string {
	switch {
	case r.ResourceType == "Encounter":
		var reasons []string
		for _, c := range r.ReasonCode {
			reasons = append(reasons, c.Text)
		}
		return reasons
	case len(r.Component) == 2:
		high, low := r.Component[0].ValueQuantity, r.Component[1].ValueQuantity
		return []string{"Blood pressure: " + high.Value.String() + "/" + low.Value.String() + " " + high.Unit}
	case r.ValueQuantity != nil:
		return []string{r.Code.Text + ": " + r.ValueQuantity.Value.String() + " " + r.ValueQuantity.Unit}
	case r.ResourceType == "MedicationRequest":
		return []string{r.MedicationCodeableConcept.Text}
	case r.ResourceType == "Immunization":
		name, _, _ := strings.Cut(r.VaccineCode.Text, " (")
		return []string{name}
	}
	return []string{r.Code.Text}
}

func TestVaccinesComeInOrder(t *testing.T) {
	each(t, some, func(t *testing.T, _ int, r *record) {
		birth := when(t, r.patient().BirthDate)
		for _, v := range r.all("Immunization") {
			days := int(when(t, v.OccurrenceDateTime).Sub(birth).Hours() / 24)
			for code, least := range map[string]int{"03": 365, "21": 365, "20": 56, "115": 11 * 365, "187": 50 * 365, "33": 65 * 365, "140": 180} {
				if v.VaccineCode.has(code) && days < least {
					t.Errorf("%s at %d days of age", v.VaccineCode.Text, days)
				}
			}
		}
	})
}
