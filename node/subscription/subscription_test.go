package subscription_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/record"
)

// TestPayloads: a handshake, then the same three changes in each of the three
// kinds of payload.
func TestPayloads(t *testing.T) {
	h := found(t, nil)
	doctor := h.doctor()
	patient := h.patient(doctor)
	got := make(map[string]*receiver)
	for _, content := range []string{"empty", "id-only", "full-resource"} {
		r := receive(t)
		s := h.subscribe(doctor, wish{url: r.server.URL + "/hook", content: content, filters: []string{"Observation?patient=Patient/" + patient}, channel: `,"header":["Authorization: Bearer abc","X-Own: 1"]`})
		if status := statusOf(t, s.Raw); status != "requested" {
			t.Errorf("%s: a new subscription is %q", content, status)
		}
		h.until(doctor, s.ID, "active")
		got[content] = r
	}
	first := h.create(doctor, "Observation", observation(patient, "4548-4", 1))
	second := h.update(doctor, "Observation", first.ID, observation(patient, "4548-4", 2))
	if _, err := h.Records.Delete(t.Context(), doctor, "Observation", first.ID, record.Expect{}); err != nil {
		t.Fatal(err)
	}
	h.create(doctor, "Observation", observation(h.patient(doctor), "4548-4", 9)) // of somebody else
	for content, r := range got {
		eventually(t, "three events came as "+content, func() bool { return len(r.numbers()) == 3 })
		if kinds := r.kinds(); kinds[0] != "handshake" || r.got[0].status != "requested" || r.got[0].count != "0" {
			t.Errorf("%s: %v, the first with status %s", content, kinds, r.got[0].status)
		}
		if n := r.numbers(); !slices.Equal(n, []string{"1", "2", "3"}) {
			t.Errorf("%s: numbers %v", content, n)
		}
		for _, n := range r.events() {
			if n.header.Get("Content-Type") != "application/fhir+json" || n.header.Get("Authorization") != "Bearer abc" || n.header.Get("X-Own") != "1" {
				t.Errorf("%s: headers %v", content, n.header)
			}
		}
	}
	for _, n := range got["empty"].events() {
		if len(n.focus)+len(n.records) > 0 || n.topic != "" || strings.Contains(string(n.raw), first.ID) || strings.Contains(string(n.raw), patient) {
			t.Errorf("an empty notification tells: %s", n.raw)
		}
	}
	for _, content := range []string{"id-only", "full-resource"} {
		want := []string{"Observation/" + first.ID, "Observation/" + first.ID, "Observation/" + first.ID}
		if focus := got[content].focus(); !slices.Equal(focus, want) {
			t.Errorf("%s: focus %v", content, focus)
		}
	}
	var records []string
	var methods []string
	for _, n := range got["full-resource"].events() {
		for _, r := range n.records {
			records = append(records, string(r))
		}
		methods = append(methods, n.methods...)
	}
	if !slices.Equal(records, []string{string(first.Raw), string(second.Raw), ""}) {
		t.Errorf("records: %q", records)
	}
	if !slices.Equal(methods, []string{"POST 201", "PUT 200", "DELETE 204"}) {
		t.Errorf("methods: %v", methods)
	}
	for _, n := range got["id-only"].events() {
		if len(n.records) > 0 || strings.Contains(string(n.raw), "4548-4") || n.topic != "urn:cairn:topic:Observation" {
			t.Errorf("id-only: %s", n.raw)
		}
	}
}

func statusOf(t testing.TB, raw []byte) string {
	t.Helper()
	var s struct{ Status string }
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s.Status
}

