package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"cairn/node/fault"
)

const lockFile = "lock"

// lockDir takes the exclusive lock of a data directory. The lock dies with the
// process that holds it, however it ends.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock file: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	_ = f.Close() // nothing was written
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fault.Wrap(fault.Busy, "store.in-use",
			"The data directory is in use by another process.", err).
			WithHint("Stop the other cairn process, or give this one a data directory of its own.")
	}
	return nil, fmt.Errorf("locking the data directory: %w", err)
}
