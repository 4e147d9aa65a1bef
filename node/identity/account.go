package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"cairn/node/fault"
	"cairn/node/store"
)

// Account is one of the hospital's staff who signs in here herself.
type Account struct {
	ID           string   `json:"id"` // lower case letters, digits, - . _; never another's
	Name         string   `json:"name"`
	Roles        []string `json:"roles"`        // codes of Roles; the first one where she names none
	Practitioner []string `json:"practitioner"` // by what records name her: Practitioner/17, PractitionerRole/4
	Units        []string `json:"units"`        // Organization/..., Location/..., HealthcareService/...
	Teams        []string `json:"teams"`        // CareTeam/..., Group/...
	Provider     string   `json:"provider"`     // issuer of the OpenID provider that vouches for her, "" for none
	Subject      string   `json:"subject"`      // her sub there
	Disabled     bool     `json:"disabled"`
	Changed      int64    `json:"changed"` // Unix milliseconds
}

const (
	maxAccountID   = 64
	maxAccountText = 200
	maxAccountList = 64
)

// Validate refuses an account that is not well formed.
func (a Account) Validate() error {
	if !validAccount(a.ID) {
		return fault.New(fault.Invalid, "account", "an account's id is up to 64 lower case letters, digits, - . _").WithHint("for example: a.rossi")
	}
	if a.Name == "" || !plainText(a.Name) || !plainText(a.Subject) || !plainText(a.Provider) {
		return fault.New(fault.Invalid, "account", "an account needs a name of at most 200 characters, without control characters")
	}
	if len(a.Roles) == 0 || len(a.Roles) > len(roles) {
		return fault.New(fault.Invalid, "account", "an account needs at least one role")
	}
	for _, code := range a.Roles {
		if _, known := RoleOf(code); !known {
			return unknownRole(code)
		}
	}
	for _, list := range []struct {
		refs  []string
		types []string
	}{
		{a.Practitioner, []string{"Practitioner", "PractitionerRole"}},
		{a.Units, []string{"Organization", "Location", "HealthcareService"}},
		{a.Teams, []string{"CareTeam", "Group"}},
	} {
		if len(list.refs) > maxAccountList || slices.ContainsFunc(list.refs, func(ref string) bool { return !isReference(ref, list.types...) }) {
			return fault.New(fault.Invalid, "account", "these are references to "+strings.Join(list.types, ", ")+" of this hospital, at most 64").
				WithHint("for example: " + list.types[0] + "/17")
		}
	}
	return nil
}

func validAccount(id string) bool {
	for i, c := range []byte(id) {
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '-' && c != '.' && c != '_') {
			return false
		}
	}
	return id != "" && len(id) <= maxAccountID
}

func plainText(s string) bool {
	return len(s) <= maxAccountText && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// isReference tells whether ref is "Type/id" of one of the types (FHIR R4
// 2.3.0.1, 2.24.0.1 id).
func isReference(ref string, types ...string) bool {
	typ, id, ok := strings.Cut(ref, "/")
	return ok && slices.Contains(types, typ) && id != "" && len(id) <= 64 && !strings.ContainsFunc(id, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.')
	})
}

// Parties are the references by which records of this hospital name the person,
// her units and her teams. Of a person for whom software vouches they follow from
// her id and unit.
func (a Actor) Parties() []string {
	if a.kind != Staff || a.Personal() {
		return slices.Clone(a.parties)
	}
	id := strings.TrimPrefix(a.person, a.organisation+"/")
	var out []string
	for _, ref := range append([]string{id, "Practitioner/" + id, a.unit}, a.groups...) {
		if isReference(ref, "Practitioner", "PractitionerRole", "Organization", "Location", "HealthcareService", "CareTeam", "Group") {
			out = append(out, ref)
		}
	}
	return out
}

// Teams returns the teams of her organisation, as CareTeam/3 or Group/7, that the
// person is known to belong to: those of her account, or those that were vouched
// for. It is nil where that is not known.
func (a Actor) Teams() []string {
	switch {
	case a.kind == Peer:
		return slices.Clone(a.groups)
	case a.person == "" || a.kind != Staff && a.kind != Emergency:
		return nil
	}
	if !a.Personal() && a.groups == nil {
		return nil
	}
	out := []string{}
	for _, ref := range a.Parties() {
		if isReference(ref, "CareTeam", "Group") {
			out = append(out, ref)
		}
	}
	return out
}

func accountBound(id string) []byte { return append([]byte("cairn/account/v1\x00"), id...) }

