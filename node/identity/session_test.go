package identity

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"cairn/fhir/scope"
	"cairn/node/fault"
	"cairn/node/store"
)

var bg = context.Background()

// her is a patient who has just signed in.
func her(id string) Actor {
	return Actor{kind: Patient, organisation: "north", patient: id, person: "north/Patient/" + id, name: "the patient", purpose: "PATRQT",
		assurance: Assurance{Level: LevelSynced, At: time.Now().Truncate(time.Millisecond)}}
}

// with is a request with cookies.
func with(cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r
}

// begin opens a session and returns its cookie.
func begin(t *testing.T, d *Door, a Actor) *http.Cookie {
	t.Helper()
	secret, err := d.OpenSession(bg, a, "Firefox on Linux")
	if err != nil {
		t.Fatal(err)
	}
	return d.Cookie(secret)
}

func over(t *testing.T, d *Door, c *http.Cookie) bool {
	t.Helper()
	a, err := d.SessionActor(with(c))
	if err != nil && (!fault.Is(err, fault.Unauthenticated) || a.Kind() != "") {
		t.Errorf("%v, %v", a.Kind(), err)
	}
	return err != nil
}

// TestSessions tries what a session is on one door; opening one takes a second.
func TestSessions(t *testing.T) {
	d := doors(t)(book{"north": {ID: "north", Active: true}})
	for name, try := range map[string]func(*testing.T, *Door){
		"lasts": sessionLasts, "ends": sessionEnds, "is of persons": sessionIsOfPersons, "cookie": cookie, "fixation": fixation,
	} {
		t.Run(name, func(t *testing.T) { try(t, d) })
	}
}

// sessionLasts: a session gives back who opened it, in the words in which it was
// opened, until it is ended by its owner.
func sessionLasts(t *testing.T, d *Door) {
	c := begin(t, d, her("lasts"))
	got, err := d.SessionActor(with(c))
	want := her("lasts")
	want.assurance.At, want.session, want.ends = got.assurance.At, got.session, got.ends
	if err != nil || !reflect.DeepEqual(got, want) || got.Session() == "" || time.Since(got.Assurance().At) > time.Minute {
		t.Errorf("%+v, %v", got, err)
	}
	other := begin(t, d, her("lasts"))
	stranger := begin(t, d, her("other"))
	list, err := d.Sessions(bg, got)
	if err != nil || len(list) != 2 || list[0].Own == list[1].Own || list[0].Device != "Firefox on Linux" || list[0].Level != LevelSynced {
		t.Errorf("%+v, %v", list, err)
	}
	theirs, err := d.SessionActor(with(stranger))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.EndSession(bg, theirs, got.Session()); !fault.Is(err, fault.NotFound) {
		t.Errorf("somebody else's session was ended: %v", err)
	}
	if err := d.EndSession(bg, got, got.Session()); err != nil {
		t.Fatal(err)
	}
	if !over(t, d, c) || over(t, d, other) || over(t, d, stranger) {
		t.Error("the wrong session was ended")
	}
	if err := d.EndSession(bg, got, got.Session()); !fault.Is(err, fault.NotFound) {
		t.Errorf("it was ended twice: %v", err)
	}
}

// sessionEnds: when it is not used, when its time is over, and when
// somebody has moved its end or its owner in the database.
func sessionEnds(t *testing.T, d *Door) {
	secret, err := d.OpenSession(bg, her("ends"), "")
	if err != nil {
		t.Fatal(err)
	}
	at := func(later time.Duration) error { _, err := d.session(bg, secret, time.Now().Add(later)); return err }
	if err := at(patientIdle + time.Second); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("unused for half an hour: %v", err)
	}
	for used := time.Duration(0); used < sessionLife; used += patientIdle - time.Minute {
		if err := at(used); err != nil {
			t.Fatalf("used all the time, after %v: %v", used, err)
		}
	}
	if err := at(sessionLife + time.Second); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("used all the time, after twelve hours: %v", err)
	}
	row := rowOf(t, d, her("ends"))
	row.Ends += time.Hour.Milliseconds()
	put(t, d, row)
	if err := at(sessionLife + time.Second); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("its end was moved: %v", err)
	}
	row.Hash[0] ^= 1
	put(t, d, row)
	if _, err := d.unseat(row); !fault.Is(err, fault.Broken) {
		t.Errorf("a session under another secret opens: %v", err)
	}
}

