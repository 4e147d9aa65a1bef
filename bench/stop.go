package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"cairn/consent"
	"cairn/demo"
	"cairn/wallet"
)

const (
	stopPatients = 10
	// stopPause keeps a stop's four marks below what a hospital takes from one
	// address, ten a second.
	stopPause = 450 * time.Millisecond
	pollPause = 2 * time.Millisecond
)

// stop measures how long a stop takes to bite everywhere. A patient has records
// at all four hospitals; three of them may show hers to the fourth, and the
// fourth to the first. She stops all of it at once, at one hospital, each in
// turn, and each custodian is asked by its grantee, over and over, until it
// refuses: the time counts from when she begins to send the stop until the
// last of the four refusals has arrived.
func stop(ctx context.Context, r *runner) error {
	s, err := newStopper(ctx, r.site)
	if err != nil {
		return err
	}
	defer s.close()
	count := max(50, 10*r.Seconds)
	var last, one, taken []time.Duration
	for i := range count {
		begin := time.Now()
		refused, accepted, err := s.stopOnce(ctx, i)
		if err != nil {
			return fmt.Errorf("stop %d: %w", i+1, err)
		}
		var latest time.Duration
		for _, d := range refused {
			latest = max(latest, d)
		}
		last, one, taken = append(last, latest), append(one, refused...), append(taken, accepted)
		if !sleepUntil(ctx, begin.Add(stopPause)) {
			return ctx.Err()
		}
	}
	q, single, marks := quantiles(last), quantiles(one), quantiles(taken)
	f := less("stop", "to refusal at four hospitals, p99", q.P99, "ms", 1000).
		of(blockFlushes*1000/r.report.Limits.Fsync, fmt.Sprintf("the %d flushes of a block", blockFlushes))
	f.Times = &q
	f.Note = fmt.Sprintf("a custodian by itself: p50 %s, p99 %s ms; the stop in a block and answered: p50 %s, p99 %s ms; each custodian is asked every %d ms",
		number(single.P50), number(single.P99), number(marks.P50), number(marks.P99), pollPause.Milliseconds())
	r.add(f)
	return nil
}

// blockFlushes is how often CometBFT flushes its files, one after the other,
// for a block.
const blockFlushes = 9

// stopper is the patients and hospitals of this scenario.
type stopper struct {
	site    *site
	people  []*stopPerson
	lines   []*line   // to each hospital
	asking  []*asking // its grantee's physician
	grantee []*demo.Hospital
}

type stopPerson struct {
	wallet *wallet.Wallet
	asks   []string // what the grantee asks at each hospital
}

func newStopper(ctx context.Context, at *site) (*stopper, error) {
	s := &stopper{site: at}
	n := len(at.Hospitals)
	for i, h := range at.Hospitals {
		grantee := at.Hospitals[n-1]
		if i == n-1 {
			grantee = at.Hospitals[0]
		}
		a, err := at.peer(grantee, h)
		if err != nil {
			return nil, err
		}
		l, err := dial(h.URL)
		if err != nil {
			return nil, err
		}
		s.grantee, s.asking, s.lines = append(s.grantee, grantee), append(s.asking, a), append(s.lines, l)
	}
	for range stopPatients {
		p, err := s.admit(ctx)
		if err != nil {
			return nil, fmt.Errorf("admitting a patient: %w", err)
		}
		s.people = append(s.people, p)
	}
	return s, nil
}

func (s *stopper) close() { _ = hangUp(s.lines) } // nothing is under way

// admit makes a patient with a laboratory result and a passkey at every
// hospital.
func (s *stopper) admit(ctx context.Context) (*stopPerson, error) {
	person := demo.Person{IDs: make(map[string]string)}
	p := &stopPerson{}
	for _, h := range s.site.Hospitals {
		id, err := create(ctx, h, "Patient", `{"resourceType":"Patient","active":true}`)
		if err != nil {
			return nil, err
		}
		person.IDs[h.ID] = id
		if _, err := create(ctx, h, "Observation", fmt.Sprintf(labResult, id)); err != nil {
			return nil, err
		}
		p.asks = append(p.asks, "Observation?category=laboratory&patient="+id)
	}
	var err error
	p.wallet, err = demo.NewWallet(s.site.Consortium, person, s.site.Hospitals...)
	return p, err
}

