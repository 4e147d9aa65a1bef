package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/ory/fosite"
	"github.com/ory/fosite/token/jwt"

	"cairn/fhir/scope"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/oauth/registration"
	"cairn/node/store"
	"cairn/proof"
)

// Asked is an authorization request (SMART App Launch 2.2, 2.0.7) that was read and
// found sound.
type Asked struct {
	App    registration.App
	Scopes scope.Set // asked for, as far as the app may have them
	Prompt string    // none, login, consent, select_account, or ""
	MaxAge int       // seconds since the sign-in at most; -1: it does not say
	Launch string    // of an EHR, "" for none

	app   *record
	query url.Values
}

// Query returns the request as the query part of a URL, for after a sign-in that it
// asked for: it then asks for one that was just now.
func (a *Asked) Query() string {
	q := make(url.Values, len(a.query))
	for k, v := range a.query {
		q[k] = v
	}
	if a.anew() {
		q.Del("prompt")
		q.Set("max_age", "300")
	}
	return q.Encode()
}

// Redirect returns where the browser goes with the answer.
func (a *Asked) Redirect() string { return a.query.Get("redirect_uri") }

// Refusal is why an authorization request cannot go on. With Back, the app is told
// (RFC 6749, 4.1.2.1); without, only the person is: the address cannot be trusted.
type Refusal struct {
	Code, Text string
	Back       string
	Cause      error
}

func (r *Refusal) Error() string { return r.Text }

// Unwrap returns what a log is to say.
func (r *Refusal) Unwrap() error { return r.Cause }

// parameters are those of an authorization request that mean something here. Each
// stands once at most (RFC 6749, 3.1).
var parameters = []string{
	"response_type", "client_id", "redirect_uri", "scope", "state", "aud", "launch", "code_challenge", "code_challenge_method", "nonce", "prompt",
	"max_age", "response_mode",
}

// Read reads an authorization request. It fails with a *Refusal.
func (d *Desk) Read(ctx context.Context, query url.Values) (*Asked, error) {
	a := &Asked{query: make(url.Values), MaxAge: -1}
	for _, name := range parameters {
		if values := query[name]; len(values) == 1 {
			a.query.Set(name, values[0])
		}
	}
	app, err := d.find(ctx, a.query.Get("client_id"))
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	if err != nil || !app.ForPersons() {
		return nil, &Refusal{Code: "invalid_client", Text: "This app is not known here."}
	}
	a.app, a.App = app, app.App
	if !slices.Contains(app.Redirects, a.query.Get("redirect_uri")) {
		return nil, &Refusal{Code: "invalid_redirect_uri", Text: "The app asks for an answer at an address that it is not registered with."}
	}
	for _, check := range []func(url.Values) *Refusal{a.once, d.form, a.scopes, a.prompts} {
		if r := check(query); r != nil {
			r.Back = d.Back(a, url.Values{"error": {r.Code}, "error_description": {r.Text}})
			return nil, r
		}
	}
	if _, err := d.fosite(ctx, a); err != nil {
		return nil, d.refused(a, err)
	}
	return a, nil
}

// Back returns where the browser goes with an answer: the app's address, with the
// state and who answers (RFC 9207).
func (d *Desk) Back(a *Asked, answer url.Values) string {
	to, err := url.Parse(a.query.Get("redirect_uri"))
	if err != nil {
		return "" // it is one of the register
	}
	q := to.Query()
	for k, v := range answer {
		q[k] = v
	}
	if state := a.query.Get("state"); state != "" {
		q.Set("state", state)
	}
	q.Set("iss", d.Root)
	to.RawQuery = q.Encode()
	return to.String()
}

// Denied is the answer that somebody, or something, has not allowed it.
func (d *Desk) Denied(a *Asked, code, text string) string {
	return d.Back(a, url.Values{"error": {code}, "error_description": {text}})
}

// refused is what fosite found wrong.
func (d *Desk) refused(a *Asked, err error) error {
	var f *fosite.RFC6749Error
	if !errors.As(err, &f) || f.CodeField >= http.StatusInternalServerError {
		return err
	}
	text := f.HintField
	if text == "" {
		text = f.DescriptionField
	}
	return &Refusal{Code: f.ErrorField, Text: text, Back: d.Back(a, url.Values{"error": {f.ErrorField}, "error_description": {text}}), Cause: err}
}

