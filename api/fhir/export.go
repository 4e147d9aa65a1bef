package fhir

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"cairn/api/rest"
	"cairn/fhir/resource"
	"cairn/node/bulk"
	"cairn/node/evidence"
	"cairn/node/fault"
)

// exportFormats are the names that Bulk Data 2.0 gives the one format that
// there is.
var exportFormats = []string{"", ndjson, "application/ndjson", "ndjson"}

// export serves [base]/$export, Patient/$export and Group/[id]/$export (Bulk
// Data 2.0, kick-off request).
func (s *Server) export(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	if !strings.Contains(c.Header.Get("Prefer"), "respond-async") {
		return nil, fault.New(fault.Invalid, "required", "an export is worked on in the background").WithHint("send Prefer: respond-async")
	}
	p, err := c.Parameters()
	if err == nil {
		err = p.Only("_outputFormat", "_since", "_type", "_typeFilter", "patient")
	}
	if err != nil {
		return nil, err
	}
	r, err := exportRequest(c, p)
	if err != nil {
		return nil, err
	}
	r.URL = s.Root + "/fhir/" + c.Path
	if len(c.Query) > 0 {
		r.URL += "?" + c.Query.Encode()
	}
	id, err := s.Bulk.Start(ctx, c.Actor, r)
	if err != nil {
		return nil, err
	}
	return &rest.Answer{Status: http.StatusAccepted, Header: http.Header{"Content-Location": {s.Root + "/fhir/$export-status/" + id}}}, nil
}

func exportRequest(c *rest.Call, p rest.Parameters) (bulk.Request, error) {
	r := bulk.Request{Level: bulk.System}
	switch c.Type {
	case "Patient":
		r.Level = bulk.Patients
	case "Group":
		r.Level, r.Group = bulk.Group, c.ID
	}
	if !slices.Contains(exportFormats, p.Text("_outputFormat")) {
		return r, fault.New(fault.Invalid, "not-supported", "exports are NDJSON only").WithHint("leave _outputFormat out").At("_outputFormat")
	}
	if since := p.Text("_since"); since != "" {
		lo, _, ok := resource.ParseDate(since)
		if !ok {
			return r, fault.New(fault.Invalid, "value", "_since is an instant, such as 2026-01-31T12:00:00Z").At("_since")
		}
		r.Since = lo
	}
	for _, one := range p.All("_type") {
		for _, typ := range strings.Split(one.Text, ",") {
			if !resource.IsType(typ) {
				return r, fault.New(fault.Invalid, "value", "_type names a type that FHIR R4 does not have").At("_type")
			}
			r.Types = append(r.Types, typ)
		}
	}
	for _, one := range p.All("patient") {
		reference, _ := one.Value.Get("reference").Text()
		typ, id, local, ok := resource.Target(reference)
		if !ok || !local || typ != "Patient" {
			return r, fault.New(fault.Invalid, "value", "patient is a reference to a patient of this hospital").At("patient")
		}
		r.Patients = append(r.Patients, id)
	}
	return r, exportFilters(&r, p)
}

// exportFilters reads _typeFilter: searches of types, separated by commas.
func exportFilters(r *bulk.Request, p rest.Parameters) error {
	for _, one := range p.All("_typeFilter") {
		for _, text := range strings.Split(one.Text, ",") {
			typ, query, ok := strings.Cut(text, "?")
			if !ok || !resource.IsType(typ) {
				return fault.New(fault.Invalid, "value", "_typeFilter holds searches such as Observation?category=laboratory").At("_typeFilter")
			}
			if _, err := bulk.ParseFilter(typ, query); err != nil {
				return err
			}
			if r.Filters == nil {
				r.Filters = make(map[string][]string)
			}
			r.Filters[typ] = append(r.Filters[typ], query)
		}
	}
	return nil
}

// exportStatus serves GET [base]/$export-status/[id] (Bulk Data 2.0, status
// request).
func (s *Server) exportStatus(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	st, err := s.Bulk.Status(ctx, c.Actor, c.ID)
	if err != nil {
		return nil, err
	}
	switch st.State {
	case bulk.Done:
	case bulk.Failed:
		return nil, st.Fault
	default:
		return &rest.Answer{Status: http.StatusAccepted, Header: http.Header{
			"X-Progress": {fmt.Sprintf("%d patients are done", st.Done)}, "Retry-After": {"1"},
		}}, nil
	}
	data, err := json.Marshal(s.manifest(c.ID, &st))
	return &rest.Answer{Body: data, Media: "application/json", Header: http.Header{
		"Expires": {st.Expires.UTC().Format(http.TimeFormat)},
	}}, err
}

// exportFile is a file in a manifest.
type exportFile struct {
	Type  string `json:"type"`
	URL   string `json:"url"`
	Count int    `json:"count"`
}

type manifest struct {
	TransactionTime     string       `json:"transactionTime"`
	Request             string       `json:"request"`
	RequiresAccessToken bool         `json:"requiresAccessToken"`
	Output              []exportFile `json:"output"`
	Error               []exportFile `json:"error"`
}

func (s *Server) manifest(id string, st *bulk.Status) manifest {
	m := manifest{
		TransactionTime: st.Created.UTC().Format(time.RFC3339Nano), Request: st.Request.URL, RequiresAccessToken: true,
		Output: []exportFile{}, Error: []exportFile{},
	}
	for _, f := range st.Files {
		m.Output = append(m.Output, exportFile{f.Type, s.Root + "/fhir/$export-file/" + id + "/" + strconv.Itoa(f.Number), f.Count})
	}
	return m
}

// exportCancel serves DELETE [base]/$export-status/[id] (Bulk Data 2.0, delete
// request).
func (s *Server) exportCancel(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	if err := s.Bulk.Cancel(ctx, c.Actor, c.ID); err != nil {
		return nil, err
	}
	return &rest.Answer{Status: http.StatusAccepted}, nil
}

// exportedFile serves GET [base]/$export-file/[id]/[number] (Bulk Data 2.0, file
// request).
func (s *Server) exportedFile(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	number, err := strconv.Atoi(c.Version)
	if err != nil {
		return nil, fault.New(fault.NotFound, "not-found", "files are counted 0, 1, 2...")
	}
	file, err := s.Bulk.Open(ctx, c.Actor, c.ID, number)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if _, err := file.WriteTo(&out); err != nil {
		return nil, err
	}
	return &rest.Answer{Body: out.Bytes(), Media: ndjson, Receipts: []evidence.Receipt{file.Receipt}}, nil
}
