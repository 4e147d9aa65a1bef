package bench

import (
	"os"
	"runtime/debug"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	got, err := parseStat([]byte("42 (a (b) c) S 1 42 42 0 -1 4194560 900 0 0 0 123 45 0 0 20 0 12 0 100 1 2 3\n"))
	if err != nil || got != 1680*time.Millisecond {
		t.Errorf("got %v, %v; want 1.68 s", got, err)
	}
	for _, wrong := range []string{"", "42 (x) S 1", "42 (x) S 1 42 42 0 -1 4194560 900 0 0 0 a 45 0 0\n"} {
		if _, err := parseStat([]byte(wrong)); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}

func TestParseBusy(t *testing.T) {
	got, err := parseBusy([]byte("cpu  100 20 300 9999 9999 4 5 6 7 8\ncpu0 1 2 3\n"))
	if err != nil || got != 4350*time.Millisecond {
		t.Errorf("got %v, %v; want 4.35 s", got, err)
	}
	if _, err := parseBusy([]byte("intr 1 2 3")); err == nil {
		t.Error("something else was taken")
	}
}

func TestMemoryOfThisProcess(t *testing.T) {
	now, peak, err := memory(os.Getpid())
	if err != nil || now < 1<<20 || peak < now/2 {
		t.Errorf("resident %d, peak %d, %v", now, peak, err)
	}
}

func TestPeakOfMemoryIsForgotten(t *testing.T) {
	pid := os.Getpid()
	block := make([]byte, 64<<20)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	_, high, err := memory(pid)
	if err != nil || block[4096] != 1 {
		t.Fatal(err)
	}
	block = nil
	debug.FreeOSMemory()
	if err := forgetPeak(pid); err != nil {
		t.Fatal(err)
	}
	m, err := lookAtMemory(pid)
	if err != nil || m.Peak > high-32<<20 || m.Peak < m.End {
		t.Errorf("%+v after a peak of %d, %v", m, high, err)
	}
}

func TestMeterSeesWhoWorks(t *testing.T) {
	m, err := startMeter(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); time.Since(begin) < 200*time.Millisecond; {
		_ = begin.String()
	}
	s, err := m.stop()
	if err != nil || s.Generator <= 0 || s.Hospital <= 0 || s.Hospitals != 0 {
		t.Errorf("shares %+v, %v", s, err)
	}
}