// KeepAccount writes an account. Whoever is signed in with it is signed out, her
// apps too, at once and at every process: what she may do is that of her next sign-in.
func (d *Door) KeepAccount(tx *store.Tx, a Account, now time.Time) error {
	_, err := d.keepAccount(tx, a, now)
	return err
}

// keepAccount returns the account as it was written.
func (d *Door) keepAccount(tx *store.Tx, a Account, now time.Time) (Account, error) {
	if err := a.Validate(); err != nil {
		return Account{}, err
	}
	if old, err := d.AccountIn(&tx.View, a.ID); err == nil {
		a.Changed = old.Changed
	} else if !fault.Is(err, fault.NotFound) {
		return Account{}, err
	}
	a.Changed = max(now.UnixMilli(), a.Changed+1)
	plain, err := json.Marshal(a)
	if err != nil {
		return Account{}, fault.Wrap(fault.Broken, "account", "an account cannot be kept", err)
	}
	if _, err := tx.DeleteSessions(StaffOwner(a.ID)); err != nil {
		return Account{}, err
	}
	if err := tx.EndFamilies(StaffOwner(a.ID)); err != nil {
		return Account{}, err
	}
	return a, tx.PutAccount(&store.Account{ID: a.ID, Provider: d.providerHash(a.Provider, a.Subject), Body: d.box.Seal(plain, accountBound(a.ID)), Changed: a.Changed})
}

// providerHash names a person of an OpenID provider, "" if there is none.
func (d *Door) providerHash(issuer, subject string) string {
	if issuer == "" {
		return ""
	}
	return hex.EncodeToString(d.keyed("provider", issuer+"\x00"+subject))
}

// keyed is a hash under a key of this hospital that is nowhere in the clear.
func (d *Door) keyed(domain, text string) []byte {
	h := hmac.New(sha256.New, d.secret[:])
	h.Write([]byte("cairn/" + domain + "/v1\x00" + text))
	return h.Sum(nil)
}

// AccountIn returns an account. It fails with NotFound, and with Broken for one
// that was altered.
func (d *Door) AccountIn(v *store.View, id string) (Account, error) {
	row, err := v.Account(id)
	if err != nil {
		return Account{}, err
	}
	return d.OpenAccount(row)
}

// OpenAccount opens the row of an account.
func (d *Door) OpenAccount(row *store.Account) (a Account, err error) {
	plain, err := d.box.Open(row.Body, accountBound(row.ID))
	if err == nil {
		err = json.Unmarshal(plain, &a)
	}
	if err == nil && (a.ID != row.ID || a.Changed != row.Changed) {
		err = errAltered
	}
	if err != nil {
		return Account{}, fault.Wrap(fault.Broken, "account", "a stored account was altered or damaged", err).
			WithHint("run `cairn scrub` and set the account up again")
	}
	return a, nil
}

// staff returns the actor of an account in one of its roles.
func (d *Door) staff(a *Account, role string, as Assurance) (Actor, bool) {
	if a.Disabled || len(a.Roles) == 0 {
		return Actor{}, false
	}
	if role == "" {
		role = a.Roles[0]
	}
	r, known := RoleOf(role)
	if !known || !slices.Contains(a.Roles, role) {
		return Actor{}, false
	}
	unit := ""
	if len(a.Units) > 0 {
		unit = a.Units[0]
	}
	return Actor{
		kind: Staff, organisation: d.member, person: d.member + "/" + a.ID, name: a.Name, role: role, unit: unit, purpose: r.Purposes[0],
		rights: r.rightsAt(as.Level), assurance: as, parties: slices.Concat(a.Practitioner, a.Units, a.Teams),
	}, true
}

// InForce fails with Unauthenticated unless the person who signed in to become
// this actor could do so at this moment: an account is not disabled and still has
// the role; a patient has a passkey. What goes on without her, such as a refresh
// token, asks this first. Of others it says nothing.
func (d *Door) InForce(ctx context.Context, a Actor) error {
	owner, err := d.ownerOf(a)
	if err != nil {
		return nil // vouched for: see stands
	}
	return d.store.View(ctx, func(v *store.View) error {
		if a.kind == Staff {
			acc, err := d.AccountIn(v, strings.TrimPrefix(owner, staffPrefix))
			if fault.Is(err, fault.NotFound) || err == nil && (acc.Disabled || !slices.Contains(acc.Roles, a.role)) {
				return noSession()
			}
			return err
		}
		keys, err := v.Passkeys(owner)
		if err == nil && len(keys) == 0 {
			return noSession()
		}
		return err
	})
}

var errAltered = errors.New("it is not what its row says")
