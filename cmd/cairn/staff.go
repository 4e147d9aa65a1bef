package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"cairn/node/fault"
)

type staffCommand struct {
	Add     staffAddCommand     `cmd:"" help:"Make an account and a one-time code for its first passkey."`
	List    staffListCommand    `cmd:"" help:"List the accounts, with roles, units and passkeys."`
	Role    staffRoleCommand    `cmd:"" help:"Give an account other roles, units, teams or names in records."`
	Passkey staffPasskeyCommand `cmd:"" help:"Make a one-time code for a passkey, or take all passkeys away."`
	Disable staffDisableCommand `cmd:"" help:"Let nobody in with an account any more, and end its sessions."`
	Enable  staffEnableCommand  `cmd:"" help:"Let an account that was disabled in again."`
	Roles   staffRolesCommand   `cmd:"" help:"List the roles, and what each may do."`
}

// waitStaff is how long one request about an account may take.
const waitStaff = time.Minute

// staffAccount is an account as the node answers with it.
type staffAccount struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Roles        []string `json:"roles"`
	Practitioner []string `json:"practitioner"`
	Units        []string `json:"units"`
	Teams        []string `json:"teams"`
	Provider     string   `json:"provider,omitempty"`
	Subject      string   `json:"subject,omitempty"`
	Disabled     bool     `json:"disabled"`
	Changed      int64    `json:"changed"`
	Passkeys     []struct {
		Name  string `json:"name"`
		Bound bool   `json:"bound"`
		Added string `json:"added"`
		Used  string `json:"used"`
		ID    string `json:"id"`
	} `json:"passkeys,omitempty"`
}

// belonging is by what records of the hospital name a person.
type belonging struct {
	Practitioner []string `placeholder:"REF" help:"Practitioner/ID or PractitionerRole/ID by which records name the person."`
	Unit         []string `placeholder:"REF" help:"Organization/ID, Location/ID or HealthcareService/ID of a unit; the first one is shown in logs."`
	Team         []string `placeholder:"REF" help:"CareTeam/ID of a team."`
}

type staffAddCommand struct {
	ID     string   `arg:"" help:"The account: lower case letters, digits, - . _; never to be another person's."`
	Name   string   `required:"" help:"The person's name, as patients read it in their log."`
	Role   []string `required:"" placeholder:"ROLE" help:"What the person may act as; the first one where she names none. cairn staff roles lists them."`
	Config string   `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
	NoCode bool     `help:"Make no code: the person signs in at the hospital's OpenID provider."`
	belonging
	Provider string `placeholder:"URL" help:"Issuer of the hospital's OpenID provider, if it vouches for the person."`
	Subject  string `help:"Her sub there."`
}

// Help is shown below the flags.
func (staffAddCommand) Help() string {
	return `Prints a code of sixteen letters and digits, once. Give it to the person whose identity you have
checked: at URL/signin/register she makes a passkey with it, within seven days. For administration
and breaking the glass the passkey has to be bound to its device, such as a security key. The node's
operator key is used.

  cairn staff add a.rossi --name "Anna Rossi" --role physician --practitioner Practitioner/17 \
      --unit Organization/cardiology --config my-hospital/cairn.toml`
}

func (c staffAddCommand) Run(e *env) error {
	a, err := ask(c.Config, "operator", nil, waitStaff)
	if err != nil {
		return err
	}
	acc := staffAccount{ID: c.ID, Name: c.Name, Roles: c.Role, Practitioner: c.Practitioner, Units: c.Unit, Teams: c.Team, Provider: c.Provider, Subject: c.Subject}
	if _, err := putAccount(e, a, acc); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "%s  %s  %s\n", c.ID, c.Name, strings.Join(c.Role, ", "))
	if c.NoCode {
		return nil
	}
	return staffCode(e, a, c.ID)
}

// putAccount makes or changes an account.
func putAccount(e *env, a *asker, acc staffAccount) (staffAccount, error) {
	acc.Passkeys = nil
	body, err := json.Marshal(acc)
	if err != nil {
		return acc, err
	}
	answer, err := a.answer(a.With(e.ctx, http.MethodPut, "/admin/staff/"+url.PathEscape(acc.ID), http.Header{"Content-Type": {"application/json"}}, body))
	if err != nil {
		return acc, err
	}
	return acc, read(answer, &acc)
}

// staffCode prints a one-time code for an account.
func staffCode(e *env, a *asker, id string) error {
	body, err := a.answer(a.Do(e.ctx, http.MethodPost, "/admin/staff/"+url.PathEscape(id)+"/code", nil))
	if err != nil {
		return err
	}
	var in struct{ Code, Ends string }
	if err := read(body, &in); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "code %s  good once, until %s\nat %s/signin/register\n", in.Code, in.Ends, a.cfg.URL)
	return err
}

func read(body []byte, v any) error {
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(v); err != nil {
		return fault.Wrap(fault.Broken, "answer", "the node answers something else than was asked for", err)
	}
	return nil
}

type staffListCommand struct {
	Config string `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
	JSON   bool   `name:"json" help:"Print what the node answers, as JSON, one account a line."`
}

