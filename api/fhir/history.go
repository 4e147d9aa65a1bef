package fhir

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"cairn/api/rest"
	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/record"
)

// history serves GET [base]/[type]/[id]/_history, [base]/[type]/_history and
// [base]/_history (FHIR R4 3.1.0.12): versions, the newest first.
func (s *Server) history(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	path := strings.TrimSuffix(c.Path, "/")
	past, err := readPast(c.Query)
	if err != nil {
		return nil, err
	}
	past.Type, past.ID, past.Asked = c.Type, c.ID, path+"?"+c.Query.Encode()
	counts := c.Form.Summary == "count" || c.Query.Get("_count") == "0"
	if counts && c.ID == "" {
		return nil, fault.New(fault.Unsupported, "not-supported", "versions are counted for one record at a time").
			WithHint("ask for [type]/[id]/_history")
	}
	if counts {
		past.Count = 1
	}
	page, err := s.Records.History(ctx, c.Actor, past)
	if err != nil {
		return nil, err
	}
	if counts {
		page.Versions, page.Next = nil, ""
	}
	self, next := s.page(path, c.Query, ""), ""
	if page.Next != "" {
		next = s.page(path, c.Query, page.Next)
	}
	return &rest.Answer{Body: s.historyBundle(page, self, next), Receipts: page.Receipts}, nil
}

// page returns the URL of a page; cursor is "" for the one that was asked for.
func (s *Server) page(path string, query url.Values, cursor string) string {
	values := url.Values{}
	for name, list := range query {
		values[name] = list
	}
	if cursor != "" {
		values.Set("cursor", cursor)
	}
	if len(values) == 0 {
		return s.base() + "/" + path
	}
	return s.base() + "/" + path + "?" + values.Encode()
}

// pastParams are the parameters of a history.
var pastParams = []string{"_at", "_count", "_elements", "_since", "_summary", "cursor"}

func readPast(query url.Values) (p record.Past, err error) {
	for name, values := range query {
		if !slices.Contains(pastParams, name) {
			return p, fault.New(fault.Invalid, "not-supported", "a history does not know one of the parameters").WithHint("it knows " + strings.Join(pastParams, ", "))
		}
		if len(values) > 1 || values[0] == "" {
			return p, fault.New(fault.Invalid, "value", "send "+name+" once, with a value")
		}
	}
	if text := query.Get("_count"); text != "" {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return p, fault.New(fault.Invalid, "value", "_count is a whole number")
		}
		p.Count = int(n)
	}
	if p.Since, _, err = pointInTime(query, "_since"); err != nil {
		return p, err
	}
	if query.Has("_at") {
		lo, hi, err := pointInTime(query, "_at")
		if err != nil {
			return p, err
		}
		p.At = &record.Span{Lo: lo, Hi: hi}
	}
	p.Cursor = query.Get("cursor")
	return p, nil
}

// pointInTime reads a date or an instant, as the range that its precision
// leaves open.
func pointInTime(query url.Values, name string) (lo, hi int64, err error) {
	text := strings.ReplaceAll(query.Get(name), " ", "+") // a plus in a URL is a space
	if text == "" {
		return 0, 0, nil
	}
	lo, hi, ok := resource.ParseDate(text)
	if !ok {
		return 0, 0, fault.New(fault.Invalid, "value", name+" is a date or an instant").WithHint("send 2026-01-31 or 2026-01-31T12:00:00Z")
	}
	return lo, hi, nil
}

// historyBundle writes a Bundle whose entries say what was done (FHIR R4
// 3.1.0.12): a resource is the stored bytes, and there is none where the record
// was deleted.
func (s *Server) historyBundle(page record.Page, self, next string) []byte {
	out := make([]byte, 0, 512+size(page.Versions))
	out = append(out, `{"resourceType":"Bundle","type":"history"`...)
	if page.Total >= 0 {
		out = strconv.AppendInt(append(out, `,"total":`...), int64(page.Total), 10)
	}
	out = rest.AppendLinks(out, self, next)
	for i, v := range page.Versions {
		out = append(out, rest.Separator(i)...)
		out = s.appendPast(out, v)
	}
	return append(out, rest.Closing(len(page.Versions))...)
}

// appendPast writes one version with the request that made it.
func (s *Server) appendPast(out []byte, v record.Version) []byte {
	method, url, status := "PUT", v.Type+"/"+v.ID, "200 OK"
	switch {
	case v.Deleted:
		method, status = "DELETE", "204 No Content"
	case v.Version == 1:
		method, url, status = "POST", v.Type, "201 Created"
	}
	out = append(append(out, `{"fullUrl":`...), rest.Quote(s.base()+"/"+v.Type+"/"+v.ID)...)
	if !v.Deleted {
		out = append(append(out, `,"resource":`...), v.Raw...)
	}
	out = append(append(append(append(append(append(out, `,"request":{"method":"`...), method...), `","url":`...), rest.Quote(url)...), `},"response":{"status":"`...), status...)
	out = append(append(out, `","etag":`...), rest.Quote(rest.ETag(v.Version))...)
	return append(append(append(out, `,"lastModified":`...), rest.Quote(rest.Instant(v.Updated))...), "}}"...)
}
