package figure

import (
	"math"
	"testing"
)

func TestDivideRounds(t *testing.T) {
	for _, c := range [][3]int{{7, 2, 4}, {-7, 2, -4}, {6, 4, 2}, {5, 4, 1}, {-5, 4, -1}, {0, 3, 0}, {9, 3, 3}} {
		if got := Divide(c[0], c[1]); got != c[2] {
			t.Errorf("%d/%d is %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		value, places int
		want          string
	}{{74, 1, "7.4"}, {70, 1, "7.0"}, {5, 2, "0.05"}, {0, 0, "0"}, {0, 1, "0.0"}, {-5, 1, "-0.5"}, {120, 0, "120"}, {12345, 2, "123.45"}} {
		if got := Text(c.value, c.places); got != c.want {
			t.Errorf("%d with %d places is %s, want %s", c.value, c.places, got, c.want)
		}
	}
}

func TestLog2(t *testing.T) {
	for _, c := range [][2]int{{1, 1}, {2, 1}, {1, 2}, {142, 1}, {9938, 10000}, {1012, 1000}, {3, 7}, {1 << 30, 3}, {1, 1 << 20}} {
		got, want := float64(Log2(c[0], c[1]))/(1<<32), math.Log2(float64(c[0])/float64(c[1]))
		if limit := 1e-9 + 4e-10*float64(c[1])/float64(c[0]); math.Abs(got-want) > limit { // the quotient has 32 binary places
			t.Errorf("the logarithm of %d/%d is %v, want %v", c[0], c[1], got, want)
		}
	}
}

func TestCurve(t *testing.T) {
	c := Curve{{0, 10}, {10, 30}, {20, 0}}
	for x, want := range map[int]int{-5: 10, 0: 10, 5: 20, 10: 30, 11: 27, 19: 3, 20: 0, 99: 0} {
		if got := c.At(x); got != want {
			t.Errorf("%d at %d, want %d", got, x, want)
		}
	}
	if got := Curve(nil).At(7); got != 0 {
		t.Errorf("an empty curve is %d", got)
	}
}
