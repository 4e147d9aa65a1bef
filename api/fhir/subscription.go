package fhir

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"cairn/api/rest"
	"cairn/fhir/topic"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/subscription"
)

// backport begins the URLs of HL7's Subscriptions R5 Backport guide.
const backport = "http://hl7.org/fhir/uv/subscriptions-backport/"

// What of the guide the CapabilityStatement claims.
const (
	subscriptionServer  = backport + "CapabilityStatement/backport-subscription-server-r4"
	subscriptionProfile = backport + "StructureDefinition/backport-subscription"
	topicExtension      = backport + "StructureDefinition/capabilitystatement-subscriptiontopic-canonical"
)

// statedTopics are the topics, as the guide has a statement name them.
func statedTopics() (out []extension) {
	for _, t := range topic.All() {
		out = append(out, extension{topicExtension, t.URL})
	}
	return out
}

// subscribe serves POST [base]/Subscription.
func (s *Server) subscribe(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	if c.Header.Get("If-None-Exist") != "" {
		return nil, fault.New(fault.Unsupported, "not-supported", "a subscription cannot be created conditionally").
			WithHint("PUT it under an id of your own")
	}
	data, err := c.Resource()
	if err != nil {
		return nil, err
	}
	r, err := s.Subscriptions.Create(ctx, c.Actor, data)
	if err != nil {
		return nil, err
	}
	return kept(r), nil
}

// putSubscription serves PUT [base]/Subscription/[id].
func (s *Server) putSubscription(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	version, err := subscriptionVersion(c)
	if err != nil {
		return nil, err
	}
	data, err := c.Resource()
	if err != nil {
		return nil, err
	}
	r, err := s.Subscriptions.Put(ctx, c.Actor, c.ID, data, version)
	if err != nil {
		return nil, err
	}
	return kept(r), nil
}

// subscriptionVersion is the version that must be current, 0 for any.
func subscriptionVersion(c *rest.Call) (uint64, error) {
	e, err := expect(c)
	if err == nil && (e.Absent || e.Present || len(e.Versions) > 1) {
		err = fault.New(fault.Unsupported, "not-supported", "a change of a subscription can require that one version is current, and nothing else").
			WithHint(`send If-Match: W/"3"`)
	}
	if err != nil || len(e.Versions) == 0 {
		return 0, err
	}
	return cmp.Or(e.Versions[0], math.MaxInt64), nil // no version has the tag
}

// kept answers with a subscription that the request has just made or changed.
func kept(r subscription.Resource) *rest.Answer {
	a := &rest.Answer{Body: r.Raw, Version: r.Version, Updated: r.Updated, Written: true, Receipts: []evidence.Receipt{r.Receipt}}
	if r.Created {
		a.Status, a.Location = http.StatusCreated, "Subscription/"+r.ID
	}
	return a
}

// deleteSubscription serves DELETE [base]/Subscription/[id].
func (s *Server) deleteSubscription(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	version, err := subscriptionVersion(c)
	if err != nil {
		return nil, err
	}
	r, err := s.Subscriptions.Delete(ctx, c.Actor, c.ID, version)
	if err != nil {
		return nil, err
	}
	a := &rest.Answer{Status: http.StatusNoContent, Version: r.Version}
	if r.Version > 0 {
		a.Receipts = []evidence.Receipt{r.Receipt}
	}
	return a, nil
}

// readSubscription serves GET [base]/Subscription/[id].
func (s *Server) readSubscription(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	r, err := s.Subscriptions.Read(ctx, c.Actor, c.ID)
	if err != nil {
		return nil, err
	}
	return &rest.Answer{Body: r.Raw, Version: r.Version, Updated: r.Updated}, nil
}

// searchSubscriptions serves GET [base]/Subscription?...
func (s *Server) searchSubscriptions(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	return s.subscriptionsFor(ctx, c, c.Query)
}

