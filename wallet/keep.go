package wallet

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"cairn/consent/recovery"
	"cairn/consent/slip"
	"cairn/wallet/kit"
	"cairn/wallet/safe"
)

// state is what of a wallet must not be lost: it lies sealed at hospitals.
// Passkeys are not in it; they stay in their devices.
type state struct {
	Network [32]byte     `json:"network"`
	Stop    [32]byte     `json:"stop"` // of the kit's stop code
	Seed    [32]byte     `json:"seed"` // of what opens and cancels recoveries
	Round   uint64       `json:"round"`
	Homes   []Home       `json:"homes"`
	Granted []givenState `json:"granted"`
	Handles []handle     `json:"handles"`
}

type givenState struct {
	Grantee string      `json:"grantee"`
	Slips   []slipState `json:"slips"`
}

type slipState struct {
	Slip   []byte   `json:"slip"`
	Secret [32]byte `json:"secret"`
}

// handle fetches the sealed wallet at a member.
type handle struct {
	Member string   `json:"member"`
	Secret [32]byte `json:"secret"`
}

// snapshot writes the state.
func (w *Wallet) snapshot() ([]byte, error) {
	s := state{Network: w.network, Stop: w.stop.Secret, Seed: w.seed, Round: w.round, Handles: w.handles}
	for _, h := range w.homes {
		s.Homes = append(s.Homes, Home{ID: h.ID, Name: h.Name, URL: h.URL, Patient: h.Patient})
	}
	slices.SortFunc(s.Homes, func(a, b Home) int { return strings.Compare(a.ID, b.ID) })
	for _, g := range w.granted {
		one := givenState{Grantee: g.Grantee}
		for _, given := range g.Slips {
			one.Slips = append(one.Slips, slipState{given.Slip.Encode(), given.secret})
		}
		s.Granted = append(s.Granted, one)
	}
	return json.Marshal(s)
}

// restore reads the state back.
func restore(raw []byte, client *http.Client) (*Wallet, error) {
	var s state
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("reading the wallet: %w", err)
	}
	w := New(s.Network, client)
	w.stop, w.seed, w.round, w.handles = kit.Code{Kind: kit.Stop, Secret: s.Stop}, s.Seed, s.Round, s.Handles
	for _, h := range s.Homes {
		w.homes[h.ID] = &Home{ID: h.ID, Name: h.Name, URL: h.URL, Patient: h.Patient}
	}
	for _, g := range s.Granted {
		granted := &Granted{Grantee: g.Grantee}
		for _, one := range g.Slips {
			read, err := slip.Decode(one.Slip)
			if err != nil {
				return nil, fmt.Errorf("reading a consent of the wallet: %w", err)
			}
			granted.Slips = append(granted.Slips, Given{Custodian: read.Custodian, Slip: read, Commitment: read.Commitment(), secret: one.Secret})
		}
		w.granted = append(w.granted, granted)
	}
	return w, nil
}

// Granted returns what the patient allowed, oldest first, stopped or not.
func (w *Wallet) Granted() []*Granted { return slices.Clone(w.granted) }

// StopCode returns the code of the printed kit that stops everything that this
// wallet allowed and will allow.
func (w *Wallet) StopCode() kit.Code { return w.stop }

// lockSecret derives what opens or cancels the recovery at a member, fresh for
// each round of deposits.
func (w *Wallet) lockSecret(what, member string) (out [32]byte) {
	mac := hmac.New(sha256.New, w.seed[:])
	fmt.Fprintf(mac, "cairn/wallet/%s/v1\x00%d\x00%s", what, w.round, member)
	mac.Sum(out[:0])
	return out
}

// Protection is how a wallet can be got back.
type Protection struct {
	Recovery  kit.Code        // of the printed kit; the zero Code for none
	Need      int             // of the guardians
	Guardians []safe.Guardian // none for no circle
	Delay     time.Duration   // 0 for 72 hours
}

// Protect leaves, at every hospital where the patient is registered, the sealed
// wallet and what opens and cancels the recovery of her sign-in there. Calling it
// again replaces both; what was left before is worth nothing then.
func (w *Wallet) Protect(ctx context.Context, p Protection) error {
	if w.opened == nil {
		w.opened = safe.New(nil)
	}
	w.opened.Clear()
	if p.Recovery != (kit.Code{}) {
		key, err := p.Recovery.WalletKey()
		if err != nil {
			return err
		}
		if err := w.opened.LockKit(key); err != nil {
			return err
		}
	}
	if len(p.Guardians) > 0 {
		if err := w.opened.LockCircle(p.Need, p.Guardians); err != nil {
			return err
		}
	}
	w.round++
	w.handles = nil
	for id := range w.homes {
		if err := w.addHandles(id, p); err != nil {
			return err
		}
	}
	if err := w.Save(ctx); err != nil {
		return err
	}
	for id := range w.homes {
		if err := w.deposit(ctx, id, p.Delay); err != nil {
			return err
		}
	}
	return nil
}

func (w *Wallet) addHandles(member string, p Protection) error {
	if p.Recovery != (kit.Code{}) {
		secret, err := p.Recovery.Handle(member)
		if err != nil {
			return err
		}
		w.handles = append(w.handles, handle{member, secret})
	}
	if len(p.Guardians) > 0 {
		one := handle{Member: member}
		rand.Read(one.Secret[:]) // never fails: crypto/rand, Go 1.24
		w.handles = append(w.handles, one)
	}
	return nil
}

