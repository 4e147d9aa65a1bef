package once

import (
	"strconv"
	"testing"
	"time"

	"cairn/node/fault"
)

// TestBounded fills the memory of what was used.
func TestBounded(t *testing.T) {
	var o Memory
	now := time.Now()
	for i := range 1000 {
		if first, err := o.First(strconv.Itoa(i), now.Add(time.Minute), now); err != nil || !first {
			t.Fatal(first, err)
		}
	}
	if again, err := o.First("7", now.Add(2*time.Minute), now.Add(59*time.Second)); err != nil || again {
		t.Errorf("used twice: %t, %v", again, err)
	}
	o.count = limit
	if _, err := o.First("new", now.Add(time.Minute), now); !fault.Is(err, fault.Busy) {
		t.Errorf("a full memory: %v", err)
	}
	o.count = 1000
	if first, err := o.First("7", now.Add(9*time.Minute), now.Add(3*time.Minute)); err != nil || !first || o.count != 1 {
		t.Errorf("nothing was forgotten: %t, %d, %v", first, o.count, err)
	}
}
