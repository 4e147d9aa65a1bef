package portal

import (
	"net/http"
	"strings"

	"cairn/api/face"
	"cairn/node/fault"
	"cairn/node/grant"
	"cairn/node/identity"
)

// seen is what somebody may see, as the patient is told.
type seen struct {
	Who      string   `json:"who"`
	For      string   `json:"for"`
	Purposes []string `json:"purposes"`
	Allowed  bool     `json:"allowed"`
	What     string   `json:"what"`
	Why      string   `json:"why"`
	Rule     string   `json:"rule"`
	Consent  string   `json:"consent,omitempty"`
	Since    int64    `json:"since,omitempty"`
	Until    int64    `json:"until,omitempty"`
}

func told(s *grant.Seen) seen {
	return seen{s.Who, s.For, s.Purposes, s.Allowed, s.What, s.Why, s.Rule, s.Grant, s.Since, s.Until}
}

// explain answers who can see a record of hers, or any.
func (s *Server) explain(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	typ, id, ok := strings.Cut(r.URL.Query().Get("record"), "/")
	if (typ == "") != (id == "") || typ != "" && !ok {
		return fault.New(fault.Invalid, "record", "a record is named by its type and id").WithHint("such as ?record=Observation/5; without it, it is about all records")
	}
	list, err := s.Grants.Explain(r.Context(), actor, typ, id)
	if err != nil {
		return err
	}
	out := make([]seen, len(list))
	for i := range list {
		out[i] = told(&list[i])
	}
	w.Header().Set("Cache-Control", "no-store")
	face.Write(w, http.StatusOK, map[string]any{"seen": out})
	return nil
}

// whatIfLimit is how many consents can be supposed at once.
const whatIfLimit = 20

// whatIf answers what would change if she stopped some consents and gave others.
func (s *Server) whatIf(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	var in struct {
		Stop []string `json:"stop"`
		Give [][]byte `json:"give"` // FHIR Consents, base64
	}
	if err := face.JSON(w, r, consentLimit, &in); err != nil {
		return err
	}
	if len(in.Stop)+len(in.Give) == 0 || len(in.Stop) > whatIfLimit || len(in.Give) > whatIfLimit {
		return fault.New(fault.Invalid, "what-if", "say which consents would be stopped and which given, at most 20 of each")
	}
	changes, err := s.Grants.WhatIf(r.Context(), actor, in.Stop, in.Give)
	if err != nil {
		return err
	}
	type change struct {
		Who     string `json:"who"`
		For     string `json:"for"`
		Purpose string `json:"purpose"`
		Before  seen   `json:"before"`
		After   seen   `json:"after"`
	}
	out := make([]change, len(changes))
	for i, c := range changes {
		out[i] = change{c.Who, c.For, c.Purpose, told(&c.Before), told(&c.After)}
	}
	w.Header().Set("Cache-Control", "no-store")
	face.Write(w, http.StatusOK, map[string]any{"changes": out})
	return nil
}
