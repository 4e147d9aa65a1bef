// Package keys holds a hospital's secrets: the private keys that sign in its
// name and the key-encryption key that wraps every data key. It is the only
// room that reads or writes private keys; other rooms ask it to sign, wrap or
// unwrap.
//
// Trust: a thief of the keys directory can speak for the hospital and, with
// the store as well, read its records. A forger without it can do neither.
package keys

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gocloud.dev/secrets"

	"cairn/ledger/member"
	"cairn/node/fault"
)

// The files of a keys directory, by what they are for. Keys that follow the
// first one of a use have the beginning of their public half's hash in the name:
// seal-5f0c1a52.pem.
const (
	fileSeal      = "seal.pem"      // Ed25519: seals on the ledger
	fileCosign    = "cosign.pem"    // Ed25519: cosignatures on checkpoints
	fileClient    = "client.pem"    // ECDSA P-384: what is signed to other hospitals
	fileValidator = "validator.pem" // Ed25519: votes of the consensus
	filePeer      = "peer.pem"      // Ed25519: this node's address among its peers
	fileOperator  = "operator.pem"  // ECDSA P-384: the operator's own client assertions
	fileKEK       = "kek.key"       // 32 bytes: wraps data keys
)

// Ring is a hospital's open keys: of each use all that it has, of the past, in
// force and to come. Its methods are safe for concurrent use.
type Ring struct {
	dir    string
	follow bool // it does not read keys that vote
	peer   ed25519.PrivateKey
	keeper *secrets.Keeper

	mu     sync.RWMutex
	held   []Held
	looked map[member.Use]time.Time // when a key of a use that was missing was last looked for
	beside func(use member.Use, public []byte) []byte
}

// Held is a private key of the ring.
type Held struct {
	Use    member.Use
	Public []byte // as the member book has it
	File   string // name in the keys directory, "" for one that lies in the store

	private crypto.Signer
}

// Create makes a new keys directory with fresh keys. It refuses a directory
// that already holds a key, so that no key is ever overwritten.
func Create(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the keys directory: %w", err)
	}
	for _, name := range []string{fileSeal, fileCosign, fileValidator, filePeer} {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return fmt.Errorf("making %s: %w", name, err)
		}
		if err := writePEM(filepath.Join(dir, name), key); err != nil {
			return err
		}
	}
	for _, name := range []string{fileClient, fileOperator} {
		if err := CreateClient(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	kek := make([]byte, 32)
	if _, err := rand.Read(kek); err != nil {
		return fmt.Errorf("making %s: %w", fileKEK, err)
	}
	return writeNew(filepath.Join(dir, fileKEK), kek)
}

// CreateClient writes a fresh ECDSA P-384 key (ES384, SMART Backend Services
// 2.0, 4.1.1) for a client such as an EHR.
func CreateClient(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making %s: %w", filepath.Base(path), err)
	}
	return writePEM(path, key)
}

// Open reads the keys directory. kms names the key-encryption key: "" or
// "file:NAME" for a file in dir (the default is kek.key), or a URL of a KMS
// that this build knows. The caller closes the ring.
func Open(ctx context.Context, dir, kms string) (*Ring, error) {
	return (&Ring{dir: dir}).open(ctx, kms)
}

// OpenFollower is Open for a process that only follows the ledger: it has no
// consensus key, and does not read one that is there.
func OpenFollower(ctx context.Context, dir, kms string) (*Ring, error) {
	return (&Ring{dir: dir, follow: true}).open(ctx, kms)
}

func (r *Ring) open(ctx context.Context, kms string) (*Ring, error) {
	var err error
	if r.held, err = r.read(); err != nil {
		return nil, err
	}
	for _, use := range r.uses() {
		if len(r.of(use)) == 0 {
			return nil, absent(filepath.Join(r.dir, use.String()+".pem"))
		}
	}
	if r.peer, err = readPEM[ed25519.PrivateKey](filepath.Join(r.dir, filePeer)); err != nil {
		return nil, err
	}
	if r.keeper, err = openKeeper(ctx, r.dir, kms); err != nil {
		return nil, err
	}
	return r, nil
}

// Close releases the key-encryption key.
func (r *Ring) Close() error { return r.keeper.Close() }

// Peer returns the key that names this node among its peers.
func (r *Ring) Peer() ed25519.PrivateKey { return r.peer }

// Public returns the public halves as the member book of a new network holds
// them, valid from height 0: the first of each use.
func (r *Ring) Public() (out []member.Key) {
	for _, use := range r.uses() {
		out = append(out, member.Key{Use: use, Public: r.of(use)[0].Public})
	}
	return out
}

