package bench

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// rest is how long the hospitals are left alone before they count as idle.
const rest = 5 * time.Second

// idle measures what the four hospitals of `cairn demo` take while nobody asks
// for anything.
func idle(ctx context.Context, r *runner) error {
	var pids []int
	for _, h := range r.site.Hospitals {
		pids = append(pids, h.PID())
	}
	if !sleepUntil(ctx, time.Now().Add(rest)) {
		return ctx.Err()
	}
	m, err := startMeter(0, pids...)
	if err != nil {
		return err
	}
	span := r.span(20)
	if !sleepUntil(ctx, time.Now().Add(span)) {
		return ctx.Err()
	}
	share, err := m.stop()
	if err != nil {
		return err
	}
	processor := less("idle", "processor, four hospitals", 100*share.Hospitals, "% core", 3)
	processor.Share = share
	processor.Note = fmt.Sprintf("over %.0f s", span.Seconds())
	var most int64
	var each []string
	for i, pid := range pids {
		now, peak, err := memory(pid)
		if err != nil {
			return err
		}
		most = max(most, now)
		each = append(each, fmt.Sprintf("%s %.0f (peak %.0f)", r.site.Hospitals[i].ID, megabytes(now), megabytes(peak)))
	}
	resident := less("idle", "memory, largest hospital", megabytes(most), "MB", 150)
	resident.Note = fmt.Sprintf("resident MB with the %d patients of the demo: %s", demoPatients, strings.Join(each, ", "))
	r.add(processor, resident)
	return nil
}

func megabytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }
