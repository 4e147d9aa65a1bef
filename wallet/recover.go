package wallet

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/descope/virtualwebauthn"

	"cairn/wallet/circle"
	"cairn/wallet/kit"
	"cairn/wallet/safe"
)

// fetch gets a sealed wallet by its handle.
func fetch(ctx context.Context, client *http.Client, l Letter) (*safe.Safe, error) {
	var raw json.RawMessage
	w := New([32]byte{}, client)
	if err := w.post(ctx, l.URL+"/portal/safes", "", map[string]string{"handle": hex.EncodeToString(l.Handle[:])}, &raw); err != nil {
		return nil, fmt.Errorf("fetching the sealed wallet: %w", err)
	}
	return safe.Decode(raw)
}

// FromKit gets a wallet back with the recovery code of a printed kit, from a
// hospital that keeps it, on a fresh device. The wallet knows every hospital and
// every secret; it signs in nowhere until Recover has taken effect.
func FromKit(ctx context.Context, client *http.Client, code kit.Code, member, portal string) (*Wallet, error) {
	key, err := code.WalletKey()
	if err != nil {
		return nil, err
	}
	handle, err := code.Handle(member)
	if err != nil {
		return nil, err
	}
	sealed, err := fetch(ctx, client, Letter{portal, handle})
	if err != nil {
		return nil, err
	}
	opened, err := sealed.Open(safe.Kit, key)
	if err != nil {
		return nil, err
	}
	return opening(opened, client)
}

func opening(opened *safe.Opened, client *http.Client) (*Wallet, error) {
	w, err := restore(opened.State, client)
	if err != nil {
		return nil, err
	}
	w.opened = opened
	return w, nil
}

// Appeal is what somebody who lost every device asks her circle with: she tells
// her guardians where and under which id.
type Appeal struct {
	URL    string // of the hospital's portal at which the shares are left
	ID     string
	device circle.Key
}

// NewAppeal opens a place at a hospital where guardians leave their shares.
func NewAppeal(ctx context.Context, client *http.Client, portal string) (*Appeal, error) {
	device, err := circle.NewKey()
	if err != nil {
		return nil, err
	}
	var out struct {
		ID string `json:"id"`
	}
	w := New([32]byte{}, client)
	if err := w.post(ctx, portal+"/portal/pleas", "", map[string]any{"device": device.Public()}, &out); err != nil {
		return nil, fmt.Errorf("opening a place for shares: %w", err)
	}
	return &Appeal{URL: portal, ID: out.ID, device: device}, nil
}

// Device returns the key to which guardians seal what they release.
func (a *Appeal) Device() []byte { return a.device.Public() }

// plea is an appeal as its guardians and its owner see it.
type plea struct {
	Device []byte   `json:"device"`
	Shares [][]byte `json:"shares"`
}

func (a *Appeal) look(ctx context.Context, client *http.Client) (p plea, err error) {
	err = New([32]byte{}, client).post(ctx, a.URL+"/portal/pleas/fetch", "", map[string]string{"id": a.ID}, &p)
	return p, err
}

// ErrNoShare is returned when none of a sealed wallet's shares is for the
// guardian's key.
var ErrNoShare = errors.New("wallet: the sealed wallet has no share for this key")

// Help is what a guardian does: fetches the sealed wallet with the letter, opens
// the share that is for the key, seals it to the device of who asks, and leaves
// it where she asked. The guardian must have made sure, by voice or in person,
// that it is she who asks.
func Help(ctx context.Context, client *http.Client, l Letter, key circle.Key, at, id string) error {
	sealed, err := fetch(ctx, client, l)
	if err != nil {
		return err
	}
	a := &Appeal{URL: at, ID: id}
	p, err := a.look(ctx, client)
	if err != nil {
		return err
	}
	for _, lock := range sealed.Locks {
		for _, s := range lock.Shares {
			if released, err := safe.Release(key, s.Share, p.Device); err == nil {
				return a.Leave(ctx, client, released)
			}
		}
	}
	return ErrNoShare
}

// Leave leaves a released share, which a guardian's node may have made.
func (a *Appeal) Leave(ctx context.Context, client *http.Client, released []byte) error {
	return New([32]byte{}, client).post(ctx, a.URL+"/portal/pleas/shares", "", map[string]any{"id": a.ID, "share": released}, nil)
}

// Shares returns the sealed shares of a wallet's circle by their guardians, for
// one that is a hospital.
func Shares(ctx context.Context, client *http.Client, l Letter) (map[string][]byte, error) {
	sealed, err := fetch(ctx, client, l)
	if err != nil {
		return nil, err
	}
	out := make(map[string][]byte)
	for _, lock := range sealed.Locks {
		for _, s := range lock.Shares {
			out[s.Guardian] = s.Share
		}
	}
	return out, nil
}

// FromCircle gets a wallet back with what guardians have left for an appeal. It
// fails with circle.ErrFew while too few have.
func FromCircle(ctx context.Context, client *http.Client, a *Appeal, l Letter) (*Wallet, error) {
	p, err := a.look(ctx, client)
	if err != nil {
		return nil, err
	}
	opener, err := safe.Join(a.device, p.Shares)
	if err != nil {
		return nil, err
	}
	sealed, err := fetch(ctx, client, l)
	if err != nil {
		return nil, err
	}
	opened, err := sealed.Open(safe.Circle, opener)
	if err != nil {
		return nil, err
	}
	return opening(opened, client)
}

// Recover begins to put this wallet's passkey in the place of the lost ones at a
// hospital, and returns when that takes effect, in block time (Unix
// milliseconds), unless it is cancelled.
func (w *Wallet) Recover(ctx context.Context, id string) (until int64, err error) {
	h, ok := w.homes[id]
	if !ok {
		return 0, fmt.Errorf("the wallet knows no hospital %s", id)
	}
	opening := w.lockSecret("open", id)
	secret := hex.EncodeToString(opening[:])
	var options json.RawMessage
	if err := w.post(ctx, h.URL+"/portal/recovery/options", "", map[string]string{"secret": secret}, &options); err != nil {
		return 0, fmt.Errorf("beginning a recovery at %s: %w", id, err)
	}
	response, err := w.attest(h, options)
	if err != nil {
		return 0, err
	}
	var out struct {
		Until int64 `json:"until"`
	}
	if err := w.post(ctx, h.URL+"/portal/recovery", "", map[string]any{"secret": secret, "name": "wallet", "response": response}, &out); err != nil {
		return 0, fmt.Errorf("beginning a recovery at %s: %w", id, err)
	}
	return out.Until, nil
}

// attest makes the answer of this wallet's passkey to creation options.
func (w *Wallet) attest(h *Home, options json.RawMessage) (json.RawMessage, error) {
	parsed, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		return nil, fmt.Errorf("reading the registration options of %s: %w", h.ID, err)
	}
	rp, err := party(*h)
	if err != nil {
		return nil, err
	}
	return json.RawMessage(virtualwebauthn.CreateAttestationResponse(rp, w.device, w.passkeyAt(h.ID), *parsed)), nil
}
