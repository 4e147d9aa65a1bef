package wallet

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"cairn/consent/erasure"
)

// Erasing is a wish to be erased at some hospitals, as it was handed in. Who has
// it can ask how far they are.
type Erasing struct {
	Act      erasure.Act
	Requests map[string]*erasure.Request // by hospital
	urls     map[string]string
}

// Erase signs for each hospital, with the passkey that she has there, that it is to
// erase everything about her, and hands it in. Each gets its own request only.
func (w *Wallet) Erase(ctx context.Context, custodians ...string) (*Erasing, error) {
	e := &Erasing{Act: erasure.Act{Custodians: slices.Sorted(slices.Values(custodians))}, Requests: make(map[string]*erasure.Request), urls: make(map[string]string)}
	rand.Read(e.Act.Secret[:]) // never fails: crypto/rand, Go 1.24
	for _, id := range e.Act.Custodians {
		h, ok := w.homes[id]
		if !ok {
			return nil, fmt.Errorf("the wallet is not registered at %s", id)
		}
		if err := w.eraseAt(ctx, e, h); err != nil {
			return e, err
		}
	}
	return e, nil
}

func (w *Wallet) eraseAt(ctx context.Context, e *Erasing, h *Home) error {
	now := time.Now().UnixMilli()
	r := &erasure.Request{
		Network: w.network, Custodian: h.ID, Subject: h.Patient, TextHash: sha256.Sum256([]byte(erasure.Text(h.Name))), Salt: e.Act.Salt(h.ID), IssuedAt: now - now%coarse,
	}
	challenge := r.ID()
	signed, err := w.sign(h, challenge[:])
	if err != nil {
		return err
	}
	if err := w.post(ctx, h.URL+"/portal/erasures", "", map[string]any{"request": r.Encode(), "assertion": signed}, nil); err != nil {
		return fmt.Errorf("asking %s to erase: %w", h.ID, err)
	}
	e.Requests[h.ID], e.urls[h.ID] = r, h.URL
	return nil
}

// Erased is how far one hospital is.
type Erased struct {
	Done    bool   `json:"done"`
	Sealed  bool   `json:"sealed"`
	Records int    `json:"records"`
	Entries int    `json:"log_entries"`
	Backups string `json:"backups_until"`
	Event   string `json:"event"`
}

// Erased asks a hospital how far it is. She needs no sign-in: she has none.
func (w *Wallet) Erased(ctx context.Context, e *Erasing, at string) (out Erased, err error) {
	return out, w.call(ctx, http.MethodGet, e.path(at), "", nil, &out)
}

// Receipt returns the hospital's proof that it has erased: a bundle that anyone can
// verify.
func (w *Wallet) Receipt(ctx context.Context, e *Erasing, at string) ([]byte, error) {
	var out json.RawMessage
	err := w.call(ctx, http.MethodGet, e.path(at)+"?receipt=1", "", nil, &out)
	return out, err
}

func (e *Erasing) path(at string) string {
	id := e.Requests[at].ID()
	return e.urls[at] + "/portal/erasures/" + hex.EncodeToString(id[:])
}
