package bench

import (
	"testing"
	"time"
)

func TestQuantiles(t *testing.T) {
	var times []time.Duration
	for i := range 1000 { // 1000 ms down to 1 ms
		times = append(times, time.Duration(1000-i)*time.Millisecond)
	}
	if got, want := quantiles(times), (Quantiles{1000, 500, 950, 990, 1000}); got != want {
		t.Errorf("quantiles of 1..1000 ms are %+v, want %+v", got, want)
	}
	if got, want := quantiles([]time.Duration{7 * time.Millisecond}), (Quantiles{1, 7, 7, 7, 7}); got != want {
		t.Errorf("quantiles of one time are %+v, want %+v", got, want)
	}
	if got := quantiles(nil); got != (Quantiles{}) {
		t.Errorf("quantiles of nothing are %+v", got)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2}} {
		if got := median(c.in); got != c.want {
			t.Errorf("the median of %v is %v, want %v", c.in, got, c.want)
		}
	}
}
