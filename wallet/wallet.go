// Package wallet is the patient's side: her passkey, what she granted, and the
// secrets that stop it. It speaks to hospitals through their portals, as a
// phone would. Its passkey is a software authenticator that makes real WebAuthn
// registrations and assertions (ES256); a browser's passkey takes its place in
// the portal.
//
// Trust: who has the wallet can act as the patient. A hospital sees of it only
// what it is sent: its own slips, never another's.
package wallet

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/descope/virtualwebauthn"

	"cairn/consent"
	"cairn/consent/slip"
	"cairn/wallet/kit"
	"cairn/wallet/safe"
)

// Wallet is one patient's. It is not safe for concurrent use.
type Wallet struct {
	client   *http.Client
	network  [32]byte
	device   virtualwebauthn.Authenticator
	passkeys map[string]virtualwebauthn.Credential // by hospital: none knows another's
	homes    map[string]*Home
	granted  []*Granted

	stop    kit.Code // stops everything, on paper
	seed    [32]byte // of what opens and cancels recoveries
	round   uint64   // how often that was made afresh
	handles []handle
	opened  *safe.Opened // what the wallet is sealed for; nil before Protect
}

// Home is a hospital where the patient is registered.
type Home struct {
	ID, Name string // member id and display name
	URL      string // root of its portal
	Patient  string // her id there
	token    string
	expires  time.Time
}

// New makes a wallet for a network. It makes a passkey for each hospital where the
// patient registers.
func New(network [32]byte, client *http.Client) *Wallet {
	w := &Wallet{client: client, network: network, stop: kit.New(kit.Stop), homes: make(map[string]*Home), passkeys: make(map[string]virtualwebauthn.Credential)}
	w.device = virtualwebauthn.NewAuthenticator()
	w.device.Aaguid = [16]byte{} // as browsers do: it would be the same at all hospitals
	rand.Read(w.seed[:])         // never fails: crypto/rand, Go 1.24
	return w
}

// passkeyAt returns the passkey for a hospital, a fresh one if there is none.
func (w *Wallet) passkeyAt(hospital string) virtualwebauthn.Credential {
	key, ok := w.passkeys[hospital]
	if !ok {
		for !whole(key) {
			key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
		}
		w.passkeys[hospital] = key
		w.device.AddCredential(key)
	}
	return key
}

// coseSize is the size of a COSE EC2 P-256 key with two coordinates of 32 bytes.
const coseSize = 77

// whole tells whether the authenticator wrote a key in full: of one in 128 it
// drops a zero at the beginning of a coordinate, which RFC 9053, 7.1.1 has stay.
func whole(key virtualwebauthn.Credential) bool {
	return key.Key != nil && len(key.Key.AttestationData()) == coseSize
}

// Register registers a passkey at a hospital with the one-time code of an
// invitation.
func (w *Wallet) Register(ctx context.Context, h Home, code string) error {
	var options json.RawMessage
	if err := w.post(ctx, h.URL+"/portal/passkeys/options", "", map[string]string{"code": code}, &options); err != nil {
		return fmt.Errorf("asking %s for registration: %w", h.ID, err)
	}
	parsed, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		return fmt.Errorf("reading the registration options of %s: %w", h.ID, err)
	}
	rp, err := party(h)
	if err != nil {
		return err
	}
	response := virtualwebauthn.CreateAttestationResponse(rp, w.device, w.passkeyAt(h.ID), *parsed)
	var out struct {
		Patient string `json:"patient"`
	}
	if err := w.post(ctx, h.URL+"/portal/passkeys", "", map[string]any{"name": "wallet", "response": json.RawMessage(response)}, &out); err != nil {
		return fmt.Errorf("registering at %s: %w", h.ID, err)
	}
	h.Patient = out.Patient
	w.homes[h.ID] = &h
	return nil
}

// Forget ends the sign-in at a hospital as far as this wallet is concerned.
func (w *Wallet) Forget(id string) {
	if h, ok := w.homes[id]; ok {
		h.token = ""
	}
}

func party(h Home) (virtualwebauthn.RelyingParty, error) {
	u, err := url.Parse(h.URL)
	if err != nil {
		return virtualwebauthn.RelyingParty{}, fmt.Errorf("reading the URL of %s: %w", h.ID, err)
	}
	return virtualwebauthn.RelyingParty{ID: u.Hostname(), Name: h.Name, Origin: h.URL}, nil
}

