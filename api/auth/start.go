package auth

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/identity"
)

// starting is what the page shows on which one of the staff opens an app for a
// patient: she looks for him, then chooses him, then the app.
type starting struct {
	frame
	Looked  string
	Found   []found
	More    bool
	Patient *found
	Apps    []startable
}

type startable struct{ ID, Name, Site string }

// startPage shows the page to who is signed in, and has everybody else sign in.
func (s *Server) startPage(w http.ResponseWriter, r *http.Request) error {
	who, err := s.Door.SessionActor(r)
	if fault.Is(err, fault.Unauthenticated) {
		http.Redirect(w, r, "/signin?"+url.Values{"return": {r.URL.Path}}.Encode(), http.StatusSeeOther)
		return nil
	}
	if err == nil {
		_, err = s.Apps.Startable(r.Context(), who)
	}
	if err != nil {
		return err
	}
	return s.showStart(w, starting{}, nil)
}

// start takes what the page sent: whom to look for, whom the app is for, or with
// him the app, which then gets the browser (SMART App Launch 2.2, 2.0.4).
func (s *Server) start(w http.ResponseWriter, r *http.Request) error {
	f, who, err := s.answered(w, r)
	if err != nil {
		return err
	}
	apps, err := s.Apps.Startable(r.Context(), who)
	if err != nil {
		return err
	}
	if f.Get("patient") == "" {
		list, err := s.look(r.Context(), who, strings.TrimSpace(f.Get("look")))
		if err != nil {
			return err
		}
		return s.showStart(w, starting{Looked: f.Get("look"), Found: list, More: len(list) == mostFound}, nil)
	}
	patient, err := s.chosen(r, who, f.Get("patient"))
	if err != nil {
		return err
	}
	if f.Get("app") == "" {
		page, places := starting{Patient: &patient}, []string(nil)
		for _, a := range apps {
			page.Apps = append(page.Apps, startable{a.ID, a.Name, a.Site})
			places = append(places, source(a.Launch))
		}
		slices.Sort(places)
		return s.showStart(w, page, slices.Compact(places))
	}
	to, err := s.Apps.Start(r.Context(), who, f.Get("app"), patient.ID)
	if err == nil {
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
	return err
}

// chosen reads a patient in the name of the person: for whom she may not see, no
// app is started.
func (s *Server) chosen(r *http.Request, who identity.Actor, id string) (found, error) {
	if !resource.ValidID(id) {
		return found{}, fault.New(fault.Invalid, "value", "this is no patient")
	}
	v, err := s.Records.Read(r.Context(), who, "Patient", id)
	if err != nil {
		return found{}, err
	}
	return described(v), nil
}

// showStart shows the page. places are sources of a policy, of apps to which a form
// of the page may lead.
func (s *Server) showStart(w http.ResponseWriter, data starting, places []string) error {
	data.frame = frame{"Open an app", s.Door.Hospital(), ""}
	return s.showAt(w, http.StatusOK, "start.html", strings.Join(places, ""), data)
}
