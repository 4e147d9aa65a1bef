package admin

import (
	"net/http"
	"time"

	"cairn/api/face"
	"cairn/node/identity"
	"cairn/node/rotation"
)

// keyRoutes are those of the hospital's keys.
func (s *Server) keyRoutes() map[string]func(http.ResponseWriter, *http.Request, identity.Actor) error {
	return map[string]func(http.ResponseWriter, *http.Request, identity.Actor) error{
		"GET /admin/keys":        s.keys,
		"POST /admin/keys/{use}": s.keyRotate,
	}
}

// memberKey is a key of the hospital as it is shown. No private half leaves node/keys.
type memberKey struct {
	Use    string `json:"use"`
	ID     string `json:"id"`
	Public []byte `json:"public"` // as the member book has it
	State  string `json:"state"`
	From   uint64 `json:"from"`
	Until  uint64 `json:"until,omitempty"`
	Begins int64  `json:"begins,omitempty"` // Unix milliseconds
	Ends   int64  `json:"ends,omitempty"`
	Due    int64  `json:"due,omitempty"`
	Held   bool   `json:"held"`
}

// keys answers with all keys of the hospital: GET /admin/keys.
func (s *Server) keys(w http.ResponseWriter, _ *http.Request, _ identity.Actor) error {
	list, err := s.Node.Rotations.List()
	if err != nil {
		return err
	}
	out := make([]memberKey, len(list))
	for i, k := range list {
		out[i] = memberKey{k.Use.String(), k.ID, k.Public, string(k.State), k.From, k.Until, millis(k.Begins), millis(k.Ends), millis(k.Due), k.Held}
	}
	face.Write(w, http.StatusOK, map[string]any{
		"member": s.Node.Config.Member, "network": s.Node.Genesis.Name, "height": s.Node.Chain.Height(), "keys": out,
	})
	return nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// keyRotate has the next key of a use follow the one in force, and answers with
// one JSON line for each step: POST /admin/keys/{use}.
func (s *Server) keyRotate(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	use, err := rotation.Use(r.PathValue("use"))
	if err != nil {
		return err
	}
	var in struct {
		Dry   bool `json:"dry_run"`
		Fresh bool `json:"fresh"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	say, err := lines(w)
	if err == nil {
		s.Node.Rotations.Rotate(r.Context(), actor, rotation.Ask{Use: use, Fresh: in.Fresh, Dry: in.Dry}, func(l rotation.Line) { say(l) }) //nolint:errcheck // the last line says it
	}
	return err
}
