package consent

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const plain = `{"resourceType":"Consent","status":"active",
"scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
"patient":{"reference":"Patient/1"},
"provision":{"type":"permit"}}`

func TestCompileRefuses(t *testing.T) {
	if _, err := Compile([]byte(plain)); err != nil {
		t.Fatal(err)
	}
	role := `"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"IRCP"}]}`
	for _, c := range []struct{ old, new, want string }{
		{`"Consent"`, `"Observation"`, "is not a Consent"},
		{`"status":"active",`, ``, "status"},
		{`"active"`, `"alive"`, "status"},
		{`"active"`, `["active"]`, "Consent.status"},
		{`"status"`, `"modifierExtension":[{"url":"x"}],"status"`, "Consent.modifierExtension"},
		{`"status"`, `"implicitRules":"http://example.org/rules","status"`, "Consent.implicitRules"},
		{`"status":"active"`, `"status":"active","status":"draft"`, "twice"},
		{`"status":"active"`, `"status":"active","statu\u0073":"draft"`, "twice"},
		{`"scope":{`, `"scope2":{`, "scope"},
		{`,
"provision":{"type":"permit"}`, ``, "provision"},
		{`{"type":"permit"}`, `[{"type":"permit"}]`, "Consent.provision"},
		{`{"type":"permit"}`, `{"period":{"start":"2026"}}`, "neither permit nor deny"},
		{`{"type":"permit"}`, `{"period":{"start":"2026"},"provision":[{"purpose":[{"system":"s","code":"c"}]}]}`, "Consent.provision.provision[0]: type"},
		{`"permit"`, `"allow"`, "Consent.provision.type"},
		{`"permit"`, `true`, "Consent.provision.type"},
		{`{"type":"permit"}`, `{"type":"permit","period":{"start":"soon"}}`, "Consent.provision.period.start"},
		{`{"type":"permit"}`, `{"type":"permit","period":{"start":"2026-02-30"}}`, "Consent.provision.period.start"},
		{`{"type":"permit"}`, `{"type":"permit","period":{"start":"2026","end":"2025"}}`, "ends before it starts"},
		{`{"type":"permit"}`, `{"type":"permit","period":{"id":"x"}}`, "Consent.provision.period"},
		{`{"type":"permit"}`, `{"type":"permit","dataPeriod":"2026"}`, "Consent.provision.dataPeriod"},
		{`{"type":"permit"}`, `{"type":"permit","purpose":{"code":"TREAT"}}`, "Consent.provision.purpose"},
		{`{"type":"permit"}`, `{"type":"permit","purpose":["TREAT"]}`, "Consent.provision.purpose[0]"},
		{`{"type":"permit"}`, `{"type":"permit","purpose":[{"system":"s","code":7}]}`, "Consent.provision.purpose[0].code"},
		{`{"type":"permit"}`, `{"type":"permit","class":[{"system":"http://hl7.org/fhir/resource-types","code":"Observtion"}]}`, "Consent.provision.class"},
		{`{"type":"permit"}`, `{"type":"permit","data":[{"meaning":"about","reference":{"reference":"Observation/1"}}]}`, "Consent.provision.data[0]: meaning"},
		{`{"type":"permit"}`, `{"type":"permit","actor":[{` + role + `,"reference":{"reference":"Organization/east","display":"East\nHospital"}}]}`, "Consent.provision.actor[0].reference.display"},
		{`{"type":"permit"}`, `{"type":"permit","actor":[{` + role + `,"reference":{"reference":"Organization/east","display":"East\u202eHospital"}}]}`, "does not print"},
		{`{"type":"permit"}`, `{"type":"permit","provision":[{"type":"deny","provision":[{"type":"perhaps"}]}]}`, "Consent.provision.provision[0].provision[0].type"},
		{`{"type":"permit"}`, strings.Repeat(`{"type":"permit","provision":[`, 17) + `{"type":"permit"}` + strings.Repeat(`]}`, 17), "nested too deep"},
		{`{"type":"permit"}`, `{"type":"permit","provision":[` + strings.Repeat(`{"type":"deny"},`, 1000) + `{"type":"deny"}]}`, "too many provisions"},
		{`"patient"`, `"note":"` + strings.Repeat("x", maxBytes) + `","patient"`, "larger than"},
		{`}}`, `}}}`, "Consent"},
		{`{"type":"permit"}`, `{"type":"permit","code":[{"text":"x","coding":[{"system":"` + strings.Repeat("s", maxText+1) + `","code":"c"}]}]}`, "too long"},
	} {
		raw := strings.Replace(plain, c.old, c.new, 1)
		if raw == plain {
			t.Fatalf("%q is not in the Consent", c.old)
		}
		_, err := Compile([]byte(raw))
		if err == nil {
			t.Errorf("taken: %.200s", c.new)
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.100s: the error %q does not say %q", c.new, err, c.want)
		}
	}
}

func TestEveryExampleIsInTheTable(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "shared", "data", "pcf", "Consent-*.json"))
	if err != nil || len(files) != 23 {
		t.Fatalf("%d IHE PCF examples beside the project's root, want 23: %v", len(files), err)
	}
	table, err := os.ReadFile("testdata/pcf.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.Contains(string(table), filepath.Base(f)) {
			t.Errorf("%s has no rows", filepath.Base(f))
		}
		terms, err := Compile(readShared(t, filepath.Base(f)))
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(f), err)
		}
		if r := terms.Root(); len(r.Unclear) > 0 {
			t.Errorf("%s: not understood: %v", filepath.Base(f), r.Unclear)
		}
	}
}

