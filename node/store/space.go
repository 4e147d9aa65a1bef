package store

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// space watches the free space of the disk below the data directory. Owned by
// the writer's goroutine.
type space struct {
	dir     string
	reserve int64
	at      time.Time
	err     error
}

// check returns a fault when less than the reserve is free. It asks the file
// system at most once a second.
func (s *space) check(now time.Time) error {
	if s.reserve <= 0 || now.Sub(s.at) < time.Second {
		return s.err
	}
	s.at = now
	s.err = s.measure()
	return s.err
}

func (s *space) measure() error {
	var fs unix.Statfs_t
	if err := unix.Statfs(s.dir, &fs); err != nil {
		return unreadable(fmt.Errorf("measuring free space: %w", err))
	}
	if free := int64(fs.Bavail) * fs.Bsize; free < s.reserve {
		return full(fmt.Errorf("%d bytes are free and %d are kept in reserve", free, s.reserve))
	}
	return nil
}
