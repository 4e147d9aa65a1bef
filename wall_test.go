// Package cairn_test holds the arrows of the house: who may import whom, each
// with its reason. docs/house.md tells the same in prose.
package cairn_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// room is a folder of the house and what its packages may import of ours.
type room struct {
	dir string   // "" is not a room; the longest matching dir counts
	may []string // prefixes of our packages
	why string
}

var rooms = []room{
	{"ledger", []string{"ledger"}, "what all hospitals must agree on may depend on nothing that could differ between them, and not on FHIR: privacy as an import rule"},
	{"fhir", []string{"fhir"}, "FHIR as values: it knows no server"},
	{"consent", []string{"consent", "fhir/path", "fhir/resource"}, "a pure decision, the same on any machine"},
	{"proof", []string{"proof", "ledger"}, "what a stranger may check needs public keys only"},
	{"sample", []string{"sample"}, "the generator stands alone: same seed, same bytes"},
	{"node/fault", nil, "errors know nobody"},
	{"node/store", []string{"node/fault", "fhir/search"}, "the cellar does not know the stations above it"},
	{"node/keys", []string{"node/fault", "node/store", "ledger"}, "keys sign and wrap; they decide nothing"},
	{"node/chain", []string{"node/fault", "ledger"}, "the replica knows blocks, not records"},
	{"node/evidence", []string{"node/fault", "node/store", "ledger", "proof"}, "the log does not know who may read"},
	{"node/identity", []string{"node/fault", "node/store", "ledger/member", "consent", "proof", "fhir/scope"}, "who asks is settled before what is asked; proof has the form of what members sign"},
	{"node/identity/code", nil, "a one-time code knows nobody whom it is for"},
	{"node/identity/nonce", nil, "a challenge carries what it is about and needs no store"},
	{"node/identity/box", nil, "what seals rows does not know them"},
	{"node/identity/passkey", []string{"node/fault", "node/store", "node/identity/box", "node/identity/nonce", "ledger/member"}, "a passkey does not say what its owner may do"},
	{"node/identity/once", []string{"node/fault"}, "the memory of what was used does not know what that was"},
	{"node/gate", []string{"node/fault", "node/store", "node/identity", "node/evidence", "consent", "fhir/search", "fhir/scope", "proof"}, "the gate decides and logs; it cannot open the vault"},
	{"node/vault", []string{"node/fault", "node/store", "node/gate", "proof"}, "the vault opens for a Pass and knows no actor, no desk"},
	{"node/peer", []string{"node/fault", "node/identity", "ledger/member", "proof"}, "another hospital is reached as any client would"},
	{"node/hook", []string{"node/fault"}, "what goes out to addresses of others knows nothing of what it carries"},
	{"node/witness", []string{"node/fault", "ledger", "proof"}, "a witness signs what its own replica holds"},
	{"node/record", desk, "a desk never imports a desk"},
	{"node/bulk", append([]string{"node/keys"}, desk...), "a desk never imports a desk"},
	{"node/term", desk, "a desk never imports a desk"},
	{"node/reindex", desk, "a desk never imports a desk"},
	{"node/judge", desk, "a desk never imports a desk"},
	{"node/grant", append([]string{"ledger/member"}, desk...), "a desk never imports a desk"},
	{"node/account", desk, "a desk never imports a desk"},
	{"node/staff", desk, "a desk never imports a desk"},
	{"node/emergency", desk, "a desk never imports a desk"},
	{"node/order", desk, "a desk never imports a desk"},
	{"node/patient", append([]string{"ledger/member"}, desk...), "a desk never imports a desk"},
	{"node/representative", desk, "a desk never imports a desk"},
	{"node/erasure", desk, "a desk never imports a desk"},
	{"node/recovery", append([]string{"wallet/circle", "wallet/safe"}, desk...), "a hospital can be a guardian, with the same code as a person"},
	{"node/exchange", append([]string{"node/peer", "ledger/member"}, desk...), "a desk never imports a desk"},
	{"node/disclosure", append([]string{"ledger/member"}, desk...), "a desk never imports a desk"},
	{"node/subscription", append([]string{"node/hook"}, desk...), "a desk never imports a desk"},
	{"node/oauth", append([]string{"ledger/member"}, desk...), "a desk never imports a desk"},
	{"node/rotation", append([]string{"node/keys", "node/chain", "ledger"}, desk...), "it makes the hospital's keys and has the ledger told"},
	{"node/feed", append([]string{"node/record"}, desk...), "a message is written as any client's records are: through the records desk"},
	{"node/bundle", append([]string{"node/record", "node/chain", "node/witness"}, desk...), "proofs of records are reads: they go through the records desk"},
	{"node", []string{"node", "consent", "contract", "proof", "ledger", "fhir"}, "a hospital never imports its faces"},
	{"web", nil, "embedded files, no rules"},
	{"api", []string{"api", "node", "web", "fhir", "proof", "consent/slip", "consent/recovery", "consent/mandate", "consent/erasure", "wallet/safe"}, "bytes in, bytes out: a face never reaches the ledger"},
	{"client", []string{"fhir/er7", "node/identity", "node/keys", "node/peer"}, "a hospital's own software signs in as others do"},
	{"wallet", []string{"wallet", "consent"}, "the patient's side knows portals, not nodes"},
	{"wallet/kit", nil, "what is on paper knows nothing else"},
	{"wallet/circle", nil, "sharing a secret knows nothing of what it opens"},
	{"wallet/safe", []string{"wallet/circle"}, "a sealed wallet does not know what is in it"},
	{"demo", []string{"client", "wallet", "sample", "node", "ledger/machine", "proof", "consent"}, "the demo goes through the front door"},
	{"bench", []string{"client", "wallet", "sample", "node", "ledger", "proof", "consent", "demo", "fhir"}, "measures every room"},
	{"test", []string{"client", "wallet", "demo", "consent", "proof", "ledger/member", "node/identity", "node/keys", "node/peer"}, "tests from outside go through the front door"},
	{"cmd", []string{"api", "node", "proof", "client", "demo", "bench", "ledger/member"}, "start, stop, inspect"},
}

