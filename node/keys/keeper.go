package keys

import (
	"context"
	"path/filepath"
	"strings"

	"gocloud.dev/secrets"
	"gocloud.dev/secrets/localsecrets"

	"cairn/node/fault"
)

// openKeeper opens the key-encryption key that a KMS URL names. A file is the
// default; base64key:// is registered by gocloud's localsecrets. Cloud KMS and
// Vault register themselves the same way where a build imports their drivers.
func openKeeper(ctx context.Context, dir, kms string) (*secrets.Keeper, error) {
	if name, isFile := strings.CutPrefix(kms, "file:"); isFile || kms == "" {
		return openFile(dir, name)
	}
	keeper, err := secrets.OpenKeeper(ctx, kms)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "kms-url", "the KMS URL in the configuration does not open", err).
			WithHint("use file:NAME for a file in the keys directory, or base64key://...")
	}
	return keeper, nil
}

func openFile(dir, name string) (*secrets.Keeper, error) {
	if name == "" {
		name = fileKEK
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, name)
	}
	data, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	if len(data) != 32 {
		return nil, bad(path, errLength)
	}
	return localsecrets.NewKeeper([32]byte(data)), nil
}

type keyError string

func (e keyError) Error() string { return string(e) }

const errLength = keyError("a key-encryption key is 32 bytes")