// once refuses parameters that stand twice, and those that bring a request in
// another way.
func (a *Asked) once(query url.Values) *Refusal {
	for _, name := range parameters {
		if len(query[name]) > 1 {
			return &Refusal{Code: "invalid_request", Text: "The parameter " + name + " stands more than once."}
		}
	}
	for name, code := range map[string]string{"request": "request_not_supported", "request_uri": "request_uri_not_supported", "registration": "registration_not_supported"} {
		if query.Has(name) {
			return &Refusal{Code: code, Text: "The parameter " + name + " is not taken here."}
		}
	}
	return nil
}

// maxParameter bounds state and nonce.
const maxParameter = 2000

// form checks what SMART and PKCE ask for.
func (d *Desk) form(q url.Values) *Refusal {
	switch {
	case q.Get("response_type") != "code":
		return &Refusal{Code: "unsupported_response_type", Text: "The response_type must be code."}
	case q.Get("response_mode") != "" && q.Get("response_mode") != "query":
		return &Refusal{Code: "invalid_request", Text: "The response_mode must be query, or left out."}
	case strings.TrimSuffix(q.Get("aud"), "/") != d.Base():
		return &Refusal{Code: "invalid_request", Text: "The parameter aud must be " + d.Base() + "."}
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43:
		return &Refusal{Code: "invalid_request", Text: "PKCE with code_challenge_method=S256 is required."}
	case len(q.Get("state")) < minEntropy || len(q.Get("state")) > maxParameter:
		return &Refusal{Code: "invalid_request", Text: "The state must have 16 characters at least, which nobody can guess."}
	case q.Get("nonce") != "" && len(q.Get("nonce")) < minEntropy || len(q.Get("nonce")) > maxParameter:
		return &Refusal{Code: "invalid_request", Text: "The nonce must have 16 characters at least, which nobody can guess."}
	}
	return nil
}

// scopes reads what is asked for, and leaves what the app may have.
func (a *Asked) scopes(q url.Values) *Refusal {
	asked, err := scope.Parse(q.Get("scope"))
	if err != nil {
		return &Refusal{Code: "invalid_scope", Text: err.Error(), Cause: err}
	}
	a.Scopes = scope.Intersect(asked, a.app.Allowed()).Only(scope.Patient, scope.User)
	if a.Launch = q.Get("launch"); a.Launch == "" || !a.Scopes.Has("launch") {
		a.Scopes, a.Launch = a.Scopes.Without([]string{"launch"}), ""
	}
	if a.Scopes.Empty() {
		return &Refusal{Code: "invalid_scope", Text: "None of the scopes that are asked for can be given to this app."}
	}
	a.query.Set("scope", a.Scopes.String())
	return nil
}

// prompts reads what the app wants to be asked (OpenID Connect Core 1.0, 3.1.2.1).
func (a *Asked) prompts(q url.Values) *Refusal {
	if a.Prompt = q.Get("prompt"); a.Prompt != "" && !slices.Contains([]string{"none", "login", "consent", "select_account"}, a.Prompt) {
		return &Refusal{Code: "invalid_request", Text: "The prompt must be one of none, login, consent, select_account."}
	}
	if text := q.Get("max_age"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return &Refusal{Code: "invalid_request", Text: "The max_age is a number of seconds."}
		}
		a.MaxAge = n
	}
	return nil
}

