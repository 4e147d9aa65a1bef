package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"cairn/demo"
)

const (
	eventsPerSecond = 1000 // at each hospital: what the target is about
	ledgerSpan      = 30   // seconds at least
	carried         = 0.6  // share of what the machine carries that is driven, so that consensus has room
)

// ledger measures what the ledger's directory grows by while all four hospitals
// log events, at 1,000 a second each if the machine carries that: reads, which
// are the cheapest events that a user causes. What lasts does not depend on the
// number of events but on the number of beats; so a machine that cannot carry
// the events still shows what a beat costs.
func ledger(ctx context.Context, r *runner) error {
	for _, h := range r.site.Hospitals {
		if len(observations(r.site, h)) == 0 {
			return fmt.Errorf("no Observation was loaded at %s", h.ID)
		}
	}
	rate, err := r.capacity(ctx)
	if err != nil {
		return err
	}
	before, err := r.settle(ctx)
	if err != nil {
		return err
	}
	span := r.span(ledgerSpan)
	share, err := r.surge(ctx, func(ctx context.Context, s seat) error {
		_, err := open(ctx, len(s.lines), rate, span, s.do)
		return err
	})
	if err != nil {
		return err
	}
	if !sleepUntil(ctx, time.Now().Add(2*time.Second)) { // the last beats
		return ctx.Err()
	}
	running, err := measureDisk(ledgerDir(r.site.first()))
	if err != nil {
		return err
	}
	after, err := r.settle(ctx)
	if err != nil {
		return err
	}
	g, err := r.growth(ctx, before, after)
	if err != nil {
		return err
	}
	g.span, g.rate, g.running = span, rate, running
	r.addLedger(g, share)
	return nil
}

// seat is one hospital under load.
type seat struct {
	lines    []*line
	requests [][]byte
}

func (a seat) do(client int, n uint64) (int, error) {
	_, err := a.lines[client].expect(http.StatusOK, a.requests[scatter(n, len(a.requests))])
	return 1, err
}

func observations(s *site, h *demo.Hospital) (paths []string) {
	for _, location := range s.loaded.Stored[h.ID] {
		if strings.HasPrefix(location, "Observation/") {
			path, _, _ := strings.Cut("/fhir/"+location, "/_history")
			paths = append(paths, path)
		}
	}
	return paths
}

// surge signs in at every hospital, runs load on all of them at once, and
// returns who used the processor.
func (r *runner) surge(ctx context.Context, load func(context.Context, seat) error) (*Share, error) {
	seats := make([]seat, len(r.site.Hospitals))
	var pids []int
	for i, h := range r.site.Hospitals {
		token, err := r.site.ehr(ctx, h, &physician)
		if err != nil {
			return nil, err
		}
		if seats[i].lines, err = lines(h.URL, max(1, r.Clients/len(seats))); err != nil {
			return nil, err
		}
		defer hangUp(seats[i].lines) //nolint:errcheck // nothing is under way then
		for _, path := range observations(r.site, h) {
			seats[i].requests = append(seats[i].requests, request(http.MethodGet, h.URL, path, token, "", nil))
		}
		pids = append(pids, h.PID())
	}
	m, err := startMeter(0, pids...)
	if err != nil {
		return nil, err
	}
	if err := each(ctx, len(seats), func(ctx context.Context, i int) error { return load(ctx, seats[i]) }); err != nil {
		return nil, err
	}
	return m.stop()
}

// capacity finds the rate at which every hospital is driven.
func (r *runner) capacity(ctx context.Context) (float64, error) {
	rates := make(chan float64, len(r.site.Hospitals))
	_, err := r.surge(ctx, func(ctx context.Context, s seat) error {
		t, err := closed(ctx, len(s.lines), time.Second, 3*time.Second, s.do)
		rates <- t.rate()
		return err
	})
	close(rates)
	rate := float64(eventsPerSecond)
	for one := range rates {
		rate = min(rate, carried*one)
	}
	return rate, err
}

