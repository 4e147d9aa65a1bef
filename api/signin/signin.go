// Package signin is where people sign in with a browser: one page for patients and
// staff, and what its script calls. A sign-in gives a session cookie; no answer
// says whether somebody exists.
package signin

import (
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cairn/api/face"
	"cairn/node/account"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/web"
)

// Server answers below /signin, and /signout.
type Server struct {
	Door     *identity.Door
	Accounts *account.Desk

	pages *template.Template
	tries face.Limit // sign-ins that were tried, by address
}

// Handler returns the face.
func (s *Server) Handler() http.Handler {
	s.pages = web.Pages()
	s.tries.PerSecond, s.tries.Burst = face.SignInsPerSecond, face.SignInsBurst
	mux := face.NewMux()
	for pattern, serve := range map[string]func(http.ResponseWriter, *http.Request) error{
		"POST /signin/options": s.options,
		"POST /signin":         s.signIn,
		"POST /signout":        s.signOut,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-store")
			if err := serve(w, r); err != nil {
				face.Problem(w, r, err)
			}
		})
	}
	for pattern, serve := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /signin":                    s.page,
		"GET /signin/register":           s.registerPage,
		"GET /signin/provider":           s.leave,
		"GET " + identity.ProviderReturn: s.comeBack,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := serve(w, r); err != nil {
				s.problem(w, r, err)
			}
		})
	}
	return face.SameOrigin(mux)
}

// Assets serves the files that pages refer to. Their paths change with them.
func Assets() http.Handler {
	prefix, tree := web.Assets()
	files := http.StripPrefix(prefix, http.FileServerFS(tree))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") { // no listings
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		files.ServeHTTP(w, r)
	})
}

// frame is what every page shows.
type frame struct {
	Title, Hospital, Return string
}

func (s *Server) show(w http.ResponseWriter, status int, page string, data any) error {
	return face.Page(w, status, s.pages, page, data)
}

func (s *Server) problem(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.As(err)
	face.Note(r, f)
	data := struct {
		frame
		Text, Hint string
	}{frame{"That did not work", s.Door.Hospital(), "/signin"}, f.Text, f.Hint}
	if s.show(w, face.Status(f.Kind), "problem.html", data) != nil {
		http.Error(w, "broken", http.StatusInternalServerError)
	}
}

// page shows the sign-in page, or who is signed in. It signs in again who says
// prompt=login, or who signed in longer ago than max_age seconds, or less strongly
// than level.
func (s *Server) page(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	back := Back(q.Get("return"))
	actor, err := s.Door.SessionActor(r)
	if err != nil && !fault.Is(err, fault.Unauthenticated) {
		return err
	}
	if err == nil && !again(q, actor) {
		if back != "/signin" {
			http.Redirect(w, r, back, http.StatusSeeOther)
			return nil
		}
		return s.signedIn(w, actor)
	}
	data := struct {
		frame
		Again          bool
		Role, Provider string
	}{frame{"Sign in", s.Door.Hospital(), back}, err == nil, q.Get("role"), ""}
	if s.Door.HasProvider() {
		to := url.Values{"return": {back}}
		if data.Role != "" {
			to.Set("role", data.Role)
		}
		if data.Again {
			to.Set("again", "1")
		}
		data.Provider = "/signin/provider?" + to.Encode()
	}
	return s.show(w, http.StatusOK, "signin.html", data)
}

// again tells whether who is signed in is to prove it once more.
func again(q url.Values, actor identity.Actor) bool {
	if q.Get("prompt") == "login" {
		return true
	}
	within := 24 * time.Hour
	if n, err := strconv.Atoi(q.Get("max_age")); err == nil && n >= 0 && n < 86400 {
		within = time.Duration(n) * time.Second
	}
	return actor.Assured(identity.LevelNamed(q.Get("level")), within) != nil
}

func (s *Server) signedIn(w http.ResponseWriter, actor identity.Actor) error {
	role := ""
	if r, known := identity.RoleOf(actor.Role()); known {
		role = r.Name
	}
	data := struct {
		frame
		Who, Role       string
		Idle            int
		Patient, Treats bool
	}{frame{"Signed in", s.Door.Hospital(), ""}, actor.Name(), role, int(identity.Idle(actor).Minutes()),
		actor.Kind() == identity.Patient, actor.Kind() == identity.Staff && actor.May(identity.RightRecords)}
	return s.show(w, http.StatusOK, "signedin.html", data)
}

