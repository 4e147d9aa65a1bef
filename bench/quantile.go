package bench

import (
	"math"
	"slices"
	"time"
)

// Quantiles sums up how long many operations took, in milliseconds.
type Quantiles struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P95   float64 `json:"p95_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

// quantiles sorts the times and sums them up. Each quantile is a time that was
// measured, the smallest that at least this share of all does not exceed
// (nearest rank).
func quantiles(times []time.Duration) Quantiles {
	if len(times) == 0 {
		return Quantiles{}
	}
	slices.Sort(times)
	return Quantiles{
		Count: len(times), P50: millis(rank(times, 0.50)), P95: millis(rank(times, 0.95)), P99: millis(rank(times, 0.99)),
		Max: millis(times[len(times)-1]),
	}
}

// rank returns the nearest-rank quantile of sorted values.
func rank[T any](sorted []T, share float64) T {
	i := int(math.Ceil(share*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// median returns the middle of some figures, 0 of none.
func median(figures []float64) float64 {
	if len(figures) == 0 {
		return 0
	}
	sorted := slices.Clone(figures)
	slices.Sort(sorted)
	return rank(sorted, 0.5)
}

func millis(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