// searchSubscriptionsByPost serves POST [base]/Subscription/_search.
func (s *Server) searchSubscriptionsByPost(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	data, _, err := c.Body("application/x-www-form-urlencoded")
	if err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(string(data))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "invalid", "the form is not valid", err)
	}
	values.Del("_format")
	values.Del("_pretty")
	return s.subscriptionsFor(ctx, c, values)
}

func (s *Server) subscriptionsFor(ctx context.Context, c *rest.Call, values url.Values) (*rest.Answer, error) {
	page, err := s.Subscriptions.Search(ctx, c.Actor, values)
	if err != nil {
		return nil, err
	}
	at := s.base() + "/Subscription?"
	out := []byte(`{"resourceType":"Bundle","type":"searchset","total":` + strconv.Itoa(page.Total) + `,"link":[{"relation":"self","url":`)
	out = append(append(out, rest.Quote(at+values.Encode())...), '}')
	if page.Next != "" {
		values.Set("cursor", page.Next)
		out = append(append(append(out, `,{"relation":"next","url":`...), rest.Quote(at+values.Encode())...), '}')
	}
	out = append(out, ']')
	for i, r := range page.List {
		out = append(out, rest.Separator(i)...)
		out = append(append(out, `{"fullUrl":`...), rest.Quote(s.base()+"/Subscription/"+r.ID)...)
		out = append(append(out, `,"resource":`...), r.Raw...)
		out = append(out, `,"search":{"mode":"match"}}`...)
	}
	return &rest.Answer{Body: append(out, rest.Closing(len(page.List))...)}, nil
}

// subscriptionStatus serves the operation $status on Subscription, of one or of
// all.
func (s *Server) subscriptionStatus(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	p, err := c.Parameters()
	if err == nil {
		err = p.Only("id", "status")
	}
	if err != nil {
		return nil, err
	}
	var body []byte
	if c.ID != "" {
		body, err = s.Subscriptions.StatusOf(ctx, c.Actor, c.ID)
	} else {
		body, err = s.Subscriptions.Status(ctx, c.Actor, words(p, "id"), words(p, "status"))
	}
	if err != nil {
		return nil, err
	}
	return &rest.Answer{Body: body}, nil
}

func words(p rest.Parameters, name string) (out []string) {
	for _, one := range p.All(name) {
		out = append(out, one.Text)
	}
	return out
}

// subscriptionEvents serves the operation $events on a Subscription.
func (s *Server) subscriptionEvents(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	p, err := c.Parameters()
	if err == nil {
		err = p.Only("eventsSinceNumber", "eventsUntilNumber", "content")
	}
	if err != nil {
		return nil, err
	}
	from, err := eventNumber(p, "eventsSinceNumber", 1)
	if err != nil {
		return nil, err
	}
	to, err := eventNumber(p, "eventsUntilNumber", 1<<63-1)
	if err != nil {
		return nil, err
	}
	content := p.Text("content")
	if content != "" && !slices.Contains([]string{"empty", "id-only", "full-resource"}, content) {
		return nil, fault.New(fault.Invalid, "value", "the content is empty, id-only or full-resource")
	}
	body, receipts, err := s.Subscriptions.Events(ctx, c.Actor, c.ID, from, to, content)
	if err != nil {
		return nil, err
	}
	return &rest.Answer{Body: body, Receipts: receipts}, nil
}

func eventNumber(p rest.Parameters, name string, unsaid uint64) (uint64, error) {
	text := p.Text(name)
	if text == "" {
		return unsaid, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, fault.New(fault.Invalid, "value", name+" is the number of an event")
	}
	return n, nil
}

// subscriptionTopics serves the operation $topics on Subscription: what can be
// subscribed to.
func (s *Server) subscriptionTopics(_ context.Context, c *rest.Call) (*rest.Answer, error) {
	p, err := c.Parameters()
	if err == nil {
		err = p.Only("url")
	}
	if err != nil {
		return nil, err
	}
	body, err := s.Subscriptions.Topics(p.Text("url"))
	if err != nil {
		return nil, err
	}
	return &rest.Answer{Body: body}, nil
}
