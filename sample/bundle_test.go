package sample_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cairn/sample"
)

var (
	uuid   = regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	urns   = regexp.MustCompile(`urn:uuid:[0-9a-f-]{36}`)
	target = regexp.MustCompile(`"reference":"([^"]*)"`)
)

func TestBundleIsATransaction(t *testing.T) {
	seen := map[string]string{} // entries shared between patients are the same in all
	each(t, 200, func(t *testing.T, _ int, r *record) {
		if r.ResourceType != "Bundle" || r.Type != "transaction" {
			t.Errorf("a %s of type %s", r.ResourceType, r.Type)
		}
		if len(r.at) != len(r.Entry) {
			t.Errorf("%d entries under %d addresses", len(r.Entry), len(r.at))
		}
		for _, e := range r.Entry {
			kind := r.at[e.FullURL].ResourceType
			if !uuid.MatchString(e.FullURL) {
				t.Errorf("the address %s of a %s", e.FullURL, kind)
			}
			if e.Request.Method != "POST" || e.Request.URL != kind {
				t.Errorf("%s %s for a %s", e.Request.Method, e.Request.URL, kind)
			}
			if before, ok := seen[e.FullURL]; ok && before != string(e.Resource) {
				t.Errorf("two contents of one %s", kind)
			}
			if _, ok := seen[e.FullURL]; ok && kind != "Practitioner" && kind != "Organization" {
				t.Errorf("one %s of two patients", kind)
			}
			seen[e.FullURL] = string(e.Resource)
		}
	})
}

func TestReferencesResolveBackwards(t *testing.T) {
	each(t, 200, func(t *testing.T, _ int, r *record) {
		before := map[string]bool{}
		patient := r.patient().fullURL
		for _, e := range r.Entry {
			for _, m := range target.FindAllSubmatch(e.Resource, -1) {
				if !before[string(m[1])] {
					t.Errorf("a %s refers to what is not before it", r.at[e.FullURL].ResourceType)
				}
			}
			before[e.FullURL] = true
			res := r.at[e.FullURL]
			switch who := res.Subject.Reference + res.Patient.Reference; res.ResourceType {
			case "Patient", "Practitioner", "Organization":
			default:
				if who != patient {
					t.Errorf("a %s about %q", res.ResourceType, who)
				}
			}
		}
	})
}

func TestJSONIsCompactAndOrdered(t *testing.T) {
	g := sample.New(1)
	for i := range 20 {
		raw := g.Bundle(i)
		if !strings.HasPrefix(string(raw), `{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:`) {
			t.Fatalf("patient %d begins %.80s", i, raw)
		}
		var compact json.RawMessage
		if err := json.Unmarshal(raw, &compact); err != nil {
			t.Fatal(err)
		}
		if again, err := json.Marshal(compact); err != nil || len(again) < len(raw) {
			t.Errorf("patient %d is not compact: %d bytes, %d would do (%v)", i, len(raw), len(again), err)
		}
	}
}

// mental is what tells of mental health by its code: whoever may not see it must not learn of it by another resource.
var mental = []string{"370143000", "197480006", "44261-6", "N06AB03", "N06AB06", "228557008", "10197000"}

func TestMentalHealthIsRestricted(t *testing.T) {
	found := 0
	each(t, some, func(t *testing.T, _ int, r *record) {
		hidden := map[string]bool{}
		for _, e := range r.Entry {
			res := r.at[e.FullURL]
			level := res.Meta.Security[0]
			if level.System != "http://terminology.hl7.org/CodeSystem/v3-Confidentiality" {
				t.Errorf("a %s labelled by %s", res.ResourceType, level.System)
			}
			isMental := slices.ContainsFunc(mental, func(code string) bool {
				return strings.Contains(string(e.Resource), `"code":"`+code+`"`)
			})
			secret := isMental || hidden[res.Encounter.Reference] || len(res.Context.Encounter) > 0 && hidden[res.Context.Encounter[0].Reference]
			want := "N"
			switch {
			case res.ResourceType == "Practitioner" || res.ResourceType == "Organization":
				want = "U"
			case secret:
				want, found = "R", found+1
			}
			if level.Code != want {
				t.Errorf("a %s labelled %s, want %s", res.ResourceType, level.Code, want)
			}
			hidden[e.FullURL] = secret
		}
	})
	if found < 100 {
		t.Errorf("only %d restricted resources", found)
	}
}

func TestPatientZero(t *testing.T) {
	for seed := range uint64(25) {
		r := read(t, sample.New(seed).Bundle(0))
		p := r.patient()
		if p.Gender == "male" || p.DeceasedDateTime != "" {
			t.Errorf("seed %d: patient 0 is %s, died %q", seed, p.Gender, p.DeceasedDateTime)
		}
		for _, code := range []string{"44054006", "59621000", "370143000"} {
			if !slices.ContainsFunc(r.all("Condition"), func(c *resource) bool { return c.Code.has(code) }) {
				t.Errorf("seed %d: patient 0 has no %s", seed, code)
			}
		}
	}
}
