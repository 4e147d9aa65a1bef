package node

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"unicode/utf8"

	"cairn/node/erasure"
	"cairn/node/keys"
)

// ErasureConfig is what a hospital has to keep although a patient wants it erased,
// and how long its backups last.
type ErasureConfig struct {
	Hold        string `toml:"hold,omitempty" comment:"why nothing is erased at all, as patients are told"`
	RetainYears int64  `toml:"retain_years,omitempty" comment:"years after the last change of a patient's records for which they have to be kept"`
	RetainWhy   string `toml:"retain_reason,omitempty" comment:"by which law, as patients are told"`
	BackupDays  int64  `toml:"backup_days,omitempty" comment:"days after which no backup of database and keys is left; 35 if left out"`
}

// HoldConfig is a legal hold on one patient's records.
type HoldConfig struct {
	Patient string `toml:"patient" comment:"her id at this hospital"`
	Reason  string `toml:"reason" comment:"as she is told"`
}

const (
	maxReason = 500
	maxDays   = 3650
)

func (c ErasureConfig) problems() (out []problem) {
	add := func(ok bool, key, text string) {
		if !ok {
			out = append(out, problem{key: "erasure: " + key, text: text})
		}
	}
	add(c.Hold == "" || said(c.Hold), "hold", "is longer than 500 bytes")
	add(c.RetainYears >= 0 && c.RetainYears <= 100, "retain_years", "is not from 0 to 100")
	add(c.RetainYears == 0 || said(c.RetainWhy), "retain_reason", "is needed with retain_years: a text of at most 500 bytes that patients are shown")
	add(c.BackupDays >= 0 && c.BackupDays <= maxDays, "backup_days", "is not from 0 to 3650")
	return out
}

func said(s string) bool { return s != "" && len(s) <= maxReason && utf8.ValidString(s) }

func (c Config) holdProblems() (out []problem) {
	for i, h := range c.Holds {
		if h.Patient == "" || !said(h.Reason) {
			out = append(out, problem{key: fmt.Sprintf("hold %d: reason", i+1), text: "each hold needs a patient, and a reason of at most 500 bytes"})
		}
	}
	return out
}

// erasures is what the hospital has to keep.
func (c Config) erasures() erasure.Policy {
	e := c.Erasure
	p := erasure.Policy{RetainYears: int(e.RetainYears), RetainText: e.RetainWhy, BackupDays: int(cmp.Or(e.BackupDays, 35))}
	if e.Hold != "" {
		p.Holds = append(p.Holds, erasure.Hold{Reason: e.Hold})
	}
	for _, h := range c.Holds {
		p.Holds = append(p.Holds, erasure.Hold{Patient: h.Patient, Reason: h.Reason})
	}
	return p
}

// openErasures sets up the desk that erases patients, and has the gate ask it.
func (n *Node) openErasures(ctx context.Context) (err error) {
	n.Erasures, err = erasure.New(ctx, erasure.Config{
		Home: n.Config.Member, Network: n.Genesis.ID(), Name: n.name, Key: keys.ChestErasures, Policy: n.Config.erasures(),
	}, n.Door, n.journal, n.store, n.Chain, n.Grants, n.chest, n.Bulk, n.Log)
	if err == nil {
		n.gate.ErasedBy(n.Erasures)
	}
	return err
}

// name is the hospital's, as the member book has it.
func (n *Node) name() string {
	m, _ := n.Chain.Member(n.Config.Member)
	return cmp.Or(m.Name, n.Config.Member)
}

// recall erases again who was erased and came back with the database, before
// anything else is done with it.
func (n *Node) recall(ctx context.Context) {
	if err := n.Erasures.Recall(ctx); err != nil && ctx.Err() == nil {
		n.Log.LogAttrs(ctx, slog.LevelError, "what came back of erased patients is not erased again yet; it is not shown", slog.Any("cause", err))
	}
}
