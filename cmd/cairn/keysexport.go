package main

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"cairn/node/fault"
)

type keysExportCommand struct {
	Form   string `default:"jwks" enum:"jwks,trust" help:"jwks: this hospital's public keys as a JWK Set; trust: the network's trust file, with the keys of all members."`
	Out    string `default:"-" placeholder:"FILE" help:"Where to; - for standard output."`
	Config string `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
}

// Help is shown below the flags.
func (keysExportCommand) Help() string {
	return `Public halves only. In the JWK Set each key has its use and the blocks between which it counts beside
what RFC 7517 says. The trust file is what cairn verify takes.

  cairn keys export --form trust --out network.json --config my-hospital/cairn.toml`
}

func (c keysExportCommand) Run(e *env) error {
	a, in, err := fetchKeys(e, c.Config)
	if err != nil {
		return err
	}
	var data []byte
	if c.Form == "trust" {
		data, err = a.answer(a.Do(e.ctx, http.MethodGet, "/network.json", nil))
	} else {
		data, err = jwks(in.Keys)
	}
	if err != nil {
		return err
	}
	if c.Out == "-" {
		_, err = e.out.Write(data)
		return err
	}
	if err := os.WriteFile(c.Out, data, 0o644); err != nil { //nolint:gosec // public keys
		return fmt.Errorf("writing the keys: %w", err)
	}
	_, err = fmt.Fprintf(e.err, "Wrote %s.\n", c.Out)
	return err
}

// jwk is a public key (RFC 7517, RFC 8037) with what the ledger says of it.
type jwk struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	Y     string `json:"y,omitempty"`
	ID    string `json:"kid"`
	Use   string `json:"use"`
	Alg   string `json:"alg"`
	For   string `json:"cairn_use"`
	State string `json:"cairn_state"`
	From  uint64 `json:"cairn_from"`
	Until uint64 `json:"cairn_until,omitempty"`
}

// jwks makes a JWK Set of the keys that stand on the ledger.
func jwks(all []memberKey) ([]byte, error) {
	set := make([]jwk, 0, len(all))
	for _, k := range all {
		if k.State == "spare" {
			continue
		}
		j := jwk{Type: "OKP", Curve: "Ed25519", X: url64(k.Public), ID: k.ID, Use: "sig", Alg: "EdDSA", For: k.Use, State: k.State, From: k.From, Until: k.Until}
		if k.Use == "client" {
			x, y, err := pointOf(k.Public)
			if err != nil {
				return nil, err
			}
			j.Type, j.Curve, j.Alg, j.X, j.Y = "EC", "P-384", "ES384", x, y
		}
		set = append(set, j)
	}
	text, err := json.MarshalIndent(map[string]any{"keys": set}, "", "  ")
	return append(text, '\n'), err
}

// pointOf returns the coordinates of a P-384 key in PKIX DER.
func pointOf(public []byte) (x, y string, err error) {
	parsed, err := x509.ParsePKIXPublicKey(public)
	key, ok := parsed.(*ecdsa.PublicKey)
	if err != nil || !ok {
		return "", "", fault.Wrap(fault.Broken, "answer", "the node answered with a client key that is none", err)
	}
	point, err := key.Bytes()
	if err != nil || len(point) != 97 {
		return "", "", fault.Wrap(fault.Broken, "answer", "the node answered with a client key that is not of P-384", err)
	}
	return url64(point[1:49]), url64(point[49:]), nil
}

func url64(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }
