package staff

import (
	"encoding/json"
	"net/http"
	"time"

	"cairn/api/face"
	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/order"
)

// enterOrder takes what a court or another authority ordered.
func (s *Server) enterOrder(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	var in struct {
		Patient    string   `json:"patient"`
		Authority  string   `json:"authority"`
		Reference  string   `json:"reference"`
		Types      []string `json:"types,omitempty"`
		Categories []string `json:"categories,omitempty"`
		From       string   `json:"from,omitempty"`
		To         string   `json:"to,omitempty"`
		Until      string   `json:"until"`
		Opens      string   `json:"opens,omitempty"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	until, err := instant(in.Until, "until")
	if err != nil {
		return err
	}
	opens, err := instant(in.Opens, "opens")
	if err != nil {
		return err
	}
	o, err := s.Orders.Enter(r.Context(), actor, order.Wish{Patient: in.Patient, Authority: in.Authority, Reference: in.Reference, Types: in.Types, Categories: in.Categories,
		From: in.From, To: in.To, Until: until, Opens: opens})
	if err != nil {
		return err
	}
	face.Write(w, http.StatusCreated, OrderShown(o))
	return nil
}

// instant reads a time; "" is none.
func instant(text, member string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, fault.New(fault.Invalid, member, member+" is a time").WithHint("for example: 2027-01-31T12:00:00Z")
	}
	return t.UnixMilli(), nil
}

func (s *Server) orders(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	before, err := beforeOf(r, "entered")
	if err != nil {
		return err
	}
	list, err := s.Orders.List(r.Context(), actor, before)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, Orders(list))
	return nil
}

func (s *Server) approveOrder(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	o, err := s.Orders.Approve(r.Context(), actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, OrderShown(o))
	return nil
}

// extendOrder approves that the patient is told later.
func (s *Server) extendOrder(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	var in struct {
		Opens string `json:"opens"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	opens, err := instant(in.Opens, "opens")
	if err != nil {
		return err
	}
	o, err := s.Orders.Extend(r.Context(), actor, r.PathValue("id"), opens)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, OrderShown(o))
	return nil
}

func (s *Server) endOrder(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	if err := s.Orders.End(r.Context(), actor, r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// openOrder gives the token with which the FHIR interface shows what is ordered.
func (s *Server) openOrder(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	token, err := s.Orders.Open(r.Context(), actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, map[string]any{"access_token": token.Access, "token_type": "bearer", "expires_in": int(token.Expires.Seconds()), "patient": token.Actor.Patient()})
	return nil
}

// handedOut lists what was handed out by an order: the exact bytes of the log's
// entries.
func (s *Server) handedOut(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	list, err := s.Orders.Disclosures(r.Context(), actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	type entry struct {
		Index uint64          `json:"index"`
		Event json.RawMessage `json:"event"`
	}
	out := make([]entry, len(list))
	for i, e := range list {
		out[i] = entry{e.Index, e.Raw}
	}
	face.Write(w, http.StatusOK, map[string]any{"entries": out})
	return nil
}

// Orders is a list of orders as JSON shows it.
func Orders(list []order.Order) map[string]any {
	out := make([]map[string]any, len(list))
	for i, o := range list {
		out[i] = OrderShown(o)
	}
	return map[string]any{"orders": out}
}

// OrderShown is an order as JSON shows it.
func OrderShown(o order.Order) map[string]any {
	out := map[string]any{"id": o.ID, "patient": o.Subject, "authority": o.Authority, "reference": o.Reference, "entered": at(o.Begun), "by": o.Person, "name": o.Name,
		"role": o.Role, "state": o.State, "until": at(o.Ends), "opens": at(o.Shows), "approvals": approvals(o.Approvals)}
	if len(o.Types) > 0 {
		out["types"] = o.Types
	}
	if len(o.Categories) > 0 {
		out["categories"] = o.Categories
	}
	if o.Data.Lo != 0 && o.Data.Lo != resource.Past {
		out["from"] = at(o.Data.Lo)
	}
	if o.Data.Hi != 0 && o.Data.Hi != resource.Future {
		out["before"] = at(o.Data.Hi)
	}
	if o.Later != nil {
		out["later"] = map[string]any{"opens": at(o.Later.Opens), "approvals": approvals(o.Later.Approvals)}
	}
	return out
}

func approvals(list []order.Approval) []map[string]any {
	out := make([]map[string]any, len(list))
	for i, a := range list {
		out[i] = map[string]any{"person": a.Person, "name": a.Name, "role": a.Role, "at": at(a.At)}
	}
	return out
}
