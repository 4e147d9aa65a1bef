package record

import (
	"encoding/base64"
	"strings"

	"cairn/sample/figure"
	"cairn/sample/life"
	"cairn/sample/term"
)

var (
	dischargeSummary = term.LOINC("18842-5", "Discharge summary")
	progressNote     = term.LOINC("11506-3", "Progress note")
	clinicalNote     = term.In("http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category", "clinical-note", "Clinical Note")
)

// document writes the letter of a visit as a DocumentReference.
func (c *chart) document(p *page) {
	kind, written := progressNote, c.Ends(p.Visit)
	if p.Class.Code != "AMB" {
		kind = dischargeSummary
	}
	c.about(p, "DocumentReference")
	c.text("status", "current")
	c.text("docStatus", "final")
	c.concept("type", term.Told(p.Letter, kind))
	c.plains("category", clinicalNote)
	c.reference("subject", c.subject)
	c.moment("date", written)
	c.references("author", p.doctor.reference)
	c.reference("custodian", p.house)
	c.attachment(p, written)
	c.object("context")
	c.references("encounter", p.encounter)
	c.period("period", p.After(0), written)
	c.end()
	c.finish("DocumentReference")
}

func (c *chart) attachment(p *page, written life.Moment) {
	text := c.letter(p)
	c.list("content")
	c.item()
	c.object("attachment")
	c.text("contentType", "text/plain; charset=utf-8")
	c.text("language", "en-US")
	c.text("data", base64.StdEncoding.EncodeToString([]byte(text)))
	c.number("size", len(text), 0)
	c.text("title", p.Letter)
	c.moment("creation", written)
	c.ends(3)
}

// letter is what the doctor writes: nothing that the resources of the visit do not say.
func (c *chart) letter(p *page) string {
	var b strings.Builder
	b.WriteString(life.Houses[p.place].Name + "\n" + p.Letter + "\n\n")
	b.WriteString("Patient: " + c.FullName() + "\n")
	b.WriteString("Born: " + c.Birth.String() + "\n")
	b.WriteString("Medical record number: " + c.RecordNumber + "\n")
	if p.Nights > 0 {
		b.WriteString("Stay: " + p.Day.String() + " to " + c.Ends(p.Visit).Day().String() + "\n")
	} else {
		b.WriteString("Seen: " + p.Day.String() + "\n")
	}
	section(&b, "Diagnoses", diagnoses(p))
	section(&b, "Findings", c.findings(p))
	section(&b, "Procedures", titles(p.Done, func(o *life.Operation) string { return o.Text }))
	section(&b, "Medicines", titles(p.Ordered, func(o life.Order) string { return o.Text + ": " + o.How }))
	section(&b, "Immunizations", titles(p.Shots, func(v *life.Vaccine) string { return v.Display }))
	section(&b, "Allergies", titles(c.Allergies, func(a life.Intolerance) string { return a.Text }))
	b.WriteString("\nPlan: " + p.Plan + "\n\n" + p.doctor.name + "\n")
	return b.String()
}

func section(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	b.WriteString("\n" + title + "\n")
	for _, line := range lines {
		b.WriteString("- " + line + "\n")
	}
}

func titles[T any](all []T, title func(T) string) []string {
	lines := make([]string, len(all))
	for i, a := range all {
		lines[i] = title(a)
	}
	return lines
}

func diagnoses(p *page) []string {
	if len(p.Found) == 0 && p.Because != nil {
		return []string{p.Because.Text}
	}
	return titles(p.Found, func(f life.Finding) string { return f.Text + " (" + f.Codings[1].Code + ")" })
}

// findings lists what was measured and marks what is outside the reference range.
func (c *chart) findings(p *page) []string {
	var lines []string
	for _, m := range p.Vitals {
		lines = append(lines, c.finding(p, m))
	}
	for _, panel := range p.Panels {
		for _, m := range panel.Measures {
			lines = append(lines, c.finding(p, m))
		}
	}
	return lines
}

func (c *chart) finding(p *page, m life.Measure) string {
	s, value := m.Scale(), c.Take(p.Visit, m)
	if m == life.Systolic {
		return "Blood pressure: " + figure.Text(value, 0) + "/" + figure.Text(c.Take(p.Visit, life.Diastolic), 0) + " " + s.Unit
	}
	line := s.Name.Text + ": " + figure.Text(value, s.Places) + " " + s.Unit
	if code := s.Judge(value, c.Female); code == "H" || code == "L" {
		line += " (" + strings.ToLower(judgementNames[code]) + ")"
	}
	return line
}
