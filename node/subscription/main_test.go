package subscription_test

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"cairn/node"
	"cairn/node/identity"
	"cairn/node/keys"
	"cairn/node/record"
	"cairn/node/subscription"
)

// hospital is a real node of a consortium of one, without its faces: desks are
// called as faces call them.
type hospital struct {
	t   testing.TB
	cfg node.Config
	*node.Node
	stop func()
	key  *ecdsa.PrivateKey
}

// limit bounds how long a test waits for something that must happen.
const limit = 30 * time.Second

func found(t testing.TB, edit func(*node.Config)) *hospital {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "north")
	founder := node.Founder{ID: "north", Name: "North Hospital", Dir: dir, Listen: free(t), P2P: free(t)}
	if err := node.Found("test", []node.Founder{founder}); err != nil {
		t.Fatal(err)
	}
	cfg, err := node.ReadConfig(filepath.Join(dir, "cairn.toml"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.SubscriptionAllow, cfg.SubscriptionRetryMS = []string{"127.0.0.0/8"}, 5
	if edit != nil {
		edit(&cfg)
	}
	h := &hospital{t: t, cfg: cfg}
	if h.key, err = keys.ReadClient(filepath.Join(cfg.Keys, "ehr.pem")); err != nil {
		t.Fatal(err)
	}
	h.start()
	t.Cleanup(func() { h.stop() })
	return h
}

func (h *hospital) start() {
	h.t.Helper()
	n, err := node.Open(context.Background(), h.cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- n.Run(ctx, func(ctx context.Context) error { close(ready); <-ctx.Done(); return nil })
	}()
	<-ready
	h.Node = n
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
		if err := n.Close(); err != nil {
			h.t.Error(err)
		}
	})
}

func (h *hospital) restart() { h.stop(); h.start() }