// TestFilters: each subscription is told what it asked for, numbered on its
// own.
func TestFilters(t *testing.T) {
	h := found(t, nil)
	doctor := h.doctor()
	one, other := h.patient(doctor), h.patient(doctor)
	wishes := map[string]wish{
		"code":                {filters: []string{"Observation?code=http://loinc.org|4548-4"}},
		"code without type":   {filters: []string{"code=4548-4"}},
		"type before a dot":   {filters: []string{"Observation.code=4548-4"}},
		"alternatives":        {filters: []string{"code=4548-4,2339-0"}},
		"two conditions":      {filters: []string{"Observation?code=2339-0&patient=" + other}},
		"two filters":         {filters: []string{"code=2339-0", "patient=Patient/" + other}},
		"created only":        {filters: []string{"interaction=create", "code=4548-4"}},
		"not created":         {filters: []string{"interaction=update,delete"}},
		"another type":        {topic: "urn:cairn:topic:Patient"},
		"a patient by her id": {topic: "urn:cairn:topic:Patient", filters: []string{"_id=" + one}},
		"everything":          {},
	}
	receivers := make(map[string]*receiver)
	for name, w := range wishes {
		r := receive(t)
		w.url, receivers[name] = r.server.URL, r
		h.until(doctor, h.subscribe(doctor, w).ID, "active")
	}
	a := h.create(doctor, "Observation", observation(one, "4548-4", 1)).ID
	b := h.create(doctor, "Observation", observation(other, "4548-4", 1)).ID
	c := h.create(doctor, "Observation", observation(one, "2339-0", 1)).ID
	d := h.create(doctor, "Observation", observation(other, "2339-0", 1)).ID
	h.update(doctor, "Observation", a, observation(one, "4548-4", 2))
	h.update(doctor, "Observation", c, observation(one, "8867-4", 2)) // leaves what it was found by
	if _, err := h.Records.Delete(t.Context(), doctor, "Observation", d, record.Expect{}); err != nil {
		t.Fatal(err)
	}
	h.update(doctor, "Patient", one, `{"resourceType":"Patient"}`)
	h.update(doctor, "Patient", other, `{"resourceType":"Patient"}`)
	want := map[string][]string{
		"code": {a, b, a}, "code without type": {a, b, a}, "type before a dot": {a, b, a}, "alternatives": {a, b, c, d, a, d},
		"two conditions": {d, d}, "two filters": {d, d}, "created only": {a, b}, "not created": {a, c, d},
		"another type": {one, other}, "a patient by her id": {one}, "everything": {a, b, c, d, a, c, d},
	}
	for name, ids := range want {
		r := receivers[name]
		eventually(t, name+" is told all", func() bool { return len(r.focus()) >= len(ids) })
	}
	for name, ids := range want {
		r := receivers[name]
		var got []string
		for _, f := range r.focus() {
			_, id, _ := strings.Cut(f, "/")
			got = append(got, id)
		}
		if !slices.Equal(got, ids) {
			t.Errorf("%s: %v, not %v", name, got, ids)
		}
		if n := r.numbers(); !slices.Equal(n, upTo(len(ids))) {
			t.Errorf("%s: numbers %v", name, n)
		}
	}
}

func upTo(n int) (out []string) {
	for i := range n {
		out = append(out, strconv.Itoa(i+1))
	}
	return out
}

