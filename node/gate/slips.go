package gate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"cairn/consent"
	"cairn/consent/slip"
	"cairn/node/fault"
	"cairn/node/store"
	"cairn/proof"
)

// Keys opens what is sealed in the store; node/keys has it.
type Keys interface {
	Seal(ctx context.Context, name string, plain, bound []byte) ([]byte, error)
	Open(ctx context.Context, name string, sealed, bound []byte) ([]byte, error)
}

// slipKey names the data key of accepted slips (keys.ChestSlips).
const slipKey = "~slips"

// held is an accepted slip as the gate uses it: compiled once, its marks
// looked up in the replica at every decision.
type held struct {
	ref        string
	grantee    string
	terms      consent.Terms
	mark, stop [32]byte // images in the register
	kit        [32]byte // as stop; zero if there is none
	teams      []team   // that the terms name
}

// Reference returns how a slip is named in logs, decisions and answers.
func Reference(commitment [32]byte) string { return hex.EncodeToString(commitment[:]) }

// Image returns what the register holds for a mark: its SHA-256.
func Image(mark [32]byte) [32]byte { return sha256.Sum256(mark[:]) }

// Keep prepares an accepted slip for the store: its terms are sealed.
func (g *Gate) Keep(ctx context.Context, s slip.Slip, accepted int64) (store.Slip, error) {
	commitment := s.Commitment()
	body, err := g.keys.Seal(ctx, slipKey, s.Encode(), commitment[:])
	if err != nil {
		return store.Slip{}, err
	}
	return store.Slip{Commitment: commitment, Subject: s.Subject, Grantee: s.Grantee, Stop: s.StopImage, Kit: s.KitImage, Body: body, Accepted: accepted}, nil
}

// signatureBound is what a signature is sealed for: its slip.
func signatureBound(commitment [32]byte) []byte {
	return append([]byte("cairn/signature/v1\x00"), commitment[:]...)
}

// KeepSignature prepares a signature for the store.
func (g *Gate) KeepSignature(ctx context.Context, commitment [32]byte, s *slip.Signature) ([]byte, error) {
	return g.keys.Seal(ctx, slipKey, s.Encode(), signatureBound(commitment))
}

// Signature opens the signature of an accepted slip and checks that it is of it.
func (g *Gate) Signature(ctx context.Context, of *slip.Slip, body []byte) (*slip.Signature, error) {
	plain, err := g.keys.Open(ctx, slipKey, body, signatureBound(of.Commitment()))
	if err != nil {
		return nil, err
	}
	s, err := slip.DecodeSignature(plain)
	if err == nil {
		err = s.Verify(of)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "signature", "the stored signature of a consent was altered or damaged", err)
	}
	return s, nil
}

// KeepRequest prepares, for the store, the request with which another member
// passed a consent on; it stands in the place of a signature.
func (g *Gate) KeepRequest(ctx context.Context, commitment [32]byte, r *proof.Signed[proof.Request]) ([]byte, error) {
	return g.keys.Seal(ctx, slipKey, []byte(r.Text), signatureBound(commitment))
}

// Request opens the request with which another member passed a consent on, and
// checks that what was sent with it was this slip.
func (g *Gate) Request(ctx context.Context, of *slip.Slip, body []byte) (*proof.Signed[proof.Request], error) {
	plain, err := g.keys.Open(ctx, slipKey, body, signatureBound(of.Commitment()))
	if err != nil {
		return nil, err
	}
	r, err := proof.ParseRequest(string(plain))
	if err == nil && r.Statement.Body != proof.BodyHash(of.Encode()) {
		err = errors.New("it is of something else")
	}
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "signature", "the stored request with which a consent was passed on was altered or damaged", err)
	}
	return r, nil
}

// Slip opens an accepted slip from its row and checks it against the
// commitment.
func (g *Gate) Slip(ctx context.Context, row *store.Slip) (*slip.Slip, error) {
	plain, err := g.keys.Open(ctx, slipKey, row.Body, row.Commitment[:])
	if err != nil {
		return nil, err
	}
	s, err := slip.Decode(plain)
	if err != nil || s.Commitment() != row.Commitment || s.Subject != row.Subject || s.StopImage != row.Stop || s.KitImage != row.Kit {
		return nil, fault.Wrap(fault.Broken, "slip", "a stored consent was altered or damaged", err)
	}
	return s, nil
}

// holding is the slips of a patient, as they were when changes of consents had
// been counted up to epoch.
type holding struct {
	epoch uint64
	slips []held
}

// slips returns the patient's compiled slips from memory or the store. No lock
// is held while the store is read. What is in memory may be older than what
// another process did since; that is found out when the access is logged.
func (g *Gate) slips(ctx context.Context, view *store.View, subject string) (holding, error) {
	g.mu.RLock()
	have, ok := g.held[subject]
	g.mu.RUnlock()
	if ok && have.epoch == g.store.Epoch() {
		return have, nil
	}
	loaded, err := g.load(ctx, view, subject)
	if err != nil {
		return holding{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.held) >= heldLimit {
		clear(g.held)
	}
	g.held[subject] = loaded
	return loaded, nil
}

func (g *Gate) load(ctx context.Context, view *store.View, subject string) (out holding, err error) {
	var rows []*store.Slip
	read := func(v *store.View) (err error) {
		out.epoch = v.Epoch()
		rows, err = v.Slips(subject)
		return err
	}
	if view != nil && !view.Single() {
		err = read(view)
	} else {
		err = g.store.Once(ctx, read)
	}
	if err != nil {
		return holding{}, fmt.Errorf("reading slips: %w", err)
	}
	out.slips = make([]held, 0, len(rows))
	for _, row := range rows {
		s, err := g.Slip(ctx, row)
		if err != nil {
			return holding{}, err
		}
		terms, err := consent.Compile(s.Terms)
		if err != nil {
			return holding{}, fault.Wrap(fault.Broken, "slip", "a stored consent does not compile", err)
		}
		root := terms.Root()
		out.slips = append(out.slips, held{Reference(row.Commitment), s.Grantee, terms, Image(row.Commitment), s.StopImage, s.KitImage, teamsIn(&root, nil)})
	}
	return out, nil
}

// heldLimit bounds how many patients' slips are kept in memory.
const heldLimit = 10_000