func free(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// as signs the EHR in for a person with a purpose.
func (h *hospital) as(client string, key *ecdsa.PrivateKey, purpose string) identity.Actor {
	h.t.Helper()
	now := time.Now()
	claims := identity.Claims{
		Issuer: client, Subject: client, Audience: jwt.Audience{h.cfg.URL + "/auth/token"}, ID: uuid.NewString(),
		Expiry: jwt.NewNumericDate(now.Add(2 * time.Minute)), IssuedAt: jwt.NewNumericDate(now),
	}
	if purpose != "" {
		claims.Extensions.B2B = &identity.B2B{Version: "1", OrganizationID: "north", SubjectID: "p-1", SubjectName: "Dr. Test", SubjectRole: "physician", PurposeOfUse: []string{purpose}}
	}
	assertion, err := identity.SignAssertion(key, claims)
	if err != nil {
		h.t.Fatal(err)
	}
	token, err := h.Door.SignIn(context.Background(), assertion, nil, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return token.Actor
}

func (h *hospital) doctor() identity.Actor { return h.as("ehr", h.key, "TREAT") }

func (h *hospital) create(actor identity.Actor, typ, body string) record.Version {
	h.t.Helper()
	v, err := h.Records.Create(context.Background(), actor, typ, []byte(body))
	if err != nil {
		h.t.Fatal(err)
	}
	return v
}

func (h *hospital) update(actor identity.Actor, typ, id, body string) record.Version {
	h.t.Helper()
	v, err := h.Records.Update(context.Background(), actor, typ, id, []byte(strings.Replace(body, "{", `{"id":"`+id+`",`, 1)), record.Expect{})
	if err != nil {
		h.t.Fatal(err)
	}
	return v
}

func (h *hospital) patient(actor identity.Actor) string {
	return h.create(actor, "Patient", `{"resourceType":"Patient","name":[{"family":"Testperson"}]}`).ID
}

func observation(patient, code string, value int) string {
	return fmt.Sprintf(`{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],`+
		`"code":{"coding":[{"system":"http://loinc.org","code":%q}]},"subject":{"reference":"Patient/%s"},"valueQuantity":{"value":%d,"unit":"%%"}}`, code, patient, value)
}

// wish is a Subscription resource.
type wish struct {
	id, topic, url, content, status, extra, channel string
	filters                                         []string
}

func (w wish) body() string {
	set := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	set(&w.topic, "urn:cairn:topic:Observation")
	set(&w.content, "id-only")
	set(&w.status, "requested")
	var filters []string
	for _, f := range w.filters {
		filters = append(filters, fmt.Sprintf(`{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-filter-criteria","valueString":%q}`, f))
	}
	criteria := fmt.Sprintf(`"criteria":%q`, w.topic)
	if len(filters) > 0 {
		criteria += `,"_criteria":{"extension":[` + strings.Join(filters, ",") + `]}`
	}
	id := ""
	if w.id != "" {
		id = fmt.Sprintf(`"id":%q,`, w.id)
	}
	return fmt.Sprintf(`{"resourceType":"Subscription",%s"status":%q,"reason":"test",%s%s,"channel":{"type":"rest-hook","endpoint":%q,"payload":"application/fhir+json",`+
		`"_payload":{"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content","valueCode":%q}]}%s}}`,
		id, w.status, w.extra, criteria, w.url, w.content, w.channel)
}

func number(name string, n int) string {
	value := "valueUnsignedInt"
	if name == "max-count" {
		value = "valuePositiveInt"
	}
	return fmt.Sprintf(`,"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-%s","%s":%d}]`, name, value, n)
}

func (h *hospital) subscribe(actor identity.Actor, w wish) subscription.Resource {
	h.t.Helper()
	r, err := h.Subscriptions.Create(context.Background(), actor, []byte(w.body()))
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// status reads what the owner sees: the status, and the text of the error.
func (h *hospital) status(actor identity.Actor, id string) (status, text string) {
	h.t.Helper()
	r, err := h.Subscriptions.Read(context.Background(), actor, id)
	if err != nil {
		h.t.Fatal(err)
	}
	var s struct{ Status, Error string }
	if err := json.Unmarshal(r.Raw, &s); err != nil {
		h.t.Fatal(err)
	}
	return s.Status, s.Error
}

func (h *hospital) until(actor identity.Actor, id, want string) (text string) {
	h.t.Helper()
	eventually(h.t, "the subscription is "+want, func() bool {
		var status string
		status, text = h.status(actor, id)
		return status == want
	})
	return text
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("it does not come about that %s", what)
}

// notification is what a receiver understands of a bundle.
type notification struct {
	kind, status, topic, count string
	numbers, focus             []string
	records                    []json.RawMessage
	methods                    []string
	raw                        []byte
	header                     http.Header
}

type parameter struct {
	Name           string
	ValueCode      string
	ValueString    string
	ValueCanonical string
	ValueReference struct{ Reference string }
	ValueInstant   string
	Part           []parameter
}

func understand(t testing.TB, raw []byte) notification {
	t.Helper()
	var b struct {
		ResourceType, Type, Timestamp string
		Entry                         []struct {
			FullURL  string
			Resource json.RawMessage
			Request  struct{ Method, URL string }
			Response struct{ Status string }
		}
	}
	if err := json.Unmarshal(raw, &b); err != nil || b.ResourceType != "Bundle" || b.Type != "history" || len(b.Entry) == 0 {
		t.Errorf("not a notification: %v: %s", err, raw)
		return notification{}
	}
	var p struct {
		ResourceType string
		Parameter    []parameter
	}
	first := b.Entry[0]
	if err := json.Unmarshal(first.Resource, &p); err != nil || p.ResourceType != "Parameters" || first.Request.Method != "GET" || !strings.HasSuffix(first.Request.URL, "/$status") {
		t.Errorf("no status: %v: %s", err, raw)
	}
	n := notification{raw: raw}
	for _, x := range p.Parameter {
		switch x.Name {
		case "status":
			n.status = x.ValueCode
		case "type":
			n.kind = x.ValueCode
		case "topic":
			n.topic = x.ValueCanonical
		case "events-since-subscription-start":
			n.count = x.ValueString
		case "notification-event":
			for _, part := range x.Part {
				switch part.Name {
				case "event-number":
					n.numbers = append(n.numbers, part.ValueString)
				case "focus":
					n.focus = append(n.focus, part.ValueReference.Reference)
				}
			}
		}
	}
	for _, e := range b.Entry[1:] {
		n.records, n.methods = append(n.records, e.Resource), append(n.methods, e.Request.Method+" "+e.Response.Status)
	}
	return n
}

// receiver is a real endpoint. answer, when set, decides what it answers.
type receiver struct {
	t      testing.TB
	server *httptest.Server
	mu     sync.Mutex
	got    []notification
	answer func(n notification) int
}

func receive(t testing.TB) *receiver {
	r := &receiver{t: t}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

// at starts a receiver again at an address.
func (r *receiver) at(address string) {
	r.t.Helper()
	var l net.Listener
	eventually(r.t, "the address is free", func() (ok bool) {
		var err error
		l, err = net.Listen("tcp", address)
		return err == nil
	})
	r.server = &httptest.Server{Listener: l, Config: &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}}
	r.server.Start()
	r.t.Cleanup(r.server.Close)
}

func (r *receiver) address() string { return r.server.Listener.Addr().String() }

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	raw, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	n := understand(r.t, raw)
	n.header = req.Header
	r.mu.Lock()
	defer r.mu.Unlock()
	status := http.StatusOK
	if r.answer != nil {
		status = r.answer(n)
	}
	if status/100 == 2 {
		r.got = append(r.got, n)
	}
	w.WriteHeader(status)
}

func (r *receiver) answers(f func(n notification) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// events returns the event notifications that were taken so far.
func (r *receiver) events() (out []notification) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.got {
		if n.kind == "event-notification" {
			out = append(out, n)
		}
	}
	return out
}

func (r *receiver) kinds() (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.got {
		out = append(out, n.kind)
	}
	return out
}

// numbers returns the numbers of all events that were taken, in order.
func (r *receiver) numbers() (out []string) {
	for _, n := range r.events() {
		out = append(out, n.numbers...)
	}
	return out
}

func (r *receiver) focus() (out []string) {
	for _, n := range r.events() {
		for _, f := range n.focus {
			out = append(out, f[strings.LastIndex(f, "/fhir/")+6:])
		}
	}
	return out
}