func rowOf(t *testing.T, d *Door, a Actor) (row *store.Session) {
	t.Helper()
	err := d.store.View(bg, func(v *store.View) error {
		all, err := v.Sessions(a.patient, 0)
		row = all[0]
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func put(t *testing.T, d *Door, row *store.Session) {
	t.Helper()
	err := d.store.Update(bg, func(tx *store.Tx) error {
		if _, err := tx.DeleteSessions(row.Owner); err != nil {
			return err
		}
		return tx.AddSession(row)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sessionIsOfPersons: software has no session, whoever it vouches for.
func sessionIsOfPersons(t *testing.T, d *Door) {
	for _, a := range []Actor{{}, {kind: System, client: "ehr"}, {kind: Operator, client: "op"}, {kind: Peer, person: "south/1"},
		{kind: Staff, person: "north/1", client: "ehr", assurance: Assurance{Level: LevelVouched}}} {
		if secret, err := d.OpenSession(bg, a, ""); !fault.Is(err, fault.Refused) || secret != "" {
			t.Errorf("%q has a session: %v", a.kind, err)
		}
	}
}

// cookie: it cannot be read by scripts nor sent in the clear, belongs to this
// host alone, and of two with its name neither counts.
func cookie(t *testing.T, d *Door) {
	mine := begin(t, d, her("cookie"))
	if mine.Name != "cairn-north" || mine.Secure || !mine.HttpOnly || mine.SameSite != http.SameSiteLaxMode || mine.Path != "/" || mine.Domain != "" {
		t.Errorf("%+v", mine)
	}
	d.url = "https://north.example"
	c := d.Cookie("x")
	if text := c.String(); text != "__Host-cairn=x; Path=/; HttpOnly; Secure; SameSite=Lax" {
		t.Error(text)
	}
	if text := d.NoCookie().String(); !strings.HasPrefix(text, "__Host-cairn=; Path=/; Max-Age=0;") {
		t.Error(text)
	}
	if _, err := d.SessionActor(with(mine)); err == nil {
		t.Error("the cookie of http is taken over https")
	}
	d.url = "http://x"
	theirs := begin(t, d, her("other"))
	if _, err := d.SessionActor(with(mine, theirs)); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("two cookies: %v", err)
	}
	bearer := with()
	bearer.Header.Set("Authorization", "Bearer "+mine.Value)
	if _, err := d.Actor(bearer); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("the cookie's secret as a bearer token: %v", err)
	}
	if _, err := d.Actor(with(mine)); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("the cookie where a bearer token is needed: %v", err)
	}
}

// fixation: a session that a browser had before a sign-in is over after it.
func fixation(t *testing.T, d *Door) {
	planted := begin(t, d, her("attacker"))
	secret, err := d.OpenSession(bg, her("fix"), "", d.Instead(with(planted)))
	if err != nil || secret == planted.Value {
		t.Fatal(err)
	}
	if !over(t, d, planted) || over(t, d, d.Cookie(secret)) {
		t.Error("the planted session lives on, or hers does not")
	}
}

// TestMinted: what a token of several processes says is who it was made for.
func TestMinted(t *testing.T) {
	few, err := scope.Parse("launch/patient patient/Observation.rs?code=a")
	if err != nil {
		t.Fatal(err)
	}
	a := Actor{kind: Staff, organisation: "north", person: "north/1", name: "Dr. A", role: "physician", unit: "ward", purpose: "TREAT", patient: "p",
		client: "app", session: "s", key: "k", consent: "c", parties: []string{"Practitioner/1"}, assurance: Assurance{Level: LevelProvider, At: time.UnixMilli(1000), Method: "mfa"},
		scopes: &few, context: "7", delegated: true, through: "App", family: "f", matter: "m", groups: []string{"CareTeam/3"}}
	v, filled := reflect.ValueOf(a), 0
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			filled++
		}
	}
	if filled != v.NumField()-3 { // rights and the session's end are asked anew, and no token has a request
		t.Errorf("%d of %d fields are tried", filled, v.NumField())
	}
	if back := mintUntil(a, 1).actor(); !reflect.DeepEqual(back, a) {
		t.Errorf("%+v", back)
	}
}

// TestAssured: not strong enough, too long ago, in the future.
func TestAssured(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		have Assurance
		ok   bool
	}{
		"good":          {Assurance{Level: LevelSynced, At: now.Add(-time.Minute)}, true},
		"stronger":      {Assurance{Level: LevelBound, At: now}, true},
		"too weak":      {Assurance{Level: LevelProvider, At: now}, false},
		"too long ago":  {Assurance{Level: LevelBound, At: now.Add(-6 * time.Minute)}, false},
		"in the future": {Assurance{Level: LevelBound, At: now.Add(time.Hour)}, false},
		"never":         {Assurance{Level: LevelBound}, false},
	} {
		err := Actor{kind: Patient, assurance: c.have}.Assured(LevelSynced, 5*time.Minute)
		if (err == nil) != c.ok || err != nil && fault.As(err).Code != "step-up" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkSession(b *testing.B) {
	d := doors(b)(book{"north": {ID: "north", Active: true}})
	secret, err := d.OpenSession(bg, her("p"), "")
	if err != nil {
		b.Fatal(err)
	}
	r := with(d.Cookie(secret))
	for b.Loop() {
		if _, err := d.SessionActor(r); err != nil {
			b.Fatal(err)
		}
	}
}
