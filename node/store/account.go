package store

import "cairn/node/fault"

// Account is one of the staff who may sign in at this hospital.
type Account struct {
	ID       string
	Provider string // a hash that names the person at the hospital's OpenID provider, "" if there is none
	Body     []byte // the caller's, sealed
	Changed  int64  // Unix milliseconds
}

// PutAccount keeps an account in the place of the one with its id. It fails with
// fault.Conflict when another account is of the same person at the provider.
func (tx *Tx) PutAccount(a *Account) error {
	if a.Provider != "" {
		other, err := tx.AccountOf(a.Provider)
		if err == nil && other.ID != a.ID {
			return fault.New(fault.Conflict, "store.account-exists", "There is another account of this person already.")
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return tx.put("INSERT INTO account (id, provider, body, changed) VALUES (?, ?, ?, ?) "+
		"ON CONFLICT (id) DO UPDATE SET provider = excluded.provider, body = excluded.body, changed = excluded.changed",
		a.ID, a.Provider, a.Body, a.Changed)
}

// Account returns the account with this id.
func (v *View) Account(id string) (*Account, error) { return v.account("WHERE id = ?", id) }

// AccountOf returns the account of a person of the provider.
func (v *View) AccountOf(provider string) (*Account, error) {
	return v.account("WHERE provider = ?", provider)
}

func (v *View) account(where, key string) (*Account, error) {
	all, err := v.accounts(where, key)
	if err == nil && len(all) == 0 {
		err = missing("store.no-account", "There is no such account.")
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// Accounts returns up to limit accounts with ids above one, in their order.
func (v *View) Accounts(after string, limit int) ([]*Account, error) {
	return v.accounts("WHERE id > ? ORDER BY id LIMIT ?", after, int64(limit))
}

func (v *View) accounts(where string, args ...any) (all []*Account, err error) {
	err = v.c.each("SELECT id, provider, body, changed FROM account "+where, func(r row) error {
		all = append(all, &Account{ID: r.text(0), Provider: r.text(1), Body: r.blob(2), Changed: r.int(3)})
		return nil
	}, args...)
	return all, err
}
