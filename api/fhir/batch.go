package fhir

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"cairn/api/rest"
	"cairn/node/fault"
	"cairn/node/record"
)

const (
	maxBatch   = 2000     // entries of a batch
	maxAnswers = 64 << 20 // bytes that the answers of one bundle may have together
	atOnce     = 16       // entries that are done at the same time
)

// bundle serves POST [base]: a batch or a transaction (FHIR R4 3.1.0.11).
func (s *Server) bundle(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	data, err := c.Resource()
	if err != nil {
		return nil, err
	}
	b, err := record.ReadBundle(data, s.base())
	if err != nil {
		return nil, err
	}
	if b.Type == "batch" {
		return s.batch(ctx, c, b)
	}
	b.Once = c.Header.Get("Idempotency-Key")
	return s.transaction(ctx, c, b)
}

// batch does each entry on its own, as if it had come alone, and answers each
// with what came of it: first those that change something, then those that
// read (FHIR R4 3.1.0.11.1).
func (s *Server) batch(ctx context.Context, c *rest.Call, b record.Bundle) (*rest.Answer, error) {
	if len(b.Entries) > maxBatch {
		return nil, fault.New(fault.TooLarge, "too-costly", "a batch has at most 2000 entries").WithHint("send it in several")
	}
	answers := make([]*rest.Answer, len(b.Entries))
	var size atomic.Int64
	s.each(ctx, c, b, answers, &size, func(e record.Entry) bool { return !e.Reads() })
	s.each(ctx, c, b, answers, &size, func(e record.Entry) bool { return e.Reads() })
	return &rest.Answer{Body: rest.Responses("batch-response", answers, c.Form.Return)}, nil
}

// each does some of the entries, several at once.
func (s *Server) each(ctx context.Context, c *rest.Call, b record.Bundle, answers []*rest.Answer, size *atomic.Int64, which func(record.Entry) bool) {
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, e := range b.Entries {
		if !which(e) {
			continue
		}
		group.Go(func() error {
			err := fault.Guard(func() (err error) {
				answers[i], err = s.entry(ctx, c, e, size)
				return err
			})
			if err != nil {
				answers[i] = rest.Refusal(err)
			}
			return nil
		})
	}
	group.Wait() //nolint:errcheck // each has its own
}

// entry does one entry.
func (s *Server) entry(ctx context.Context, c *rest.Call, e record.Entry, size *atomic.Int64) (*rest.Answer, error) {
	if size.Load() > maxAnswers {
		return nil, fault.New(fault.TooLarge, "too-costly", "the answers before this one have become too many for one bundle").WithHint("send this entry in another")
	}
	call, found, err := s.callOf(c, e)
	if err != nil {
		return nil, err
	}
	a, err := found.serve(s, ctx, call)
	if err != nil {
		return nil, err
	}
	a.Body, err = call.Form.Subset(a)
	size.Add(int64(len(a.Body)))
	return a, err
}

// callOf makes the call of an entry.
func (s *Server) callOf(c *rest.Call, e record.Entry) (*rest.Call, target, error) {
	if e.Err != nil {
		return nil, target{}, e.Err
	}
	query, err := url.ParseQuery(e.Query)
	if err != nil {
		return nil, target{}, fault.Wrap(fault.Invalid, "invalid", "the query part of the URL is not valid", err).At(e.At + ".request.url")
	}
	header := make(http.Header)
	for name, value := range map[string]string{
		"If-None-Exist": e.IfNoneExist, "If-Match": e.IfMatch, "If-None-Match": e.IfNoneMatch, "If-Modified-Since": e.IfModifiedSince,
	} {
		if value != "" {
			header.Set(name, value)
		}
	}
	header["Prefer"] = c.Header.Values("Prefer")
	form, err := rest.FormOf(header, query)
	if err != nil {
		return nil, target{}, err
	}
	form.Native = false // a bundle holds resources
	path, _, _ := strings.Cut(e.URL, "?")
	call := &rest.Call{Actor: c.Actor, Method: e.Method, Path: path, Query: query, Header: header, Form: form, Media: e.Media,
		Read: func() ([]byte, error) { return e.Body, nil }}
	if e.Media == "" && e.Body != nil {
		call.Media = rest.Formats()[0]
	}
	found, err := s.find(call)
	if err == nil && found.shape == "" {
		err = fault.New(fault.Invalid, "invalid", "a bundle cannot be sent within a bundle").At(e.At + ".request.url")
	}
	if err == nil {
		err = known(call)
	}
	return call, found, err
}
