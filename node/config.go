package node

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"cairn/consent"
	"cairn/consent/mandate"
	"cairn/ledger/machine"
	"cairn/ledger/member"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
)

// Config is one node's configuration file, TOML. Unknown keys are errors.
// Relative paths are relative to the file. What changes the rules that
// hospitals share is in the genesis and on the ledger, never here.
type Config struct {
	Member    string `toml:"member" comment:"this hospital's id in the member book"`
	Genesis   string `toml:"genesis" comment:"the consortium's founding file, the same at every hospital"`
	Data      string `toml:"data" comment:"where records, log and ledger are kept"`
	Store     string `toml:"store,omitempty" comment:"postgres://...: keep records in this PostgreSQL database instead of in data"`
	Keys      string `toml:"keys" comment:"where this hospital's private keys are kept"`
	Listen    string `toml:"listen" comment:"address of the FHIR endpoint and the portal"`
	URL       string `toml:"url" comment:"the same as others reach it, as it stands in the member book"`
	Follow    bool   `toml:"follow,omitempty" comment:"follow the ledger without a vote, beside the node that has this hospital's; needs store"`
	P2P       string `toml:"p2p" comment:"address for the other members' nodes"`
	KMS       string `toml:"kms" comment:"key-encryption key: file:NAME in the keys directory, or a KMS URL"`
	TLSCert   string `toml:"tls_cert,omitempty" comment:"PEM files for https; empty for http on this machine only"`
	TLSKey    string `toml:"tls_key,omitempty"`
	ReserveMB int64  `toml:"reserve_mb" comment:"stop writing when the disk has less than this free"`
	LogLevel  string `toml:"log_level" comment:"debug, info, warn or error"`
	Profiles  string `toml:"profiles,omitempty" comment:"folder with profiles, value sets and code systems: *.json, and FHIR packages as *.tgz"`
	Claims    bool   `toml:"enforce_claims,omitempty" comment:"refuse to store a resource that does not meet the profiles in its meta.profile"`

	UpdateAsCreate bool  `toml:"update_as_create" comment:"an update may create a record under an id that the client chose"`
	DeleteMany     int64 `toml:"delete_many" comment:"how many records one conditional delete may delete"`

	Minors MinorsConfig `toml:"minors,omitempty" comment:"ages at which children take over from their parents"`

	Emergency EmergencyConfig `toml:"emergency,omitempty" comment:"break-the-glass"`
	Legal     LegalConfig     `toml:"legal,omitempty" comment:"legal orders"`

	SubscriptionAllow   []string `toml:"subscription_allow,omitempty" comment:"hosts and networks inside to which subscriptions may be sent, and from which keys of apps may be fetched"`
	SubscriptionDeny    []string `toml:"subscription_deny,omitempty" comment:"networks with public addresses that are inside all the same"`
	SubscriptionRetryMS int64    `toml:"subscription_retry_ms,omitempty" comment:"pause after a first failed notification, doubled each time; 1000 if left out"`
	SubscriptionTries   int64    `toml:"subscription_tries,omitempty" comment:"failures in a row after which a subscription is in error; 12 if left out"`

	Relationships    string `toml:"relationships,omitempty" comment:"who needs a treatment relationship where the patient said nothing: personal (who signs in here; if left out), or required (people for whom software vouches too)"`
	RelationshipDays int64  `toml:"relationship_days,omitempty" comment:"days before a relationship begins and after it ends in which it counts; 30 if left out"`
	KeyDays          int64  `toml:"key_days,omitempty" comment:"days after which each key of the hospital on the ledger should be followed by another; warned of 30 days ahead; 365 if left out"`

	WithholdPsychotherapyNotes string `toml:"withhold_psychotherapy_notes,omitempty" comment:"why patients are not shown records labelled PSYTHPN, as they are told; left out: they are shown them"`
	WithholdEndangering        string `toml:"withhold_endangering,omitempty" comment:"why patients are not shown records labelled NOPAT, as they are told; left out: they are shown them"`

	Erasure ErasureConfig `toml:"erasure,omitempty" comment:"what this hospital has to keep although a patient wants it erased"`
	Holds   []HoldConfig  `toml:"hold,omitempty" comment:"patients whose records have to be kept: legal holds"`

	Peers    []PeerConfig      `toml:"peer" comment:"the other members' nodes"`
	Clients  []identity.Client `toml:"client" comment:"software of this hospital that may sign in"`
	Provider ProviderConfig    `toml:"provider,omitempty" comment:"the hospital's OpenID Connect provider, where its staff may sign in"`
	MLLP     MLLPConfig        `toml:"mllp,omitempty" comment:"listener for HL7 v2 messages"`
	Senders  []SenderConfig    `toml:"sender,omitempty" comment:"systems that may send HL7 v2 messages"`
}

