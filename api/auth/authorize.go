package auth

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"cairn/api/face"
	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/oauth"
	"cairn/node/record"
)

// maxQuery bounds an authorization request.
const maxQuery = 16 << 10

// page is a handler whose errors people see, or apps by way of their browsers.
func (s *Server) page(serve func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		err := serve(w, r)
		var refusal *oauth.Refusal
		switch {
		case err == nil:
		case errors.As(err, &refusal) && refusal.Back != "":
			face.Note(r, fault.Wrap(fault.Invalid, refusal.Code, refusal.Text, refusal.Cause))
			http.Redirect(w, r, refusal.Back, http.StatusSeeOther)
		case errors.As(err, &refusal):
			s.problem(w, r, fault.Wrap(fault.Invalid, refusal.Code, refusal.Text, refusal.Cause).WithHint("Nothing was sent to the app. Tell whoever runs it."))
		default:
			s.problem(w, r, err)
		}
	}
}

// frame is what every page shows.
type frame struct {
	Title, Hospital, Return string
}

// policy of pages: nothing but styles of this origin; answers go here, and from here
// to the app.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

func (s *Server) show(w http.ResponseWriter, status int, page, redirect string, data any) error {
	return s.showAt(w, status, page, source(redirect), data)
}

// showAt shows a page whose forms may lead to further sources of a policy.
func (s *Server) showAt(w http.ResponseWriter, status int, page, sources string, data any) error {
	var out bytes.Buffer
	if err := s.pages.ExecuteTemplate(&out, page, data); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy+sources)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	w.WriteHeader(status)
	w.Write(out.Bytes()) //nolint:errcheck // the client has gone
	return nil
}

// source is an app's address as a source of a policy: browsers hold the redirect
// after a form to form-action as well.
func source(redirect string) string {
	u, err := url.Parse(redirect)
	switch {
	case redirect == "" || err != nil:
		return ""
	case u.Host == "":
		return " " + u.Scheme + ":"
	}
	return " " + u.Scheme + "://" + u.Host
}

func (s *Server) problem(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.As(err)
	face.Note(r, f)
	data := struct {
		frame
		Text, Hint string
	}{frame{"That did not work", s.Door.Hospital(), ""}, f.Text, f.Hint}
	if s.show(w, face.Status(f.Kind), "problem.html", "", data) != nil {
		http.Error(w, "broken", http.StatusInternalServerError)
	}
}

// authorize takes an authorization request (SMART App Launch 2.2, 2.0.7), by GET or
// POST: it has the person sign in, say whom the app is for, and allow it.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) error {
	query, err := requested(w, r)
	if err != nil {
		return err
	}
	asked, err := s.Apps.Read(r.Context(), query)
	if err != nil {
		return err
	}
	who, err := s.Door.SessionActor(r)
	if err != nil && !fault.Is(err, fault.Unauthenticated) {
		return err
	}
	if err != nil || !asked.Fresh(who) {
		if asked.Prompt == "none" {
			http.Redirect(w, r, s.Apps.Denied(asked, "login_required", "Nobody is signed in here, or not lately enough."), http.StatusSeeOther)
			return nil
		}
		to := url.Values{"return": {"/auth/authorize?" + asked.Query()}}
		if err == nil {
			to.Set("prompt", "login")
		}
		http.Redirect(w, r, "/signin?"+to.Encode(), http.StatusSeeOther)
		return nil
	}
	offer, err := s.Apps.Offer(r.Context(), asked, who, "")
	if err != nil {
		return err
	}
	return s.proceed(w, r, offer, who)
}

// requested reads the parameters of an authorization request.
func requested(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	text := r.URL.RawQuery
	if r.Method == http.MethodPost {
		body, err := face.BodyUpTo(w, r, maxQuery, "application/x-www-form-urlencoded")
		if err != nil {
			return nil, err
		}
		text = string(body)
	}
	query, err := url.ParseQuery(text)
	if err != nil || len(text) > maxQuery {
		return nil, fault.Wrap(fault.Invalid, "form", "the app's request cannot be read", err)
	}
	return query, nil
}

// proceed shows the next page of an offer, or sends the browser back to the app.
func (s *Server) proceed(w http.ResponseWriter, r *http.Request, o *oauth.Offer, who identity.Actor) error {
	silent := o.Asked.Prompt == "none"
	switch {
	case o.NeedsPatient && silent:
		http.Redirect(w, r, s.Apps.Denied(o.Asked, "interaction_required", "Somebody has to say whom the app is for."), http.StatusSeeOther)
		return nil
	case o.NeedsPatient:
		return s.picker(w, o, who, "", nil)
	case o.Known:
		to, err := s.Apps.Allow(r.Context(), o, who, o.Scopes.List())
		if err == nil {
			http.Redirect(w, r, to, http.StatusSeeOther)
		}
		return err
	case silent:
		http.Redirect(w, r, s.Apps.Denied(o.Asked, "consent_required", "Somebody has to allow it."), http.StatusSeeOther)
		return nil
	}
	return s.consent(w, r, o, who)
}

