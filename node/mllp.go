package node

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones of senders, also where the machine has none

	"cairn/fhir/er7"
	"cairn/fhir/er7/mapping"
	"cairn/node/feed"
	"cairn/node/identity"
	"cairn/node/keys"
	"cairn/node/store"
)

// MLLPConfig is where this node listens for HL7 version 2 messages. The zero
// value does not.
type MLLPConfig struct {
	Listen      string `toml:"listen" comment:"host:port for HL7 v2 messages"`
	TLSCert     string `toml:"tls_cert,omitempty" comment:"PEM files for TLS"`
	TLSKey      string `toml:"tls_key,omitempty"`
	ClientCA    string `toml:"client_ca,omitempty" comment:"PEM file: senders must have a certificate of one of these authorities"`
	Plain       bool   `toml:"plain,omitempty" comment:"true: listen beyond this machine without TLS"`
	Processing  string `toml:"processing,omitempty" comment:"processing id (MSH-11) of the messages that are meant for here: P, T or D"`
	Connections int64  `toml:"connections,omitempty" comment:"how many senders may be connected at once"`
	Queue       int64  `toml:"queue,omitempty" comment:"how many refused messages are kept"`
	QueueMB     int64  `toml:"queue_mb,omitempty" comment:"how large they may be together"`
}

// SenderConfig is a system that may send HL7 version 2 messages.
type SenderConfig struct {
	Name        string   `toml:"name"`                   // what it is called here
	Application string   `toml:"application"`            // MSH-3
	Facility    string   `toml:"facility,omitempty"`     // MSH-4; empty for any
	Certificate string   `toml:"certificate,omitempty"`  // name in its certificate; empty for any
	Client      string   `toml:"client"`                 // the [[client]] in whose name it writes
	Purpose     string   `toml:"purpose,omitempty"`      // v3-PurposeOfUse, TREAT unless said
	Zone        string   `toml:"zone"`                   // of times without an offset: Europe/Berlin
	Charset     string   `toml:"charset,omitempty"`      // of messages without MSH-18
	Systems     []string `toml:"systems"`                // NAME=URI: assigning authorities and coding systems
	Codes       []string `toml:"codes,omitempty"`        // TABLE:CODE=CODE: its own codes in HL7 tables
	NewPatients []string `toml:"new_patients,omitempty"` // message types that may bring a new patient, ADT unless said
	Category    string   `toml:"category,omitempty"`     // of observations that do not say theirs
}

// What holds for the keys of [mllp] that a file leaves out.
const (
	defaultConnections = 64
	defaultQueue       = 10_000
	defaultQueueMB     = 256
)

func (m MLLPConfig) withDefaults() MLLPConfig {
	m.Processing = cmp.Or(m.Processing, "P")
	m.Connections = cmp.Or(m.Connections, defaultConnections)
	m.Queue = cmp.Or(m.Queue, defaultQueue)
	m.QueueMB = cmp.Or(m.QueueMB, defaultQueueMB)
	return m
}

// Senders returns how many senders may be connected at once.
func (m MLLPConfig) Senders() int64 { return m.withDefaults().Connections }

// mllpProblems returns what is wrong with the listener and its senders.
func (c Config) mllpProblems() (out []problem) {
	m := c.MLLP.withDefaults()
	add := func(ok bool, key, format string, args ...any) {
		if !ok {
			out = append(out, problem{key: key, text: fmt.Sprintf(format, args...)})
		}
	}
	if c.MLLP == (MLLPConfig{}) {
		add(len(c.Senders) == 0, "sender 1", "nobody listens to senders: [mllp] with listen is missing")
		return out
	}
	const key = "mllp: "
	add(hostPort(m.Listen), key+"listen", "%q is not host:port", m.Listen)
	add(m.Listen != c.Listen && m.Listen != c.P2P, key+"listen", "%q is listened on for something else already", m.Listen)
	add((m.TLSCert == "") == (m.TLSKey == ""), key+"tls_cert", "goes together with tls_key")
	add(m.ClientCA == "" || m.TLSCert != "", key+"client_ca", "needs tls_cert and tls_key")
	add(!hostPort(m.Listen) || m.TLSCert != "" || m.Plain || loopback(m.Listen), key+"listen",
		"%q is reachable from other machines, so tls_cert and tls_key are needed, or plain = true", m.Listen)
	add(slices.Contains([]string{"P", "T", "D"}, m.Processing), key+"processing", "%q is not P, T or D", m.Processing)
	add(m.Connections >= 1 && m.Connections <= 1000, key+"connections", "%d is not from 1 to 1000", m.Connections)
	add(m.Queue >= 1 && m.Queue <= 1_000_000, key+"queue", "%d is not from 1 to 1000000", m.Queue)
	add(m.QueueMB >= 1 && m.QueueMB <= 100_000, key+"queue_mb", "%d is not from 1 to 100000", m.QueueMB)
	add(len(c.Senders) > 0, "mllp", "nobody may send: there is no [[sender]]")
	return append(out, c.senderProblems()...)
}

