package node

import (
	"reflect"
	"strings"
	"testing"
)

// whole is a configuration with nothing wrong in it.
const whole = `member = 'north'
listen = '127.0.0.1:8101'
url = 'http://localhost:8101'
p2p = '127.0.0.1:8201'
`

// sendersWhole listens for messages, with nothing wrong in it.
const sendersWhole = `[mllp]
listen = '127.0.0.1:2575'
[[client]]
id = 'ehr'
public_key = 'ehr.pem'
rights = ['records']
[[sender]]
name = 'lab'
application = 'LAB'
client = 'ehr'
zone = 'Europe/Berlin'
systems = ['NORTH=urn:oid:1.2.3']
`

// TestConfigFaultsAreNamedWithTheirLines: everything that is wrong is said at
// once, in the order of the lines.
func TestConfigFaultsAreNamedWithTheirLines(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nothing wrong", whole, nil},
		{"empty lists", whole + "peer = []\nclient = []\n", nil},
		{"inline tables", whole + "client = [{id = 'ehr', public_key = 'ehr.pem', rights = ['records']}]", nil},
		{"empty", "", []string{"member: is missing", "listen: is missing", "p2p: is missing", "url: is missing"}},
		{"not a text file", "member = '\xff'", []string{"this is not a text file"}},
		{"syntax", whole + "data = 'x\n", []string{"line 5: literal strings cannot have new lines"}},
		{"a number too large", whole + "reserve_mb = 99999999999999999999", []string{"line 5: couldn't parse decimal number"}},
		{"unknown keys", "colour = 1\n" + whole + "Data = 'x'\na.b = 1", []string{"line 1: colour: no such key", "line 6: Data: no such key", "line 7: a.b: no such key"}},
		{"unknown tables", whole + "[shoe]\nsize = 1\n[[hat]]\n[client.x]\n", []string{"line 5: shoe: no such table", "line 7: hat: no such table", "line 8: client.x: no such table"}},
		{"a single table", whole + "[peer]\nid = 1\n", []string{"line 5: peer: there may be several, so its header is [[peer]]"}},
		{"twice", whole + "member = 'south'\n", []string{"line 5: member: stands on line 1 already"}},
		{"kinds", "member = 3\nlisten = [\n1]\nurl = true\np2p = 1.5\nreserve_mb = '1'\npeer = 'x'\nclient = [1]\n", []string{
			`line 1: member: must be a text ("..."), not a number`,
			`line 2: listen: must be a text ("..."), not a list`,
			`line 4: url: must be a text ("..."), not true or false`,
			`line 5: p2p: must be a text ("..."), not a number with a fraction`,
			"line 6: reserve_mb: must be a whole number, not a text",
			"line 7: peer: must be a list of tables, not a text",
			"line 8: client: must be a list of tables; a number is in it",
		}},
		{"values", "member = 'North'\nlisten = '0.0.0.0:1'\nurl = 'localhost'\np2p = '127.0.0.1:99999'\nreserve_mb = 9223372036854775807\nlog_level = 'loud'\ntls_key = 'x'\n", []string{
			`line 1: member: "North" is not a member id (lower case letters, digits, hyphens)`,
			`line 2: listen: "0.0.0.0:1" is reachable from other machines, so tls_cert and tls_key are needed`,
			`line 3: url: "localhost" is not http(s)://host[:port]`,
			`line 4: p2p: "127.0.0.1:99999" is not host:port`,
			"line 5: reserve_mb: 9223372036854775807 is more than any disk has",
			`line 6: log_level: "loud" is not debug, info, warn or error`,
			"tls_cert: goes together with tls_key",
		}},
		{"a listener for messages", whole + sendersWhole, nil},
		{"the same inline", whole + "mllp = {listen = '127.0.0.1:2575'}\n" + strings.Replace(sendersWhole, "[mllp]\nlisten = '127.0.0.1:2575'\n", "", 1), nil},
		{"a list of listeners", whole + "[[mllp]]\nlisten = '127.0.0.1:1'\n", []string{"line 5: mllp: there is one only, so its header is [mllp]"}},
		{"two listeners", whole + sendersWhole + "[mllp]\n", []string{"line 17: mllp: stands on line 5 already"}},
		{"a listener that is no table", whole + "mllp = 'x'\n", []string{"line 5: mllp: must be a table, not a text"}},
		{"senders that nobody listens to", whole + "[[sender]]\nname = 'x'\n", []string{"line 5: sender 1: nobody listens to senders: [mllp] with listen is missing"}},
		{"a listener for nobody", whole + "[mllp]\nlisten = '0.0.0.0:2575'\nport = 1\nprocessing = 'X'\nclient_ca = 'x'\nqueue = -1\nplain = 'yes'\n", []string{
			"line 5: mllp: nobody may send: there is no [[sender]]",
			`line 6: mllp: listen: "0.0.0.0:2575" is reachable from other machines, so tls_cert and tls_key are needed, or plain = true`,
			"line 7: mllp: port: no such key", `line 8: mllp: processing: "X" is not P, T or D`, "line 9: mllp: client_ca: needs tls_cert and tls_key",
			"line 10: mllp: queue: -1 is not from 1 to 1000000", "line 11: mllp: plain: must be true or false, not a text",
		}},
		{"a sender that says nothing", whole + "[mllp]\nlisten = '127.0.0.1:2575'\n[[sender]]\nname = 'Lab'\nzone = 'Mars'\ncharset = 'x'\nsystems = ['x']\ncodes = ['y']\nnew_patients = ['BAR']\ncertificate = 'z'\n", []string{
			`line 7: sender 1: application: is missing`, `line 7: sender 1: client: "" is no [[client]] with the right records`,
			`line 8: sender 1: name: "Lab" is not a name of lower case letters, digits and hyphens`, `line 9: sender 1: zone: "Mars" is not a time zone such as Europe/Berlin`,
			`line 10: sender 1: charset: "x" is not ASCII, UNICODE UTF-8 or 8859/1`, `line 11: sender 1: systems: "x" is not NAME=URI`,
			`line 12: sender 1: codes: "y" is not TABLE:CODE=CODE, such as 0001:W=F`, `line 13: sender 1: new_patients: "BAR" is not ADT, ORU, VXU, ORM, MDM or SIU`,
			"line 14: sender 1: certificate: needs client_ca in [mllp]",
		}},
		{"kinds, keys and values at once", "member = 3\nlisten = 'x'\nshoe = 1\nurl = 'http://a'\np2p = '127.0.0.1:1'\n", []string{
			`line 1: member: must be a text ("..."), not a number`, `line 2: listen: "x" is not host:port`, "line 3: shoe: no such key",
		}},
		{"tables", whole + "[[client]]\nid = 'a'\nshoe = 1\n[[client]]\nid = 'a'\npublic_key = 'x'\nrights = ['everything']\n[[peer]]\nmember = 'North'\nid = 'zz'\naddress = 'x'\n", []string{
			"line 5: client 1: public_key: is missing",
			"line 7: client 1: shoe: no such key",
			`line 9: client 2: id: "a" is the id of another client already`,
			`line 11: client 2: rights: "everything" is not records, invite or operate`,
			`line 13: peer 1: member: "North" is not a member id`,
			`line 14: peer 1: id: "zz" is not 40 hexadecimal digits`,
			`line 15: peer 1: address: "x" is not host:port`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := defaults()
			var have []string
			for _, p := range decodeConfig([]byte(c.text), &cfg) {
				have = append(have, p.String())
			}
			if !reflect.DeepEqual(have, c.want) {
				t.Errorf("have\n  %s\nwant\n  %s", strings.Join(have, "\n  "), strings.Join(c.want, "\n  "))
			}
		})
	}
}

// FuzzConfig: no file makes the reader fail, and what it takes it writes so
// that it takes it again.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{whole, "a = [{b = 1}, 2]\n[[c]]\n", "x.\"y\" = '''\n'''\r\n[a.b]\n", "member = \"\\u0041\"\nmember=1", "client=[{},{id=1}]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg := defaults()
		if len(decodeConfig(data, &cfg)) > 0 {
			return
		}
		text, err := cfg.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again := defaults()
		if p := decodeConfig(text, &again); len(p) > 0 {
			t.Fatalf("%s\nis not taken again: %v", text, p)
		}
		written, err := again.Encode()
		if err != nil || string(written) != string(text) {
			t.Fatalf("%s\nbecomes\n%s", text, written)
		}
	})
}
