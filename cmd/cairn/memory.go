package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// memoryLimit is what the Go runtime tries to stay under, in bytes, so that a
// node fits beside others on one machine.
const memoryLimit = 512 << 20

// heapLeast is the size of the heap, in bytes, below which garbage is not
// collected: what lives of it is small, so at the usual pace, twice that, a busy
// node would collect many times a second.
const heapLeast = 96 << 20

// mindMemory sets the limit and, unless GOGC says what the pace is, has it set
// after each collection until ctx ends.
func mindMemory(ctx context.Context) {
	debug.SetMemoryLimit(memoryLimit)
	if os.Getenv("GOGC") == "" {
		mindPace(ctx, 0)
	}
}

// mindPace sets the pace, which is percent, and leaves something for the next
// collection to find, which then does the same.
func mindPace(ctx context.Context, percent int) {
	if p := pace(living()); p != percent {
		percent = p
		debug.SetGCPercent(percent)
	}
	found := &[16]byte{1}
	runtime.AddCleanup(found, func(percent int) {
		if ctx.Err() == nil {
			mindPace(ctx, percent)
		}
	}, percent)
}

// living returns the bytes of the heap that were in use after the last
// collection.
func living() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// pace returns by how many percent the heap may grow over what lives (GOGC), in
// steps of fifty: the usual hundred, or as many as lead to heapLeast.
func pace(living uint64) int {
	const usual, most, step = 100, 500, 50
	if living == 0 {
		return most
	}
	return max(usual, min(most, int(100*heapLeast/living)-100)/step*step) //nolint:gosec // small
}
