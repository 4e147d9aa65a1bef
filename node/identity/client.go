package identity

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"slices"

	"cairn/ledger/member"
	"cairn/node/fault"
)

// Client is software that this hospital has registered.
type Client struct {
	ID        string  `toml:"id"`         // client_id; never a member's id
	Name      string  `toml:"name"`       // shown in logs of access
	PublicKey string  `toml:"public_key"` // PEM file with a P-384 or RSA public key
	Rights    []Right `toml:"rights"`     // records, invite, operate
}

// registered is a client with its key read.
type registered struct {
	Client
	key crypto.PublicKey
}

// Directory is the member book as this station needs it: organisations with
// their keys, which key is in force, and the height of this hospital's replica.
type Directory interface {
	Member(id string) (member.Member, bool)
	Members() []member.Member
	Key(id string, use member.Use) (member.Key, bool)
	Height() uint64
	// Reached returns the time of the first block at or above a height that
	// changed a book, in Unix milliseconds; false if there is none yet.
	Reached(height uint64) (time int64, reached bool, err error)
}

func register(clients []Client) (map[string]registered, error) {
	out := make(map[string]registered, len(clients))
	for _, c := range clients {
		if _, twice := out[c.ID]; twice || c.ID == "" {
			return nil, fault.New(fault.Invalid, "client", fmt.Sprintf("client %q has no id or is named twice", c.ID))
		}
		for _, r := range c.Rights {
			if !slices.Contains([]Right{RightRecords, RightInvite, RightOperate}, r) {
				return nil, fault.New(fault.Invalid, "client", fmt.Sprintf("client %q has the unknown right %q", c.ID, r)).
					WithHint("rights are records, invite, operate")
			}
		}
		key, err := readPublic(c.PublicKey)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, "client", fmt.Sprintf("the public key file of client %q cannot be read", c.ID), err)
		}
		out[c.ID] = registered{c, key}
	}
	return out, nil
}

func readPublic(path string) (crypto.PublicKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, fmt.Errorf("%s holds no PEM block of type PUBLIC KEY", path)
	}
	return x509.ParsePKIXPublicKey(block.Bytes)
}
