// Package staff is the face for people who work at the hospital: the claims with
// which they say that they treat a patient, break-the-glass and its reviews, legal orders. Their passkeys and sessions are at the
// portal's addresses. Who asks has the session cookie, or is vouched for by the
// hospital's software with a bearer token.
package staff

import (
	"math"
	"net/http"
	"time"

	"cairn/api/face"
	"cairn/node/emergency"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/order"
	"cairn/node/staff"
)

// Server answers requests below /staff.
type Server struct {
	Door        *identity.Door
	Staff       *staff.Desk
	Emergencies *emergency.Desk
	Orders      *order.Desk
}

// Handler returns the face.
func (s *Server) Handler() http.Handler {
	mux := face.NewMux()
	for pattern, serve := range map[string]func(http.ResponseWriter, *http.Request, identity.Actor) error{
		"GET /staff/reasons":        s.reasons,
		"POST /staff/claims":        s.claim,
		"GET /staff/claims":         s.claims,
		"DELETE /staff/claims/{id}": s.withdraw,

		"GET /staff/emergencies/reasons":       s.emergencyReasons,
		"POST /staff/emergencies":              s.breakGlass,
		"GET /staff/emergencies":               s.emergencies,
		"POST /staff/emergencies/{id}/whole":   s.widen,
		"DELETE /staff/emergencies/{id}":       s.endEmergency,
		"DELETE /staff/emergencies/{id}/delay": s.tell,
		"GET /staff/reviews":                   s.reviews,
		"PUT /staff/reviews/{id}":              s.review,

		"POST /staff/orders":                 s.enterOrder,
		"GET /staff/orders":                  s.orders,
		"POST /staff/orders/{id}/approvals":  s.approveOrder,
		"POST /staff/orders/{id}/extensions": s.extendOrder,
		"POST /staff/orders/{id}/token":      s.openOrder,
		"GET /staff/orders/{id}/disclosures": s.handedOut,
		"DELETE /staff/orders/{id}":          s.endOrder,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			actor, err := s.Door.Caller(r)
			if err == nil {
				w.Header().Set("Cache-Control", "no-store")
				err = serve(w, r, actor)
			}
			if err != nil {
				face.Problem(w, r, err)
			}
		})
	}
	return face.SameOrigin(mux)
}

func (s *Server) reasons(w http.ResponseWriter, _ *http.Request, _ identity.Actor) error {
	type reason struct {
		Code string `json:"code"`
		Text string `json:"text"`
	}
	var out []reason
	for _, r := range staff.Reasons() {
		out = append(out, reason(r))
	}
	face.Write(w, http.StatusOK, map[string]any{"reasons": out})
	return nil
}

// claim takes "I treat this patient because ...".
func (s *Server) claim(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	var in struct {
		Patient string `json:"patient"`
		Reason  string `json:"reason"`
		Text    string `json:"text"`
		Hours   int    `json:"hours,omitempty"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	c, err := s.Staff.Claim(r.Context(), actor, staff.Wish(in))
	if err != nil {
		return err
	}
	face.Write(w, http.StatusCreated, Shown(c))
	return nil
}

// claims lists one's own claims; to a privacy officer all, a page at a time.
func (s *Server) claims(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	before, err := beforeOf(r, "made")
	if err != nil {
		return err
	}
	list, err := s.Staff.Claims(r.Context(), actor, before)
	if err != nil {
		return err
	}
	face.Write(w, http.StatusOK, List(list))
	return nil
}

// beforeOf is where a page of a list begins.
func beforeOf(r *http.Request, member string) (int64, error) {
	text := r.URL.Query().Get("before")
	if text == "" {
		return math.MaxInt64, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, fault.New(fault.Invalid, "before", "before is a time, as `"+member+"` says it")
	}
	return at.UnixMilli(), nil
}

func (s *Server) withdraw(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	if err := s.Staff.Withdraw(r.Context(), actor, r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// List is a list of claims as JSON shows it.
func List(list []gate.Claim) map[string]any {
	out := make([]map[string]any, len(list))
	for i, c := range list {
		out[i] = Shown(c)
	}
	return map[string]any{"claims": out}
}

// Shown is a claim as JSON shows it.
func Shown(c gate.Claim) map[string]any {
	return map[string]any{"id": c.ID, "patient": c.Subject, "person": c.Person, "name": c.Name, "role": c.Role, "reason": c.Reason, "text": c.Text,
		"made": at(c.Made), "ends": at(c.Ends), "withdrawn": c.Withdrawn}
}

// at is a time as JSON shows it, "" for none.
func at(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
}
