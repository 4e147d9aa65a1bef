package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"

	"cairn/node"
	"cairn/node/fault"
	"cairn/node/keys"
)

type configCommand struct {
	Check configCheckCommand `cmd:"" help:"Check a configuration file and print what is in force."`
}

type configCheckCommand struct {
	Config string `arg:"" optional:"" default:"cairn.toml" help:"The configuration file."`
}

// Help is shown below the flags.
func (configCheckCommand) Help() string {
	return `Reads the file, the genesis and the keys that it names, and says everything that is wrong with the
file, each with its line. Starts nothing and looks at no port. What is printed has defaults filled
in and paths as they are used.

  member       this hospital's id in the member book
  genesis      the consortium's founding file (default genesis.json)
  data         where records, log and ledger are kept (default data)
  store        postgres://...: keep records and log in this PostgreSQL database instead
  keys         where the private keys are kept (default keys)
  listen       host:port of the FHIR endpoint and the portal
  url          the same as others reach it: http(s)://host[:port]
  p2p          host:port for the other members' nodes
  follow       true: follow the ledger without a vote, beside the process that has it
  kms          key-encryption key: file:NAME in keys, or a KMS URL (default file:kek.key)
  tls_cert     PEM files for https, needed when listen is not
  tls_key        an address of this machine only
  reserve_mb   stop writing when the disk has less than this free (default 256)
  log_level    debug, info, warn or error (default info)
  profiles     folder with profiles, value sets and code systems: *.json, and packages as *.tgz
  enforce_claims    true: refuse a resource that does not meet the profiles in its meta.profile
  update_as_create  an update may create a record under an id that the client chose
               (default true)
  delete_many  how many records one conditional delete may delete (default 1)
  [minors]     jurisdiction (for people), shared (from this birthday on a child decides,
               default 12), own (from this one on parents have no mandate, default 18)
  [emergency]  break-the-glass: window_seconds (how long it lasts, at most and by default 14400),
               review_hours (until its review is overdue, default 72), delay_hours (by how
               much the patient may be told later for safety, default 0: never), override
               (true where the law opens what the patient closed; default false)
  [legal]      orders of courts: secret_days (for how long the patient may at most not be told,
               default 365)
  subscription_allow     hosts and networks inside to which notifications may be sent,
               and from which keys of apps may be fetched
  subscription_deny      networks with public addresses that are inside all the same
  subscription_retry_ms  pause after a first failed notification, doubled each time
               (default 1000)
  subscription_tries     failures in a row after which a subscription is in error (default 12)

  relationships          who needs a treatment relationship where the patient said nothing: personal
               (who signs in here; the default) or required (people for whom software vouches too)
  relationship_days      days before it begins and after it ends in which it counts (default 30)
  key_days     days after which each key of the hospital on the ledger should be followed by another,
               with cairn keys rotate; warned of 30 days ahead (default 365)

  withhold_psychotherapy_notes  why patients are not shown records labelled PSYTHPN, as they are told
               (left out: they are shown them)
  withhold_endangering   the same for records labelled NOPAT

  [erasure]    what has to be kept although a patient wants it erased: hold (why nothing is erased),
               retain_years (after the last change), retain_reason; backup_days (after which no backup
               is left, default 35)
  [[hold]]     a legal hold on one patient's records: patient, reason (as she is told)

  [[peer]]     another member's node: member, id (40 hexadecimal digits), address (host:port),
               follow (true: it has no vote)
  [[client]]   software that may sign in: id, name, public_key (PEM file),
               rights (records, invite, operate)
  [provider]   OpenID provider of the staff: issuer, client_id, client_secret (file), role_claim,
               roles (VALUE=ROLE); also scopes, id_claim, name_claim, unit_claim, units
               (VALUE=Organization/ID), team_claim, teams, practitioner_claim, acr
  [mllp]       listener for HL7 v2 messages: listen (host:port), tls_cert, tls_key, client_ca,
               plain, processing, connections, queue, queue_mb
  [[sender]]   a system that may send them: name, application (MSH-3), facility (MSH-4), client,
               zone, systems; also certificate, purpose, charset, codes, new_patients, category

Paths are relative to the file. Unknown keys are errors.`
}

func (c configCheckCommand) Run(e *env) error {
	cfg, err := node.ReadConfig(c.Config)
	if err != nil {
		return err
	}
	if err := readable(e, cfg); err != nil {
		return err
	}
	text, err := cfg.Masked().Encode()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(e.out, "# %s is valid. In force:\n%s", c.Config, text); err != nil {
		return err
	}
	if doubt := portDoubt(cfg); doubt != "" {
		fmt.Fprintln(e.err, "cairn: hint:", doubt)
	}
	return nil
}

// readable looks at the files that a configuration names.
func readable(e *env, cfg node.Config) error {
	g, err := node.ReadGenesis(cfg.Genesis)
	if err != nil {
		return err
	}
	if err := cfg.Belongs(g); err != nil {
		return err
	}
	open := keys.Open
	if cfg.Follow {
		open = keys.OpenFollower
	}
	ring, err := open(e.ctx, cfg.Keys, cfg.KMS)
	if err != nil {
		return err
	}
	files := []string{cfg.TLSCert, cfg.TLSKey, cfg.MLLP.TLSCert, cfg.MLLP.TLSKey, cfg.MLLP.ClientCA}
	for _, c := range cfg.Clients {
		files = append(files, c.PublicKey)
	}
	for _, path := range files {
		if _, err := os.Stat(path); path != "" && errors.Is(err, fs.ErrNotExist) {
			return errors.Join(fault.New(fault.Invalid, "file", "the file "+path+", which the configuration names, is missing"), ring.Close())
		}
	}
	return ring.Close()
}

// portDoubt returns what is odd, though it may be meant, about listen and url.
func portDoubt(cfg node.Config) string {
	u, err := url.Parse(cfg.URL)
	_, port, err2 := net.SplitHostPort(cfg.Listen)
	if err != nil || err2 != nil || u.Hostname() != "localhost" || u.Port() == port {
		return ""
	}
	return fmt.Sprintf("url %s does not lead to listen %s; that is right only with a proxy in between", cfg.URL, cfg.Listen)
}