// mark is where the ledger stood, and what it took at the first hospital.
type mark struct {
	disk   disk
	sealed uint64 // events of all hospitals
	height uint64
	leaves uint64 // of the calendar: blocks that changed the books
}

// settle stops the first hospital for a moment and returns where it stands.
func (r *runner) settle(ctx context.Context) (m mark, err error) {
	first := r.site.first()
	if err := r.site.StopOne(first); err != nil {
		return m, err
	}
	m.disk, err = compactDisk(ledgerDir(first), filepath.Join(r.Dir, "compact"))
	if err = errors.Join(err, r.site.up(ctx, first)); err != nil {
		return m, err
	}
	for i, h := range r.site.Hospitals {
		st, err := r.site.status(ctx, h)
		if err != nil {
			return m, err
		}
		if m.sealed += st.SealedSize; i == 0 {
			m.height, m.leaves = st.Height, st.Calendar
		}
	}
	return m, nil
}

// growth is what lies between two marks.
type growth struct {
	disk   disk // the difference
	end    disk // the later one
	events uint64
	leaves uint64
	orders orders // what the blocks hold

	span    time.Duration // of the load
	rate    float64       // events a second at each hospital
	running disk          // the directory as it was after the load, with whatever its databases had not tidied up
}

func (r *runner) growth(ctx context.Context, from, to mark) (g growth, err error) {
	g = growth{disk: to.disk.minus(from.disk), end: to.disk, events: to.sealed - from.sealed, leaves: to.leaves - from.leaves}
	a, err := r.site.first().Operator.Expect(ctx, http.StatusOK, http.MethodGet, "/admin/export", nil)
	if err != nil {
		return g, err
	}
	g.orders, err = readExport(a.Body, from.height)
	if err == nil && (g.events == 0 || g.orders.seals == 0) {
		err = errors.New("no event was sealed")
	}
	return g, err
}

func (r *runner) addLedger(g growth, share *Share) {
	n := float64(len(r.site.Hospitals))
	perSecond := float64(g.disk.lasting()) / g.span.Seconds()
	// At each beat, one seal of each hospital with a root, a size and a
	// signature, and a vote of each validator under the block.
	limit := n * (32 + 8 + 64 + 64) / (n * eventsPerSecond)
	limitOf := "one root, size, signature and vote a hospital and second"
	measured := less("ledger", fmt.Sprintf("a sealed event at %s/s", number(g.rate)), float64(g.disk.lasting())/float64(g.events), "B", 0)
	measured.Share = share
	measured.Note = fmt.Sprintf("each hospital's disk, by events of all four; %s events of all in %.0f s", thousands(int64(g.events)), g.span.Seconds()) + //nolint:gosec // small
		fmt.Sprintf("\n  grown by %s B, databases compacted: block store %s, state %s, calendar %s", thousands(g.disk.lasting()),
			thousands(g.disk.blocks), thousands(g.disk.state), thousands(g.disk.calendar)) +
		fmt.Sprintf("\n  besides, bounded: %s B that the databases had not compacted, %s B of consensus WAL",
			thousands(g.running.lasting()-g.end.lasting()), thousands(g.running.wal)) +
		fmt.Sprintf("\n  %d blocks, %d of them with %d seals; %.0f B a seal, %.0f B a block without its seals", g.orders.blocks, g.leaves, g.orders.seals,
			float64(g.orders.sealsBytes)/float64(g.orders.seals), float64(g.orders.bytes-g.orders.sealsBytes)/float64(g.orders.blocks))
	projected := less("ledger", "a sealed event at 1,000/s", perSecond/(n*eventsPerSecond), "B", 5).of(limit, limitOf)
	projected.Note = "the bytes of a second, which depend on beats and not on events, by 1,000 events at each of four hospitals"
	r.add(measured, projected)
}
