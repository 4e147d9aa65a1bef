package portal

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"

	"cairn/api/face"
	"cairn/consent/recovery"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/wallet/safe"
)

// From one address, of what needs no sign-in and tries a secret.
const (
	secretsPerSecond = 1
	secretsBurst     = 30
)

// guessing refuses an address that tries too many secrets. It holds back nobody
// elsewhere: secrets have 256 bits, so this is against load, not against luck.
func (s *Server) guessing(serve func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if !s.secrets.Allows(r, 1) {
			return fault.New(fault.Busy, "rate", "too many tries come from this address").WithHint("wait a minute, or use another connection")
		}
		return serve(w, r)
	}
}

// secret is 32 bytes in hexadecimal digits.
type secret [32]byte

func (s *secret) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != len(s) {
		return fault.New(fault.Invalid, "secret", "a secret is 64 hexadecimal digits")
	}
	*s = secret(raw)
	return nil
}

// recoverOptions gives creation options to who knows the secret of a deposit.
func (s *Server) recoverOptions(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Secret secret `json:"secret"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	options, err := s.Recovery.Options(r.Context(), in.Secret)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, options)
	return nil
}

// recover begins a recovery with the secret and a fresh passkey.
func (s *Server) recover(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Secret   secret          `json:"secret"`
		Name     string          `json:"name"`
		Response json.RawMessage `json:"response"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	began, err := s.Recovery.Begin(r.Context(), in.Secret, in.Response, in.Name)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusCreated, map[string]any{"patient": began.Patient, "height": began.Height, "until": began.Until})
	return nil
}

// deposit takes what opens and cancels a recovery, signed by her passkey.
func (s *Server) deposit(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	var in struct {
		Deposit   []byte          `json:"deposit"` // base64
		Assertion face.Credential `json:"assertion"`
		Kit       secret          `json:"kit"` // an image, which is no secret, in the same form
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	signed, err := in.Assertion.Assertion()
	if err != nil {
		return err
	}
	dep, err := recovery.Decode(in.Deposit)
	if err != nil {
		return fault.Wrap(fault.Invalid, "deposit", "the deposit is malformed", err)
	}
	if err := s.Recovery.Leave(r.Context(), actor, dep, signed, in.Kit); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// recoveries lists how she can be recovered and what waits.
func (s *Server) recoveries(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	list, err := s.Recovery.List(r.Context(), actor)
	if err != nil {
		return err
	}
	type shown struct {
		ID     string         `json:"id"`
		By     string         `json:"by"`
		State  recovery.State `json:"state"`
		Until  int64          `json:"until,omitempty"`
		Delay  int64          `json:"delay"`
		Device string         `json:"device,omitempty"`
		Kit    string         `json:"kit,omitempty"`
	}
	out := make([]shown, len(list))
	for i, one := range list {
		out[i] = shown{hexOf(one.ID), one.By, one.State, one.Until, one.Delay, one.Device, ""}
		if one.Kit != [32]byte{} {
			out[i].Kit = hexOf(one.Kit)
		}
	}
	face.Write(w, http.StatusOK, map[string]any{"recoveries": out, "least": s.Recovery.Least})
	return nil
}

func (s *Server) cancelRecovery(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	n, err := s.Recovery.Cancel(r.Context(), actor)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, map[string]int{"cancelled": n})
	return nil
}

// recoveriesDue tells the hospital's software whom to tell that a recovery waits.
func (s *Server) recoveriesDue(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	list, err := s.Recovery.Waiting(r.Context(), actor)
	if err != nil {
		return err
	}
	type due struct {
		Patient string `json:"patient"`
		Until   int64  `json:"until,omitempty"`
	}
	out := make([]due, len(list))
	for i, one := range list {
		out[i] = due(one)
	}
	face.Write(w, http.StatusOK, map[string]any{"waiting": out})
	return nil
}

// putSafe keeps her sealed wallet.
func (s *Server) putSafe(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	var in struct {
		Safe    json.RawMessage `json:"safe"`
		Handles []secret        `json:"handles"`
	}
	if err := face.JSON(w, r, safe.MaxSize+face.MaxJSON, &in); err != nil {
		return err
	}
	handles := make([][32]byte, len(in.Handles))
	for i, h := range in.Handles {
		handles[i] = h
	}
	if err := s.Recovery.Put(r.Context(), actor, in.Safe, handles); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) safe(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	raw, err := s.Recovery.Get(r.Context(), actor)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, json.RawMessage(raw))
	return nil
}

func (s *Server) dropSafe(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	if err := s.Recovery.Drop(r.Context(), actor); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// fetchSafe gives a sealed wallet to who has one of its handles. It is a POST so
// that the handle stands in no address.
func (s *Server) fetchSafe(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Handle secret `json:"handle"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	raw, err := s.Recovery.Fetch(r.Context(), in.Handle)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, json.RawMessage(raw))
	return nil
}

// plead opens a place for what guardians release to a device.
func (s *Server) plead(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Device []byte `json:"device"` // base64
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	id, err := s.Recovery.Plead(r.Context(), in.Device)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusCreated, map[string]string{"id": hexOf(id)})
	return nil
}

func (s *Server) plea(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		ID secret `json:"id"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	p, err := s.Recovery.Plea(r.Context(), in.ID)
	if err != nil {
		return err
	}
	shares := make([]string, len(p.Shares))
	for i, one := range p.Shares {
		shares[i] = base64.StdEncoding.EncodeToString(one)
	}
	face.Write(w, http.StatusOK, map[string]any{"device": base64.StdEncoding.EncodeToString(p.Device), "ends": p.Ends, "shares": shares})
	return nil
}

// share takes what a guardian releases.
func (s *Server) share(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		ID    secret `json:"id"`
		Share []byte `json:"share"` // base64
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	if err := s.Recovery.Share(r.Context(), in.ID, in.Share); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// guardian gives the key to which a share for this hospital is sealed.
func (s *Server) guardian(w http.ResponseWriter, r *http.Request) error {
	key, err := s.Recovery.Guardian(r.Context())
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, map[string]string{"key": base64.StdEncoding.EncodeToString(key)})
	return nil
}

// release has this hospital, as a guardian, give its share to a device of a
// patient whom its staff has identified.
func (s *Server) release(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	var in struct {
		Patient string `json:"patient"`
		Share   []byte `json:"share"`  // base64, as it stands in the sealed wallet
		Device  []byte `json:"device"` // base64
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	released, err := s.Recovery.Release(r.Context(), actor, in.Patient, in.Share, in.Device)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, map[string]string{"share": base64.StdEncoding.EncodeToString(released)})
	return nil
}