// TestRefused: what a subscription may not say, each with the element at fault.
func TestRefused(t *testing.T) {
	h := found(t, nil)
	doctor := h.doctor()
	r := receive(t)
	good := wish{url: r.server.URL}.body()
	for name, x := range map[string]struct{ body, at string }{
		"another type":             {`{"resourceType":"Patient"}`, "resourceType"},
		"no JSON":                  {`{`, ""},
		"a status of the server's": {strings.Replace(good, "requested", "error", 1), "Subscription.status"},
		"no reason":                {strings.Replace(good, `"reason":"test",`, "", 1), "Subscription.reason"},
		"no topic":                 {strings.Replace(good, "urn:cairn:topic:Observation", "urn:cairn:topic:Nothing", 1), "Subscription.criteria"},
		"a query for a topic":      {strings.Replace(good, "urn:cairn:topic:Observation", "Observation?code=1", 1), "Subscription.criteria"},
		"a topic of itself":        {strings.Replace(good, "urn:cairn:topic:Observation", "urn:cairn:topic:Subscription", 1), "Subscription.criteria"},
		"an unknown filter":        {wish{url: r.server.URL, filters: []string{"Observation?nothing=1"}}.body(), "Subscription.criteria.extension[0].value"},
		"a filter of another type": {wish{url: r.server.URL, filters: []string{"code=1", "Patient?name=x"}}.body(), "Subscription.criteria.extension[1].value"},
		"a chain":                  {wish{url: r.server.URL, filters: []string{"Observation?subject:Patient.name=x"}}.body(), "Subscription.criteria.extension[0].value"},
		"a page size":              {wish{url: r.server.URL, filters: []string{"Observation?_count=3"}}.body(), "Subscription.criteria.extension[0].value"},
		"an unknown interaction":   {wish{url: r.server.URL, filters: []string{"interaction=read"}}.body(), "Subscription.criteria.extension[0].value"},
		"an empty filter":          {wish{url: r.server.URL, filters: []string{""}}.body(), ""},
		"another channel":          {strings.Replace(good, "rest-hook", "email", 1), "Subscription.channel.type"},
		"a custom channel":         {strings.Replace(good, `"type":"rest-hook"`, `"type":"rest-hook","_type":{"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-channel-type","valueCoding":{"code":"x"}}]}`, 1), "Subscription.channel.type.extension"},
		"no endpoint":              {strings.Replace(good, `"endpoint":"`+r.server.URL+`",`, "", 1), "Subscription.channel.endpoint"},
		"a file":                   {wish{url: "file:///etc/passwd"}.body(), "Subscription.channel.endpoint"},
		"an endpoint inside":       {wish{url: "https://10.0.0.1/"}.body(), "Subscription.channel.endpoint"},
		"metadata of a cloud":      {wish{url: "https://169.254.169.254/latest/meta-data"}.body(), "Subscription.channel.endpoint"},
		"mapped loopback":          {wish{url: "https://[::ffff:10.1.1.1]/"}.body(), "Subscription.channel.endpoint"},
		"http outside":             {wish{url: "http://example.org/"}.body(), "Subscription.channel.endpoint"},
		"another payload":          {strings.Replace(good, "application/fhir+json", "text/plain", 1), "Subscription.channel.payload"},
		"XML":                      {strings.Replace(good, "application/fhir+json", "application/fhir+xml", 1), "Subscription.channel.payload"},
		"another version":          {strings.Replace(good, "application/fhir+json", "application/fhir+json; fhirVersion=5.0", 1), "Subscription.channel.payload"},
		"no content":               {strings.Replace(good, "id-only", "everything", 1), "Subscription.channel.payload.extension"},
		"Host":                     {wish{url: r.server.URL, channel: `,"header":["Host: x"]`}.body(), "Subscription.channel.header[0]"},
		"a length":                 {wish{url: r.server.URL, channel: `,"header":["X: 1","content-length: 0"]`}.body(), "Subscription.channel.header[1]"},
		"a second line":            {wish{url: r.server.URL, channel: `,"header":["X: 1\r\nY: 2"]`}.body(), "Subscription.channel.header[0]"},
		"no name":                  {wish{url: r.server.URL, channel: `,"header":["nothing"]`}.body(), "Subscription.channel.header[0]"},
		"a proxy's":                {wish{url: r.server.URL, channel: `,"header":["Proxy-Authorization: x"]`}.body(), "Subscription.channel.header[0]"},
		"too many headers":         {wish{url: r.server.URL, channel: `,"header":["` + strings.Repeat(`X: 1","`, 10) + `X: 1"]`}.body(), "Subscription.channel.header"},
		"no time":                  {wish{url: r.server.URL, channel: number("timeout", 0)}.body(), "Subscription.channel.extension"},
		"no events":                {wish{url: r.server.URL, channel: number("max-count", 0)}.body(), "Subscription.channel.extension[0].valuePositiveInt"},
		"an end in the past":       {wish{url: r.server.URL, extra: `"end":"2020-01-01T00:00:00Z",`}.body(), "Subscription.end"},
		"an end without a time":    {wish{url: r.server.URL, extra: `"end":"2099-01-01",`}.body(), "Subscription.end"},
	} {
		_, err := h.Subscriptions.Create(t.Context(), doctor, []byte(x.body))
		f := fault.As(err)
		if err == nil || f.Kind != fault.Invalid && f.Kind != fault.Unsupported || x.at != "" && f.Expression != x.at {
			t.Errorf("%s: %v at %q (%s)", name, err, f.Expression, f.Kind)
		}
	}
	if _, err := h.Subscriptions.Create(t.Context(), h.as("ehr", h.key, ""), []byte(good)); !fault.Is(err, fault.Refused) {
		t.Errorf("without a purpose: %v", err)
	}
	if _, err := h.Subscriptions.Create(t.Context(), h.as("ehr", h.key, "HRESCH"), []byte(good)); !fault.Is(err, fault.Refused) {
		t.Errorf("for a purpose that this hospital's staff may not act for: %v", err)
	}
	if _, err := h.Subscriptions.Create(t.Context(), identity.Actor{}, []byte(good)); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("nobody: %v", err)
	}
	if len(r.kinds()) > 0 {
		t.Errorf("the endpoint heard of what was refused: %v", r.kinds())
	}
}
