package erasure

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/store"

	consented "cairn/consent/erasure"
)

// Hold is a legal hold: the records of a patient, or of all, must be kept.
type Hold struct {
	Patient string // local id; "" for all
	Reason  string // as she is told
}

// Policy is what the hospital has to keep, and for how long its backups last.
type Policy struct {
	Holds       []Hold
	RetainYears int    // after the last change of any record; 0: nothing has to be kept
	RetainText  string // why, as she is told
	BackupDays  int    // after which no backup from before is left
}

// Ground is a ground to refuse an erasure.
type Ground struct {
	Code  string // hold or retention
	Text  string
	Until int64 // Unix milliseconds; 0 if nobody knows
}

// grounds returns every ground to refuse the erasure of a patient at this moment.
func (d *Desk) grounds(ctx context.Context, subject string) (out []Ground, err error) {
	p := d.cfg.Policy
	for _, h := range p.Holds {
		if h.Patient == "" || h.Patient == subject {
			out = append(out, Ground{Code: "hold", Text: h.Reason})
		}
	}
	if p.RetainYears == 0 {
		return out, nil
	}
	var last int64
	err = d.store.View(ctx, func(v *store.View) (err error) { last, err = v.LastChange(subject); return err })
	if until := time.UnixMilli(last).AddDate(p.RetainYears, 0, 0); err == nil && time.Now().Before(until) {
		text := fmt.Sprintf("%s Until %s.", p.RetainText, until.UTC().Format(time.DateOnly))
		out = append(out, Ground{Code: "retention", Text: text, Until: until.UnixMilli()})
	}
	return out, err
}

// Prospect is what the patient is shown before she signs.
type Prospect struct {
	Patient  string
	Text     string   // what she signs
	Grounds  []Ground // why it would be refused; none: it would not
	Records  int
	Entries  int // of her log
	Consents int
	Backups  string   // YYYY-MM-DD, from which on no backup would have her
	Told     []string // member ids: who may have copies and would be told
}

// Prospect answers the signed-in patient herself.
func (d *Desk) Prospect(ctx context.Context, actor identity.Actor) (p Prospect, err error) {
	if actor.Kind() != identity.Patient || actor.Delegated() {
		return p, fault.New(fault.Refused, "policy.own-erasure", "only the patient herself may have herself erased")
	}
	p = Prospect{Patient: actor.Patient(), Text: consented.Text(d.cfg.Name()), Backups: d.backups(time.Now())}
	if p.Grounds, err = d.grounds(ctx, p.Patient); err != nil {
		return p, err
	}
	err = d.store.View(ctx, func(v *store.View) error {
		if p.Records, err = v.CountAbout(p.Patient); err != nil {
			return err
		}
		if p.Entries, err = v.CountEntries(p.Patient); err != nil {
			return err
		}
		slips, err := v.Slips(p.Patient)
		if err != nil {
			return err
		}
		p.Consents = len(slips)
		p.Told, err = v.Grantees(p.Patient)
		return err
	})
	slices.Sort(p.Told)
	return p, err
}

// backups is the day from which on no backup from before a time is left.
func (d *Desk) backups(now time.Time) string {
	return now.UTC().AddDate(0, 0, d.cfg.Policy.BackupDays+1).Format(time.DateOnly)
}
