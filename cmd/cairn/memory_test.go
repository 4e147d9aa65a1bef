package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	for living, want := range map[uint64]int{
		0: 500, 1 << 20: 500, 16 << 20: 500, 24 << 20: 300, 32 << 20: 200, 48 << 20: 100, 128 << 20: 100, 1 << 40: 100,
	} {
		if got := pace(living); got != want {
			t.Errorf("%d MB live: %d%%, not %d%%", living>>20, got, want)
		}
	}
}

var held []byte

// The pace follows what lives: fast while that is small, the usual one when it is
// not, and fast again.
func TestPaceFollowsTheHeap(t *testing.T) {
	t.Setenv("GOGC", "")
	limit := debug.SetMemoryLimit(-1)
	usual := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetMemoryLimit(limit); debug.SetGCPercent(usual); held = nil })
	mindMemory(t.Context())
	follows := func(what string, ok func(percent int) bool) {
		t.Helper()
		for range 200 {
			runtime.GC()
			time.Sleep(5 * time.Millisecond)
			percent := debug.SetGCPercent(100)
			debug.SetGCPercent(percent)
			if ok(percent) {
				return
			}
		}
		t.Fatalf("%s: the pace does not follow", what)
	}
	small := pace(living())
	if small == 100 {
		t.Skip("the test's own heap is too large to see a difference")
	}
	follows("little lives", func(p int) bool { return p > 100 })
	held = make([]byte, 100<<20)
	follows("much lives", func(p int) bool { return p == 100 })
	held = nil
	follows("little lives again", func(p int) bool { return p > 100 })
}
