package fhir

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"cairn/api/rest"
)

// transaction serves POST [base] with a transaction bundle (FHIR R4
// 3.1.0.11.2).
func (s *Server) transaction(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	data, err := c.Resource()
	if err != nil {
		return nil, err
	}
	done, err := s.Records.Transaction(ctx, c.Actor, data)
	if err != nil {
		return nil, err
	}
	out := []byte(`{"resourceType":"Bundle","type":"transaction-response"`)
	for i, v := range done {
		out = append(out, separator(i)...)
		out = append(out, `{"response":{"status":`...)
		switch {
		case v.Deleted:
			out = append(out, `"204 No Content"`...)
		case v.Created:
			out = append(out, `"201 Created"`...)
		default:
			out = append(out, `"200 OK"`...)
		}
		if v.Version > 0 {
			out = append(append(out, `,"location":`...), quote(v.Location())...)
			out = append(append(out, `,"etag":`...), quote(rest.ETag(v.Version))...)
			out = append(append(out, `,"lastModified":`...), quote(time.UnixMilli(v.Updated).UTC().Format("2006-01-02T15:04:05.000Z"))...)
			out = append(out, `,"extension":[{"url":"urn:cairn:receipt","valueString":`+string(quote(v.Receipt.String()))+`}]`...)
		}
		out = append(out, `}}`...)
	}
	return &rest.Answer{Body: append(out, closing(len(done))...), Header: http.Header{"Cairn-Stored": {strconv.Itoa(len(done))}}}, nil
}

// quote returns a JSON string.
func quote(s string) []byte {
	data, err := json.Marshal(s)
	if err != nil {
		return []byte(`""`)
	}
	return data
}