// PeerConfig is where another member's node is reached by this one's.
type PeerConfig struct {
	Member  string `toml:"member"`           // its id in the member book
	ID      string `toml:"id"`               // hex address of its peer key
	Address string `toml:"address"`          // host:port
	Follow  bool   `toml:"follow,omitempty"` // it has no vote
}

// defaults are what holds for the keys that a file leaves out.
func defaults() Config {
	return Config{KMS: "file:kek.key", ReserveMB: 256, LogLevel: "info", Data: "data", Keys: "keys", Genesis: "genesis.json", UpdateAsCreate: true, DeleteMany: 1}
}

// maxConfig is the largest configuration file that is read, in bytes.
const maxConfig = 1 << 20

// ReadConfig reads and checks a configuration file. Everything that is wrong
// with it is in the error's text, one a line, with the line in the file.
func ReadConfig(path string) (Config, error) {
	data, err := readConfigFile(path)
	if err != nil {
		return Config{}, err
	}
	cfg := defaults()
	if problems := decodeConfig(data, &cfg); len(problems) > 0 {
		return Config{}, fault.New(fault.Invalid, "config", configText(path, problems)).
			WithHint("`cairn config check --help` lists the keys and what they mean")
	}
	cfg.resolve(filepath.Dir(path))
	return cfg, nil
}

func readConfigFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.NotFound, "config", "there is no configuration file "+path).
			WithHint("`cairn init --dir DIR` makes a new hospital with one: DIR/cairn.toml")
	case err == nil && info.IsDir():
		return nil, fault.New(fault.Invalid, "config", path+" is a directory, not a configuration file").
			WithHint("name the file in it: " + filepath.Join(path, "cairn.toml"))
	case err == nil && info.Size() > maxConfig:
		return nil, fault.New(fault.TooLarge, "config", fmt.Sprintf("%s has %d bytes: this is no configuration file", path, info.Size()))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "config", "the configuration file "+path+" cannot be read", err)
	}
	return data, nil
}

func configText(path string, problems []problem) string {
	if len(problems) == 1 {
		return "the configuration file " + path + " is not valid: " + problems[0].String()
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%d things are wrong in the configuration file %s:", len(problems), path)
	for _, p := range problems {
		out.WriteString("\n  " + p.String())
	}
	return out.String()
}

func (c *Config) resolve(base string) {
	files := []*string{&c.Genesis, &c.Data, &c.Keys, &c.TLSCert, &c.TLSKey, &c.Profiles, &c.MLLP.TLSCert, &c.MLLP.TLSKey, &c.MLLP.ClientCA, &c.Provider.ClientSecret}
	for i := range c.Clients {
		files = append(files, &c.Clients[i].PublicKey)
	}
	for _, p := range files {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(base, *p)
		}
	}
}

// related is what the gate holds staff of the hospital to.
func (c *Config) related() gate.Relationships {
	return gate.Relationships{Vouched: c.Relationships == "required", Around: time.Duration(cmp.Or(c.RelationshipDays, 30)) * 24 * time.Hour}
}

// withheld is what the hospital keeps from patients themselves.
func (c *Config) withheld() (out []consent.Withheld) {
	for _, w := range []consent.Withheld{
		{Code: "psychotherapy-notes", Label: consent.PsychotherapyNotes, Reason: c.WithholdPsychotherapyNotes},
		{Code: "endangering", Label: consent.Endangering, Reason: c.WithholdEndangering},
	} {
		if w.Reason != "" {
			out = append(out, w)
		}
	}
	return out
}

