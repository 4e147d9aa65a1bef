package fhirpath

import (
	"errors"
	"testing"
)

// FuzzEval checks that any expression compiles or not, and evaluates or not, with an error of this package and no value in it.
func FuzzEval(f *testing.F) {
	for _, seed := range []string{
		"Patient.name.where(use='official').given.first()", "telecom.select(value | rank).distinct()", "repeat(children()).ofType(Quantity)",
		"birthDate + 3 months > @2000-02-29", "@T10:00 + 5 minutes", "(1 | 2).aggregate($total + $this, 0)", "extension.value.value * 1.50 / 3 'g'",
		"'a'.replaceMatches('(?i)A', '$0$0').toChars().join('-')", "1.587.lowBoundary(2)", "iif(active, 'x', 'y').encode('base64').decode('base64')",
		"defineVariable('a', name).select(%a.family)", "name.given.sort(-$this).tail().skip(1).take(2)", "%resource.descendants().as(canonical)",
		"managingOrganization.resolve().is(Organization)", "now() - 3 days < today()", "@2012-04-15T15:00:00Z.difference(@2013-01-01T00:00:00Z, 'year')",
		"'5 mg'.toQuantity('g') ~ 0.005 'g'", "(5 'mg' * 2 'm').toString()", "$this.type().name", "-7 div 2 mod 3 xor true implies {}",
	} {
		f.Add(seed)
	}
	d := parseDoc(f, patient)
	f.Fuzz(func(t *testing.T, expression string) {
		p, err := Compile(expression)
		if err == nil {
			var values []Value
			if values, err = p.Eval(d); len(values) > maxItems {
				t.Fatalf("%d values", len(values))
			}
			for _, v := range values {
				_ = v.Text()
			}
		}
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Code == "" || e.Text == "") {
			t.Fatalf("an error of another kind: %v", err)
		}
	})
}