const labResult = `{"resourceType":"Observation","status":"final",` +
	`"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]},` +
	`"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],` +
	`"code":{"coding":[{"system":"http://loinc.org","code":"4548-4"}]},"subject":{"reference":"Patient/%s"},` +
	`"effectiveDateTime":"2025-06-01","valueQuantity":{"value":6.1,"unit":"%%"}}`

// stopOnce grants, sees every custodian answer, stops, and returns how long each
// took to refuse and how long the stop took to be in a block.
func (s *stopper) stopOnce(ctx context.Context, i int) (refused []time.Duration, accepted time.Duration, err error) {
	p := s.people[i%len(s.people)]
	granted, err := s.grant(ctx, p)
	if err != nil {
		return nil, 0, err
	}
	for j, l := range s.lines {
		ask, err := s.asking[j].get(ctx, p.asks[j])
		if err != nil {
			return nil, 0, err
		}
		body, err := l.expect(http.StatusOK, ask)
		if err != nil {
			return nil, 0, fmt.Errorf("before the stop: %w", err)
		}
		if !bytes.Contains(body, []byte(`"total":1`)) {
			return nil, 0, errors.New("before the stop a custodian shows nothing")
		}
	}
	refused = make([]time.Duration, len(s.lines))
	errs := make([]error, len(s.lines)+1)
	var group sync.WaitGroup
	begin := time.Now()
	group.Go(func() {
		_, errs[len(s.lines)] = p.wallet.Stop(ctx, s.site.Hospitals[i%len(s.site.Hospitals)].URL, granted)
		accepted = time.Since(begin)
	})
	for j := range s.lines {
		group.Go(func() { refused[j], errs[j] = s.untilRefused(ctx, p, j, begin) })
	}
	group.Wait()
	return refused, accepted, errors.Join(errs...)
}

// grant lets each hospital's grantee read the laboratory results there. It is
// two signatures, since a consent has one grantee.
func (s *stopper) grant(ctx context.Context, p *stopPerson) (*wallet.Granted, error) {
	all := &wallet.Granted{}
	custodians := make(map[*demo.Hospital][]string)
	for i, h := range s.site.Hospitals {
		custodians[s.grantee[i]] = append(custodians[s.grantee[i]], h.ID)
	}
	for grantee, at := range custodians {
		now := time.Now().UnixMilli()
		g, err := p.wallet.Grant(ctx, consent.Draft{
			Signed: now, Grantee: grantee.ID, GranteeName: grantee.Name, Actions: []consent.Action{consent.Access}, Purposes: []string{"TREAT"},
			Types: []string{"Observation"}, Categories: []string{"laboratory"}, Period: consent.Span{Lo: now - 60_000, Hi: now + 24*3600*1000},
		}, at...)
		if err != nil {
			return nil, err
		}
		all.Slips = append(all.Slips, g.Slips...)
	}
	return all, nil
}

// stopTime is when a stop that has not bitten counts as failed.
const stopTime = 30 * time.Second

// untilRefused asks one custodian until it refuses, and then once more, which
// it must refuse as well.
func (s *stopper) untilRefused(ctx context.Context, p *stopPerson, j int, begin time.Time) (time.Duration, error) {
	for time.Since(begin) < stopTime {
		ask, err := s.asking[j].get(ctx, p.asks[j])
		if err != nil {
			return 0, err
		}
		status, body, err := s.lines[j].ask(ask)
		took := time.Since(begin)
		switch {
		case err != nil:
			return 0, err
		case status == http.StatusForbidden:
			if ask, err = s.asking[j].get(ctx, p.asks[j]); err == nil {
				_, err = s.lines[j].expect(http.StatusForbidden, ask)
			}
			return took, err
		case status != http.StatusOK:
			return 0, fmt.Errorf("status %d: %s", status, body[:min(len(body), 400)])
		}
		if !sleepUntil(ctx, time.Now().Add(pollPause)) {
			return 0, ctx.Err()
		}
	}
	return 0, fmt.Errorf("%s still answers %v after the stop", s.site.Hospitals[j].ID, stopTime)
}

// create stores a record through the EHR and returns its id.
func create(ctx context.Context, h *demo.Hospital, typ, body string) (id string, err error) {
	a, err := h.EHR.Expect(ctx, http.StatusCreated, http.MethodPost, "/fhir/"+typ, []byte(body))
	if err != nil {
		return "", err
	}
	return idOf(a.Body)
}