func (c Config) senderProblems() (out []problem) {
	seen := make(map[string]bool)
	for i, s := range c.Senders {
		key := fmt.Sprintf("sender %d: ", i+1)
		add := func(ok bool, name, format string, args ...any) {
			if !ok {
				out = append(out, problem{key: key + name, text: fmt.Sprintf(format, args...)})
			}
		}
		add(senderName.MatchString(s.Name), "name", "%q is not a name of lower case letters, digits and hyphens", s.Name)
		add(!seen[s.Name] || s.Name == "", "name", "%q is the name of another sender already", s.Name)
		seen[s.Name] = true
		add(s.Application != "", "application", "is missing")
		add(c.registered(s.Client), "client", "%q is no [[client]] with the right records", s.Client)
		add(s.Certificate == "" || c.MLLP.ClientCA != "", "certificate", "needs client_ca in [mllp]")
		_, err := time.LoadLocation(s.Zone)
		add(s.Zone != "" && s.Zone != "Local" && err == nil, "zone", "%q is not a time zone such as Europe/Berlin", s.Zone)
		_, known := er7.ParseCharset(cmp.Or(s.Charset, "ASCII"))
		add(known, "charset", "%q is not ASCII, UNICODE UTF-8 or 8859/1", s.Charset)
		_, bad := pairs(s.Systems, systemForm)
		add(bad == "", "systems", "%q is not NAME=URI", bad)
		add(len(s.Systems) > 0, "systems", "is missing: without one no patient's number means anything")
		_, bad = pairs(s.Codes, codeForm)
		add(bad == "", "codes", "%q is not TABLE:CODE=CODE, such as 0001:W=F", bad)
		for _, typ := range s.NewPatients {
			add(newPatientTypes[typ], "new_patients", "%q is not ADT, ORU, VXU, ORM, MDM or SIU", typ)
		}
		add(s.Category == "" || categoryForm.MatchString(s.Category), "category", "%q is not a code of observation-category", s.Category)
	}
	return out
}

var (
	senderName      = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	systemForm      = regexp.MustCompile(`^([^=]*)=([a-zA-Z][a-zA-Z0-9+.-]*:[!-~]+)$`)
	codeForm        = regexp.MustCompile(`^([0-9]{4}:[^=]+)=([!-~]+)$`)
	categoryForm    = regexp.MustCompile(`^[a-z][a-z-]{2,30}$`)
	newPatientTypes = map[string]bool{"ADT": true, "ORU": true, "VXU": true, "ORM": true, "MDM": true, "SIU": true}
)

// pairs reads a list of NAME=VALUE; bad is the first that has another form.
func pairs(list []string, form *regexp.Regexp) (out map[string]string, bad string) {
	out = make(map[string]string, len(list))
	for _, text := range list {
		parts := form.FindStringSubmatch(text)
		if parts == nil {
			return nil, text
		}
		out[parts[1]] = parts[2]
	}
	return out, ""
}

// registered tells whether a client may write records.
func (c Config) registered(id string) bool {
	return slices.ContainsFunc(c.Clients, func(have identity.Client) bool {
		return have.ID == id && slices.Contains(have.Rights, identity.RightRecords)
	})
}

// feeds returns in whose names messages are written.
func (c Config) feeds() (out []identity.Feed) {
	for _, s := range c.Senders {
		if f := s.feed(); !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

func (s SenderConfig) feed() identity.Feed {
	return identity.Feed{Client: s.Client, Purpose: cmp.Or(s.Purpose, "TREAT")}
}

// feedConfig returns what the desk for messages needs to know.
func (c Config) feedConfig() (feed.Config, error) {
	m := c.MLLP.withDefaults()
	out := feed.Config{Processing: m.Processing, Limit: store.RefusedLimit{Messages: m.Queue, Bytes: m.QueueMB << 20}, Key: keys.ChestFeed}
	for _, s := range c.Senders {
		zone, err := time.LoadLocation(s.Zone)
		if err != nil {
			return feed.Config{}, fmt.Errorf("the zone of sender %s: %w", s.Name, err)
		}
		systems, _ := pairs(s.Systems, systemForm)
		codes, _ := pairs(s.Codes, codeForm)
		charset, _ := er7.ParseCharset(cmp.Or(s.Charset, "ASCII"))
		types := s.NewPatients
		if types == nil {
			types = []string{"ADT"}
		}
		out.Senders = append(out.Senders, feed.Sender{
			Sender:      mapping.Sender{Name: s.Name, Zone: zone, Systems: systems, Codes: codes, Category: s.Category},
			Application: strings.TrimSpace(s.Application), Facility: s.Facility, Certificate: s.Certificate, Feed: s.feed(), Charset: charset, NewPatients: types,
		})
	}
	return out, nil
}
