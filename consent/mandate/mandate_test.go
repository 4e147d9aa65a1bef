package mandate_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/consent/mandate"
)

func at(day string) int64 {
	t, err := time.Parse("2006-01-02 15:04", day)
	if err != nil {
		panic(err)
	}
	return t.UnixMilli()
}

func parent(born string) mandate.Mandate {
	return mandate.Mandate{Kind: mandate.Parent, Subject: "child", Holder: "mother", Basis: "birth certificate", Born: born, From: at("2020-01-01 00:00")}
}

func TestWhatAMandateGives(t *testing.T) {
	court := mandate.Mandate{Kind: mandate.Guardian, Subject: "p", Holder: "g", Powers: []mandate.Power{mandate.See}, Basis: "district court, order 7", From: at("2024-01-01 00:00"), Until: at("2025-01-01 00:00")}
	chosen := mandate.Mandate{Kind: mandate.Proxy, Subject: "p", Holder: "son", Powers: []mandate.Power{mandate.See, mandate.Watch}, From: at("2024-01-01 00:00")}
	ended := chosen
	ended.Ended = at("2024-06-01 00:00")
	early := mandate.Ages{Jurisdiction: "x", Shared: 14, Own: 16}
	wrong := mandate.Ages{Shared: 18, Own: 12}
	for _, c := range []struct {
		says    string
		mandate mandate.Mandate
		now     string
		ages    mandate.Ages
		powers  string
		rule    string
		changes string
	}{
		{"the parent of a small child may do all", parent("2012-05-10"), "2020-05-10 00:00", mandate.DefaultAges, "see watch decide", "mandate.parent", "2024-05-09 10:00"},
		{"a moment before the twelfth birthday begins anywhere", parent("2012-05-10"), "2024-05-09 09:59", mandate.DefaultAges, "see watch decide", "mandate.parent", "2024-05-09 10:00"},
		{"from it on the child decides", parent("2012-05-10"), "2024-05-09 10:00", mandate.DefaultAges, "see watch", "mandate.parent-shared", "2030-05-09 10:00"},
		{"at eighteen it is over, without a click", parent("2012-05-10"), "2030-05-09 10:00", mandate.DefaultAges, "", "mandate.of-age", ""},
		{"of a date of birth without a day the earliest counts", parent("2012-05"), "2024-05-01 00:00", mandate.DefaultAges, "see watch", "mandate.parent-shared", "2030-04-30 10:00"},
		{"and without a month", parent("2012"), "2024-01-01 00:00", mandate.DefaultAges, "see watch", "mandate.parent-shared", "2029-12-31 10:00"},
		{"born on 29 February, of age on 1 March", parent("2012-02-29"), "2030-02-28 09:59", mandate.DefaultAges, "see watch", "mandate.parent-shared", "2030-02-28 10:00"},
		{"another jurisdiction", parent("2012-05-10"), "2024-06-01 00:00", early, "see watch decide", "mandate.parent", "2026-05-09 10:00"},
		{"and its age", parent("2012-05-10"), "2028-06-01 00:00", early, "", "mandate.of-age", ""},
		{"ages that make no sense give nothing", parent("2012-05-10"), "2020-05-10 00:00", wrong, "", "mandate.age-unknown", ""},
		{"an unknown date of birth gives nothing", parent(""), "2020-05-10 00:00", mandate.DefaultAges, "", "mandate.age-unknown", ""},
		{"before it begins", court, "2023-12-31 23:59", mandate.DefaultAges, "", "mandate.early", "2024-01-01 00:00"},
		{"a guardian, to the last moment", court, "2024-12-31 23:59", mandate.DefaultAges, "see", "mandate.guardian", "2025-01-01 00:00"},
		{"and not longer", court, "2025-01-01 00:00", mandate.DefaultAges, "", "mandate.over", ""},
		{"a proxy for what was chosen", chosen, "2044-01-01 00:00", mandate.DefaultAges, "see watch", "mandate.proxy", ""},
		{"one that was ended", ended, "2024-06-01 00:00", mandate.DefaultAges, "", "mandate.ended", ""},
		{"a moment before", ended, "2024-05-31 23:59", mandate.DefaultAges, "see watch", "mandate.proxy", ""},
	} {
		got := c.mandate.At(at(c.now), c.ages)
		var powers []string
		for _, p := range got.Powers {
			powers = append(powers, string(p))
		}
		changes := int64(0)
		if c.changes != "" {
			changes = at(c.changes)
		}
		if strings.Join(powers, " ") != c.powers || got.Rule != c.rule || got.Changes != changes || got.Text == "" {
			t.Errorf("%s: %v by %s until %s", c.says, powers, got.Rule, time.UnixMilli(got.Changes).UTC())
		}
		if got.Rule == "mandate.parent-shared" && got.Sensitive {
			t.Errorf("%s: what is sensitive is shown", c.says)
		}
	}
}

