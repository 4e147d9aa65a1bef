package fhir

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"cairn/api/rest"
	"cairn/node/fault"
	"cairn/node/record"
)

// TestEntryThatPanics: an entry of a batch that panics is answered as broken, and
// neither ends the process nor says what was in it.
func TestEntryThatPanics(t *testing.T) {
	s := &Server{interactions: []interaction{{method: "GET", shape: "{type}/{id}", code: "read", level: onInstance, serve: func(*Server, context.Context, *rest.Call) (*rest.Answer, error) { panic("Alice Hartley") }}}}
	b := record.Bundle{Entries: []record.Entry{{At: "Bundle.entry[0]", Method: "GET", URL: "Patient/7", Type: "Patient", ID: "7"}}}
	answers := make([]*rest.Answer, 1)
	var size atomic.Int64
	s.each(t.Context(), &rest.Call{}, b, answers, &size, func(record.Entry) bool { return true })
	f := answers[0].Refused()
	if f == nil || f.Kind != fault.Broken || strings.Contains(f.Error()+string(answers[0].Body), "Hartley") {
		t.Errorf("%v %s", f, answers[0].Body)
	}
}