// Wrap seals a data key under the key-encryption key.
func (r *Ring) Wrap(ctx context.Context, key []byte) ([]byte, error) {
	wrapped, err := r.keeper.Encrypt(ctx, key)
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "kms", "the key store does not answer", err)
	}
	return wrapped, nil
}

// Unwrap opens what Wrap made.
func (r *Ring) Unwrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	key, err := r.keeper.Decrypt(ctx, wrapped)
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "kms", "a data key does not open with this hospital's key-encryption key", err).
			WithHint("restore the key-encryption key from your key backup (kek.key, unless kms in the configuration says otherwise)")
	}
	return key, nil
}

// OperatorFile returns the path of the operator's client key in dir.
func OperatorFile(dir string) string { return filepath.Join(dir, fileOperator) }

// ReadClient reads an ECDSA P-384 private key from a PEM file.
func ReadClient(path string) (*ecdsa.PrivateKey, error) {
	key, err := readPEM[*ecdsa.PrivateKey](path)
	if err != nil {
		return nil, err
	}
	if key.Curve != elliptic.P384() {
		return nil, bad(path, errors.New("not a P-384 key"))
	}
	return key, nil
}

func writePEM(path string, key any) error {
	text, err := encodePEM(path, key)
	if err != nil {
		return err
	}
	return writeNew(path, text)
}

func encodePEM(path string, key any) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", filepath.Base(path), err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// writeNew writes a file that must not exist yet and makes it durable.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.Conflict, "key-exists", "the key file "+filepath.Base(path)+" exists already").
			WithHint("choose an empty directory; a key is never overwritten")
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// writeWhole is writeNew for a directory in use: after a crash the file is there
// whole or not at all.
func writeWhole(path string, data []byte) error {
	dir, name := filepath.Split(path)
	part := filepath.Join(dir, "."+name+partSuffix)
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if err := writeNew(part, data); err != nil {
		return err
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Conflict, "key-exists", "the key file "+name+" exists already").WithHint("a key is never overwritten")
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	in, err := os.Open(dir) //nolint:gosec // the keys directory
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return errors.Join(in.Sync(), in.Close())
}

// partSuffix ends the name of a key file that is being written.
const partSuffix = ".part"

func readPEM[K any](path string) (key K, err error) {
	data, err := readPrivate(path)
	if err != nil {
		return key, err
	}
	block, rest := pem.Decode(data)
	if block == nil || len(rest) > 0 || block.Type != "PRIVATE KEY" {
		return key, bad(path, errors.New("not one PEM block of type PRIVATE KEY"))
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return key, bad(path, errors.New("what is in it is not a private key"))
	}
	key, ok := parsed.(K)
	if !ok {
		return key, bad(path, errors.New("it holds a key of another kind"))
	}
	return key, nil
}

// readPrivate reads a key file and refuses one that others may read.
func readPrivate(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, bad(path, errors.New("not a file"))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, absent(path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Base(path), err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Broken, "key-exposed", "the key file "+path+" can be read by other users of this machine").
			WithHint("chmod 600 " + path + "; if somebody may have read it, the hospital needs a new key")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Base(path), err)
	}
	return data, nil
}

func absent(path string) error {
	return fault.New(fault.Broken, "key-missing", "the key file "+path+" is missing").
		WithHint("restore it from your key backup; `cairn init` makes new keys only for a new hospital")
}

func bad(path string, cause error) error {
	return fault.Wrap(fault.Broken, "key-damaged", "the key file "+path+" is damaged", cause).
		WithHint("restore it from your key backup")
}

// CreateFollower makes the keys directory of a further process of a hospital:
// the keys of the one that is there, without the one that votes, and a fresh one
// that names the process among its peers. kms is that of Open.
func CreateFollower(from, to, kms string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return fmt.Errorf("making the keys directory: %w", err)
	}
	names := []string{fileOperator}
	for _, use := range []member.Use{member.UseSeal, member.UseCosign, member.UseClient} {
		files, err := filesOf(from, use)
		if err != nil {
			return err
		}
		names = append(names, files...)
	}
	if name, isFile := strings.CutPrefix(kms, "file:"); (isFile || kms == "") && !filepath.IsAbs(name) {
		names = append(names, cmp.Or(name, fileKEK))
	}
	for _, name := range names {
		data, err := readPrivate(filepath.Join(from, name))
		if err == nil {
			err = writeNew(filepath.Join(to, name), data)
		}
		if err != nil {
			return err
		}
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("making %s: %w", filePeer, err)
	}
	return writePEM(filepath.Join(to, filePeer), key)
}
