package consent

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// compileText makes a FHIR Consent of the lines that define it, by hand and not
// by Build, and compiles it.
func compileText(t *testing.T, name string, lines []string) (Terms, error) {
	t.Helper()
	if len(lines) == 0 {
		return Terms{}, fmt.Errorf("it says nothing")
	}
	if len(lines) == 1 && strings.HasSuffix(lines[0], ".json") {
		return Compile(readShared(t, strings.TrimSpace(lines[0])))
	}
	doc := map[string]any{
		"resourceType": "Consent", "id": name, "status": "active", "patient": map[string]any{"reference": "Patient/1"},
		"scope": conceptOf(Coding{scopeSystem, "patient-privacy"}),
	}
	if plain, pairs := words(lines[0]); len(plain) == 0 {
		if s, ok := pairs["status"]; ok {
			doc["status"] = s
		}
		if s, ok := pairs["scope"]; ok {
			doc["scope"] = conceptOf(Coding{scopeSystem, s})
		}
		if s, ok := pairs["policyRule"]; ok {
			doc["policyRule"] = conceptOf(Coding{policySystem, s})
		}
		if s, ok := pairs["under"]; ok {
			doc["modifierExtension"] = []any{map[string]any{"url": UnderExtension, "valueString": s}}
			doc["performer"] = []any{map[string]any{"reference": "Organization/" + pairs["by"]}}
		}
		lines = lines[1:]
	}
	if len(lines) > 0 {
		p, rest, err := provisionText(lines, 2)
		if err != nil || len(rest) > 0 {
			return Terms{}, fmt.Errorf("line %q: %v", append(rest, "")[0], err)
		}
		doc["provision"] = p
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		return Terms{}, err
	}
	return Compile(raw)
}

// provisionText reads the provision at the first line, and under it those that
// are indented more.
func provisionText(lines []string, indent int) (map[string]any, []string, error) {
	plain, _ := words(lines[0])
	p := make(map[string]any)
	if len(plain) == 1 && plain[0] != "-" {
		p["type"] = plain[0]
	}
	for _, w := range strings.Fields(lines[0]) {
		if k, v, ok := strings.Cut(w, "="); ok {
			if err := conditionText(p, k, v); err != nil {
				return nil, nil, err
			}
		}
	}
	lines = lines[1:]
	var nested []any
	for len(lines) > 0 && len(lines[0])-len(strings.TrimLeft(lines[0], " ")) > indent {
		child, rest, err := provisionText(lines, indent+2)
		if err != nil {
			return nil, nil, err
		}
		nested, lines = append(nested, child), rest
	}
	if nested != nil {
		p["provision"] = nested
	}
	return p, lines, nil
}

func conditionText(p map[string]any, key, v string) error {
	switch key {
	case "org", "actor", "role":
		p["actor"] = actorsText(key, v, p["actor"])
	case "action":
		p["action"] = concepts(codingList(actionSystem, v))
	case "purpose":
		p["purpose"] = codingsText(codingList(PurposeSystem, v))
	case "type":
		p["class"] = appendList(p["class"], codingsText(codingList(typeSystem, v)))
	case "class":
		p["class"] = appendList(p["class"], codingsText(codingList("http://loinc.org", v)))
	case "category":
		p["code"] = appendList(p["code"], concepts(codingList(ObservationCategory, v)))
	case "code":
		p["code"] = appendList(p["code"], concepts(codingList("http://loinc.org", v)))
	case "label":
		p["securityLabel"] = codingsText(labelList(v))
	case "period", "dataPeriod":
		from, to, _ := strings.Cut(v, "..")
		period := map[string]any{}
		if from != "" {
			period["start"] = from
		}
		if to != "" {
			period["end"] = to
		}
		p[key] = period
	case "data", "related", "dependents", "authoredby":
		meaning := strings.Replace(key, "data", "instance", 1)
		for _, ref := range strings.Split(v, ",") {
			p["data"] = appendList(p["data"], []any{map[string]any{"meaning": meaning, "reference": map[string]any{"reference": ref}}})
		}
	case "uses", "onward":
		n, err := strconv.ParseInt(v, 10, 64)
		key, url := map[string]string{"uses": "modifierExtension", "onward": "extension"}[key], map[string]string{"uses": UsesExtension, "onward": OnwardExtension}[key]
		p[key] = []any{map[string]any{"url": url, "valuePositiveInt": n}}
		return err
	case "json":
		return json.Unmarshal([]byte(v), &p)
	default:
		return fmt.Errorf("a provision has no %s", key)
	}
	return nil
}

// actorsText makes actors of "org=east", "actor=Practitioner/1,person:east/Practitioner/1"
// and "role=nurse@Organization/east".
func actorsText(key, v string, have any) any {
	for _, who := range strings.Split(v, ",") {
		role := conceptOf(Coding{participationSystem, "IRCP"})
		if key == "org" {
			who = "Organization/" + who
		}
		if code, at, ok := strings.Cut(who, "@"); ok {
			role, who = conceptOf(codingList(RoleSystem, code)...), at
		}
		ref := map[string]any{"reference": who}
		if short, value, ok := strings.Cut(who, ":"); ok && (short == "person" || short == "member") {
			system := map[string]string{"person": PersonSystem, "member": MemberSystem}[short]
			ref = map[string]any{"identifier": map[string]any{"system": system, "value": value}}
		}
		have = appendList(have, []any{map[string]any{"role": role, "reference": ref}})
	}
	return have
}

func appendList(have any, more []any) any {
	list, _ := have.([]any)
	return append(list, more...)
}

func codingText(c Coding) map[string]any {
	m := map[string]any{"code": c.Code}
	if c.System != "" {
		m["system"] = c.System
	}
	return m
}

func codingsText(list []Coding) (out []any) {
	for _, c := range list {
		out = append(out, codingText(c))
	}
	return out
}

func conceptOf(list ...Coding) map[string]any { return map[string]any{"coding": codingsText(list)} }

func concepts(list []Coding) (out []any) {
	for _, c := range list {
		out = append(out, conceptOf(c))
	}
	return out
}
