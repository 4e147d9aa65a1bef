package fhir

import (
	"net/http"
	"net/url"
	"strconv"

	"cairn/api/face"
	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/record"
)

// search serves GET [base]/[type]?... (FHIR R4 3.1.1).
func (s *Server) search(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault.Wrap(fault.Invalid, "invalid", "the query part of the URL is not valid", err)
	}
	return s.find(w, r, actor, values)
}

// searchByPost serves POST [base]/[type]/_search, which keeps what is asked out
// of URLs.
func (s *Server) searchByPost(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	data, err := face.Body(w, r, "application/x-www-form-urlencoded")
	if err != nil {
		return err
	}
	values, err := url.ParseQuery(string(data))
	if err != nil {
		return fault.Wrap(fault.Invalid, "invalid", "the form is not valid", err)
	}
	return s.find(w, r, actor, values)
}

func (s *Server) find(w http.ResponseWriter, r *http.Request, actor identity.Actor, values url.Values) error {
	typ := r.PathValue("type")
	values.Del("_format")
	q, err := search.ParseQuery(typ, values, search.Options{})
	if err != nil {
		return fault.Wrap(fault.Invalid, "invalid", err.Error(), err)
	}
	page, err := s.Records.Search(r.Context(), actor, q, typ+"?"+values.Encode())
	if err != nil {
		return err
	}
	for _, receipt := range page.Receipts {
		w.Header().Add("Cairn-Receipt", receipt.String())
	}
	self := s.Root + "/fhir/" + typ + "?" + values.Encode()
	next := ""
	if page.Next != "" {
		values.Set("cursor", page.Next)
		next = s.Root + "/fhir/" + typ + "?" + values.Encode()
	}
	send(w, http.StatusOK, s.searchset(page, self, next))
	return nil
}

// searchset writes a Bundle whose entries are the stored bytes.
func (s *Server) searchset(page record.Page, self, next string) []byte {
	out := make([]byte, 0, 512+size(page.Versions))
	out = append(out, `{"resourceType":"Bundle","type":"searchset"`...)
	if page.Total >= 0 {
		out = strconv.AppendInt(append(out, `,"total":`...), int64(page.Total), 10)
	}
	out = append(append(append(out, `,"link":[{"relation":"self","url":`...), quote(self)...), '}')
	if next != "" {
		out = append(append(append(out, `,{"relation":"next","url":`...), quote(next)...), '}')
	}
	out = append(out, ']')
	for i, v := range page.Versions {
		out = append(out, separator(i)...)
		out = append(append(out, `{"fullUrl":`...), quote(s.Root+"/fhir/"+v.Type+"/"+v.ID)...)
		out = append(append(out, `,"resource":`...), v.Raw...)
		out = append(out, `,"search":{"mode":"match"}}`...)
	}
	return append(out, closing(len(page.Versions))...)
}

// separator opens the list of entries or goes on with it; an empty list is
// left out (FHIR R4 2.6.2).
func separator(i int) string {
	if i == 0 {
		return `,"entry":[`
	}
	return ","
}

func closing(n int) string {
	if n == 0 {
		return "}"
	}
	return "]}"
}

func size(versions []record.Version) (n int) {
	for _, v := range versions {
		n += len(v.Raw) + 200
	}
	return n
}
