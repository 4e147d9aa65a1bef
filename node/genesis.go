package node

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"cairn/ledger/machine"
	"cairn/ledger/member"
	"cairn/node/fault"
)

// genesisFile is the consortium's founding file as people read it. Keys are in
// hex; times in Unix milliseconds.
type genesisFile struct {
	Format  string       `json:"format"`
	Name    string       `json:"name"`
	Time    int64        `json:"time"`
	Params  paramsFile   `json:"params"`
	Members []memberFile `json:"members"`
}

type paramsFile struct {
	GraceMillis uint64 `json:"grace_millis"`
	SkewMillis  uint64 `json:"skew_millis"`
	BeatMillis  uint64 `json:"beat_millis"`

	RecoveryMillis uint64 `json:"recovery_millis,omitempty"` // not there: the default, in a genesis from before there was the rule
}

type memberFile struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Roles   []string  `json:"roles"`
	URL     string    `json:"url"`
	Origins []string  `json:"portal_origins"`
	RPID    string    `json:"webauthn_rp_id"`
	Power   uint64    `json:"voting_power"`
	Keys    []keyFile `json:"keys"`
}

type keyFile struct {
	Use    string `json:"use"`
	Public string `json:"public"`
	From   uint64 `json:"from_height"`
	Until  uint64 `json:"until_height,omitempty"`
}

const genesisFormat = "cairn/genesis/v1"

var uses = []member.Use{member.UseSeal, member.UseCosign, member.UseClient, member.UseValidator}

// EncodeGenesis returns the founding file of a genesis.
func EncodeGenesis(g machine.Genesis) ([]byte, error) {
	f := genesisFile{Format: genesisFormat, Name: g.Name, Time: g.Time,
		Params: paramsFile{g.Params.GraceMillis, g.Params.SkewMillis, g.Params.BeatMillis, g.Params.RecoveryMillis}}
	for _, m := range g.Members {
		out := memberFile{ID: m.ID, Name: m.Name, Roles: m.Roles, URL: m.URL, Origins: m.Origins, RPID: m.RPID, Power: m.Power}
		for _, k := range m.Keys {
			out.Keys = append(out.Keys, keyFile{k.Use.String(), hex.EncodeToString(k.Public), k.From, k.Until})
		}
		f.Members = append(f.Members, out)
	}
	data, err := json.MarshalIndent(f, "", "  ")
	return append(data, '\n'), err
}

// ReadGenesis reads a founding file. It must be as EncodeGenesis writes it.
func ReadGenesis(path string) (machine.Genesis, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return machine.Genesis{}, fault.New(fault.Invalid, "genesis", "the genesis file "+path+" is missing").
			WithHint("copy genesis.json from another hospital of the consortium")
	}
	if err != nil {
		return machine.Genesis{}, fault.Wrap(fault.Invalid, "genesis", "the genesis file "+path+" cannot be read", err)
	}
	g, err := DecodeGenesis(data)
	if err != nil {
		return machine.Genesis{}, fault.Wrap(fault.Invalid, "genesis", "the genesis file "+path+" is not valid", err).
			WithHint("copy genesis.json anew from another hospital of the consortium; it must be the same byte for byte")
	}
	return g, nil
}

// DecodeGenesis parses and validates a founding file.
func DecodeGenesis(data []byte) (machine.Genesis, error) {
	var f genesisFile
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return machine.Genesis{}, explainJSON(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return machine.Genesis{}, fmt.Errorf("something follows the end")
	}
	if f.Format != genesisFormat {
		return machine.Genesis{}, fmt.Errorf("format %q is not %s", f.Format, genesisFormat)
	}
	g := machine.Genesis{Name: f.Name, Time: f.Time, Params: machine.Params{
		GraceMillis: f.Params.GraceMillis, SkewMillis: f.Params.SkewMillis, BeatMillis: f.Params.BeatMillis,
		RecoveryMillis: f.Params.RecoveryMillis}}
	for _, m := range f.Members {
		decoded, err := m.decode()
		if err != nil {
			return machine.Genesis{}, fmt.Errorf("member %q: %w", m.ID, err)
		}
		g.Members = append(g.Members, decoded)
	}
	if err := g.Validate(); err != nil {
		return machine.Genesis{}, err
	}
	if again, err := EncodeGenesis(g); err != nil || !bytes.Equal(again, data) {
		return machine.Genesis{}, errors.New("it does not have the one form in which a genesis is written")
	}
	return g, nil
}

// explainJSON says in words what the decoder says in terms of Go.
func explainJSON(err error) error {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("it is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it is cut off")
	case errors.As(err, &kind):
		return fmt.Errorf("%s is a %s", kind.Field, kind.Value)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

func (m memberFile) decode() (member.Member, error) {
	out := member.Member{ID: m.ID, Name: m.Name, Roles: m.Roles, URL: m.URL, Origins: m.Origins, RPID: m.RPID, Power: m.Power, Active: true}
	for i, k := range m.Keys {
		public, err := hex.DecodeString(k.Public)
		if err != nil {
			return out, fmt.Errorf("key %d: %w", i, err)
		}
		use, err := useOf(k.Use)
		if err != nil {
			return out, fmt.Errorf("key %d: %w", i, err)
		}
		out.Keys = append(out.Keys, member.Key{Use: use, Public: public, From: k.From, Until: k.Until})
	}
	return out, nil
}

func useOf(name string) (member.Use, error) {
	for _, u := range uses {
		if u.String() == name {
			return u, nil
		}
	}
	return 0, fmt.Errorf("unknown use %q", name)
}