// desk is what every desk may use: the stations and the cellar.
var desk = []string{
	"node/fault", "node/store", "node/identity", "node/gate", "node/vault", "node/evidence", "consent", "fhir", "proof",
}

// only are third-party packages that one room alone may import.
var only = []struct {
	prefix string
	rooms  []string
	why    string
}{
	{"github.com/cometbft/", []string{"node/chain"}, "consensus can be replaced in one room"},
	{"modernc.org/sqlite", []string{"node/store", "demo", "test"}, "one room speaks SQL; the demo's attacker brings a driver of his own"},
	{"database/sql", []string{"node/store", "demo", "test"}, "as above"},
	{"github.com/jackc/", []string{"node/store", "demo", "test/postgres"}, "one room speaks SQL; the demo's attacker and the tests' server bring their own"},
	{"gocloud.dev/", []string{"node/keys"}, "one room meets the KMS"},
	{"github.com/gofhir/fhirpath", []string{"fhir/fhirpath"}, "one room meters the FHIRPath engine, which has no limits of its own"},
	{"github.com/antlr4-go/", []string{"fhir/fhirpath"}, "the engine's parser"},
	{"github.com/ory/fosite", []string{"node/oauth"}, "one room knows the OAuth library"},
	{"github.com/go-webauthn/", []string{"node/identity/passkey"}, "one room reads what browsers answer when a passkey is made"},
	{"github.com/coreos/go-oidc", []string{"node/identity/provider"}, "one room meets the hospital's OpenID provider"},
	{"github.com/alecthomas/kong", []string{"cmd"}, "flags end at the roof"},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func TestWall(t *testing.T) {
	for _, p := range list(t) {
		dir, ours := strings.CutPrefix(p.ImportPath, "cairn/")
		if !ours {
			continue
		}
		for _, fault := range check(dir, p.Imports) {
			t.Error(fault)
		}
	}
}

// TestWallHolds shows that the check finds what it is for.
func TestWallHolds(t *testing.T) {
	for _, wrong := range [][2]string{
		{"ledger/seal", "cairn/fhir/resource"}, {"node/vault", "cairn/node/record"}, {"node/record", "cairn/node/exchange"},
		{"node/gate", "cairn/node/vault"}, {"api/fhir", "cairn/ledger/machine"}, {"node/store", "cairn/node/gate"},
		{"node/gate", "github.com/cometbft/cometbft/node"}, {"api/fhir", "modernc.org/sqlite"}, {"fhir/patch", "github.com/gofhir/fhirpath/eval"}, {"attic", "cairn/proof"},
	} {
		if len(check(wrong[0], []string{wrong[1]})) == 0 {
			t.Errorf("%s may import %s", wrong[0], wrong[1])
		}
	}
}

// check returns what is wrong with the imports of one of our packages.
func check(dir string, imports []string) (faults []string) {
	r, ok := roomOf(dir)
	if !ok {
		return []string{dir + " is in no room: give it one in wall_test.go and docs/house.md"}
	}
	for _, path := range imports {
		if to, ours := strings.CutPrefix(path, "cairn/"); ours {
			if !under(to, r.dir) && !slices.ContainsFunc(r.may, func(p string) bool { return under(to, p) }) {
				faults = append(faults, dir+" imports "+to+": "+r.why)
			}
			continue
		}
		for _, o := range only {
			if strings.HasPrefix(path, o.prefix) && !slices.ContainsFunc(o.rooms, func(p string) bool { return under(dir, p) }) {
				faults = append(faults, dir+" imports "+path+": "+o.why)
			}
		}
	}
	return faults
}

func roomOf(dir string) (best room, ok bool) {
	for _, r := range rooms {
		if under(dir, r.dir) && len(r.dir) > len(best.dir) {
			best, ok = r, true
		}
	}
	return best, ok
}

// under tells whether a package is in a folder. The room "node" itself is the
// package node only: every folder below it is a room of its own.
func under(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

func list(t *testing.T) (out []listed) {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(pipe); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	if err := cmd.Wait(); err != nil || len(out) < 20 {
		t.Fatalf("go list gave %d packages: %v", len(out), err)
	}
	return out
}
