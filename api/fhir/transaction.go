package fhir

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"cairn/api/rest"
	"cairn/node/fault"
	"cairn/node/record"
)

// transaction does all that changes something or nothing of it, and then
// answers the entries that read, with what the others have made (FHIR R4
// 3.1.0.11.2). That one of these cannot be answered refuses the transaction.
func (s *Server) transaction(ctx context.Context, c *rest.Call, b record.Bundle) (*rest.Answer, error) {
	for _, e := range b.Entries {
		if err := s.askable(ctx, c, e); err != nil {
			return nil, err
		}
	}
	if err := s.foresee(ctx, c, b); err != nil {
		return nil, err
	}
	done, err := s.Records.Transaction(ctx, c.Actor, b)
	if err != nil {
		return nil, serverIDs(err)
	}
	answers := make([]*rest.Answer, len(done))
	count := 0
	for i, v := range done {
		if b.Entries[i].Reads() {
			continue
		}
		count++
		answers[i] = written(b.Entries[i], v)
	}
	var size atomic.Int64
	s.each(ctx, c, b, answers, &size, func(e record.Entry) bool { return e.Reads() })
	header := http.Header{"Cairn-Stored": {strconv.Itoa(count)}}
	return &rest.Answer{Body: rest.Responses("transaction-response", answers, c.Form.Return), Header: header}, nil
}

// written is the answer to an entry that changed something, or found that it
// had nothing to change.
func written(e record.Entry, v record.Version) *rest.Answer {
	if e.Method == http.MethodDelete {
		return version(http.StatusNoContent, v)
	}
	a := stored(v)
	a.Location = v.Location()
	return a
}

// foresee asks beforehand what entries read about single records, and refuses
// the transaction if one would be refused: what was written could not be taken
// back then. Of a record that the transaction itself writes nothing is asked.
func (s *Server) foresee(ctx context.Context, c *rest.Call, b record.Bundle) error {
	writes := make(map[string]string) // methods, by Type/id
	for _, e := range b.Entries {
		if e.ID != "" && !e.Reads() {
			writes[e.Type+"/"+e.ID] = e.Method
		}
	}
	var group errgroup.Group
	group.SetLimit(atOnce)
	var size atomic.Int64
	for _, e := range b.Entries {
		call, found, err := s.callOf(c, e)
		if !e.Reads() || err != nil || !strings.HasPrefix(found.shape, "{type}/{id}") {
			continue
		}
		switch method := writes[call.Type+"/"+call.ID]; {
		case method == "":
			group.Go(func() error {
				err := fault.Guard(func() error {
					_, err := s.entry(ctx, c, e, &size)
					return err
				})
				if err != nil {
					return record.AtEntry(err, e)
				}
				return nil
			})
		case method == http.MethodDelete && found.shape == "{type}/{id}":
			return record.AtEntry(fault.New(fault.Gone, "deleted", "an entry reads what another one deletes"), e)
		}
	}
	return group.Wait()
}

// askable refuses an entry that reads what cannot be read.
func (s *Server) askable(ctx context.Context, c *rest.Call, e record.Entry) error {
	if !e.Reads() {
		return nil
	}
	call, found, err := s.callOf(c, e)
	if err == nil && found.shape == "{type}" {
		_, err = record.ParseSearch(call.Type, call.Query, s.searchOptions(ctx, call))
	}
	if err != nil {
		return record.AtEntry(err, e)
	}
	return nil
}
