package api_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cairn/api"
	"cairn/client"
	"cairn/node"
	"cairn/node/identity"
	"cairn/node/keys"
	"cairn/wallet"
)

// house is a running hospital, behind its front door.
type house struct {
	id, dir string
	node    *node.Node
}

func (h house) url() string { return h.node.Config.URL }

// software is what the hospital registered: "ehr", "operator", or "laboratory",
// which has no right.
func (h house) software(t *testing.T, id string) *client.Client {
	t.Helper()
	c, err := client.New(h.url(), h.id, id, filepath.Join(h.dir, "keys", id+".pem"), http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (h house) home() wallet.Home { return wallet.Home{ID: h.id, Name: h.id, URL: h.url()} }

func (h house) wallet() *wallet.Wallet { return wallet.New(h.node.Trust().ID, http.DefaultClient) }

// town founds two hospitals that are one consortium and runs them until the test
// ends.
func town(t *testing.T) (north, east house) {
	t.Helper()
	return townWith(t, "")
}

// townWith is town with more in the configuration of the first hospital.
func townWith(t *testing.T, more string) (north, east house) {
	t.Helper()
	dir := t.TempDir()
	var founders []node.Founder
	for _, id := range []string{"north", "east"} {
		founders = append(founders, node.Founder{ID: id, Name: id, Dir: filepath.Join(dir, id), Listen: free(t), P2P: free(t)})
	}
	if err := node.Found("test", founders); err != nil {
		t.Fatal(err)
	}
	addTo(t, filepath.Join(founders[0].Dir, "cairn.toml"), more)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	houses, ready := make([]house, len(founders)), make(chan error, 2*len(founders))
	for i, f := range founders {
		running.Go(func() { ready <- run(ctx, f, &houses[i], ready) })
	}
	for range founders {
		select {
		case err := <-ready:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("the hospitals do not start")
		}
	}
	return houses[0], houses[1]
}

// run runs a hospital. It says on ready when the door is open.
func run(ctx context.Context, f node.Founder, h *house, ready chan<- error) error {
	cfg, err := node.ReadConfig(filepath.Join(f.Dir, "cairn.toml"))
	if err != nil {
		return err
	}
	public, err := laboratory(f.Dir)
	if err != nil {
		return err
	}
	cfg.Clients = append(cfg.Clients, identity.Client{ID: "laboratory", Name: "Laboratory", PublicKey: public})
	n, err := node.Open(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer n.Close()
	*h = house{f.ID, f.Dir, n}
	return n.Run(ctx, func(ctx context.Context) error {
		l, err := net.Listen("tcp", cfg.Listen)
		if err != nil {
			return err
		}
		server := &http.Server{Handler: api.Handler(n, "test")}
		context.AfterFunc(ctx, func() { server.Close() })
		ready <- nil
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
}

// laboratory makes keys of software and returns the file of the public one.
func laboratory(dir string) (string, error) {
	private := filepath.Join(dir, "keys", "laboratory.pem")
	if err := keys.CreateClient(private); err != nil {
		return "", err
	}
	key, err := keys.ReadClient(private)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return "", fmt.Errorf("writing a public key: %w", err)
	}
	public := filepath.Join(dir, "keys", "laboratory.pub.pem")
	return public, os.WriteFile(public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600)
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// addTo writes text at the end of a file.
func addTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
