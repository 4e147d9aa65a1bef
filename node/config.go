package node

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"cairn/ledger/member"
	"cairn/node/fault"
	"cairn/node/identity"
)

// Config is one node's configuration file, TOML. Unknown keys are errors.
// Relative paths are relative to the file. What changes the rules that
// hospitals share is in the genesis and on the ledger, never here.
type Config struct {
	Member    string `toml:"member" comment:"this hospital's id in the member book"`
	Genesis   string `toml:"genesis" comment:"the consortium's founding file, the same at every hospital"`
	Data      string `toml:"data" comment:"where records, log and ledger are kept"`
	Keys      string `toml:"keys" comment:"where this hospital's private keys are kept"`
	Listen    string `toml:"listen" comment:"address of the FHIR endpoint and the portal"`
	URL       string `toml:"url" comment:"the same as others reach it, as it stands in the member book"`
	P2P       string `toml:"p2p" comment:"address for the other members' nodes"`
	KMS       string `toml:"kms" comment:"key-encryption key: file:NAME in the keys directory, or a KMS URL"`
	TLSCert   string `toml:"tls_cert,omitempty" comment:"PEM files for https; empty for http on this machine only"`
	TLSKey    string `toml:"tls_key,omitempty"`
	ReserveMB int64  `toml:"reserve_mb" comment:"stop writing when the disk has less than this free"`
	LogLevel  string `toml:"log_level" comment:"debug, info, warn or error"`

	Peers   []PeerConfig      `toml:"peer" comment:"the other members' nodes"`
	Clients []identity.Client `toml:"client" comment:"software of this hospital that may sign in"`
}

// PeerConfig is where another member's node is reached by this one's.
type PeerConfig struct {
	Member  string `toml:"member"`  // its id in the member book
	ID      string `toml:"id"`      // hex address of its peer key
	Address string `toml:"address"` // host:port
}

// ReadConfig reads and checks a configuration file. Every problem that it
// finds is in the error, one a line.
func ReadConfig(path string) (Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fault.Wrap(fault.Invalid, "config", "the configuration file cannot be read", err).
			WithHint("`cairn init --dir DIR` makes a new hospital with one")
	}
	cfg := Config{KMS: "file:kek.key", ReserveMB: 256, LogLevel: "info", Data: "data", Keys: "keys", Genesis: "genesis.json"}
	dec := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	if err := dec.Decode(&cfg); err != nil {
		return Config{}, fault.Wrap(fault.Invalid, "config", "the configuration file "+path+" is not valid", explainTOML(err)).
			WithHint("`cairn config check --help` lists the keys")
	}
	cfg.resolve(filepath.Dir(path))
	if err := cfg.Validate(); err != nil {
		return Config{}, fault.Wrap(fault.Invalid, "config", "the configuration file "+path+" is not valid", err)
	}
	return cfg, nil
}

func explainTOML(err error) error {
	var missing *toml.StrictMissingError
	var wrong *toml.DecodeError
	switch {
	case errors.As(err, &missing):
		return errors.New("unknown keys:\n" + missing.String())
	case errors.As(err, &wrong):
		return errors.New("\n" + wrong.String())
	}
	return err
}

func (c *Config) resolve(base string) {
	files := []*string{&c.Genesis, &c.Data, &c.Keys, &c.TLSCert, &c.TLSKey}
	for i := range c.Clients {
		files = append(files, &c.Clients[i].PublicKey)
	}
	for _, p := range files {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(base, *p)
		}
	}
}

// Validate reports every rule that the configuration breaks.
func (c Config) Validate() error {
	var errs []error
	add := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	add(member.ValidID(c.Member), "member: %q is not a member id (lower case letters, digits, hyphens)", c.Member)
	for key, value := range map[string]string{"listen": c.Listen, "p2p": c.P2P} {
		_, _, err := net.SplitHostPort(value)
		add(err == nil, "%s: %q is not host:port", key, value)
	}
	u, err := url.Parse(c.URL)
	add(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.Path == "", "url: %q is not http(s)://host[:port]", c.URL)
	add((c.TLSCert == "") == (c.TLSKey == ""), "tls_cert and tls_key go together")
	add(c.TLSCert != "" || loopback(c.Listen), "listen: %q is reachable from other machines, so tls_cert and tls_key are needed", c.Listen)
	add(c.ReserveMB >= 16, "reserve_mb: at least 16")
	add(strings.Contains(" debug info warn error ", " "+c.LogLevel+" "), "log_level: %q is not debug, info, warn or error", c.LogLevel)
	for i, p := range c.Peers {
		_, _, err := net.SplitHostPort(p.Address)
		add(err == nil && len(p.ID) == 40 && member.ValidID(p.Member), "peer %d: needs member, id (40 hex digits) and address (host:port)", i+1)
	}
	return errors.Join(errs...)
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Encode returns the configuration as a commented TOML file.
func (c Config) Encode() ([]byte, error) { return toml.Marshal(c) }
