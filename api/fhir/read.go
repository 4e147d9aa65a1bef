package fhir

import (
	"context"
	"net/http"
	"strings"
	"time"

	"cairn/api/rest"
	"cairn/node/record"
)

// read serves GET [base]/[type]/[id] (FHIR R4 3.1.0.2), also conditionally
// (3.1.0.2.1): 304 for who has the version that is current.
func (s *Server) read(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	v, err := s.Records.Read(ctx, c.Actor, c.Type, c.ID)
	if err != nil {
		return nil, err
	}
	return native(c, unlessKnown(c, v))
}

// unlessKnown answers with a version, or that the client has it already. When
// both conditions are there, the tag alone counts (RFC 9110 13.1.3).
func unlessKnown(c *rest.Call, v record.Version) *rest.Answer {
	if tags := c.Header.Get("If-None-Match"); tags != "" {
		for _, t := range strings.Split(tags, ",") {
			if have, ok := record.ReadTag(t); ok && have == v.Version || strings.TrimSpace(t) == "*" {
				return version(http.StatusNotModified, v)
			}
		}
		return version(http.StatusOK, v)
	}
	since, err := http.ParseTime(c.Header.Get("If-Modified-Since"))
	if err == nil && !time.UnixMilli(v.Updated).Truncate(time.Second).After(since) {
		return version(http.StatusNotModified, v)
	}
	return version(http.StatusOK, v)
}