// keyAge is how old a key of the hospital may become before it should be
// followed by another.
func (c *Config) keyAge() time.Duration {
	return time.Duration(cmp.Or(c.KeyDays, 365)) * 24 * time.Hour
}

// Validate reports every rule that the configuration breaks.
func (c Config) Validate() error {
	var errs []error
	for _, p := range c.problems() {
		errs = append(errs, errors.New(p.String()))
	}
	return errors.Join(errs...)
}

// maxReserveMB is a million terabytes, so that the same in bytes is an int64.
const maxReserveMB = 1 << 40

// maxDeleteMany bounds the work of one conditional delete, which holds up all
// other writes.
const maxDeleteMany = 1000

// MinorsConfig are the ages of the jurisdiction in which this hospital is.
type MinorsConfig struct {
	Jurisdiction string `toml:"jurisdiction,omitempty" comment:"which one, for people; default: none in particular"`
	Shared       int64  `toml:"shared,omitempty" comment:"from this birthday on a child decides, and what is sensitive is the child's own; 12 if left out"`
	Own          int64  `toml:"own,omitempty" comment:"from this birthday on parents have no mandate; 18 if left out"`
}

// ages returns the ages in force.
func (c MinorsConfig) ages() mandate.Ages {
	out := mandate.DefaultAges
	if c.Jurisdiction != "" {
		out.Jurisdiction = c.Jurisdiction
	}
	if c.Shared != 0 {
		out.Shared = int(c.Shared)
	}
	if c.Own != 0 {
		out.Own = int(c.Own)
	}
	return out
}

// problems returns the rules that the values break, without lines.
func (c Config) problems() []problem {
	var out []problem
	add := func(ok bool, key, format string, args ...any) {
		if !ok {
			out = append(out, problem{key: key, text: fmt.Sprintf(format, args...)})
		}
	}
	need := func(key, value string, ok bool, format string, args ...any) {
		add(value != "", key, "is missing")
		add(value == "" || ok, key, format, args...)
	}
	need("member", c.Member, member.ValidID(c.Member), "%q is not a member id (lower case letters, digits, hyphens)", c.Member)
	need("genesis", c.Genesis, true, "")
	need("data", c.Data, true, "")
	need("keys", c.Keys, true, "")
	need("listen", c.Listen, hostPort(c.Listen), "%q is not host:port", c.Listen)
	need("p2p", c.P2P, hostPort(c.P2P), "%q is not host:port", c.P2P)
	add(c.P2P == "" || c.P2P != c.Listen, "p2p", "%q is what listen says already", c.P2P)
	need("url", c.URL, rootURL(c.URL), "%q is not http(s)://host[:port]", c.URL)
	add(!c.Follow || c.Store != "", "follow", "needs store: the database that this process shares with the others of this hospital")
	if c.Store != "" {
		err := store.CheckURL(c.Store)
		add(err == nil, "store", "%s", storeText(err))
	}
	add((c.TLSCert == "") == (c.TLSKey == ""), "tls_cert", "goes together with tls_key")
	add(!hostPort(c.Listen) || c.TLSCert != "" || loopback(c.Listen), "listen",
		"%q is reachable from other machines, so tls_cert and tls_key are needed", c.Listen)
	add(c.ReserveMB >= 16, "reserve_mb", "%d is less than 16", c.ReserveMB)
	add(c.ReserveMB <= maxReserveMB, "reserve_mb", "%d is more than any disk has", c.ReserveMB)
	add(c.Minors.ages().Validate() == nil, "minors", "ages are whole years with shared <= own <= 30")
	add(c.DeleteMany >= 1 && c.DeleteMany <= maxDeleteMany, "delete_many", "%d is not from 1 to %d", c.DeleteMany, maxDeleteMany)
	add(slices.Contains([]string{"debug", "info", "warn", "error"}, c.LogLevel), "log_level", "%q is not debug, info, warn or error", c.LogLevel)
	out = append(out, c.subscriptionProblems()...)
	out = append(append(out, c.Erasure.problems()...), c.holdProblems()...)
	out = append(out, c.Emergency.problems()...)
	add(c.Legal.Secret >= 0 && c.Legal.Secret <= mostSecret, "legal: secret_days", "%d is not from 0 to %d", c.Legal.Secret, mostSecret)
	add(slices.Contains([]string{"", "personal", "required"}, c.Relationships), "relationships", "%q is not personal or required", c.Relationships)
	add(c.RelationshipDays >= 0 && c.RelationshipDays <= 3650, "relationship_days", "%d is not from 0 to 3650", c.RelationshipDays)
	add(c.KeyDays >= 0 && c.KeyDays <= 3650, "key_days", "%d is not from 0 to 3650", c.KeyDays)
	for i, p := range c.Peers {
		key := fmt.Sprintf("peer %d: ", i+1)
		need(key+"member", p.Member, member.ValidID(p.Member), "%q is not a member id", p.Member)
		need(key+"id", p.ID, nodeID(p.ID), "%q is not 40 hexadecimal digits", p.ID)
		need(key+"address", p.Address, hostPort(p.Address), "%q is not host:port", p.Address)
	}
	return append(append(append(out, c.clientProblems()...), c.mllpProblems()...), c.providerProblems()...)
}