// sign makes the passkey of a hospital sign a challenge on its portal.
func (w *Wallet) sign(h *Home, challenge []byte) (json.RawMessage, error) {
	rp, err := party(*h)
	if err != nil {
		return nil, err
	}
	return json.RawMessage(virtualwebauthn.CreateAssertionResponse(rp, w.device, w.passkeyAt(h.ID), virtualwebauthn.AssertionOptions{Challenge: challenge, RelyingPartyID: rp.ID})), nil
}

// signIn returns a live access token at a hospital.
func (w *Wallet) signIn(ctx context.Context, id string) (*Home, error) {
	h, ok := w.homes[id]
	if !ok {
		return nil, fmt.Errorf("the wallet is not registered at %s", id)
	}
	if h.token != "" && time.Now().Before(h.expires) {
		return h, nil
	}
	var options struct {
		Nonce     string `json:"nonce"`
		PublicKey struct {
			Challenge string `json:"challenge"`
		} `json:"publicKey"`
	}
	if err := w.post(ctx, h.URL+"/portal/signin/options", "", struct{}{}, &options); err != nil {
		return nil, fmt.Errorf("asking %s to sign in: %w", id, err)
	}
	challenge, err := signInChallenge(id, options.Nonce, options.PublicKey.Challenge)
	if err != nil {
		return nil, err
	}
	signed, err := w.sign(h, challenge)
	if err != nil {
		return nil, err
	}
	var out struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := w.post(ctx, h.URL+"/portal/signin", "", map[string]any{"nonce": options.Nonce, "assertion": signed}, &out); err != nil {
		return nil, fmt.Errorf("signing in at %s: %w", id, err)
	}
	h.token, h.expires = out.AccessToken, time.Now().Add(time.Duration(out.ExpiresIn-15)*time.Second)
	return h, nil
}

// ErrChallenge is returned when a hospital wants something else signed than a
// sign-in at itself, such as a consent.
var ErrChallenge = errors.New("the hospital's sign-in challenge is not that of its nonce")

// signInChallenge computes what is signed to sign in at a hospital,
// SHA-256("cairn/sign-in/v1" 0x00 member 0x00 nonce), and refuses if the
// hospital offers anything else.
func signInChallenge(member, nonce, offered string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil {
		return nil, fmt.Errorf("reading the nonce of %s: %w", member, err)
	}
	want := sha256.Sum256(append([]byte("cairn/sign-in/v1\x00"+member+"\x00"), raw...))
	if base64.RawURLEncoding.EncodeToString(want[:]) != offered {
		return nil, fmt.Errorf("signing in at %s: %w", member, ErrChallenge)
	}
	return want[:], nil
}

// Granted is a consent that the patient signed, with what stops it.
type Granted struct {
	Grantee string
	Slips   []Given
}

// Given is one custodian's slip.
type Given struct {
	Custodian  string
	Slip       *slip.Slip
	Commitment [32]byte
	secret     [32]byte
}

// Grant signs one consent for several custodians: draft says what is allowed to
// whom; patient and custodian are filled in for each. She signs each custodian's
// slip with her passkey there, on its portal, so that no two of them get anything
// in common; each gets its own slip only.
func (w *Wallet) Grant(ctx context.Context, draft consent.Draft, custodians ...string) (*Granted, error) {
	if len(custodians) == 0 {
		return nil, errors.New("a consent needs at least one custodian")
	}
	g := &Granted{Grantee: draft.Grantee}
	var bodies []map[string]any
	for _, id := range custodians {
		given, err := w.slip(draft, id)
		if err != nil {
			return nil, err
		}
		body, err := w.signed(given)
		if err != nil {
			return nil, err
		}
		g.Slips, bodies = append(g.Slips, given), append(bodies, body)
	}
	for i, given := range g.Slips {
		if err := w.post(ctx, w.homes[given.Custodian].URL+"/portal/consents", "", bodies[i], nil); err != nil {
			return nil, fmt.Errorf("handing the consent to %s: %w", given.Custodian, err)
		}
	}
	w.granted = append(w.granted, g)
	return g, nil
}