func (s *Server) registerPage(w http.ResponseWriter, r *http.Request) error {
	return s.show(w, http.StatusOK, "register.html", frame{"Set up your passkey", s.Door.Hospital(), Back(r.URL.Query().Get("return"))})
}

// options are PublicKeyCredentialRequestOptions (WebAuthn Level 3, 5.5) for
// anybody: no credential is named, so the device offers what it has.
func (s *Server) options(w http.ResponseWriter, _ *http.Request) error {
	in := s.Door.Challenge()
	face.Write(w, http.StatusOK, map[string]any{"nonce": in.Nonce, "publicKey": map[string]any{
		"challenge": in.Challenge, "rpId": in.RPID, "userVerification": "required", "timeout": in.Timeout.Milliseconds(), "allowCredentials": []any{},
	}})
	return nil
}

// signIn takes a passkey's assertion and answers with a session cookie. The
// session that the browser had before is over, whoever's it was.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Nonce     string          `json:"nonce"`
		Assertion face.Credential `json:"assertion"`
		Role      string          `json:"role,omitempty"`
		Return    string          `json:"return,omitempty"`
	}
	if err := face.JSON(w, r, face.MaxJSON, &in); err != nil {
		return err
	}
	nonce, err := face.Nonce(in.Nonce)
	if err != nil {
		return err
	}
	assertion, err := in.Assertion.Assertion()
	if err != nil {
		return err
	}
	if !s.tries.Allows(r, 1) {
		return fault.New(fault.Busy, "rate", "too many sign-ins fail from this address").WithHint("wait a few seconds, then try again")
	}
	at := identity.Attempt{Nonce: nonce, Assertion: assertion, Role: in.Role}
	at.Now, _ = s.Door.SessionActor(r) // nobody, if nobody is
	secret, _, err := s.Accounts.SignIn(r.Context(), at, s.entrance(r))
	if err != nil {
		return err
	}
	s.tries.Return(r, 1)
	http.SetCookie(w, s.Door.Cookie(secret))
	face.Write(w, http.StatusOK, map[string]string{"return": Back(in.Return)})
	return nil
}

func (s *Server) entrance(r *http.Request) account.Entrance {
	return account.Entrance{Device: face.Device(r), Instead: s.Door.Instead(r)}
}

// leave sends the browser to the hospital's OpenID provider.
func (s *Server) leave(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	to, cookie, err := s.Door.BeginProvider(r.Context(), identity.Errand{Return: Back(q.Get("return")), Role: q.Get("role"), Again: q.Get("again") != ""})
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	http.SetCookie(w, cookie)
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// comeBack takes the browser that the provider sends back.
func (s *Server) comeBack(w http.ResponseWriter, r *http.Request) error {
	if !s.tries.Allows(r, 1) {
		return fault.New(fault.Busy, "rate", "too many sign-ins fail from this address").WithHint("wait a few seconds, then try again")
	}
	w.Header().Set("Cache-Control", "no-store")
	http.SetCookie(w, s.Door.NoErrand())
	secret, errand, err := s.Accounts.Vouched(r, s.entrance(r))
	if err != nil {
		return err
	}
	s.tries.Return(r, 1)
	http.SetCookie(w, s.Door.Cookie(secret))
	http.Redirect(w, r, Back(errand.Return), http.StatusSeeOther)
	return nil
}

// leftBehind is what a browser forgets of this origin at a sign-out. Cookies are
// not named: the browser would drop those of the hospital's other sites below the
// same domain too.
const leftBehind = `"cache", "storage"`

// signOut ends the session of the request and takes its cookie away, also from who
// has one that is over.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request) error {
	actor, err := s.Door.SessionActor(r)
	if err == nil {
		err = s.Accounts.End(r.Context(), actor, actor.Session())
	}
	if err != nil && !fault.Is(err, fault.Unauthenticated) && !fault.Is(err, fault.NotFound) {
		return err
	}
	http.SetCookie(w, s.Door.NoCookie())
	w.Header().Set("Clear-Site-Data", leftBehind)
	face.Write(w, http.StatusOK, map[string]string{"return": "/signin"})
	return nil
}

// Back returns where a browser goes after a sign-in: a path of this origin, or
// the sign-in page itself in the place of anything else.
func Back(to string) string {
	u, err := url.Parse(to)
	if err != nil || len(to) > 4096 || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" ||
		!strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.ContainsAny(to, "\\\t\r\n") {
		return "/signin"
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String()
}
