// Package portal is the patient's face: passkeys, sessions, consents, her log,
// her proofs. Staff have their own passkeys and sessions here too. It speaks JSON;
// the WebAuthn objects are those of WebAuthn Level 3, 5.1.8 and 5.1.9 (toJSON).
// Who asks has a bearer token or the session cookie.
package portal

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"

	"cairn/api/face"
	people "cairn/api/staff"
	"cairn/consent/slip"
	"cairn/node/account"
	"cairn/node/bundle"
	"cairn/node/disclosure"
	"cairn/node/emergency"
	"cairn/node/erasure"
	"cairn/node/fault"
	"cairn/node/grant"
	"cairn/node/identity"
	"cairn/node/oauth"
	"cairn/node/order"
	"cairn/node/patient"
	"cairn/node/recovery"
	"cairn/node/representative"
	"cairn/node/staff"
	"cairn/proof"
)

// Server answers the portal's requests below /portal.
type Server struct {
	Door     *identity.Door
	Grants   *grant.Desk
	Patients *patient.Desk
	Accounts *account.Desk
	Staff    *staff.Desk
	Bundles  *bundle.Desk
	Apps     *oauth.Desk
	Recovery *recovery.Desk
	Acting   *representative.Desk

	Disclosures *disclosure.Desk
	Erasures    *erasure.Desk
	Emergencies *emergency.Desk
	Orders      *order.Desk
	Trust       func() *proof.Trust // of this moment

	guesses face.Limit // wrong one-time codes, by address
	tries   face.Limit // sign-ins that fail, by address
	secrets face.Limit // tries of what needs no sign-in but a secret, by address
}

// Handler returns the face.
func (s *Server) Handler() http.Handler {
	s.guesses.PerSecond, s.guesses.Burst = guessesPerSecond, guessesBurst
	s.tries.PerSecond, s.tries.Burst = face.SignInsPerSecond, face.SignInsBurst
	s.secrets.PerSecond, s.secrets.Burst = secretsPerSecond, secretsBurst
	mux := face.NewMux()
	for pattern, serve := range map[string]func(http.ResponseWriter, *http.Request) error{
		"POST /portal/passkeys/options": s.registerOptions,
		"POST /portal/passkeys":         s.register,
		"POST /portal/signin/options":   s.signInOptions,
		"POST /portal/signin":           s.signIn,
		"POST /portal/consents":         s.accept,
		"GET /portal/guardian":          s.guardian,
		"POST /portal/recovery/options": s.guessing(s.recoverOptions),
		"POST /portal/recovery":         s.guessing(s.recover),
		"POST /portal/safes":            s.guessing(s.fetchSafe),
		"POST /portal/pleas":            s.guessing(s.plead),
		"POST /portal/pleas/fetch":      s.guessing(s.plea),
		"POST /portal/pleas/shares":     s.guessing(s.share),
		"POST /portal/erasures":         s.guessing(s.erase),
		"GET /portal/erasures/{id}":     s.erasure,
	} {
		mux.HandleFunc(pattern, open(serve))
	}
	for pattern, serve := range map[string]func(http.ResponseWriter, *http.Request, identity.Actor) error{
		"POST /portal/invitations":              s.invite,
		"DELETE /portal/invitations/{id}":       s.revoke,
		"DELETE /portal/patients/{id}/passkeys": s.endAll,
		"GET /portal/passkeys":                  s.passkeys,
		"PUT /portal/passkeys/{id}":             s.rename,
		"DELETE /portal/passkeys/{id}":          s.remove,
		"GET /portal/sessions":                  s.sessions,
		"DELETE /portal/sessions":               s.endOthers,
		"DELETE /portal/sessions/{id}":          s.end,
		"POST /portal/drafts":                   s.draft,
		"GET /portal/consents":                  s.consents,
		"GET /portal/consents/{commitment}":     s.signed,
		"GET /portal/explain":                   s.explain,
		"POST /portal/what-if":                  s.whatIf,
		"GET /portal/claims":                    s.claims,
		"POST /portal/locators":                 s.locate,
		"GET /portal/log":                       s.log,
		"GET /portal/alerts":                    s.alerts,
		"PUT /portal/alerts/{id}":               s.see,
		"GET /portal/emergencies":               s.emergencies,
		"GET /portal/orders":                    s.orders,
		"GET /portal/exchanges":                 s.exchanges,
		"GET /portal/exchanges/{id}":            s.exchange,
		"POST /portal/mandates":                 s.give,
		"GET /portal/mandates":                  s.mandates,
		"DELETE /portal/mandates/{id}":          s.endMandate,
		"POST /portal/acting":                   s.act,
		"PUT /portal/recovery/deposit":          s.deposit,
		"GET /portal/recovery":                  s.recoveries,
		"DELETE /portal/recovery":               s.cancelRecovery,
		"GET /portal/recovery/due":              s.recoveriesDue,
		"GET /portal/safe":                      s.safe,
		"PUT /portal/safe":                      s.putSafe,
		"DELETE /portal/safe":                   s.dropSafe,
		"POST /portal/guardian/releases":        s.release,
		"GET /portal/apps":                      s.apps,
		"DELETE /portal/apps/{id}":              s.stopApp,
		"GET /portal/evidence/{event}":          s.evidence,
		"GET /portal/erasure":                   s.prospect,
	} {
		mux.HandleFunc(pattern, s.signedIn(serve))
	}
	return face.SameOrigin(mux)
}