// signed signs one slip and makes what its custodian gets. What it signs is the
// root of a tree with this leaf alone: a root over slips of several custodians
// would be the same for all of them.
func (w *Wallet) signed(given Given) (map[string]any, error) {
	leaves := []slip.Leaf{given.Slip.Leaf()}
	path, err := slip.PathOf(leaves, 0)
	if err != nil {
		return nil, fmt.Errorf("proving the slip for %s: %w", given.Custodian, err)
	}
	root := slip.Root(leaves)
	assertion, err := w.sign(w.homes[given.Custodian], root[:])
	if err != nil {
		return nil, err
	}
	return map[string]any{"slip": given.Slip.Encode(), "path": path.Encode(), "assertion": assertion}, nil
}

// coarse is how finely a consent says when it was signed: to the minute, in
// milliseconds. To the millisecond it would be the same at all custodians.
const coarse = 60_000

func (w *Wallet) slip(draft consent.Draft, custodian string) (Given, error) {
	h, ok := w.homes[custodian]
	if !ok {
		return Given{}, fmt.Errorf("the wallet is not registered at %s", custodian)
	}
	given := Given{Custodian: custodian}
	rand.Read(given.secret[:]) // never fails: crypto/rand, Go 1.24
	draft.Patient, draft.Custodian, draft.CustodianName = cmp.Or(draft.Patient, h.Patient), h.ID, h.Name
	draft.Signed -= draft.Signed % coarse
	terms, err := consent.Build(draft)
	if err != nil {
		return Given{}, fmt.Errorf("writing the consent for %s: %w", custodian, err)
	}
	compiled, err := consent.Compile(terms)
	if err != nil {
		return Given{}, fmt.Errorf("reading the consent for %s: %w", custodian, err)
	}
	given.Slip = &slip.Slip{
		Network: w.network, Custodian: custodian, Subject: draft.Patient, Grantee: draft.Grantee, Terms: terms,
		TextHash: sha256.Sum256([]byte(slip.Text(compiled))), StopImage: slip.Image(given.secret), IssuedAt: draft.Signed,
	}
	rand.Read(given.Slip.Salt[:])
	mark, err := w.stop.Mark(w.network, custodian)
	if err != nil {
		return Given{}, err
	}
	given.Slip.KitImage = slip.Image(mark)
	given.Commitment = given.Slip.Commitment()
	return given, nil
}

// marksAtOnce is how many marks a node takes in one call.
const marksAtOnce = 64

// Stop reveals the secrets of a consent to one hospital's node, any of them:
// the ledger carries them to every custodian. It returns when they are in a
// block, with its height.
func (w *Wallet) Stop(ctx context.Context, root string, g *Granted) (height uint64, err error) {
	marks := make([]string, len(g.Slips))
	for i, s := range g.Slips {
		marks[i] = hex.EncodeToString(s.secret[:])
	}
	for some := range slices.Chunk(marks, marksAtOnce) {
		var out struct {
			Height uint64 `json:"height"`
		}
		if err := w.mark(ctx, root, some, &out); err != nil {
			return height, err
		}
		height = max(height, out.Height)
	}
	return height, nil
}

