package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cairn/node/identity"
)

// flow is a stream of like requests to the first hospital.
type flow struct {
	scenario, name, unit string
	target               float64
	limit                func(l Limits, clients int) (limit float64, of string) // may be nil
	who                  *identity.B2B                                          // whom the EHR vouches for, if anyone
	requests             func(token string) []ready                             // built once
	fresh                func(token string) func() ready                        // instead of requests: makes each when it is sent
	status               int                                                    // of every answer
	check                func(body []byte) error                                // may be nil
	note                 func(tally tally) string                               // may be nil
	entries              func(t tally, warm tally) uint64                       // that the log must have grown by at least; nil: one for each operation
}

// ready is a request that only needs to be sent, and how many things it does.
type ready struct {
	bytes []byte
	does  int
}

// measure drives the flow, first as fast as it goes, then at half that rate for
// the latency.
func (r *runner) measure(ctx context.Context, f flow) error {
	if err := r.profiled(ctx, f.scenario, func() error { return r.drive(ctx, f) }); err != nil || r.Profile == "" {
		return err
	}
	list, err := divided(r.profileOf(f.scenario))
	r.report.Figures[len(r.report.Figures)-1].Purposes = list
	return err
}

func (r *runner) drive(ctx context.Context, f flow) (err error) {
	h := r.site.first()
	token, err := r.site.ehr(ctx, h, f.who)
	if err != nil {
		return err
	}
	all, err := lines(h.URL, r.Clients)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hangUp(all)) }()
	next, err := f.next(token)
	if err != nil {
		return err
	}
	do := func(client int, n uint64) (int, error) {
		q := next(n)
		body, err := all[client].expect(f.status, q.bytes)
		if err == nil && f.check != nil {
			err = f.check(body)
		}
		return q.does, err
	}
	before, err := r.site.status(ctx, h)
	if err == nil {
		err = forgetPeak(h.PID())
	}
	if err != nil {
		return err
	}
	warm, err := closed(ctx, r.Clients, 0, r.span(0)/5, do)
	if err != nil {
		return err
	}
	m, err := startMeter(h.PID(), r.site.others()...)
	if err != nil {
		return err
	}
	t, err := closed(ctx, r.Clients, 0, r.span(0), do)
	if err != nil {
		return err
	}
	share, err := m.stop()
	if err != nil {
		return err
	}
	if err := r.logged(ctx, f, t, warm, before.LogSize); err != nil {
		return err
	}
	half := float64(t.ops) / t.span.Seconds() / 2
	times, err := open(ctx, r.Clients, half, max(r.span(0)/2, time.Second), do)
	if err != nil {
		return err
	}
	resident, err := lookAtMemory(h.PID())
	if err != nil {
		return err
	}
	figure := more(f.scenario, f.name, t.rate(), f.unit, f.target)
	if f.limit != nil {
		figure = figure.of(f.limit(r.report.Limits, r.Clients))
	}
	figure.Median, figure.Share, figure.Latency = median(t.perSecond), share, &Latency{half, quantiles(times)}
	figure.Cost, figure.Memory = share.Hospital/t.rate()*1e6, resident
	if r.Store != "" {
		figure.Strange = share.Strangers / t.rate() * 1e6
	}
	if f.note != nil {
		figure.Note = f.note(t)
	}
	r.add(figure)
	return nil
}

// next returns what gives the n-th request.
func (f flow) next(token string) (func(n uint64) ready, error) {
	if f.fresh != nil {
		one := f.fresh(token)
		return func(uint64) ready { return one() }, nil
	}
	requests := f.requests(token)
	if len(requests) == 0 {
		return nil, errors.New("there is nothing to ask for")
	}
	return func(n uint64) ready { return requests[scatter(n, len(requests))] }, nil
}

// logged fails unless the log has an entry for everything that was answered.
func (r *runner) logged(ctx context.Context, f flow, t, warm tally, before uint64) error {
	after, err := r.site.status(ctx, r.site.first())
	if err != nil {
		return err
	}
	want := t.ops + warm.ops
	if f.entries != nil {
		want = f.entries(t, warm)
	}
	if after.LogSize < before+want {
		return fmt.Errorf("%d operations were answered and left %d entries in the log", want, after.LogSize-before)
	}
	return nil
}

// scatter spreads consecutive numbers over a list, so that neighbours in time
// are not neighbours on disk.
func scatter(n uint64, length int) int {
	return int(n * 0x9E3779B97F4A7C15 >> 11 % uint64(length)) //nolint:gosec // below length
}

// groups is the limit of what must be durable before it is answered: each
// client waits for a flush, which it may share with all others, and for a round
// trip.
func groups(l Limits, clients int) (float64, string) {
	return least(l.Fsync*float64(clients), fmt.Sprintf("%d clients sharing each flush", clients), l.RoundTrip, "empty HTTP round trips")
}

func least(a float64, nameA string, b float64, nameB string) (float64, string) {
	if a < b {
		return a, nameA
	}
	return b, nameB
}