// storeText says what is wrong with the address of a database, without it: it
// may hold a password.
func storeText(err error) string {
	f := fault.As(err)
	if f == nil {
		return ""
	}
	return strings.TrimSuffix(strings.ToLower(f.Text[:1])+f.Text[1:], ".") + ": " + f.Hint
}

// clientProblems returns what is wrong with the registered software.
func (c Config) clientProblems() (out []problem) {
	seen := make(map[string]bool)
	add := func(ok bool, key, format string, args ...any) {
		if !ok {
			out = append(out, problem{key: key, text: fmt.Sprintf(format, args...)})
		}
	}
	for i, client := range c.Clients {
		key := fmt.Sprintf("client %d: ", i+1)
		add(client.ID != "", key+"id", "is missing")
		add(client.ID == "" || !seen[client.ID], key+"id", "%q is the id of another client already", client.ID)
		add(client.PublicKey != "", key+"public_key", "is missing")
		for _, r := range client.Rights {
			add(slices.Contains(rights, r), key+"rights", "%q is not records, invite or operate", r)
		}
		seen[client.ID] = true
	}
	return out
}

var rights = []identity.Right{identity.RightRecords, identity.RightInvite, identity.RightOperate}

// hostPort reports whether an address is a host, or nothing for all, and a
// port number.
func hostPort(address string) bool {
	_, port, err := net.SplitHostPort(address)
	n, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil && n > 0
}

func rootURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.Path == "" && u.RawQuery == "" && u.User == nil
}

// nodeID reports whether s is what chain.NodeID returns for some key.
func nodeID(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == 20
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Belongs refuses a configuration whose member or peers are not in the genesis.
func (c Config) Belongs(g machine.Genesis) error {
	var ids []string
	for _, m := range g.Members {
		ids = append(ids, m.ID)
	}
	wanted := []string{c.Member}
	for _, p := range c.Peers {
		wanted = append(wanted, p.Member)
	}
	for _, id := range wanted {
		if !slices.Contains(ids, id) {
			return fault.New(fault.Invalid, "not-a-member", fmt.Sprintf("%q is not a member of the network in %s", id, c.Genesis)).
				WithHint("its members are " + strings.Join(ids, ", ") + ": check member, genesis and [[peer]] in the configuration")
		}
	}
	return nil
}

// Masked returns the configuration without the secrets that may stand in it, to
// be shown.
func (c Config) Masked() Config {
	if c.Store != "" {
		c.Store = store.MaskURL(c.Store)
	}
	return c
}

// Encode returns the configuration as a commented TOML file.
func (c Config) Encode() ([]byte, error) { return toml.Marshal(c) }
