package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"cairn/node/fault"
)

func TestKinds(t *testing.T) {
	want := []string{"invalid", "unauthenticated", "refused", "not-found", "gone", "conflict",
		"precondition", "too-large", "unsupported", "busy", "full", "broken", "unprocessable", "throttled"}
	for i, name := range want {
		if got := fault.Kind(i + 1).String(); got != name {
			t.Errorf("kind %d is %q, want %q", i+1, got, name)
		}
	}
	for _, k := range []fault.Kind{0, 200} {
		if k.String() != "broken" {
			t.Errorf("kind %d is %q", k, k)
		}
	}
}

func TestWrappedFaultIsFound(t *testing.T) {
	inner := fault.Wrap(fault.Conflict, "store.version", "Somebody else changed it.", io.EOF)
	err := fmt.Errorf("putting a record: %w", inner)
	if fault.As(err) != inner {
		t.Fatal("As did not return the wrapped fault")
	}
	if !fault.Is(err, fault.Conflict) || fault.Is(err, fault.Gone) || fault.Is(io.EOF, fault.Conflict) {
		t.Fatal("Is confuses kinds")
	}
	if !errors.Is(err, fault.New(fault.Conflict, "", "")) || !errors.Is(err, io.EOF) {
		t.Fatal("errors.Is does not see the kind or the cause")
	}
	if errors.Is(err, fault.New(fault.Conflict, "other", "")) || errors.Is(err, fault.New(fault.Gone, "", "")) {
		t.Fatal("errors.Is matches another code or kind")
	}
}

func TestUnexpectedBecomesBroken(t *testing.T) {
	a, b := fault.As(io.EOF), fault.As(io.EOF)
	if a.Kind != fault.Broken || !errors.Is(a, io.EOF) {
		t.Fatalf("got %v", a)
	}
	if a.Code == b.Code {
		t.Fatal("two unexpected errors share an id")
	}
	id := strings.TrimPrefix(a.Code, "broken.")
	if !strings.Contains(a.Text, id) || strings.Contains(a.Text, "EOF") {
		t.Fatalf("the text %q must carry the id and hide the cause", a.Text)
	}
	if fault.As(nil) != nil {
		t.Fatal("no error became a fault")
	}
	if got := fault.As(fmt.Errorf("reading: %w", context.Canceled)); got.Kind != fault.Busy {
		t.Fatalf("an ended context became %v", got.Kind)
	}
}

func TestWithHintLeavesTheOriginal(t *testing.T) {
	e := fault.New(fault.Full, "store.full", "The disk is full.")
	h := e.WithHint("Free some space.").At("Bundle.entry[3]")
	if e.Hint != "" || e.Expression != "" || h.Hint == "" || h.Expression != "Bundle.entry[3]" || h.Code != e.Code {
		t.Fatalf("got %+v and %+v", e, h)
	}
}

func TestGuard(t *testing.T) {
	if err := fault.Guard(func() error { return nil }); err != nil {
		t.Error(err)
	}
	was := errors.New("was")
	if err := fault.Guard(func() error { return was }); !errors.Is(err, was) {
		t.Error(err)
	}
	var list []int
	err := fault.Guard(func() error { panic(fmt.Sprint("Alice Hartley", list[len("x"):])) })
	if !fault.Is(err, fault.Broken) || strings.Contains(err.Error(), "Hartley") || !strings.Contains(err.Error(), "guard.go") {
		t.Errorf("%v", err)
	}
}