// fosite has the library read the request as well. What this desk sees to itself is
// left out.
func (d *Desk) fosite(ctx context.Context, a *Asked) (fosite.AuthorizeRequester, error) {
	q := make(url.Values)
	for name, values := range a.query {
		if !has([]string{"prompt", "max_age", "response_mode", "aud", "launch"}, name) {
			q[name] = values
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.Root+"/auth/authorize?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	return d.provider.NewAuthorizeRequest(ctx, r)
}

// anew tells whether the person is to sign in for this request, whenever she did
// last.
func (a *Asked) anew() bool {
	return a.Prompt == "login" || a.Prompt == "select_account" || a.MaxAge >= 0 && a.MaxAge < 60
}

// Fresh tells whether a person signed in lately enough for a request.
func (a *Asked) Fresh(who identity.Actor) bool {
	if a.anew() {
		return false
	}
	return a.MaxAge < 0 || time.Since(who.Assurance().At) <= time.Duration(a.MaxAge)*time.Second
}

// Context is for whom an app is started.
type Context struct {
	Patient   string `json:"patient,omitempty"`
	Encounter string `json:"encounter,omitempty"`
	Banner    bool   `json:"banner,omitempty"` // the app must show whose records it shows: nothing around it does
}

// Offer is what a person is asked: what an app would be let do.
type Offer struct {
	Asked        *Asked
	Context      Context
	Scopes       scope.Set // what can be given to her app
	NeedsPatient bool      // she is to say which patient the app is for
	Known        bool      // she allowed all of it before
}

// Offer returns what a person who is signed in would let the app do. patient is whom
// she chose, "" for nobody yet. It fails with a *Refusal.
func (d *Desk) Offer(ctx context.Context, a *Asked, who identity.Actor, patient string) (*Offer, error) {
	if who.Kind() != identity.Patient && who.Kind() != identity.Staff {
		return nil, d.refusal(a, "access_denied", "Who acts for somebody else does so here, not by an app.")
	}
	o := &Offer{Asked: a, Scopes: a.Scopes, Context: Context{Patient: patient, Banner: true}}
	if a.Launch != "" {
		at, err := d.launched(ctx, a, who)
		if err != nil {
			return nil, err
		}
		o.Context = at
	}
	wants := a.Scopes.Has("launch/patient") || a.Scopes.Of(scope.Patient)
	if who.Kind() == identity.Patient {
		if o.Context.Patient != "" && o.Context.Patient != who.Patient() {
			return nil, d.refusal(a, "access_denied", "The app was started for somebody else.")
		}
		o.Context.Patient = who.Patient()
	}
	if !wants && a.Launch == "" {
		o.Context = Context{}
	}
	o.NeedsPatient = wants && o.Context.Patient == ""
	if o.Context.Encounter == "" {
		o.Scopes = o.Scopes.Without([]string{"launch/encounter"})
	}
	if who.FHIRUser() == "" {
		o.Scopes = o.Scopes.Without([]string{"fhirUser"})
	}
	var err error
	o.Known, err = d.known(ctx, a, who, o.Scopes)
	return o, err
}

func (d *Desk) refusal(a *Asked, code, text string) *Refusal {
	return &Refusal{Code: code, Text: text, Back: d.Denied(a, code, text)}
}

// carried is what a page carries from an offer to its answer.
type carried struct {
	Query   string `json:"query"`
	Patient string `json:"patient"`
	Session string `json:"session"`
	At      int64  `json:"at"` // Unix milliseconds
}

// carryLife is how long a person may take to answer.
const carryLife = 30 * time.Minute

// Carry seals an offer for the page that shows it; only the same browser session can
// answer it.
func (d *Desk) Carry(o *Offer, who identity.Actor) (string, error) {
	plain, err := json.Marshal(carried{o.Asked.query.Encode(), o.Context.Patient, who.Session(), time.Now().UnixMilli()})
	if err != nil {
		return "", err
	}
	return d.Door.Seal("authorize", plain), nil
}

// Carried opens what Carry sealed, and reads and offers anew what it says. patient
// is whom she chose since, "" for nobody.
func (d *Desk) Carried(ctx context.Context, text string, who identity.Actor, patient string) (*Offer, error) {
	plain, err := d.Door.Unseal("authorize", text)
	if err != nil {
		return nil, err
	}
	var c carried
	if err := json.Unmarshal(plain, &c); err != nil {
		return nil, err
	}
	if c.Session == "" || c.Session != who.Session() || time.Since(time.UnixMilli(c.At)) > carryLife {
		return nil, fault.New(fault.Invalid, "carried", "this page was for somebody else, or too long ago").WithHint("go back to the app and start again")
	}
	query, err := url.ParseQuery(c.Query)
	if err != nil {
		return nil, err
	}
	a, err := d.Read(ctx, query)
	if err != nil {
		return nil, err
	}
	if patient == "" {
		patient = c.Patient
	}
	return d.Offer(ctx, a, who, patient)
}

// Allow lets the app do what of an offer the person left, and returns where her
// browser goes. scopes are those that she left, as scope.Set.List writes them.
func (d *Desk) Allow(ctx context.Context, o *Offer, who identity.Actor, scopes []string) (string, error) {
	if o.NeedsPatient {
		return "", fault.New(fault.Invalid, "patient", "say first which patient the app is for")
	}
	var left []string
	for _, one := range o.Scopes.List() {
		if !slices.Contains(scopes, one) {
			left = append(left, one)
		}
	}
	given := o.Scopes.Without(left)
	if len(given.Scopes()) == 0 && !given.Has("openid") {
		return d.Denied(o.Asked, "access_denied", "The person allowed nothing of it."), nil
	}
	ar, err := d.fosite(ctx, o.Asked)
	if err != nil {
		return "", d.refused(o.Asked, err)
	}
	return d.grant(ctx, o, who, given, ar)
}

// grant keeps what was allowed, and makes the code.
func (d *Desk) grant(ctx context.Context, o *Offer, who identity.Actor, given scope.Set, ar fosite.AuthorizeRequester) (string, error) {
	ctx, err := storage{d}.BeginTX(ctx)
	if err != nil {
		return "", err
	}
	family := uuid.NewString()
	ar.SetID(family)
	for _, one := range given.List() {
		ar.GrantScope(one)
	}
	s, err := d.session(o, who, given, family)
	if err != nil {
		return "", err
	}
	if err := d.keepAllowed(ctx, o, who, given, family, s); err != nil {
		return "", err
	}
	response, err := d.provider.NewAuthorizeResponse(ctx, ar, s)
	if err != nil {
		return "", d.refused(o.Asked, err)
	}
	if err := (storage{d}).Commit(ctx); err != nil {
		return "", err
	}
	return d.Back(o.Asked, url.Values{"code": {response.GetCode()}}), nil
}

// session is what the sign-in of the app will stand for.
func (d *Desk) session(o *Offer, who identity.Actor, given scope.Set, family string) (*Session, error) {
	owner, err := d.Door.Owner(who)
	if err != nil {
		return nil, err
	}
	app := o.Asked.app
	a, err := d.Door.Delegate(who, identity.Delegation{App: app.ID, Name: app.Name, Scopes: given, Context: o.Context.Patient, Family: family})
	if err != nil {
		return nil, err
	}
	sealed, err := d.Door.KeepApp(a)
	if err != nil {
		return nil, err
	}
	s := &Session{Actor: sealed, Subject: d.Door.Pairwise(owner, app.ID), Patient: o.Context.Patient, Encounter: o.Context.Encounter, Banner: o.Context.Banner}
	if !given.Has("offline_access") {
		s.Browser = who.Session()
	}
	s.Claims = &jwt.IDTokenClaims{Subject: s.Subject, Issuer: d.Root, RequestedAt: time.Now(), AuthTime: who.Assurance().At}
	s.Claims.AuthenticationContextClassReference = who.Assurance().Level.String()
	if given.Has("fhirUser") {
		s.Claims.Add("fhirUser", d.Base()+"/"+who.FHIRUser())
	}
	if given.Has("profile") && who.Kind() == identity.Staff {
		s.Claims.Add("name", who.Name())
	}
	s.IDTokenHeaders().Add("alg", app.IDTokenAlg)
	return s, nil
}

// keepAllowed writes what was allowed: the family, the approval, the log entry, and
// that the launch is spent.
func (d *Desk) keepAllowed(ctx context.Context, o *Offer, who identity.Actor, given scope.Set, family string, s *Session) error {
	owner, err := d.Door.Owner(who)
	if err != nil {
		return err
	}
	approval, err := d.approval(ctx, owner, o, given)
	if err != nil {
		return err
	}
	draft, err := d.note(proof.KindAppAllowed, who, "allow", "app "+o.Asked.App.ID+" "+o.Asked.App.Name+": "+given.String())
	if err != nil {
		return err
	}
	now := time.Now()
	ends := now.Add(onlineIdle)
	if given.Has("offline_access") {
		ends = now.Add(offlineIdle)
	}
	if o.Asked.Launch != "" {
		if err := (storage{d}).spend(ctx, ticketLaunch, o.Asked.Launch, d.refusal(o.Asked, "invalid_request", "The launch was used before.")); err != nil {
			return err
		}
	}
	return storage{d}.write(ctx, func(tx *store.Tx) error {
		f := store.Family{ID: family, Owner: owner, App: o.Asked.App.ID, Session: s.Browser, Begun: millis(now), Used: millis(now), Ends: millis(ends)}
		if err := tx.AddFamily(&f); err != nil {
			return err
		}
		if err := tx.PutApproval(approval); err != nil {
			return err
		}
		return draft.Append(tx)
	})
}
