package dice

import (
	"math"
	"regexp"
	"testing"
)

// TestStream pins the numbers of a name: all patients of all seeds rest on them.
func TestStream(t *testing.T) {
	d := New([]byte("cairn"))
	want := []int{302_809, 342_141, 597_901, 230_642}
	for i := range want {
		if got := d.Below(1_000_000); got != want[i] {
			t.Errorf("number %d is %d, want %d", i, got, want[i])
		}
	}
	if got, want := d.UUID(), "83868a89-d6ad-45cf-af56-6b6e94bc875e"; got != want {
		t.Errorf("the UUID is %s, want %s", got, want)
	}
}

func TestAround(t *testing.T) {
	d, n := New([]byte("around")), 100_000
	sum, squares := 0.0, 0.0
	for range n {
		v := float64(d.Around(1000, 50))
		if math.Abs(v-1000) > 175 {
			t.Fatalf("%v is too far away", v)
		}
		sum, squares = sum+v, squares+v*v
	}
	mean := sum / float64(n)
	if deviation := math.Sqrt(squares/float64(n) - mean*mean); math.Abs(mean-1000) > 1 || math.Abs(deviation-50) > 1 {
		t.Errorf("mean %v, deviation %v", mean, deviation)
	}
}

func TestBetweenReachesBothEnds(t *testing.T) {
	d, seen := New([]byte("ends")), map[int]int{}
	for range 6000 {
		seen[d.Between(-1, 4)]++
	}
	for v := -1; v <= 4; v++ {
		if seen[v] < 850 || seen[v] > 1150 {
			t.Errorf("%d came %d times of 6000", v, seen[v])
		}
	}
	if len(seen) != 6 {
		t.Errorf("numbers %v", seen)
	}
}

func TestUUID(t *testing.T) {
	shape := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	d, seen := New([]byte("uuid")), map[string]bool{}
	for range 1000 {
		id := d.UUID()
		if !shape.MatchString(id) || seen[id] {
			t.Fatalf("%s", id)
		}
		seen[id] = true
	}
}
