package store

import (
	"cairn/node/fault"
)

// Passkey is a credential with which a subject signs in and signs consents.
type Passkey struct {
	Credential []byte
	Subject    string
	Public     []byte
	Name       string // what its owner calls it
	Added      int64  // Unix milliseconds
	Used       int64  // Unix milliseconds, 0 if never
}

const passkeyColumns = "SELECT credential, subject, public, name, added, used FROM passkey "

// AddPasskey keeps a passkey. It fails with fault.Conflict if the credential is
// already there, whoever owns it.
func (tx *Tx) AddPasskey(p *Passkey) error {
	n, err := tx.exec("INSERT INTO passkey (credential, subject, public, name, added, used) "+
		"VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", p.Credential, p.Subject, p.Public, p.Name, p.Added, p.Used)
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "store.passkey-exists", "This passkey is already registered.")
	}
	return err
}

// TouchPasskey notes when a passkey was used last, and what its row seals since.
func (tx *Tx) TouchPasskey(credential, public []byte, used int64) error {
	return tx.change("UPDATE passkey SET public = ?, used = ? WHERE credential = ?", public, used, credential)
}

// RenamePasskey gives a passkey another name.
func (tx *Tx) RenamePasskey(credential []byte, name string) error {
	return tx.change("UPDATE passkey SET name = ? WHERE credential = ?", name, credential)
}

// change changes one passkey.
func (tx *Tx) change(sql string, args ...any) error {
	n, err := tx.exec(sql, args...)
	if err == nil && n == 0 {
		err = noPasskey()
	}
	return err
}

// DeletePasskey removes a passkey and reports whether there was one.
func (tx *Tx) DeletePasskey(credential []byte) (bool, error) {
	n, err := tx.exec("DELETE FROM passkey WHERE credential = ?", credential)
	return n == 1, err
}

// DeletePasskeys removes all passkeys of a subject and returns how many there
// were.
func (tx *Tx) DeletePasskeys(subject string) (int, error) {
	n, err := tx.exec("DELETE FROM passkey WHERE subject = ?", subject)
	return int(n), err
}

// Passkey returns the passkey with this credential id.
func (v *View) Passkey(credential []byte) (*Passkey, error) {
	all, err := v.passkeys("WHERE credential = ?", credential)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, noPasskey()
	}
	return all[0], nil
}

// Passkeys returns the passkeys of a subject, oldest first.
func (v *View) Passkeys(subject string) ([]*Passkey, error) {
	return v.passkeys("WHERE subject = ? ORDER BY added, credential", subject)
}

func (v *View) passkeys(where string, key any) ([]*Passkey, error) {
	var all []*Passkey
	err := v.c.each(passkeyColumns+where, func(r row) error {
		all = append(all, &Passkey{Credential: r.blob(0), Subject: r.text(1), Public: r.blob(2),
			Name: r.text(3), Added: r.int(4), Used: r.int(5)})
		return nil
	}, key)
	return all, err
}

func noPasskey() error { return missing("store.no-passkey", "This passkey is not known here.") }
