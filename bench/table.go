package bench

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// table writes the figures, one a row, in columns.
func table(w io.Writer, figures []Figure) {
	rows := [][]string{{"scenario", "figure", "measured", "target", "", "limit", "ratio", "limit is"}}
	for _, f := range figures {
		rows = append(rows, f.cells())
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			gap := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i >= 2 && i <= 6 && i != 4 { // numbers stand to the right
				line.WriteString(gap + cell + "  ")
				continue
			}
			line.WriteString(cell + gap + "  ")
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

func (f Figure) cells() []string {
	sign, met := "≥ ", ""
	if f.Better == "less" {
		sign = "≤ "
	}
	out := []string{f.Scenario, f.Name, number(f.Value) + " " + f.Unit, "", "", "", "", ""}
	if f.Met != nil {
		met = "missed"
		if *f.Met {
			met = "met"
		}
		out[3], out[4] = sign+number(f.Target), met
	}
	if f.Limit != 0 {
		out[5], out[7] = number(f.Limit), f.LimitOf
		out[6] = number(100*f.Ratio()) + "%"
		if f.Better == "less" {
			out[6] = number(f.Ratio()) + "x"
		}
	}
	return out
}

// number writes a figure with about three digits that count, thousands parted.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return thousands(int64(math.Round(v)))
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 0.1 || a == 0:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.2g", v)
}

func thousands(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// detail writes what does not fit into the table: times, processor, notes.
func (f Figure) detail(w io.Writer) {
	var parts []string
	if f.Median > 0 {
		parts = append(parts, "median of the seconds "+number(f.Median)+" "+f.Unit)
	}
	if f.Times != nil {
		parts = append(parts, f.Times.words())
	}
	if l := f.Latency; l != nil {
		parts = append(parts, fmt.Sprintf("at %s/s, from the moment due: %s", number(l.Rate), l.words()))
	}
	if s := f.Share; s != nil {
		parts = append(parts, fmt.Sprintf("cores: hospital %.2f, other hospitals %.2f, this generator %.2f, strangers %.2f", s.Hospital, s.Hospitals, s.Generator, s.Strangers))
	}
	if f.Cost > 0 {
		parts = append(parts, fmt.Sprintf("processor time of the hospital: %s us for each", number(f.Cost)))
	}
	if f.Strange > 0 {
		parts = append(parts, fmt.Sprintf("processor time of strangers, the database server among them: %s us for each", number(f.Strange)))
	}
	if m := f.Memory; m != nil {
		parts = append(parts, fmt.Sprintf("resident memory of the hospital: %d MB at most, %d MB at the end", m.Peak>>20, m.End>>20))
	}
	if len(f.Purposes) > 0 {
		parts = append(parts, purposeWords(f.Purposes))
	}
	if f.Note != "" {
		parts = append(parts, f.Note)
	}
	if len(parts) > 0 {
		fmt.Fprintf(w, "\n%s, %s:\n  %s\n", f.Scenario, f.Name, strings.Join(parts, "\n  "))
	}
}

func (q Quantiles) words() string {
	return fmt.Sprintf("p50 %s, p95 %s, p99 %s, max %s ms (%s times)", number(q.P50), number(q.P95), number(q.P99), number(q.Max), thousands(int64(q.Count)))
}
