package mapping

import (
	"strings"
	"testing"
)

// TestStructured: nothing that SN says gets lost: what a Quantity, a Range or a
// Ratio cannot say is kept in words.
func TestStructured(t *testing.T) {
	const line = "OBX|5|SN|30405-5^Leukocytes^LN||"
	for value, want := range map[string]string{
		"<^0.7":      `"valueQuantity":{"comparator":"<",`,
		"=^0.7":      `"valueQuantity":{"unit":"/HPF","value":0.7}`,
		"^2^-^7":     `"valueRange":{"high":{`,
		"=^2^-^7":    `"valueRange":{"high":{`,
		"^1^:^12800": `"valueRatio":{"denominator":{`,
		">^10^-^20":  `"valueString":"> 10 - 20"`,
		"ca^7":       `"valueString":"ca 7"`,
		"<>^7":       `"valueString":"<> 7"`,
		"^7^+":       `"valueString":"7 +"`,
	} {
		entries, errs := edit(t, "oru-r01.hl7", line+"^2^-^4", line+value)
		if len(errs) > 0 {
			t.Errorf("%s: %v", value, errs)
			continue
		}
		found := false
		for _, e := range entries {
			body, err := e.Body()
			if err != nil {
				t.Fatal(err)
			}
			found = found || strings.Contains(string(body), "30405-5") && strings.Contains(string(body), want)
		}
		if !found {
			t.Errorf("%s is not %s", value, want)
		}
	}
}