// consent asks whether the app may.
func (s *Server) consent(w http.ResponseWriter, r *http.Request, o *oauth.Offer, who identity.Actor) error {
	ticket, err := s.Apps.Carry(o, who)
	if err != nil {
		return err
	}
	data := struct {
		frame
		App, Registrant, Site, For, Ticket, Lasting string
		Choices                                     []choice
		Hidden                                      []string
		Offline                                     bool
	}{frame: frame{"Allow this app?", s.Door.Hospital(), ""}, App: o.Asked.App.Name, Registrant: o.Asked.App.Registrant, Site: o.Asked.App.Site,
		Ticket: ticket, Lasting: lasting(o.Scopes), Offline: o.Scopes.Has("offline_access")}
	data.Choices, data.Hidden = choices(o.Scopes)
	switch {
	case who.Kind() == identity.Patient:
		data.For = "you"
	case o.Context.Patient != "":
		if data.For, err = s.nameOf(r.Context(), who, o.Context.Patient); err != nil {
			return err
		}
	}
	return s.show(w, http.StatusOK, "consent.html", o.Asked.Redirect(), data)
}

// nameOf reads a patient's name, as any read of it is: through the gate.
func (s *Server) nameOf(ctx context.Context, who identity.Actor, id string) (string, error) {
	v, err := s.Records.Read(ctx, who, "Patient", id)
	if err != nil {
		return "", err
	}
	return described(v).Name, nil
}

// decision takes the person's answer.
func (s *Server) decision(w http.ResponseWriter, r *http.Request) error {
	f, who, err := s.answered(w, r)
	if err != nil {
		return err
	}
	offer, err := s.Apps.Carried(r.Context(), f.Get("ticket"), who, "")
	if err != nil {
		return err
	}
	if f.Get("decision") != "allow" {
		http.Redirect(w, r, s.Apps.Denied(offer.Asked, "access_denied", "The person did not allow it."), http.StatusSeeOther)
		return nil
	}
	to, err := s.Apps.Allow(r.Context(), offer, who, f["scope"])
	if err == nil {
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
	return err
}

// answered reads what a page of ours sent, and who.
func (s *Server) answered(w http.ResponseWriter, r *http.Request) (url.Values, identity.Actor, error) {
	who, err := s.Door.SessionActor(r)
	if err != nil {
		return nil, who, err
	}
	body, err := face.BodyUpTo(w, r, maxForm, "application/x-www-form-urlencoded")
	if err != nil {
		return nil, who, err
	}
	f, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, who, fault.Wrap(fault.Invalid, "form", "what the page sent cannot be read", err)
	}
	return f, who, nil
}

// found is a patient as the picker shows her.
type found struct{ ID, Name, Born, Number string }

// described takes out of a patient's record what tells her from others.
func described(v record.Version) found {
	out := found{ID: v.ID, Name: "a patient without a name"}
	doc, err := resource.Parse(v.Raw, resource.Limits{})
	if err != nil {
		return out
	}
	for n := range doc.Root().Get("name").Items() {
		if text, ok := n.Get("text").Text(); ok {
			out.Name = text
			break
		}
		var parts []string
		for g := range n.Get("given").Items() {
			if text, ok := g.Text(); ok {
				parts = append(parts, text)
			}
		}
		if text, ok := n.Get("family").Text(); ok {
			parts = append(parts, text)
		}
		if len(parts) > 0 {
			out.Name = strings.Join(parts, " ")
			break
		}
	}
	out.Born, _ = doc.Root().Get("birthDate").Text()
	for n := range doc.Root().Get("identifier").Items() {
		if out.Number, _ = n.Get("value").Text(); out.Number != "" {
			break
		}
	}
	return out
}

// mostFound is how many patients the picker shows.
const mostFound = 20

// picker asks the staff whom an app is for.
func (s *Server) picker(w http.ResponseWriter, o *oauth.Offer, who identity.Actor, looked string, list []found) error {
	ticket, err := s.Apps.Carry(o, who)
	if err != nil {
		return err
	}
	data := struct {
		frame
		App, Ticket, Looked string
		Found               []found
		More                bool
	}{frame{"Which patient?", s.Door.Hospital(), ""}, o.Asked.App.Name, ticket, looked, list, len(list) == mostFound}
	return s.show(w, http.StatusOK, "patient.html", o.Asked.Redirect(), data)
}

// patient takes what the picker sent: whom to look for, or whom the app is for.
func (s *Server) patient(w http.ResponseWriter, r *http.Request) error {
	f, who, err := s.answered(w, r)
	if err != nil {
		return err
	}
	chosen := f.Get("patient")
	if chosen != "" && !resource.ValidID(chosen) {
		return fault.New(fault.Invalid, "value", "this is no patient")
	}
	offer, err := s.Apps.Carried(r.Context(), f.Get("ticket"), who, chosen)
	if err != nil {
		return err
	}
	if chosen == "" {
		list, err := s.look(r.Context(), who, strings.TrimSpace(f.Get("look")))
		if err != nil {
			return err
		}
		return s.picker(w, offer, who, f.Get("look"), list)
	}
	if _, err := s.nameOf(r.Context(), who, chosen); err != nil { // whom she may not see, no app is started for
		return err
	}
	return s.proceed(w, r, offer, who)
}

// look searches patients by name, birth date or number, through the gate.
func (s *Server) look(ctx context.Context, who identity.Actor, text string) ([]found, error) {
	if text == "" {
		return nil, nil
	}
	by := "name"
	switch {
	case len(text) == 10 && text[4] == '-' && text[7] == '-':
		by = "birthdate"
	case strings.ContainsAny(text, "0123456789"):
		by = "identifier"
	}
	values := url.Values{by: {search.Escape(text)}, "_count": {"20"}}
	q, err := record.ParseSearch("Patient", values, search.Options{})
	if err != nil {
		return nil, err
	}
	page, err := s.Records.Search(ctx, who, q, "Patient?"+values.Encode())
	if err != nil {
		return nil, err
	}
	var out []found
	for _, v := range page.Versions {
		out = append(out, described(v))
	}
	return out, nil
}