func open(serve func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := serve(w, r); err != nil {
			face.Problem(w, r, err)
		}
	}
}

func (s *Server) signedIn(serve func(http.ResponseWriter, *http.Request, identity.Actor) error) http.HandlerFunc {
	return open(func(w http.ResponseWriter, r *http.Request) error {
		actor, err := s.Door.Caller(r)
		if err != nil {
			return err
		}
		return serve(w, r, actor)
	})
}

// signInOptions are PublicKeyCredentialRequestOptions (WebAuthn Level 2, 5.5)
// and the nonce of which the challenge is the hash (identity.SignInChallenge).
// Her device computes the challenge itself and signs no other.
func (s *Server) signInOptions(w http.ResponseWriter, _ *http.Request) error {
	in := s.Door.Challenge()
	face.Write(w, http.StatusOK, map[string]any{
		"nonce": in.Nonce, "publicKey": map[string]any{"challenge": in.Challenge, "userVerification": "required"},
	})
	return nil
}

func (s *Server) signIn(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Nonce     string          `json:"nonce"`
		Device    string          `json:"device,omitempty"`
		Assertion face.Credential `json:"assertion"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	nonce, err := face.Nonce(in.Nonce)
	if err != nil {
		return err
	}
	a, err := in.Assertion.Assertion()
	if err != nil {
		return err
	}
	if !s.tries.Allows(r, 1) {
		return fault.New(fault.Busy, "rate", "too many sign-ins fail from this address").WithHint("wait a few seconds, then try again")
	}
	token, err := s.Accounts.Token(r.Context(), identity.Attempt{Nonce: nonce, Assertion: a}, account.Entrance{Device: cmp.Or(in.Device, face.Device(r))})
	if err != nil {
		return err
	}
	s.tries.Return(r, 1)
	w.Header().Set("Cache-Control", "no-store")
	face.Write(w, http.StatusOK, map[string]any{
		"access_token": token.Access, "token_type": "bearer", "expires_in": int(token.Expires.Seconds()), "patient": token.Actor.Patient(),
	})
	return nil
}

// consent is a slip as the patient sees it.
type consent struct {
	Commitment string `json:"commitment"`
	Grantee    string `json:"grantee"`
	Text       string `json:"text"`
	Issued     int64  `json:"issued"`
	SealedAt   uint64 `json:"sealed_at"`
	Stopped    bool   `json:"stopped"`
	StoppedAt  uint64 `json:"stopped_at,omitempty"`
	Uses       int64  `json:"uses,omitempty"`
	Used       int64  `json:"used,omitempty"`
	Ends       int64  `json:"ends,omitempty"`
	By         string `json:"passed_on_by,omitempty"`
	Under      string `json:"passed_on_from,omitempty"`
}

func shown(h grant.Held) consent {
	return consent{hexOf(h.Commitment), h.Grantee, h.Text, h.Issued, h.SealedAt, h.Stopped, h.StoppedAt, h.Uses, h.Used, h.Ends, h.By, h.Under}
}

// consentLimit bounds a slip with its path and assertion, in bytes of JSON.
const consentLimit = 2 << 20

// accept takes a slip with its path and the passkey's assertion over the root.
func (s *Server) accept(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Slip      []byte          `json:"slip"` // base64
		Path      []byte          `json:"path"`
		Assertion face.Credential `json:"assertion"`
	}
	if err := face.JSON(w, r, consentLimit, &in); err != nil {
		return err
	}
	signed, err := in.Assertion.Assertion()
	if err != nil {
		return err
	}
	read, err := slip.Decode(in.Slip)
	if err != nil {
		return fault.Wrap(fault.Invalid, "slip", "the slip is malformed", err)
	}
	path, err := slip.DecodePath(in.Path)
	if err != nil {
		return fault.Wrap(fault.Invalid, "slip", "the slip's path is malformed", err)
	}
	held, err := s.Grants.Accept(r.Context(), read, path, signed)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusCreated, shown(held))
	return nil
}

func (s *Server) consents(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	list, err := s.Grants.List(r.Context(), actor)
	if err != nil {
		return err
	}
	out := make([]consent, len(list))
	for i, h := range list {
		out[i] = shown(h)
	}
	face.Write(w, http.StatusOK, map[string]any{"consents": out})
	return nil
}

// signed answers with a consent as it was signed: what anyone needs to check the
// signature (slip.Signature), and what it says.
func (s *Server) signed(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	commitment, err := hash(r.PathValue("commitment"))
	if err != nil {
		return err
	}
	have, err := s.Grants.Show(r.Context(), actor, commitment)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	if have.Signature == nil {
		face.Write(w, http.StatusOK, map[string]any{"slip": have.Slip.Encode(), "request": have.Request, "text": have.Text})
		return nil
	}
	face.Write(w, http.StatusOK, map[string]any{
		"slip": have.Slip.Encode(), "signature": have.Signature.Encode(), "signature_sha256": hexOf(have.Signature.Hash()), "text": have.Text,
		"site": have.Signature.RPID, "page": have.Signature.Origin,
		"backup_eligible": have.Signature.Assertion.BackupEligible(), "backed_up": have.Signature.Assertion.BackedUp(),
	})
	return nil
}

// claims answers with who said that she treats the patient, and why.
func (s *Server) claims(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	if actor.Kind() != identity.Patient {
		return fault.New(fault.Refused, "policy.own-records", "only the patient sees this here").WithHint("GET /staff/claims lists one's own")
	}
	list, err := s.Staff.Claims(r.Context(), actor, 0)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, people.List(list))
	return nil
}

// locatorsLimit is enough for 1,000 locators, in bytes of JSON.
const locatorsLimit = 512 << 10

func (s *Server) locate(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	var in []struct {
		Custodian  string `json:"custodian"`
		Patient    string `json:"patient"`
		Commitment string `json:"commitment"`
	}
	if err := face.JSON(w, r, locatorsLimit, &in); err != nil {
		return err
	}
	if len(in) > 1000 {
		return fault.New(fault.TooLarge, "too-many", "at most 1,000 hospitals can be named at once")
	}
	locators := make([]patient.Locator, len(in))
	for i, l := range in {
		commitment, err := hash(l.Commitment)
		if err != nil {
			return err
		}
		locators[i] = patient.Locator{Custodian: l.Custodian, Patient: l.Patient, Commitment: commitment}
	}
	if err := s.Patients.Locate(r.Context(), actor, locators); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// log answers with a page of the patient's log, newest first. Each entry is the
// event's exact bytes.
func (s *Server) log(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	before, limit := uint64(0), 50
	var err error
	if text := r.URL.Query().Get("before"); text != "" {
		if before, err = strconv.ParseUint(text, 10, 63); err != nil {
			return fault.New(fault.Invalid, "before", "before is an index, as `next` says it")
		}
	}
	if text := r.URL.Query().Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > 500 {
			return fault.New(fault.Invalid, "limit", "limit is between 1 and 500")
		}
	}
	page, err := s.Patients.Log(r.Context(), actor, before, limit)
	if err != nil {
		return err
	}
	type entry struct {
		Index uint64          `json:"index"`
		Event json.RawMessage `json:"event"`
	}
	out := make([]entry, len(page.Entries))
	for i, e := range page.Entries {
		out[i] = entry{e.Index, e.Raw}
	}
	face.Write(w, http.StatusOK, map[string]any{"total": page.Total, "entries": out, "next": page.Next})
	return nil
}

func (s *Server) evidence(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	file, err := s.Bundles.Event(r.Context(), actor, r.PathValue("event"))
	if err != nil {
		return err
	}
	face.File(w, "evidence.json", file)
	return nil
}