// Letter is what a guardian keeps, besides the key: where the sealed wallet is
// and what fetches it. It opens nothing.
type Letter struct {
	URL    string // of the hospital's portal
	Handle [32]byte
}

// Letter returns what to give the guardians, for the sealed wallet at a hospital.
func (w *Wallet) Letter(member string) (Letter, bool) {
	for _, h := range slices.Backward(w.handles) {
		if home, ok := w.homes[member]; ok && h.Member == member {
			return Letter{home.URL, h.Secret}, true
		}
	}
	return Letter{}, false
}

// Save seals the wallet as it is and leaves it at every hospital. Call it after
// each change; Protect must have been called once.
func (w *Wallet) Save(ctx context.Context) error {
	raw, err := w.snapshot()
	if err != nil {
		return fmt.Errorf("writing the wallet: %w", err)
	}
	w.opened.State = raw
	for id := range w.homes {
		h, err := w.signIn(ctx, id)
		if err != nil {
			return err
		}
		sealed, err := w.opened.Seal(id)
		if err != nil {
			return fmt.Errorf("sealing the wallet for %s: %w", id, err)
		}
		encoded, err := sealed.Encode()
		if err != nil {
			return err
		}
		var handles []string
		for _, one := range w.handles {
			if one.Member == id {
				handles = append(handles, hex.EncodeToString(one.Secret[:]))
			}
		}
		body, err := json.Marshal(map[string]any{"safe": json.RawMessage(encoded), "handles": handles})
		if err != nil {
			return err
		}
		if err := w.call(ctx, http.MethodPut, h.URL+"/portal/safe", h.token, body, nil); err != nil {
			return fmt.Errorf("leaving the sealed wallet at %s: %w", id, err)
		}
	}
	w.opened.Sealed()
	return nil
}

// deposit leaves what opens and cancels a recovery at one hospital.
func (w *Wallet) deposit(ctx context.Context, id string, delay time.Duration) error {
	h, err := w.signIn(ctx, id)
	if err != nil {
		return err
	}
	if delay == 0 {
		delay = recovery.DefaultDelay * time.Millisecond
	}
	d := recovery.Deposit{
		Network: w.network, Custodian: id, Subject: h.Patient, Delay: delay.Milliseconds(), IssuedAt: time.Now().UnixMilli(),
		Open: slip.Image(w.lockSecret("open", id)), Cancel: slip.Image(w.lockSecret("cancel", id)),
	}
	challenge := d.Challenge()
	signed, err := w.sign(h, challenge[:])
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"deposit": d.Encode(), "assertion": signed})
	if err != nil {
		return err
	}
	if err := w.call(ctx, http.MethodPut, h.URL+"/portal/recovery/deposit", h.token, body, nil); err != nil {
		return fmt.Errorf("preparing a recovery at %s: %w", id, err)
	}
	return nil
}

// CancelMarks are the marks that cancel a recovery at every hospital: any
// member's node takes them.
func (w *Wallet) CancelMarks() (out [][32]byte) {
	for id := range w.homes {
		out = append(out, w.lockSecret("cancel", id))
	}
	return out
}

// StopAll hands to one hospital's node, any of them, the marks with which the
// stop code of a printed kit stops everything that its owner allowed at the given
// members. It needs no wallet and no sign-in.
func StopAll(ctx context.Context, client *http.Client, root string, code kit.Code, network [32]byte, members []string) (height uint64, err error) {
	marks := make([][32]byte, 0, len(members))
	for _, id := range members {
		mark, err := code.Mark(network, id)
		if err != nil {
			return 0, err
		}
		marks = append(marks, mark)
	}
	return New(network, client).HandIn(ctx, root, marks)
}

// HandIn hands marks to a hospital's node, any of them, and returns when they are
// in a block, with its height.
func (w *Wallet) HandIn(ctx context.Context, root string, marks [][32]byte) (height uint64, err error) {
	for some := range slices.Chunk(marks, marksAtOnce) {
		texts := make([]string, len(some))
		for i, m := range some {
			texts[i] = hex.EncodeToString(m[:])
		}
		var out struct {
			Height uint64 `json:"height"`
		}
		if err := w.mark(ctx, root, texts, &out); err != nil {
			return height, err
		}
		height = max(height, out.Height)
	}
	return height, nil
}

// Waiting is a recovery of the patient's sign-in at a hospital.
type Waiting struct {
	By     string `json:"by"`
	State  string `json:"state"`
	Until  int64  `json:"until"`
	Delay  int64  `json:"delay"`
	Device string `json:"device"`
}

// Recoveries returns how the patient can be recovered at a hospital and what
// waits.
func (w *Wallet) Recoveries(ctx context.Context, at string) ([]Waiting, error) {
	h, err := w.signIn(ctx, at)
	if err != nil {
		return nil, err
	}
	var out struct {
		Recoveries []Waiting `json:"recoveries"`
	}
	err = w.call(ctx, http.MethodGet, h.URL+"/portal/recovery", h.token, nil, &out)
	return out.Recoveries, err
}

// Cancel ends, with an old passkey, every recovery that waits at a hospital.
func (w *Wallet) Cancel(ctx context.Context, at string) (n int, err error) {
	h, err := w.signIn(ctx, at)
	if err != nil {
		return 0, err
	}
	var out struct {
		Cancelled int `json:"cancelled"`
	}
	err = w.call(ctx, http.MethodDelete, h.URL+"/portal/recovery", h.token, nil, &out)
	return out.Cancelled, err
}
