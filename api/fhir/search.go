package fhir

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"cairn/api/rest"
	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/record"
)

// search serves GET [base]/[type]?... (FHIR R4 3.1.1).
func (s *Server) search(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	if err := s.resume(c, c.Type); err != nil {
		return nil, err
	}
	return s.searchFor(ctx, c, c.Query)
}

// resume has a search that goes on by the link of a page ask for what that page
// was of: a link says all of it, and nothing else can be asked beside it but how
// large the page is to be.
func (s *Server) resume(c *rest.Call, path string) (err error) {
	if !c.Query.Has("cursor") {
		return nil
	}
	asked := c.Query
	link := asked.Get("cursor")
	if c.Query, err = s.Records.Follow(c.Actor, path, link); err != nil {
		return err
	}
	size, sized := asked["_count"]
	if sized {
		c.Query["_count"] = size
		delete(asked, "_count")
	}
	if len(asked) > 1 || len(asked["cursor"]) > 1 {
		return fault.New(fault.Invalid, "invalid", "a link to a next page says all that is asked for").WithHint("send the cursor of the link, and _count or nothing else").At("cursor")
	}
	c.Link = link
	return c.Form.Take(c.Query)
}

// searchByPost serves POST [base]/[type]/_search, which keeps what is asked out
// of URLs.
func (s *Server) searchByPost(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	if err := takeForm(c); err != nil {
		return nil, err
	}
	return s.search(ctx, c)
}

// takeForm reads the form of a search by POST into the call's query: both count
// (FHIR R4 3.1.0.6). A POST without a body has an empty one.
func takeForm(c *rest.Call) error {
	if c.Header.Get("Content-Type") == "" {
		if data, err := c.Read(); err != nil || len(data) == 0 {
			return err
		}
	}
	data, _, err := c.Body("application/x-www-form-urlencoded")
	if err != nil {
		return err
	}
	values, err := url.ParseQuery(string(data))
	if err != nil {
		return fault.Wrap(fault.Invalid, "invalid", "the form is not valid", err)
	}
	if err := c.Form.Take(values); err != nil {
		return err
	}
	for name, list := range c.Query {
		values[name] = append(values[name], list...)
	}
	c.Query = values
	return nil
}

// searchOptions are how a client's search is read: as it chooses, and by what
// this server knows.
func (s *Server) searchOptions(ctx context.Context, c *rest.Call) search.Options {
	return search.Options{Lenient: c.Form.Lenient, Base: s.base(), Terms: s.Terms.For(ctx, c.Actor)}
}

func (s *Server) searchFor(ctx context.Context, c *rest.Call, values url.Values) (*rest.Answer, error) {
	q, err := record.ParseSearch(c.Type, values, s.searchOptions(ctx, c))
	if err != nil {
		return nil, err
	}
	return s.found(ctx, c, c.Type, []search.Query{q}, values)
}

// found searches and writes the page. path is what was asked, below the service
// base.
func (s *Server) found(ctx context.Context, c *rest.Call, path string, queries []search.Query, values url.Values) (*rest.Answer, error) {
	page, err := s.Records.SearchMany(ctx, c.Actor, queries, path+"?"+values.Encode())
	if err != nil {
		return nil, err
	}
	ignored := queries[0].Ignored
	for _, name := range ignored {
		values.Del(name) // the link says what was answered
	}
	at := strings.TrimSuffix(s.base()+"/"+path, "/")
	self, next := withQuery(at, values), ""
	if c.Link != "" {
		self = linked(at, c.Link, values)
	}
	if page.Next != "" {
		values.Set("cursor", page.Next)
		link, err := s.Records.Link(c.Actor, path, values)
		if err != nil {
			return nil, err
		}
		next = linked(at, link, values)
	}
	return &rest.Answer{Body: s.searchset(page, self, next, ignored), Receipts: page.Receipts}, nil
}

// searchset writes a Bundle whose entries are the stored bytes, and last what was
// ignored, if anything was.
func (s *Server) searchset(page record.Page, self, next string, ignored []string) []byte {
	out := make([]byte, 0, 512+size(page.Versions))
	out = append(out, `{"resourceType":"Bundle","type":"searchset"`...)
	if page.Total >= 0 {
		out = strconv.AppendInt(append(out, `,"total":`...), int64(page.Total), 10)
	}
	out = rest.AppendLinks(out, self, next)
	for i, v := range page.Versions {
		out = append(out, rest.Separator(i)...)
		out = append(append(out, `{"fullUrl":`...), rest.Quote(s.Root+"/fhir/"+v.Type+"/"+v.ID)...)
		out = append(append(out, `,"resource":`...), v.Raw...)
		out = append(out, `,"search":{"mode":"`...)
		out = append(append(out, v.Mode...), `"}}`...)
	}
	entries := len(page.Versions)
	if len(ignored) > 0 {
		out = append(append(append(out, rest.Separator(entries)...), `{"resource":`...), passedOver(ignored)...)
		out = append(out, `,"search":{"mode":"outcome"}}`...)
		entries++
	}
	return append(out, rest.Closing(entries)...)
}

// passedOver is the OperationOutcome that says which parameters were not known
// and ignored, as a lenient client asks (FHIR R4 3.1.1.3).
func passedOver(names []string) []byte {
	out := []byte(`{"resourceType":"OperationOutcome","issue":[`)
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, `{"severity":"warning","code":"not-supported","diagnostics":`...), rest.Quote("The search parameter "+name+" is not known and was ignored.")...)
		out = append(out, '}')
	}
	return append(out, "]}"...)
}

func size(versions []record.Version) (n int) {
	for _, v := range versions {
		n += len(v.Raw) + 200
	}
	return n
}

// linked is a link to a page of what values ask for.
func linked(at, link string, values url.Values) string {
	query := url.Values{"cursor": {link}}
	if size := values["_count"]; len(size) > 0 {
		query["_count"] = size
	}
	return withQuery(at, query)
}

func withQuery(at string, values url.Values) string {
	if len(values) == 0 {
		return at
	}
	return at + "?" + values.Encode()
}
