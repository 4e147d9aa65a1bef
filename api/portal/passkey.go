package portal

import (
	"encoding/json"
	"net/http"
	"time"

	"cairn/api/face"
	"cairn/node/fault"
	"cairn/node/identity"
)

// Wrong one-time codes from one address: twenty at once, then one every three
// seconds. A good one costs nothing. It slows who guesses; what keeps him out is
// that a code has 75 random bits.
const (
	guessesPerSecond = 1.0 / 3
	guessesBurst     = 20
)

// invite gives the hospital a one-time code for a patient.
func (s *Server) invite(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	var in struct {
		Patient string `json:"patient"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	made, err := s.Patients.Invite(r.Context(), actor, in.Patient)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	face.Write(w, http.StatusCreated, map[string]string{"code": made.Code, "id": made.ID, "ends": moment(made.Ends)})
	return nil
}

// revoke takes an invitation back that was not used.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	return done(w, s.Patients.Revoke(r.Context(), actor, r.PathValue("id")))
}

// endAll ends every way in of a patient who says that she has lost them.
func (s *Server) endAll(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	n, err := s.Patients.End(r.Context(), actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, map[string]int{"passkeys": n})
	return nil
}

// registerOptions answers who has a code, or who is signed in and adds a passkey.
func (s *Server) registerOptions(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Code string `json:"code,omitempty"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	options, err := s.creation(r, in.Code)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	face.Write(w, http.StatusOK, options)
	return nil
}

func (s *Server) creation(r *http.Request, code string) (json.RawMessage, error) {
	if code != "" {
		return s.Door.RegisterOptions(code)
	}
	actor, err := s.Door.Caller(r)
	if err != nil {
		return nil, err
	}
	return s.Door.AddOptions(r.Context(), actor)
}

// register binds a passkey: the challenge that it signed says whether it is the
// first one, with a code, or one more of somebody who is signed in.
func (s *Server) register(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name     string          `json:"name"`
		Response json.RawMessage `json:"response"`
		Add      bool            `json:"add,omitempty"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	if in.Add {
		actor, err := s.Door.Caller(r)
		if err != nil {
			return err
		}
		return done(w, s.Accounts.Add(r.Context(), actor, in.Response, in.Name))
	}
	if !s.guesses.Allows(r, 1) {
		return fault.New(fault.Busy, "rate", "too many wrong codes came from this address").WithHint("wait a minute, then try again")
	}
	subject, waits, err := s.Accounts.Register(r.Context(), in.Response, in.Name)
	if err != nil {
		return err
	}
	s.guesses.Return(r, 1)
	if waits {
		face.Write(w, http.StatusAccepted, map[string]any{"patient": subject, "waits": true,
			"text": "This passkey counts when the waiting time of your recovery has ended. Somebody who is not you could have asked for it, so you are told meanwhile."})
		return nil
	}
	face.Write(w, http.StatusCreated, map[string]string{"patient": subject})
	return nil
}

type passkey struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Added    string `json:"added"`
	Used     string `json:"used,omitempty"`
	Synced   bool   `json:"synced"`
	BackedUp bool   `json:"backed_up"`
}

func (s *Server) passkeys(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	list, err := s.Door.Passkeys(r.Context(), actor)
	if err != nil {
		return err
	}
	out := make([]passkey, len(list))
	for i, k := range list {
		out[i] = passkey{k.ID, k.Name, moment(k.Added), moment(k.Used), k.Synced, k.BackedUp}
	}
	face.Write(w, http.StatusOK, map[string]any{"passkeys": out})
	return nil
}

func (s *Server) rename(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	var in struct {
		Name string `json:"name"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	return done(w, s.Accounts.Rename(r.Context(), actor, r.PathValue("id"), in.Name))
}

func (s *Server) remove(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	return done(w, s.Accounts.Remove(r.Context(), actor, r.PathValue("id")))
}

type session struct {
	ID     string `json:"id"`
	Device string `json:"device"`
	Level  string `json:"level"`
	Begun  string `json:"begun"`
	Seen   string `json:"seen"`
	Ends   string `json:"ends"`
	Own    bool   `json:"own"`
}

func (s *Server) sessions(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	list, err := s.Door.Sessions(r.Context(), actor)
	if err != nil {
		return err
	}
	out := make([]session, len(list))
	for i, x := range list {
		out[i] = session{x.ID, x.Device, x.Level.String(), moment(x.Begun), moment(x.Seen), moment(x.Ends), x.Own}
	}
	face.Write(w, http.StatusOK, map[string]any{"sessions": out})
	return nil
}

// end ends a session of hers, on whatever device.
func (s *Server) end(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	return done(w, s.Accounts.End(r.Context(), actor, r.PathValue("id")))
}

// endOthers ends all sessions of hers but this one.
func (s *Server) endOthers(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	return done(w, s.Accounts.EndOthers(r.Context(), actor))
}

func done(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
