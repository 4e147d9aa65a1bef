package fault

import (
	"fmt"
	"runtime/debug"
)

// Guard calls f, and gives a panic in it as a fault that is Broken, with the
// stack as its cause: never the value, which may hold anything. A face recovers
// in the goroutine of a request; what a request does in others is to be guarded,
// or a panic there ends the process.
func Guard(f func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = As(fmt.Errorf("a panic: %s", debug.Stack()))
		}
	}()
	return f()
}
