// Package fhir is the FHIR R4 REST face: one file for each interaction and each
// operation. It decodes, calls a desk once and encodes; it decides nothing.
//
// What it does stands in two tables, interactions (route.go) and operations
// (operation.go). Requests are matched with them, entries of batches too, and
// the CapabilityStatement is made from them, so it cannot claim what is not
// there.
package fhir

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"cairn/api/face"
	"cairn/api/rest"
	"cairn/node/bulk"
	"cairn/node/bundle"
	"cairn/node/disclosure"
	"cairn/node/exchange"
	"cairn/node/fault"
	"cairn/node/grant"
	"cairn/node/identity"
	"cairn/node/judge"
	"cairn/node/record"
	"cairn/node/subscription"
	"cairn/node/term"
)

// Server answers FHIR requests below /fhir.
type Server struct {
	Door     *identity.Door
	Records  *record.Desk
	Exchange *exchange.Desk
	Bundles  *bundle.Desk
	Terms    *term.Desk
	Bulk     *bulk.Desk
	Judge    *judge.Desk
	Grants   *grant.Desk

	Subscriptions *subscription.Desk
	Disclosures   *disclosure.Desk

	Root     string // this node's root URL; the service base is Root + "/fhir"
	Software string // version, for the CapabilityStatement

	// Set by Handler. The tables are reached by way of the server, since some
	// of what stands in them looks things up in them.
	interactions []interaction
	operations   []operation
	statement    func() statement // the CapabilityStatement, made when it is first asked for
}

// serve does one interaction. It is a method of Server.
type serve func(*Server, context.Context, *rest.Call) (*rest.Answer, error)

func (s *Server) base() string { return s.Root + "/fhir" }

// Handler returns the face.
func (s *Server) Handler() http.Handler {
	s.interactions, s.operations = interactions, operations
	s.statement = sync.OnceValue(s.state)
	return face.Routed(http.HandlerFunc(s.handle), s.routes())
}

// handle serves one HTTP request: it finds the interaction, signs the actor in,
// and has the answer or the refusal written.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		err = fault.Wrap(fault.Invalid, "invalid", "the query part of the URL is not valid", err)
	}
	form, refused := rest.FormOf(r.Header, query)
	c := &rest.Call{
		Method: r.Method, Path: strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/fhir"), "/"), Query: query, Header: r.Header, Form: form,
		Media: rest.MediaOf(r.Header), Read: func() ([]byte, error) { return face.Body(w, r) },
	}
	if err == nil && !nativeRead(c) {
		err = refused
	}
	var answer *rest.Answer
	if err == nil {
		answer, err = s.do(r, c)
	}
	if err != nil {
		answer = rest.Refusal(err)
	}
	if c.Actor.Request() != nil {
		answer.Sign = func(status int, code string, body []byte) (string, error) {
			return s.Disclosures.Answer(context.WithoutCancel(r.Context()), c.Actor, status, code, body)
		}
	}
	rest.Write(w, r, s.base(), c.Form, answer)
}

// do finds the interaction of a request and has it done for who signed in.
func (s *Server) do(r *http.Request, c *rest.Call) (*rest.Answer, error) {
	found, err := s.find(c)
	if err != nil {
		r.Pattern = r.Method + " /fhir/"
		return nil, err
	}
	r.Pattern = r.Method + " /fhir/" + found.shape
	if !found.public {
		if c.Actor, err = s.Door.Scoped(r); err != nil {
			return nil, err
		}
	}
	if err := known(c); err != nil {
		return nil, err
	}
	return found.serve(s, r.Context(), c)
}

// version answers with one record version.
func version(status int, v record.Version) *rest.Answer {
	a := &rest.Answer{Status: status, Version: v.Version, Updated: v.Updated}
	a.Receipts = append(a.Receipts, v.Receipt)
	if v.Created {
		a.Location = v.Location()
	}
	if !v.Deleted {
		a.Body = v.Raw
	}
	return a
}

// stored answers with a record version that the request has just made.
func stored(v record.Version) *rest.Answer {
	status := http.StatusOK
	if v.Created {
		status = http.StatusCreated
	}
	a := version(status, v)
	a.Written = true
	return a
}

// expect reads what the headers of a write require of the record.
func expect(c *rest.Call) (record.Expect, error) {
	return record.ReadExpect(c.Header.Get("If-Match"), c.Header.Get("If-None-Match"))
}

// serverIDs turns the refusal of an update that would create into 405 (FHIR R4
// 3.1.0.4).
func serverIDs(err error) error {
	if f := fault.As(err); f != nil && f.Code == record.CodeServerIDs {
		return rest.NotAllowed(f.Text, http.MethodGet, http.MethodHead)
	}
	return err
}