// mark hands marks in; while the node takes no more from here, it waits.
func (w *Wallet) mark(ctx context.Context, root string, marks []string, out any) error {
	for {
		err := w.post(ctx, root+"/marks", "", map[string]any{"marks": marks}, out)
		var refused *Refused
		if !errors.As(err, &refused) || refused.Code() != "rate" {
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// Locate tells a hospital where the patient's other records are.
func (w *Wallet) Locate(ctx context.Context, at string, g *Granted) error {
	h, err := w.signIn(ctx, at)
	if err != nil {
		return err
	}
	var list []map[string]string
	for _, s := range g.Slips {
		list = append(list, map[string]string{
			"custodian": s.Custodian, "patient": w.homes[s.Custodian].Patient, "commitment": hex.EncodeToString(s.Commitment[:]),
		})
	}
	return w.post(ctx, h.URL+"/portal/locators", h.token, list, nil)
}

// Entry is one line of the patient's log at a hospital.
type Entry struct {
	Index uint64          `json:"index"`
	Event json.RawMessage `json:"event"`
}

// Log returns the newest entries of the patient's log at a hospital.
func (w *Wallet) Log(ctx context.Context, at string, limit int) (entries []Entry, total int, err error) {
	h, err := w.signIn(ctx, at)
	if err != nil {
		return nil, 0, err
	}
	var out struct {
		Total   int     `json:"total"`
		Entries []Entry `json:"entries"`
	}
	err = w.call(ctx, http.MethodGet, fmt.Sprintf("%s/portal/log?limit=%d", h.URL, limit), h.token, nil, &out)
	return out.Entries, out.Total, err
}

// Exchange is one request between the hospital and another about the patient, as
// both signed it.
type Exchange struct {
	ID, Side, Other, Person, Purpose, Consent, Rule, State string
	Status                                                 int
	Event                                                  string // of the hospital's own log
}

// Exchanges returns the latest exchanges between a hospital and others about the
// patient.
func (w *Wallet) Exchanges(ctx context.Context, at string, limit int) ([]Exchange, error) {
	h, err := w.signIn(ctx, at)
	if err != nil {
		return nil, err
	}
	var out struct{ Exchanges []Exchange }
	err = w.call(ctx, http.MethodGet, fmt.Sprintf("%s/portal/exchanges?limit=%d", h.URL, limit), h.token, nil, &out)
	return out.Exchanges, err
}

// ExchangeFile returns an exchange as a file that anybody can check.
func (w *Wallet) ExchangeFile(ctx context.Context, at, id string) ([]byte, error) {
	h, err := w.signIn(ctx, at)
	if err != nil {
		return nil, err
	}
	var out json.RawMessage
	err = w.call(ctx, http.MethodGet, h.URL+"/portal/exchanges/"+url.PathEscape(id), h.token, nil, &out)
	return out, err
}

// Evidence returns the proof bundle of an event in the patient's log.
func (w *Wallet) Evidence(ctx context.Context, at, event string) ([]byte, error) {
	h, err := w.signIn(ctx, at)
	if err != nil {
		return nil, err
	}
	var out json.RawMessage
	err = w.call(ctx, http.MethodGet, h.URL+"/portal/evidence/"+url.PathEscape(event), h.token, nil, &out)
	return out, err
}

// Look returns what a hospital's portal shows her, such as "consents".
func (w *Wallet) Look(ctx context.Context, at, path string) ([]byte, error) {
	h, err := w.signIn(ctx, at)
	if err != nil {
		return nil, err
	}
	var out json.RawMessage
	err = w.call(ctx, http.MethodGet, h.URL+"/portal/"+path, h.token, nil, &out)
	return out, err
}

// Ask posts something to a hospital's portal, such as "what-if", and returns what
// it answers.
func (w *Wallet) Ask(ctx context.Context, at, path string, in any) ([]byte, error) {
	h, err := w.signIn(ctx, at)
	if err != nil {
		return nil, err
	}
	var out json.RawMessage
	err = w.post(ctx, h.URL+"/portal/"+path, h.token, in, &out)
	return out, err
}

// Signed returns a consent as its custodian keeps it: slip, signature and text.
func (w *Wallet) Signed(ctx context.Context, at string, commitment [32]byte) ([]byte, error) {
	return w.Look(ctx, at, "consents/"+hex.EncodeToString(commitment[:]))
}

func (w *Wallet) post(ctx context.Context, to, token string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return w.call(ctx, http.MethodPost, to, token, body, out)
}

func (w *Wallet) call(ctx context.Context, method, to, token string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := w.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return &Refused{Status: res.StatusCode, Problem: string(data)}
	}
	if out == nil {
		return nil
	}
	if raw, ok := out.(*json.RawMessage); ok {
		*raw = data
		return nil
	}
	return json.Unmarshal(data, out)
}

// Refused is a hospital's refusal, as it said it.
type Refused struct {
	Status  int
	Problem string // the answer's body
}

// Code returns the code of the refusal (RFC 9457 problem member `code`).
func (r *Refused) Code() string {
	var p struct {
		Code string `json:"code"`
	}
	if json.Unmarshal([]byte(r.Problem), &p) != nil {
		return ""
	}
	return p.Code
}

func (r *Refused) Error() string { return fmt.Sprintf("status %d: %s", r.Status, r.Problem) }

// Through returns the wallet with another HTTP client, such as one that goes
// through a proxy.
func (w *Wallet) Through(client *http.Client) *Wallet {
	out := *w
	out.client = client
	return &out
}