func (c staffListCommand) Run(e *env) error {
	a, err := ask(c.Config, "operator", nil, waitStaff)
	if err != nil {
		return err
	}
	n := 0
	err = eachAccount(e, a, func(acc staffAccount) error {
		n++
		if c.JSON {
			return json.NewEncoder(e.out).Encode(acc)
		}
		return printAccount(e, acc)
	})
	if err == nil && !c.JSON {
		_, err = fmt.Fprintf(e.out, "%d accounts.\n", n)
	}
	return err
}

// eachAccount calls f with every account, page by page.
func eachAccount(e *env, a *asker, f func(staffAccount) error) error {
	for after := ""; ; {
		body, err := a.answer(a.Do(e.ctx, http.MethodGet, "/admin/staff?after="+url.QueryEscape(after), nil))
		if err != nil {
			return err
		}
		var page struct {
			Staff []staffAccount `json:"staff"`
		}
		if err := read(body, &page); err != nil {
			return err
		}
		for _, acc := range page.Staff {
			if err := f(acc); err != nil {
				return err
			}
			after = acc.ID
		}
		if len(page.Staff) == 0 {
			return nil
		}
	}
}

func printAccount(e *env, acc staffAccount) error {
	state := ""
	if acc.Disabled {
		state = "  disabled"
	}
	if acc.Provider != "" {
		state += "  signs in at " + acc.Provider
	}
	fmt.Fprintf(e.out, "%s  %s  %s%s\n", acc.ID, acc.Name, strings.Join(acc.Roles, ", "), state)
	if refs := slices.Concat(acc.Practitioner, acc.Units, acc.Teams); len(refs) > 0 {
		fmt.Fprintf(e.out, "    %s\n", strings.Join(refs, " "))
	}
	for _, k := range acc.Passkeys {
		kind, used := "may be copied between devices", "never used"
		if k.Bound {
			kind = "bound to its device"
		}
		if k.Used != "" {
			used = "last used " + k.Used
		}
		fmt.Fprintf(e.out, "    passkey %q, %s, %s\n", k.Name, kind, used)
	}
	return nil
}

