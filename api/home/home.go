// Package home is the pages on which a patient decides at this hospital with nothing
// but a browser: what she allows, her recovery kit, and the way back in when her
// devices are lost. Their scripts call the portal; this package decides nothing.
//
// Trust: pages and scripts come from the hospital, as the text to sign does. Her
// passkey signs what the page computed. Codes of her kit and stop secrets are made
// and used in the browser; the hospital gets their images, and a secret only when
// she uses it.
package home

import (
	"encoding/hex"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"

	"cairn/api/face"
	"cairn/node/fault"
	"cairn/node/grant"
	"cairn/node/identity"
	"cairn/web"
)

// Member is a hospital of the network, as pages name it.
type Member struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Server answers below /home, and /recover.
type Server struct {
	Door    *identity.Door
	Home    string          // member id of this hospital
	Network [32]byte        // id of the ledger
	Members func() []Member // of the network

	pages *template.Template
}

// Handler returns the face.
func (s *Server) Handler() http.Handler {
	s.pages = web.Pages()
	mux := face.NewMux()
	for pattern, page := range map[string]string{"GET /home/consents": "consents.html", "GET /home/kit": "kit.html"} {
		mux.HandleFunc(pattern, s.hers(page))
	}
	mux.HandleFunc("GET /recover", func(w http.ResponseWriter, r *http.Request) { s.show(w, r, "recover.html", identity.Actor{}) })
	return mux
}

// titles of pages.
var titles = map[string]string{"consents.html": "What you allow", "kit.html": "Your recovery kit", "recover.html": "Lost your device?"}

// frame is what every page shows.
type frame struct {
	Title, Hospital, Return string
}

// hers shows a page to a patient who is signed in; who is not signs in first.
func (s *Server) hers(page string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, err := s.Door.SessionActor(r)
		switch {
		case fault.Is(err, fault.Unauthenticated):
			http.Redirect(w, r, "/signin?"+url.Values{"return": {r.URL.Path}}.Encode(), http.StatusSeeOther)
		case err != nil:
			s.problem(w, r, err)
		case who.Kind() != identity.Patient:
			s.problem(w, r, fault.New(fault.Refused, "policy.own-records", "this page is for patients"))
		default:
			s.show(w, r, page, who)
		}
	}
}

// show writes a page. Scripts find in its data attributes what they need of the
// network, which is public, and the id by which the hospital knows her.
func (s *Server) show(w http.ResponseWriter, r *http.Request, page string, who identity.Actor) {
	members := s.Members()
	list, err := json.Marshal(members)
	if err == nil {
		err = face.Page(w, http.StatusOK, s.pages, page, struct {
			frame
			Home, Network, Subject, List string
			Members                      []Member
			Kinds                        []grant.Kind
		}{frame{titles[page], s.Door.Hospital(), ""}, s.Home, hex.EncodeToString(s.Network[:]), who.Patient(), string(list), members, grant.Kinds()})
	}
	if err != nil {
		s.problem(w, r, err)
	}
}

func (s *Server) problem(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.As(err)
	face.Note(r, f)
	data := struct {
		frame
		Text, Hint string
	}{frame{"That did not work", s.Door.Hospital(), "/signin"}, f.Text, f.Hint}
	if face.Page(w, face.Status(f.Kind), s.pages, "problem.html", data) != nil {
		http.Error(w, "broken", http.StatusInternalServerError)
	}
}
