package subscription

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cairn/fhir/resource"
	"cairn/fhir/topic"
	"cairn/node/fault"
)

// extensionBase begins the URLs of the extensions of the guide.
const extensionBase = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-"

// Contents of a notification (backport-content-value-set).
const (
	contentEmpty = "empty"
	contentIDs   = "id-only"
	contentFull  = "full-resource"
)

// Bounds of what a subscription may say.
const (
	maxHeaders     = 10
	maxHeaderBytes = 2000
	maxHeartbeat   = 31 * 24 * 3600 // seconds
	defaultTimeout = 10             // seconds
	maxTimeout     = 60
	defaultCount   = 10
	maxCount       = 100
)

// wish is what a Subscription resource asks for.
type wish struct {
	criteria  *topic.Criteria
	filters   []string
	endpoint  string
	header    http.Header
	media     string
	content   string
	heartbeat time.Duration // 0: none
	timeout   time.Duration
	count     int   // events in one notification
	end       int64 // Unix milliseconds; 0: not said
	status    string
}

// read reads a Subscription of the profile backport-subscription. It fails with
// Invalid, or Unsupported, at the element.
func read(doc *resource.Doc) (*wish, error) {
	w := &wish{timeout: defaultTimeout * time.Second, count: defaultCount}
	root := doc.Root()
	for _, step := range []func(resource.Node) error{w.readStatus, w.readCriteria, w.readChannel, w.readHeaders, w.readPayload, w.readNumbers} {
		if err := step(root); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func invalid(at, text, hint string) error {
	return fault.New(fault.Invalid, "value", text).WithHint(hint).At("Subscription." + at)
}

func unsupported(at, text, hint string) error {
	return fault.New(fault.Unsupported, "not-supported", text).WithHint(hint).At("Subscription." + at)
}

func (w *wish) readStatus(root resource.Node) error {
	switch status, _ := root.Get("status").Text(); status {
	case requested, active:
		w.status = requested
	case off:
		w.status = off
	default:
		return invalid("status", "a subscriber sets the status to requested, active or off", "send requested")
	}
	if reason, _ := root.Get("reason").Text(); reason == "" {
		return fault.New(fault.Invalid, "required", "a Subscription says why it was made").WithHint("add reason").At("Subscription.reason")
	}
	text, said := root.Get("end").Text()
	if !said {
		return nil
	}
	lo, _, ok := resource.ParseDate(text)
	if !ok || !strings.Contains(text, "T") {
		return invalid("end", "the end is not an instant", "write it as 2026-01-31T12:00:00Z")
	}
	w.end = lo
	return nil
}

func (w *wish) readCriteria(root resource.Node) error {
	canonical, _ := root.Get("criteria").Text()
	if canonical == "" {
		return fault.New(fault.Invalid, "required", "criteria is the canonical URL of a topic").
			WithHint("GET [base]/Subscription/$topics lists the topics").At("Subscription.criteria")
	}
	for e := range root.Get("_criteria").Get("extension").Items() {
		if !e.Get("url").Is(extensionBase + "filter-criteria") {
			continue
		}
		text, _ := e.Get("valueString").Text()
		w.filters = append(w.filters, text)
	}
	var err error
	w.criteria, err = topic.Compile(canonical, w.filters)
	var problem *topic.Error
	switch {
	case errors.As(err, &problem) && problem.Filter < 0:
		return fault.New(fault.Unsupported, problem.Code, problem.Text).WithHint(problem.Hint).At("Subscription.criteria")
	case errors.As(err, &problem):
		return fault.New(fault.Invalid, problem.Code, problem.Text).WithHint(problem.Hint).
			At(fmt.Sprintf("Subscription.criteria.extension[%d].value", problem.Filter))
	}
	return err
}

func (w *wish) readChannel(root resource.Node) error {
	channel := root.Get("channel")
	if kind, _ := channel.Get("type").Text(); kind != "rest-hook" {
		return unsupported("channel.type", "notifications are sent by rest-hook only", "set channel.type to rest-hook")
	}
	for e := range channel.Get("_type").Get("extension").Items() {
		if e.Get("url").Is(extensionBase + "channel-type") {
			return unsupported("channel.type.extension", "there is no other channel type here than rest-hook", "leave the extension out")
		}
	}
	w.endpoint, _ = channel.Get("endpoint").Text()
	if w.endpoint == "" {
		return fault.New(fault.Invalid, "required", "a rest-hook needs an endpoint").At("Subscription.channel.endpoint")
	}
	return nil
}

// origin is where the endpoint is, without what its path and query may tell.
func (w *wish) origin() string {
	u, err := url.Parse(w.endpoint)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// ownHeaders are what a subscriber cannot set: they frame the request or say
// where it goes (RFC 9110 7.6.1, 8.6; RFC 9112 6).
var ownHeaders = []string{
	"Host", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "Te", "Trailer",
	"Expect", "Accept-Encoding", "Http2-Settings", "User-Agent",
}

func (w *wish) readHeaders(root resource.Node) error {
	w.header = make(http.Header)
	n := 0
	for item := range root.Get("channel").Get("header").Items() {
		at := fmt.Sprintf("channel.header[%d]", n)
		if n++; n > maxHeaders {
			return invalid("channel.header", fmt.Sprintf("there are more than %d headers", maxHeaders), "")
		}
		line, _ := item.Text()
		name, value, found := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !found || !token(name) || !printable(value) || len(line) > maxHeaderBytes {
			return invalid(at, "this is not a header", "write Name: value, in ASCII, in at most 2,000 bytes")
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		for _, own := range ownHeaders {
			if name == own || strings.HasPrefix(name, "Proxy-") {
				return invalid(at, "this header is not a subscriber's to set", "leave it out")
			}
		}
		w.header.Add(name, value)
	}
	return nil
}

// token tells whether a text is a header's name (RFC 9110 5.6.2).
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != "" && len(s) <= 100
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] > '~' {
			return false
		}
	}
	return true
}

func (w *wish) readPayload(root resource.Node) error {
	channel := root.Get("channel")
	w.media, _ = channel.Get("payload").Text()
	kind, parameters, err := mime.ParseMediaType(w.media)
	version := parameters["fhirversion"]
	if err != nil || kind != "application/fhir+json" && kind != "application/json" || version != "" && version != "4.0" {
		return unsupported("channel.payload", "notifications are sent as FHIR R4 in JSON", "set channel.payload to application/fhir+json")
	}
	for e := range channel.Get("_payload").Get("extension").Items() {
		if e.Get("url").Is(extensionBase + "payload-content") {
			w.content, _ = e.Get("valueCode").Text()
		}
	}
	switch w.content {
	case contentEmpty, contentIDs, contentFull:
		return nil
	}
	return invalid("channel.payload.extension", "the extension payload-content says how much a notification holds", "set it to empty, id-only or full-resource")
}

func (w *wish) readNumbers(root resource.Node) error {
	var heartbeat, timeout int
	for _, x := range []struct {
		name, value string
		least, most int
		to          *int
	}{
		{"heartbeat-period", "valueUnsignedInt", 0, maxHeartbeat, &heartbeat},
		{"timeout", "valueUnsignedInt", 1, maxTimeout, &timeout},
		{"max-count", "valuePositiveInt", 1, maxCount, &w.count},
	} {
		for e := range root.Get("channel").Get("extension").Items() {
			if !e.Get("url").Is(extensionBase + x.name) {
				continue
			}
			n, err := strconv.Atoi(string(e.Get(x.value).Raw()))
			if err != nil || n < x.least {
				return invalid("channel.extension", fmt.Sprintf("%s is a number from %d", x.name, x.least), "")
			}
			*x.to = min(n, x.most)
		}
	}
	w.heartbeat = time.Duration(heartbeat) * time.Second
	if timeout > 0 {
		w.timeout = time.Duration(timeout) * time.Second
	}
	return nil
}
