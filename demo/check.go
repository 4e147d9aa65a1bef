package demo

import (
	"context"
	"fmt"
	"io"
	"time"

	"cairn/consent"
	"cairn/wallet"
)

// Check performs the main job, step by step, and prints what each step proved
// and how long it took. It fails at the first step that does not hold.
func Check(ctx context.Context, c *Consortium, from Sources, out io.Writer) error {
	k := &check{ctx: ctx, c: c, from: from, out: out}
	begun := time.Now()
	for i, step := range []struct {
		name string
		run  func() (proved string, err error)
	}{
		{"Four hospitals start and agree on one ledger", k.start},
		{"Records are stored, each patient's in two hospitals", k.load},
		{"What was stored reads back byte for byte, with a proof", k.readBack},
		{"A patient registers her passkey at each hospital", k.register},
		{"Without her consent nobody else sees anything", k.before},
		{"She allows one hospital to read part, for one purpose and a time", k.grant},
		{"That hospital reads exactly that part", k.exactly},
		{"Nobody else reads, and nothing else is read", k.nothingElse},
		{"Each read is in her log", k.log},
		{"A stranger checks the evidence with no network", k.strangerChecks},
		{"She stops it: refused at every custodian", k.stop},
		{"The shared ledger holds nothing about anyone", k.ledger},
		{"A record that the database administrator edits is caught", k.tamper},
	} {
		start := time.Now()
		proved, err := step.run()
		if err != nil {
			fmt.Fprintf(out, "✗ %2d. %s\n        %v\n", i+1, step.name, err)
			return fmt.Errorf("step %d does not hold: %w", i+1, err)
		}
		fmt.Fprintf(out, "✓ %2d. %-66s %7.0f ms\n        %s\n", i+1, step.name, float64(time.Since(start).Microseconds())/1000, proved)
	}
	fmt.Fprintf(out, "The whole main job holds. It took %.1f s.\n", time.Since(begun).Seconds())
	return nil
}

// check is the state of a run.
type check struct {
	ctx  context.Context
	c    *Consortium
	from Sources
	out  io.Writer

	loaded     *Loaded
	her        Person
	custodians []*Hospital // two, which hold her records
	asking     *Hospital   // whose clinician asks
	stranger   *Hospital   // the fourth
	wallet     *wallet.Wallet
	granted    *wallet.Granted
	logged     string // event of a disclosure in her log
}

// clinician returns the asking hospital's physician, for treatment.
func (k *check) clinician() clinician { return clinician{k.asking} }

func (k *check) start() (string, error) {
	if err := k.c.Start(k.ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d processes, each with its own directory, keys, validator, log, store and FHIR endpoint", len(k.c.Hospitals)), nil
}

func (k *check) load() (proved string, err error) {
	k.loaded, err = k.c.Load(k.ctx, k.from, func(int, int) {})
	if err != nil {
		return "", err
	}
	if err := k.choose(); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d records of %d patients are durable; each has a receipt of its hospital's log", k.loaded.Records, len(k.loaded.People)), nil
}

// choose picks the patient of the story: the first who has laboratory results
// in two hospitals.
func (k *check) choose() error {
	for _, p := range k.loaded.People {
		var homes []*Hospital
		for _, h := range k.c.Hospitals {
			if id, here := p.IDs[h.ID]; here {
				labs, err := search(k.ctx, local(h), "Observation?category=laboratory&_count=1&patient="+id)
				if err != nil {
					return err
				}
				if labs.Total > 0 {
					homes = append(homes, h)
				}
			}
		}
		if len(homes) == 2 {
			k.her, k.custodians = p, homes
			return k.others()
		}
	}
	return fmt.Errorf("none of the patients has laboratory results in two hospitals")
}

func (k *check) others() error {
	for _, h := range k.c.Hospitals {
		switch {
		case h == k.custodians[0] || h == k.custodians[1]:
		case k.asking == nil:
			k.asking = h
		default:
			k.stranger = h
		}
	}
	// The asking and the fourth hospital know her as their patient too.
	for _, h := range []*Hospital{k.asking, k.stranger} {
		id, err := admit(k.ctx, h)
		if err != nil {
			return err
		}
		k.her.IDs[h.ID] = id
	}
	return nil
}

// register invites her at each hospital and binds her passkey.
func (k *check) register() (string, error) {
	w, err := NewWallet(k.c, k.her, append([]*Hospital{k.asking, k.stranger}, k.custodians...)...)
	if err != nil {
		return "", err
	}
	k.wallet = w
	return "WebAuthn registrations and assertions (ES256, user verified) by a software authenticator, bound by one-time invitations", nil
}

// share is what she allows: laboratory results, to the asking hospital, for
// treatment, for 30 days.
func (k *check) share() consent.Draft {
	now := time.Now().UnixMilli()
	return consent.Draft{
		Signed: now, Grantee: k.asking.ID, GranteeName: k.asking.Name, Actions: []consent.Action{consent.Access},
		Purposes: []string{"TREAT"}, Types: []string{"Observation"}, Categories: []string{"laboratory"},
		Period: consent.Span{Lo: now - 60_000, Hi: now + 30*24*3600*1000},
	}
}

func (k *check) grant() (string, error) {
	g, err := k.wallet.Grant(k.ctx, k.share(), k.custodians[0].ID, k.custodians[1].ID)
	if err != nil {
		return "", err
	}
	k.granted = g
	if err := k.wallet.Locate(k.ctx, k.asking.ID, g); err != nil {
		return "", err
	}
	return "two slips, each signed with her passkey at its custodian: neither learns anything that the other has; 32 opaque bytes for each are on the ledger", nil
}
