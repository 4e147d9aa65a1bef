package node

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cairn/node/fault"
)

// TestFoundingIsWholeOrNothing: what cannot be founded leaves nothing behind.
func TestFoundingIsWholeOrNothing(t *testing.T) {
	root := t.TempDir()
	empty := filepath.Join(root, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	used := filepath.Join(root, "used")
	if err := os.Mkdir(used, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(used, "letter"), []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := func(dir string) Founder {
		return Founder{ID: "north", Name: "North Hospital", Dir: dir, Listen: "127.0.0.1:1", P2P: "127.0.0.1:2"}
	}
	for _, c := range []struct {
		name   string
		second Founder
		says   string
	}{
		{"directory in use", Founder{ID: "east", Name: "East", Dir: used, Listen: "127.0.0.1:3", P2P: "127.0.0.1:4"}, "not empty"},
		{"directory is a file", Founder{ID: "east", Name: "East", Dir: filepath.Join(used, "letter"), Listen: "127.0.0.1:3", P2P: "127.0.0.1:4"}, "letter"},
		{"port taken twice", Founder{ID: "east", Name: "East", Dir: filepath.Join(root, "b"), Listen: "127.0.0.1:3", P2P: "127.0.0.1:1"}, "127.0.0.1:1 is given twice"},
		{"no port", Founder{ID: "east", Name: "East", Dir: filepath.Join(root, "b"), Listen: "here", P2P: "127.0.0.1:4"}, "host:port"},
		{"port too large", Founder{ID: "east", Name: "East", Dir: filepath.Join(root, "b"), Listen: "127.0.0.1:65536", P2P: "127.0.0.1:4"}, "65535"},
		{"open to all without https", Founder{ID: "east", Name: "East", Dir: filepath.Join(root, "b"), Listen: "0.0.0.0:3", P2P: "127.0.0.1:4"}, "certificate"},
		{"no name", Founder{ID: "east", Dir: filepath.Join(root, "b"), Listen: "127.0.0.1:3", P2P: "127.0.0.1:4"}, "name"},
		{"same member", Founder{ID: "north", Name: "North", Dir: filepath.Join(root, "b"), Listen: "127.0.0.1:3", P2P: "127.0.0.1:4"}, "twice"},
		{"name too long", Founder{ID: "east", Name: strings.Repeat("x", 300), Dir: filepath.Join(root, "b"), Listen: "127.0.0.1:3", P2P: "127.0.0.1:4"}, "256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, first := range []Founder{good(filepath.Join(root, "a", "deep", "er")), good(empty)} {
				err := Found("test", []Founder{first, c.second})
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("have %v, want one that says %q", err, c.says)
				}
				if exists(filepath.Join(root, "a")) || exists(filepath.Join(root, "b")) {
					t.Error("a directory was left behind")
				}
				if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
					t.Errorf("something was left in the empty directory: %v, %v", left, err)
				}
				if text, err := os.ReadFile(filepath.Join(used, "letter")); err != nil || string(text) != "dear" {
					t.Errorf("what was there was touched: %q, %v", text, err)
				}
			}
		})
	}
	if err := Found("test", []Founder{good(empty)}); err != nil {
		t.Errorf("an empty directory is refused: %v", err)
	}
}

// TestOtherKeysAreRefused: a node does not run with keys that are not those of
// its member, or as a member that is not in the genesis.
func TestOtherKeysAreRefused(t *testing.T) {
	n, cfg := open(t)
	_, other := open(t)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"seal.pem", "cosign.pem", "client.pem", "validator.pem"} {
		mine := filepath.Join(cfg.Keys, file)
		kept, err := os.ReadFile(mine)
		if err != nil {
			t.Fatal(err)
		}
		foreign, err := os.ReadFile(filepath.Join(other.Keys, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(mine, foreign, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = Open(context.Background(), cfg, slog.New(slog.DiscardHandler))
		if f := fault.As(err); f == nil || f.Code != "other-key" || !strings.Contains(f.Text, file) {
			t.Errorf("with another hospital's %s: %v", file, err)
		}
		if err := os.WriteFile(mine, kept, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stranger := cfg
	stranger.Member = "south"
	if _, err := Open(context.Background(), stranger, slog.New(slog.DiscardHandler)); fault.As(err).Code != "not-a-member" {
		t.Errorf("a member that is not in the genesis: %v", err)
	}
	if again, err := Open(context.Background(), cfg, slog.New(slog.DiscardHandler)); err != nil {
		t.Errorf("with its own keys: %v", err)
	} else if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// TestAlteredGenesis: a genesis that was changed is another network's, or none.
func TestAlteredGenesis(t *testing.T) {
	n, cfg := open(t)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(cfg.Genesis)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for name, c := range map[string]struct{ altered, says string }{
		"another parameter":  {strings.Replace(text, `"beat_millis": 1000`, `"beat_millis": 2000`, 1), "another hospital or network"},
		"no voting power":    {strings.Replace(text, `"voting_power": 1`, `"voting_power": 0`, 1), "voting power"},
		"a number as a text": {strings.Replace(text, `"voting_power": 1`, `"voting_power": "1"`, 1), "voting_power is a string"},
		"an unknown key":     {strings.Replace(text, `"name"`, `"nam"`, 1), `unknown field "nam"`},
		"a key twice":        {strings.Replace(text, `"name": "test"`, `"name": "other",`+"\n"+`  "name": "test"`, 1), "one form"},
		"spaces":             {text + " ", "one form"},
		"cut off":            {text[:len(text)/2], "cut off"},
		"empty":              {"", "empty"},
	} {
		if err := os.WriteFile(cfg.Genesis, []byte(c.altered), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(context.Background(), cfg, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: have %v, want one that says %q", name, err, c.says)
		}
	}
}
