package admin

import (
	"net/http"
	"time"

	"cairn/api/face"
	"cairn/node/fault"
	"cairn/node/identity"
)

// staffRoutes are those of the accounts of the hospital's staff.
func (s *Server) staffRoutes() map[string]func(http.ResponseWriter, *http.Request, identity.Actor) error {
	return map[string]func(http.ResponseWriter, *http.Request, identity.Actor) error{
		"GET /admin/staff":                  s.staffList,
		"PUT /admin/staff/{id}":             s.staffPut,
		"POST /admin/staff/{id}/code":       s.staffCode,
		"DELETE /admin/staff/{id}/passkeys": s.staffEnd,
		"GET /admin/roles":                  s.roles,
	}
}

// account is one of the staff, in JSON.
type account struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Roles        []string `json:"roles"`
	Practitioner []string `json:"practitioner"`
	Units        []string `json:"units"`
	Teams        []string `json:"teams"`
	Provider     string   `json:"provider,omitempty"` // issuer of the OpenID provider that vouches for her
	Subject      string   `json:"subject,omitempty"`  // her sub there
	Disabled     bool     `json:"disabled"`
	Changed      int64    `json:"changed"` // 0 for one that is to be made

	Passkeys []key `json:"passkeys,omitempty"`
}

type key struct {
	Name   string `json:"name"`
	Bound  bool   `json:"bound"` // it does not leave its device
	Added  string `json:"added"`
	Used   string `json:"used,omitempty"`
	Number string `json:"id"`
}

func shown(a identity.Account, keys []identity.Passkey) account {
	out := account{ID: a.ID, Name: a.Name, Roles: a.Roles, Practitioner: a.Practitioner, Units: a.Units, Teams: a.Teams, Provider: a.Provider,
		Subject: a.Subject, Disabled: a.Disabled, Changed: a.Changed}
	for _, k := range keys {
		have := key{Name: k.Name, Bound: !k.Synced, Added: k.Added.UTC().Format(time.RFC3339), Number: k.ID}
		if !k.Used.IsZero() {
			have.Used = k.Used.UTC().Format(time.RFC3339)
		}
		out.Passkeys = append(out.Passkeys, have)
	}
	return out
}

func (s *Server) staffList(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	list, err := s.Node.Staff.List(r.Context(), actor, r.URL.Query().Get("after"))
	if err != nil {
		return err
	}
	out := make([]account, len(list))
	for i, e := range list {
		out[i] = shown(e.Account, e.Passkeys)
	}
	face.Write(w, http.StatusOK, map[string]any{"staff": out})
	return nil
}

// staffPut makes or changes an account.
func (s *Server) staffPut(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	var in account
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	if in.ID != "" && in.ID != r.PathValue("id") {
		return fault.New(fault.Invalid, "account", "the id of the account is not that of the address")
	}
	acc, err := s.Node.Staff.Put(r.Context(), actor, identity.Account{ID: r.PathValue("id"), Name: in.Name, Roles: in.Roles, Practitioner: in.Practitioner,
		Units: in.Units, Teams: in.Teams, Provider: in.Provider, Subject: in.Subject, Disabled: in.Disabled, Changed: in.Changed})
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, shown(acc, nil))
	return nil
}

// staffCode answers with a one-time code for a passkey of the account.
func (s *Server) staffCode(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	in, err := s.Node.Staff.Code(r.Context(), actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	face.Write(w, http.StatusOK, map[string]string{"code": in.Code, "id": in.ID, "ends": in.Ends.UTC().Format(time.RFC3339)})
	return nil
}

// staffEnd takes all ways in of an account away.
func (s *Server) staffEnd(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	n, err := s.Node.Staff.End(r.Context(), actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, map[string]int{"passkeys": n})
	return nil
}

// roles answers with the roles that an account may have, and what each may do.
func (s *Server) roles(w http.ResponseWriter, _ *http.Request, _ identity.Actor) error {
	type role struct {
		Code     string           `json:"code"`
		Name     string           `json:"name"`
		System   string           `json:"system,omitempty"`
		Standard string           `json:"standard,omitempty"`
		Rights   []identity.Right `json:"rights"`
		Purposes []string         `json:"purposes"`
		Types    []string         `json:"types,omitempty"`
		Bound    bool             `json:"bound"`
	}
	var out []role
	for _, r := range identity.Roles() {
		out = append(out, role(r))
	}
	face.Write(w, http.StatusOK, map[string]any{"roles": out})
	return nil
}
