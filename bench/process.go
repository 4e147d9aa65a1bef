package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ticks is how many units of processor time Linux counts in a second (USER_HZ,
// proc(5)): 100 on every architecture that Go runs on.
const ticks = 100

// spent returns the processor time that a process has used, from
// /proc/PID/stat.
func spent(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(data)
}

// parseStat adds fields 14 and 15, utime and stime. The second field, a name
// in parentheses, may hold spaces.
func parseStat(data []byte) (time.Duration, error) {
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("this is not the stat file of a process")
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * (time.Second / ticks), errors.Join(err1, err2)
}

// memory returns the resident set of a process at this moment and its peak, in
// bytes, from /proc/PID/status.
func memory(pid int) (now, peak int64, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	now, err1 := parseStatus(data, "VmRSS:")
	peak, err2 := parseStatus(data, "VmHWM:")
	return now, peak, errors.Join(err1, err2)
}

func lookAtMemory(pid int) (*Memory, error) {
	now, peak, err := memory(pid)
	if err != nil {
		return nil, fmt.Errorf("reading the memory of a process: %w", err)
	}
	return &Memory{Peak: peak, End: now}, nil
}

// forgetPeak makes the peak of a process's resident set what it is now, as 5 in
// /proc/PID/clear_refs does (proc(5)).
func forgetPeak(pid int) error {
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
		return fmt.Errorf("beginning to measure the memory of a process: %w", err)
	}
	return nil
}

func parseStatus(data []byte, key string) (int64, error) {
	for row := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(row, key); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("no %s in the status of the process", key)
}

// Share is who used the processor while a figure was measured, each as a share
// of one core.
type Share struct {
	Hospital  float64 `json:"hospital"`  // the hospital that was measured; 0 if all were
	Hospitals float64 `json:"hospitals"` // all other hospitals
	Generator float64 `json:"generator"` // this program
	Strangers float64 `json:"strangers"` // every other program of the machine, and the kernel where it works for nobody
}

// meter measures the processor time of hospitals and this program from its
// start on.
type meter struct {
	at     time.Time
	pids   []int // the measured one first, 0 for none
	before []time.Duration
	busy   time.Duration // of the whole machine
}

func startMeter(measured int, others ...int) (*meter, error) {
	m := &meter{at: time.Now(), pids: append([]int{os.Getpid(), measured}, others...)}
	var err1, err2 error
	m.before, err1 = m.read()
	m.busy, err2 = busy()
	return m, errors.Join(err1, err2)
}

// busy returns the processor time that all programs of the machine have used,
// from /proc/stat.
func busy() (time.Duration, error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return parseBusy(data)
}

// parseBusy adds the first row's fields but idle and iowait, the fourth and
// fifth, and what guests used, which is in user as well.
func parseBusy(data []byte) (sum time.Duration, err error) {
	row, _, _ := bytes.Cut(data, []byte("\n"))
	fields := strings.Fields(string(row))
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, errors.New("/proc/stat does not begin with the sum of all processors")
	}
	for i, field := range fields[1:9] {
		if i == 3 || i == 4 {
			continue
		}
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * (time.Second / ticks)
	}
	return sum, nil
}

func (m *meter) read() ([]time.Duration, error) {
	out := make([]time.Duration, len(m.pids))
	for i, pid := range m.pids {
		if pid == 0 {
			continue
		}
		var err error
		if out[i], err = spent(pid); err != nil {
			return nil, fmt.Errorf("reading the processor time of a process: %w", err)
		}
	}
	return out, nil
}

// stop returns the shares since the start.
func (m *meter) stop() (*Share, error) {
	span := time.Since(m.at).Seconds()
	after, err := m.read()
	if err != nil {
		return nil, err
	}
	all, err := busy()
	if err != nil {
		return nil, err
	}
	s := &Share{}
	for i := range after {
		share := (after[i] - m.before[i]).Seconds() / span
		switch i {
		case 0:
			s.Generator = share
		case 1:
			s.Hospital = share
		default:
			s.Hospitals += share
		}
	}
	s.Strangers = max(0, (all-m.busy).Seconds()/span-s.Hospital-s.Hospitals-s.Generator)
	return s, nil
}