type staffRoleCommand struct {
	ID     string   `arg:"" help:"The account."`
	Role   []string `placeholder:"ROLE" help:"All roles that it has from now on."`
	Name   string   `help:"The person's name, if it has changed."`
	Config string   `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
	belonging
}

// Help is shown below the flags.
func (staffRoleCommand) Help() string {
	return `What is not named stays as it is; what is named is replaced. The account's sessions end: the change
holds from the person's next sign-in.

  cairn staff role a.rossi --role physician,researcher --unit Organization/icu --config my-hospital/cairn.toml`
}

func (c staffRoleCommand) Run(e *env) error {
	return changeAccount(e, c.Config, c.ID, func(acc *staffAccount) {
		for _, part := range []struct {
			to   *[]string
			from []string
		}{{&acc.Roles, c.Role}, {&acc.Practitioner, c.Practitioner}, {&acc.Units, c.Unit}, {&acc.Teams, c.Team}} {
			if len(part.from) > 0 {
				*part.to = part.from
			}
		}
		if c.Name != "" {
			acc.Name = c.Name
		}
	})
}

// changeAccount changes an account as it is at this moment.
func changeAccount(e *env, config, id string, change func(*staffAccount)) error {
	a, err := ask(config, "operator", nil, waitStaff)
	if err != nil {
		return err
	}
	var found *staffAccount
	err = eachAccount(e, a, func(acc staffAccount) error {
		if acc.ID == id {
			found = &acc
		}
		return nil
	})
	if err != nil {
		return err
	}
	if found == nil {
		return fault.New(fault.NotFound, "account", "there is no account "+id).WithHint("cairn staff list shows them")
	}
	change(found)
	after, err := putAccount(e, a, *found)
	if err != nil {
		return err
	}
	return printAccount(e, after)
}

type staffPasskeyCommand struct {
	ID     string `arg:"" help:"The account."`
	End    bool   `help:"Take all its passkeys, sessions and unused codes away; make no code."`
	Config string `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
}

// Help is shown below the flags.
func (staffPasskeyCommand) Help() string {
	return `Prints a code as cairn staff add does, for one more passkey: a security key, or a new device after the
old one was lost. After a loss, --end first.

  cairn staff passkey a.rossi --config my-hospital/cairn.toml`
}

func (c staffPasskeyCommand) Run(e *env) error {
	a, err := ask(c.Config, "operator", nil, waitStaff)
	if err != nil {
		return err
	}
	if !c.End {
		return staffCode(e, a, c.ID)
	}
	body, err := a.answer(a.Do(e.ctx, http.MethodDelete, "/admin/staff/"+url.PathEscape(c.ID)+"/passkeys", nil))
	if err != nil {
		return err
	}
	var out struct{ Passkeys int }
	if err := read(body, &out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "%s  %d passkeys were removed, and all sessions ended.\n", c.ID, out.Passkeys)
	return err
}

type staffDisableCommand struct {
	ID     string `arg:"" help:"The account."`
	Config string `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
}

func (c staffDisableCommand) Run(e *env) error {
	return changeAccount(e, c.Config, c.ID, func(acc *staffAccount) { acc.Disabled = true })
}

type staffEnableCommand struct {
	ID     string `arg:"" help:"The account."`
	Config string `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
}

func (c staffEnableCommand) Run(e *env) error {
	return changeAccount(e, c.Config, c.ID, func(acc *staffAccount) { acc.Disabled = false })
}

type staffRolesCommand struct {
	Config string `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
}

func (c staffRolesCommand) Run(e *env) error {
	a, err := ask(c.Config, "operator", nil, waitStaff)
	if err != nil {
		return err
	}
	body, err := a.answer(a.Do(e.ctx, http.MethodGet, "/admin/roles", nil))
	if err != nil {
		return err
	}
	var out struct {
		Roles []struct {
			Code, Name       string
			Rights, Purposes []string
			Types            []string
			Bound            bool
		}
	}
	if err := read(body, &out); err != nil {
		return err
	}
	for _, r := range out.Roles {
		limits := ""
		if len(r.Types) > 0 {
			limits = "; sees " + strings.Join(r.Types, ", ")
		}
		if r.Bound {
			limits += "; needs a passkey that is bound to its device"
		}
		fmt.Fprintf(e.out, "%-16s %s, for %s%s\n", r.Code, strings.Join(r.Rights, ", "), strings.Join(r.Purposes, ", "), limits)
	}
	return nil
}
