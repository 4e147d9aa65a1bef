package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"cairn/ledger/member"
	"cairn/node/fault"
)

// maxKeyFiles bounds how many key files of a use are read.
const maxKeyFiles = 256

// lookEvery is how often the directory is looked at for a key that is missing.
const lookEvery = time.Second

// uses returns the uses of which the ring must have a key.
func (r *Ring) uses() []member.Use {
	all := []member.Use{member.UseSeal, member.UseCosign, member.UseClient}
	if !r.follow {
		all = append(all, member.UseValidator)
	}
	return all
}

var keyFile = regexp.MustCompile(`^(seal|cosign|client|validator)(-[0-9a-f]{8})?\.pem$`)

// filesOf returns the names of the key files of a use, the first key's first.
func filesOf(dir string, use member.Use) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the keys directory: %w", err)
	}
	for _, e := range entries {
		if m := keyFile.FindStringSubmatch(e.Name()); m != nil && m[1] == use.String() {
			names = append(names, e.Name())
		}
	}
	if len(names) > maxKeyFiles {
		return nil, fault.New(fault.Broken, "key-files", fmt.Sprintf("there are %d %s keys in the keys directory", len(names), use)).
			WithHint("move those that `cairn keys list` shows as followed or never announced to your key backup; docs/runbooks/keys.md")
	}
	slices.SortFunc(names, func(a, b string) int {
		return strings.Compare(strings.TrimSuffix(a, ".pem"), strings.TrimSuffix(b, ".pem"))
	})
	return names, nil
}

// read reads the key files.
func (r *Ring) read() (held []Held, err error) {
	for _, use := range r.uses() {
		names, err := filesOf(r.dir, use)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			h, err := readKey(r.dir, name, use)
			if err != nil {
				return nil, err
			}
			held = append(held, h)
		}
	}
	return held, nil
}

func readKey(dir, name string, use member.Use) (Held, error) {
	path := filepath.Join(dir, name)
	var private crypto.Signer
	var err error
	if use == member.UseClient {
		private, err = ReadClient(path)
	} else {
		private, err = readPEM[ed25519.PrivateKey](path)
	}
	if err != nil {
		return Held{}, err
	}
	return hold(use, name, private)
}

// hold makes the ring's line of a key.
func hold(use member.Use, file string, private crypto.Signer) (Held, error) {
	h := Held{Use: use, File: file, private: private}
	switch k := private.(type) {
	case ed25519.PrivateKey:
		h.Public = public(k)
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalPKIXPublicKey(k.Public())
		if err != nil {
			return Held{}, fmt.Errorf("encoding a public key: %w", err)
		}
		h.Public = der
	}
	return h, nil
}

func public(key ed25519.PrivateKey) []byte { return key.Public().(ed25519.PublicKey) }

// Fingerprint names a public key for people: the beginning of its SHA-256.
func Fingerprint(public []byte) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:8])
}

// of returns the keys of a use that are held.
func (r *Ring) of(use member.Use) (out []Held) {
	for _, h := range r.held {
		if h.Use == use {
			out = append(out, h)
		}
	}
	return out
}

// Held returns all keys that the ring has.
func (r *Ring) Held() []Held {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.held)
}

// Validators returns the consensus keys, none in a process that only follows
// the ledger.
func (r *Ring) Validators() (out []ed25519.PrivateKey) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, h := range r.of(member.UseValidator) {
		if k, ok := h.private.(ed25519.PrivateKey); ok {
			out = append(out, k)
		}
	}
	return out
}

// Validator returns the consensus key with this public half, nil if it is not
// here.
func (r *Ring) Validator(public []byte) ed25519.PrivateKey {
	private, _ := r.find(member.UseValidator, public)
	key, _ := private.(ed25519.PrivateKey)
	return key
}

// find returns the private half of a key. One that is not held is looked for in
// the directory, into which somebody may have put it, and beside.
func (r *Ring) find(use member.Use, public []byte) (crypto.Signer, bool) {
	if private, found := r.have(use, public); found {
		return private, true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if use == member.UseValidator && r.follow || time.Since(r.looked[use]) < lookEvery {
		return nil, false
	}
	if r.looked == nil {
		r.looked = make(map[member.Use]time.Time)
	}
	r.looked[use] = time.Now()
	if held, err := r.read(); err == nil {
		r.take(held)
	}
	if r.beside != nil && !r.has(use, public) {
		if h, err := parseBeside(use, r.beside(use, public)); err == nil {
			r.take([]Held{h})
		}
	}
	for _, h := range r.of(use) {
		if bytes.Equal(h.Public, public) {
			return h.private, true
		}
	}
	return nil, false
}

func (r *Ring) have(use member.Use, public []byte) (crypto.Signer, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, h := range r.of(use) {
		if bytes.Equal(h.Public, public) {
			return h.private, true
		}
	}
	return nil, false
}

// Votes reports whether this process has the hospital's vote.
func (r *Ring) Votes() bool { return !r.follow }

// Holds reports whether the private half of a key is here, or can be had.
func (r *Ring) Holds(use member.Use, public []byte) bool {
	_, found := r.find(use, public)
	return found
}

func (r *Ring) has(use member.Use, public []byte) bool {
	return slices.ContainsFunc(r.held, func(h Held) bool { return h.Use == use && bytes.Equal(h.Public, public) })
}

// take adds keys that are not held yet.
func (r *Ring) take(held []Held) {
	for _, h := range held {
		if !r.has(h.Use, h.Public) {
			r.held = append(r.held, h)
		}
	}
}

func parseBeside(use member.Use, der []byte) (Held, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return Held{}, errors.New("no private key")
	}
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return Held{}, errors.New("a key that does not sign")
	}
	return hold(use, "", private)
}

// Beside says where further keys are found, as PKCS #8: in the database that
// processes of one hospital share.
func (r *Ring) Beside(find func(use member.Use, public []byte) []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.beside = find
}

// Make makes a fresh key of a use, durable in the keys directory, and returns
// its line. It counts for nothing before the ledger has it. A process that only
// follows the ledger makes none that votes.
func (r *Ring) Make(use member.Use) (Held, error) {
	if use == member.UseValidator && r.follow {
		return Held{}, fault.New(fault.Conflict, "key-votes", "this process has no vote, so it makes no validator key").
			WithHint("ask the process of this hospital that has the vote: the one whose configuration does not say follow")
	}
	private, err := generate(use)
	if err != nil {
		return Held{}, fmt.Errorf("making a %s key: %w", use, err)
	}
	h, err := hold(use, "", private)
	if err != nil {
		return Held{}, err
	}
	h.File = use.String() + "-" + Fingerprint(h.Public)[:8] + ".pem"
	path := filepath.Join(r.dir, h.File)
	text, err := encodePEM(path, private)
	if err == nil {
		err = writeWhole(path, text)
	}
	if err != nil {
		return Held{}, fault.Wrap(fault.Broken, "key-write", "the key file "+path+" cannot be written", err).
			WithHint("nothing has changed; is there room on the disk, and may the node write into the keys directory?")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.take([]Held{h})
	return h, nil
}

func generate(use member.Use) (crypto.Signer, error) {
	if use == member.UseClient {
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}
