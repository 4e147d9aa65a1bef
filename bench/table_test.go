package bench

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	var out bytes.Buffer
	table(&out, []Figure{
		more("write", "creates", 1234.4, "/s", 1000).of(12000, "flushes"),
		less("verify", "a bundle", 1.25, "ms", 1).of(0.25, "signatures"),
		more("search", "by patient", 0.04, "/s", 0),
		less("ledger", "an event", 2, "B", 0).of(0.168, "roots"),
	})
	want := `
scenario  figure      measured   target           limit  ratio  limit is
write     creates     1,234 /s  ≥ 1,000  met     12,000  10.3%  flushes
verify    a bundle     1.25 ms   ≤ 1.00  missed    0.25  5.00x  signatures
search    by patient   0.04 /s
ledger    an event      2.00 B                     0.17  11.9x  roots
`
	if got := "\n" + out.String(); got != want {
		t.Errorf("the table is%s\nwant%s", got, want)
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.00", 0.0123: "0.012", 0.5: "0.50", 9.876: "9.88", 12.34: "12.3", 100: "100", 999.6: "1,000", 1234567: "1,234,567", -1234: "-1,234",
	} {
		if got := number(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}

func TestReportSaysWhatItMissed(t *testing.T) {
	q := quantiles([]time.Duration{time.Millisecond})
	slow := less("stop", "p99", 2000, "ms", 1000)
	slow.Times, slow.Note = &q, "noted"
	r := Report{Figures: []Figure{more("read", "reads", 5000, "/s", 4000).of(10000, "trips"), slow, more("search", "all", 1, "/s", 0)}}
	if r.Missed() != 1 {
		t.Errorf("%d figures miss their target, want 1", r.Missed())
	}
	var out bytes.Buffer
	r.Print(&out)
	for _, want := range []string{"missed", "noted", "p50 1.00", "1 of them miss"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, out.String())
		}
	}
	data, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Figures []struct {
			Name  string
			Met   *bool
			Ratio float64
		}
	}
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	f := back.Figures
	if len(f) != 3 || f[0].Ratio != 0.5 || f[0].Met == nil || !*f[0].Met || *f[1].Met || f[2].Met != nil {
		t.Errorf("the JSON says %+v", f)
	}
}
