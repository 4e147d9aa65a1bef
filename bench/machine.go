package bench

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine is what the figures were measured on and how.
type Machine struct {
	CPU        string  `json:"cpu"`
	Cores      int     `json:"cores"`
	MemoryMB   int64   `json:"memory_mb"`
	System     string  `json:"system"`
	Go         string  `json:"go"`
	FileSystem string  `json:"file_system"` // under the hospitals' directories
	Storage    string  `json:"storage"`     // settings of the databases
	LoadBefore float64 `json:"load_before"` // average over one minute, processes that want to run
	LoadAfter  float64 `json:"load_after"`
}

// storage is what node/store and node/chain open their databases with; a test
// compares it with their source.
const storage = "SQLite journal_mode=WAL synchronous=FULL secure_delete=ON; CometBFT on goleveldb; fsync on"

func lookAtMachine(dir string) (Machine, error) {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Storage: storage, LoadBefore: load()}
	m.CPU = field("/proc/cpuinfo", "model name")
	if kb, err := strconv.ParseInt(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"), 10, 64); err == nil {
		m.MemoryMB = kb >> 10
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err == nil {
		m.System = unix.ByteSliceToString(uts.Sysname[:]) + " " + unix.ByteSliceToString(uts.Release[:])
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return m, fmt.Errorf("looking at the file system of %s: %w", dir, err)
	}
	m.FileSystem = fileSystem(int64(fs.Type)) //nolint:unconvert // its width differs between architectures
	return m, nil
}

// fileSystem names the magic number of a file system (statfs(2)).
func fileSystem(magic int64) string {
	switch magic {
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlayfs"
	case unix.TMPFS_MAGIC:
		return "tmpfs: in memory, so nothing is durable and the figures are too good"
	}
	return fmt.Sprintf("type %#x", magic)
}

// field returns the first value of a key in a file of "key : value" rows.
func field(file, key string) string {
	data, err := os.ReadFile(file) //nolint:gosec // a constant name
	if err != nil {
		return ""
	}
	for row := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(row, ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// load returns the machine's load average over the last minute.
func load() float64 {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(data), " ")
	value, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return value
}
