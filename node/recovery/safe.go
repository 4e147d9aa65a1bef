package recovery

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"

	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
	"cairn/wallet/circle"
	"cairn/wallet/safe"
)

// Limits of what strangers and patients can make this hospital keep.
const (
	handlesLimit = 4    // that fetch one wallet
	pleasLimit   = 1000 // open at once
	pleaLife     = 7 * 24 * time.Hour
	shareLimit   = 8 << 10 // bytes of a released share
)

// Put keeps the signed-in patient's sealed wallet, with the handles that fetch it
// without a sign-in: 32 secret bytes each, which her kit and her circle know. It
// fails with Precondition when there is a later version here.
func (d *Desk) Put(ctx context.Context, actor identity.Actor, raw []byte, handles [][32]byte) error {
	if err := patientOnly(actor); err != nil {
		return err
	}
	s, err := safe.Decode(raw)
	if err != nil {
		return fault.Wrap(fault.Invalid, "safe", "this is not a sealed wallet", err)
	}
	if len(handles) > handlesLimit {
		return fault.New(fault.TooLarge, "safe-handles", fmt.Sprintf("a wallet has at most %d handles", handlesLimit))
	}
	hashes := make([][32]byte, len(handles))
	for i, h := range handles {
		hashes[i] = sha256.Sum256(h[:])
	}
	row := &store.Safe{Subject: actor.Patient(), Version: s.Version, Body: raw, Updated: time.Now().UnixMilli()}
	return d.store.Update(ctx, func(tx *store.Tx) error { return tx.PutSafe(row, hashes) })
}

// Get returns the signed-in patient's sealed wallet.
func (d *Desk) Get(ctx context.Context, actor identity.Actor) (raw []byte, err error) {
	if err := patientOnly(actor); err != nil {
		return nil, err
	}
	return d.fetch(ctx, func(v *store.View) (*store.Safe, error) { return v.Safe(actor.Patient()) })
}

// Fetch returns the sealed wallet that a handle is of.
func (d *Desk) Fetch(ctx context.Context, handle [32]byte) (raw []byte, err error) {
	return d.fetch(ctx, func(v *store.View) (*store.Safe, error) { return v.SafeBy(sha256.Sum256(handle[:])) })
}

func (d *Desk) fetch(ctx context.Context, find func(*store.View) (*store.Safe, error)) (raw []byte, err error) {
	err = d.store.View(ctx, func(v *store.View) error {
		s, err := find(v)
		if err == nil {
			raw = s.Body
		}
		return err
	})
	return raw, err
}

// Drop forgets the signed-in patient's sealed wallet.
func (d *Desk) Drop(ctx context.Context, actor identity.Actor) error {
	if err := patientOnly(actor); err != nil {
		return err
	}
	return d.store.Update(ctx, func(tx *store.Tx) error { _, err := tx.DropSafe(actor.Patient()); return err })
}

// Plead opens a place where guardians leave what they release to a device: the
// id is for them, the device is the key that they seal to.
func (d *Desk) Plead(ctx context.Context, device []byte) (id [32]byte, err error) {
	if _, err := circle.Seal(device, "", nil); err != nil {
		return id, fault.Wrap(fault.Invalid, "device-key", "this is not a key that shares can be sealed to", err)
	}
	rand.Read(id[:]) // never fails: crypto/rand, Go 1.24
	now := time.Now()
	plea := &store.Plea{Hash: sha256.Sum256(id[:]), Device: device, Ends: now.Add(pleaLife).UnixMilli()}
	return id, d.store.Update(ctx, func(tx *store.Tx) error { return tx.AddPlea(plea, now.UnixMilli(), pleasLimit) })
}

// Plea returns the device's key and what guardians have released to it.
func (d *Desk) Plea(ctx context.Context, id [32]byte) (p *store.Plea, err error) {
	err = d.store.View(ctx, func(v *store.View) (err error) {
		p, err = v.Plea(sha256.Sum256(id[:]), time.Now().UnixMilli())
		return err
	})
	return p, err
}

// Share leaves what a guardian released.
func (d *Desk) Share(ctx context.Context, id [32]byte, share []byte) error {
	if len(share) == 0 || len(share) > shareLimit {
		return fault.New(fault.Invalid, "share", fmt.Sprintf("a released share has between 1 and %d bytes", shareLimit))
	}
	return d.store.Update(ctx, func(tx *store.Tx) error {
		return tx.AddShare(sha256.Sum256(id[:]), share, time.Now().UnixMilli(), circle.MaxMembers)
	})
}

const guardianKey = "recovery.guardian"

// Guardian returns the public key to which a patient seals a share, so that this
// hospital is one of her recovery circle.
func (d *Desk) Guardian(ctx context.Context) ([]byte, error) {
	key, err := d.guardian(ctx)
	if err != nil {
		return nil, err
	}
	return key.Public(), nil
}

// guardian returns this hospital's own key as a guardian; it is made when it is
// first asked for, and is the same in all processes of the hospital.
func (d *Desk) guardian(ctx context.Context) (key circle.Key, err error) {
	fresh, err := circle.NewKey()
	if err != nil {
		return key, err
	}
	seed, err := fresh.Bytes()
	if err != nil {
		return key, fmt.Errorf("making a guardian's key: %w", err)
	}
	nonce := make([]byte, d.aead.NonceSize())
	rand.Read(nonce) // never fails: crypto/rand, Go 1.24
	sealed := d.aead.Seal(nonce, nonce, seed, []byte(guardianKey))
	var kept []byte
	err = d.store.View(ctx, func(v *store.View) (err error) { kept, err = v.Meta(guardianKey); return err })
	if err == nil && kept == nil {
		err = d.store.Update(ctx, func(tx *store.Tx) (err error) {
			if kept, err = tx.Meta(guardianKey); err != nil || kept != nil {
				return err
			}
			kept = sealed
			return tx.SetMeta(guardianKey, sealed)
		})
	}
	if err != nil {
		return key, fmt.Errorf("reading the guardian's key: %w", err)
	}
	n := d.aead.NonceSize()
	if len(kept) < n {
		return key, broken(nil)
	}
	if seed, err = d.aead.Open(nil, kept[:n], kept[n:], []byte(guardianKey)); err != nil {
		return key, broken(err)
	}
	return circle.ReadKey(seed)
}

// Release opens the share that a patient sealed to this hospital and seals it to
// the device that she recovers with. Only software with the right to invite may
// ask, when the hospital has proved who she is, as for an invitation; subject is
// her id here, and her log says it.
func (d *Desk) Release(ctx context.Context, actor identity.Actor, subject string, share, device []byte) ([]byte, error) {
	if !actor.May(identity.RightInvite) {
		return nil, fault.New(fault.Refused, "policy.invite", "this software was not registered with the right to invite patients")
	}
	key, err := d.guardian(ctx)
	if err != nil {
		return nil, err
	}
	released, err := safe.Release(key, share, device)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "share", "this share was not sealed to this hospital, or the device's key is none", err)
	}
	draft, err := d.event(proof.KindShareReleased, subject, "recovery-share", gate.Describe(actor))
	if err != nil {
		return nil, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		head, err := tx.Current("Patient", subject)
		if err != nil || head.Deleted {
			return fault.New(fault.NotFound, "not-found", "there is no such patient at this hospital")
		}
		return draft.Append(tx)
	})
	if err != nil {
		return nil, err
	}
	return released, nil
}