func TestMandatesThatAreRefused(t *testing.T) {
	good := map[mandate.Kind]mandate.Mandate{
		mandate.Parent:   parent("2012-05-10"),
		mandate.Guardian: {Kind: mandate.Guardian, Subject: "p", Holder: "g", Powers: []mandate.Power{mandate.See}, Basis: "order 7", Until: 5},
		mandate.Proxy:    {Kind: mandate.Proxy, Subject: "p", Holder: "g", Powers: []mandate.Power{mandate.Decide}},
	}
	for kind, m := range good {
		if err := m.Validate(); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for says, c := range map[string]struct {
		kind   mandate.Kind
		change func(*mandate.Mandate)
	}{
		"nobody":                       {mandate.Proxy, func(m *mandate.Mandate) { m.Holder = "" }},
		"herself":                      {mandate.Proxy, func(m *mandate.Mandate) { m.Holder = m.Subject }},
		"a proxy without powers":       {mandate.Proxy, func(m *mandate.Mandate) { m.Powers = nil }},
		"an unknown power":             {mandate.Proxy, func(m *mandate.Mandate) { m.Powers = []mandate.Power{"sell"} }},
		"a power twice":                {mandate.Proxy, func(m *mandate.Mandate) { m.Powers = []mandate.Power{mandate.See, mandate.See} }},
		"a guardian for ever":          {mandate.Guardian, func(m *mandate.Mandate) { m.Until = 0 }},
		"a guardian without a basis":   {mandate.Guardian, func(m *mandate.Mandate) { m.Basis = "" }},
		"a parent without a birthday":  {mandate.Parent, func(m *mandate.Mandate) { m.Born = "" }},
		"a parent of a 31 February":    {mandate.Parent, func(m *mandate.Mandate) { m.Born = "2012-02-31" }},
		"a parent with chosen powers":  {mandate.Parent, func(m *mandate.Mandate) { m.Powers = []mandate.Power{mandate.See} }},
		"an end before the beginning":  {mandate.Proxy, func(m *mandate.Mandate) { m.From, m.Until = 9, 9 }},
		"another kind":                 {mandate.Proxy, func(m *mandate.Mandate) { m.Kind = "friend" }},
		"a basis longer than a letter": {mandate.Guardian, func(m *mandate.Mandate) { m.Basis = strings.Repeat("x", 201) }},
	} {
		m := good[c.kind]
		m.Powers = slices.Clone(m.Powers)
		c.change(&m)
		if err := m.Validate(); !errors.Is(err, mandate.ErrForm) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

func TestSomebodyAlwaysRemains(t *testing.T) {
	now := at("2024-06-01 00:00")
	mother, sees := parent("2020-01-01"), mandate.Mandate{Kind: mandate.Proxy, Powers: []mandate.Power{mandate.See}}
	for _, c := range []struct {
		says   string
		signs  bool
		others []mandate.Mandate
		last   bool
	}{
		{"she signs in herself", true, nil, false},
		{"nobody is left", false, nil, true},
		{"who only sees is not enough", false, []mandate.Mandate{sees}, true},
		{"another parent is left", false, []mandate.Mandate{sees, mother}, false},
		{"a parent of a child who is of age is not", false, []mandate.Mandate{parent("2000-01-01")}, true},
	} {
		if mandate.Last(c.signs, c.others, now, mandate.DefaultAges) != c.last {
			t.Error(c.says)
		}
	}
}