func TestUnclearNamesTheElement(t *testing.T) {
	raw := strings.Replace(plain, `{"type":"permit"}`, `{"type":"permit","action":[{"text":"copy"}],"purpose":[{"code":"TREAT"}],"expression":{"x":1}}`, 1)
	terms, err := Compile([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(terms.Root().Unclear, " ")
	if want := "Consent.provision.action[0] Consent.provision.purpose[0] Consent.provision.expression"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestZeroValues(t *testing.T) {
	if d := Decide(Ask{}, []Grant{{}, {Facts: Facts{Committed: true}}}, Policy{}); d.Allowed || d.Filter.Match(Item{}) {
		t.Errorf("the zero ask is allowed: %+v", d)
	}
	open := Policy{Purposes: []string{"TREAT"}}
	if d := Decide(Ask{Purpose: "TREAT"}, nil, open); d.Allowed {
		t.Errorf("somebody of no organisation is staff of a custodian without a name: %+v", d)
	}
	if (Filter{}).Match(Item{Type: "Patient"}) || !(Filter{}).Nothing() || (Filter{}).Everything() {
		t.Error("the zero filter opens something")
	}
	if !Everything().Match(Item{}) || !Everything().Everything() || !Nothing().Nothing() {
		t.Error("the plain filters are not what they say")
	}
	var none Terms
	if none.InForce(0) || none.Patient() != "" || none.Root().Says != NoConsent || none.Custodian() != (Party{}) {
		t.Error("the zero terms say something")
	}
}

func TestExplanationsArePlain(t *testing.T) {
	for _, rule := range []string{ruleSubject, ruleOwnStaff, rulePurpose, ruleOther, "consent.permit:provision"} {
		for o := NoConsent; o <= Deny; o++ {
			text := explain(rule, o)
			for _, sentence := range strings.Split(strings.TrimSuffix(text, "."), ". ") {
				if n := len(strings.Fields(sentence)); n == 0 || n > 16 {
					t.Errorf("%s %s: a sentence of %d words: %s", rule, o, n, sentence)
				}
			}
		}
	}
}

// A Consent made by Build has every element that the IHE profile requires.
func TestBuildMeetsTheProfile(t *testing.T) {
	var profile struct {
		Differential struct {
			Element []struct {
				ID  string `json:"id"`
				Min int    `json:"min"`
			} `json:"element"`
		} `json:"differential"`
	}
	if err := json.Unmarshal(readShared(t, "StructureDefinition-IHE.PCF.consentBasic.json"), &profile); err != nil {
		t.Fatal(err)
	}
	raw, err := Build(Draft{Patient: "1", Custodian: "north", Grantee: "east", Purposes: []string{"TREAT"}})
	if err != nil {
		t.Fatal(err)
	}
	required := 0
	for _, e := range profile.Differential.Element {
		if e.Min == 0 {
			continue
		}
		required++
		last := e.ID[strings.LastIndexByte(e.ID, '.')+1:]
		if last == "source[x]" {
			last = "sourceAttachment"
		}
		if !strings.Contains(string(raw), `"`+last+`"`) {
			t.Errorf("the profile requires %s", e.ID)
		}
	}
	if required < 7 {
		t.Errorf("the profile requires only %d elements", required)
	}
}

func TestBuildRefuses(t *testing.T) {
	for name, d := range map[string]Draft{
		"no patient":        {Custodian: "north"},
		"no custodian":      {Patient: "1"},
		"a strange grantee": {Patient: "1", Custodian: "north", Grantee: "East Hospital"},
		"a strange type":    {Patient: "1", Custodian: "north", Types: []string{"Observtion"}},
		"a strange label":   {Patient: "1", Custodian: "north", Labels: []Coding{{ConfidentialitySystem, "X"}}},
		"a strange record":  {Patient: "1", Custodian: "north", Records: []string{"Observation"}},
		"a strange name":    {Patient: "1", Custodian: "north", Grantee: "east", GranteeName: "East\nHospital"},
		"a strange action":  {Patient: "1", Custodian: "north", Actions: []Action{9}},
		"an empty period":   {Patient: "1", Custodian: "north", Period: Span{5, 5}},
		"a year too far":    {Patient: "1", Custodian: "north", Period: Span{5, 1 << 60}},
	} {
		if raw, err := Build(d); err == nil {
			t.Errorf("%s is taken: %s", name, raw)
		}
	}
}

func FuzzCompile(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join("..", "..", "shared", "data", "pcf", "Consent-*.json"))
	for _, file := range files {
		f.Add(readShared(f, filepath.Base(file)))
	}
	f.Add([]byte(plain))
	f.Fuzz(func(t *testing.T, raw []byte) {
		terms, err := Compile(raw)
		if err != nil {
			return
		}
		item := Item{Type: "Observation", ID: "1"}
		ask := Ask{Actor: Actor{Organisation: "east"}, Action: Access, Purpose: "TREAT", Now: 1_780_315_200_000}
		grants := []Grant{{Terms: terms, Facts: Facts{Committed: true}}}
		search := Decide(ask, grants, tablePolicy)
		ask.Item = &item
		d := Decide(ask, grants, tablePolicy)
		if d.Allowed != search.Filter.Match(item) {
			t.Fatal("the filter and the decision differ")
		}
		if d.Allowed && d.Outcome != Permit {
			t.Fatal("another hospital was let in without a permit")
		}
	})
}
