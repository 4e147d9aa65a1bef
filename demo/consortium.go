// Package demo runs a consortium of hospitals on this machine, each a process
// of its own with its own directory, keys and ports, and plays the main job on
// it through the front door: as EHRs, as clinicians, as a patient with a
// wallet, as a stranger with a proof, as a database administrator who cheats.
package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"cairn/client"
	"cairn/node"
)

// Hospital is one member of the consortium.
type Hospital struct {
	ID, Name string
	Dir      string // configuration, keys, data
	URL      string
	Config   string         // path of cairn.toml
	EHR      *client.Client // may read, write, invite; vouches for staff
	Operator *client.Client
	process  *exec.Cmd
	exited   chan error
}

// Consortium is hospitals that run on this machine.
type Consortium struct {
	Dir       string
	Hospitals []*Hospital
	binary    string
	client    *http.Client
}

var names = []struct{ id, name string }{
	{"north", "North Hospital"}, {"east", "East Hospital"}, {"south", "South Hospital"}, {"west", "West Hospital"},
}

// RecoveryWaits is how long a recovery waits in a demonstration; a real network
// takes days.
const RecoveryWaits = 8 * time.Second

// Options say how a consortium is set up.
type Options struct {
	Binary   string // the cairn program
	Dir      string // where the hospitals' directories go
	HTTPPort int    // of the first hospital, the others follow; 0 for free ports
	P2PPort  int    // likewise
	Store    string // postgres://...: the first hospital's database, instead of a file
}

// Found makes the directories of four hospitals that do not run yet.
func Found(o Options) (*Consortium, error) {
	c := &Consortium{Dir: o.Dir, binary: o.Binary, client: &http.Client{
		Timeout:   time.Minute,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, MaxIdleConns: 256, IdleConnTimeout: time.Minute},
	}}
	var founders []node.Founder
	var held holding
	defer held.release()
	for i, n := range names {
		listen, err := held.address(o.HTTPPort, i)
		if err != nil {
			return nil, err
		}
		p2p, err := held.address(o.P2PPort, i)
		if err != nil {
			return nil, err
		}
		f := node.Founder{ID: n.id, Name: n.name, Dir: filepath.Join(o.Dir, n.id), Listen: listen, P2P: p2p}
		if i == 0 {
			f.Store = o.Store
		}
		founders = append(founders, f)
	}
	if err := node.Found("demo", founders, node.RecoveryWaits(RecoveryWaits)); err != nil {
		return nil, err
	}
	for _, f := range founders {
		h := &Hospital{ID: f.ID, Name: f.Name, Dir: f.Dir, Config: filepath.Join(f.Dir, "cairn.toml")}
		cfg, err := node.ReadConfig(h.Config)
		if err != nil {
			return nil, err
		}
		h.URL = cfg.URL
		if h.EHR, err = client.New(cfg.URL, f.ID, "ehr", filepath.Join(cfg.Keys, "ehr.pem"), c.client); err != nil {
			return nil, err
		}
		if h.Operator, err = client.New(cfg.URL, f.ID, "operator", filepath.Join(cfg.Keys, "operator.pem"), c.client); err != nil {
			return nil, err
		}
		c.Hospitals = append(c.Hospitals, h)
	}
	return c, nil
}

// holding keeps the free ports that were found taken until all are, so that none is
// found twice.
type holding []net.Listener

func (h *holding) release() {
	for _, l := range *h {
		l.Close()
	}
}

// address returns the i-th loopback address from a port on, or a free one.
func (h *holding) address(port, i int) (string, error) {
	if port != 0 {
		return fmt.Sprintf("127.0.0.1:%d", port+i), nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("looking for a free port: %w", err)
	}
	*h = append(*h, l)
	return l.Addr().String(), nil
}

// Client returns the HTTP client that the demo's people use.
func (c *Consortium) Client() *http.Client { return c.client }

// Find returns a hospital by id.
func (c *Consortium) Find(id string) *Hospital {
	for _, h := range c.Hospitals {
		if h.ID == id {
			return h
		}
	}
	return nil
}

// Start starts all hospitals and waits until each answers.
func (c *Consortium) Start(ctx context.Context) error {
	for _, h := range c.Hospitals {
		if err := c.StartOne(h); err != nil {
			return err
		}
	}
	for _, h := range c.Hospitals {
		if err := c.Ready(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// StartOne starts one hospital's process.
func (c *Consortium) StartOne(h *Hospital) error {
	h.process = exec.Command(c.binary, "serve", "--config", h.Config) //nolint:gosec // our own program
	logFile, err := os.OpenFile(h.LogFile(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("opening the log file of %s: %w", h.Name, err)
	}
	defer logFile.Close()
	h.process.Stdout, h.process.Stderr = logFile, logFile
	// A Ctrl-C at the terminal reaches this process, which then ends the nodes
	// in order.
	h.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := h.process.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", h.Name, err)
	}
	h.exited = make(chan error, 1)
	go func(p *exec.Cmd, exited chan error) { exited <- p.Wait(); close(exited) }(h.process, h.exited)
	return nil
}

// Ready waits until a hospital's node answers and trusts its ledger.
func (c *Consortium) Ready(ctx context.Context, h *Hospital) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL+"/healthz", nil)
		if err != nil {
			return err
		}
		res, err := c.client.Do(req)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-h.exited:
			return fmt.Errorf("%s ended: %w: %s", h.Name, err, h.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("%s does not become ready: %w", h.Name, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// StopOne ends one hospital's process and waits for it.
func (c *Consortium) StopOne(h *Hospital) error {
	if h.process == nil {
		return nil
	}
	h.process.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended by itself
	select {
	case <-h.exited:
	case <-time.After(15 * time.Second):
		h.process.Process.Kill() //nolint:errcheck // as above
		<-h.exited
		h.process = nil
		return fmt.Errorf("%s did not stop within 15 s", h.Name)
	}
	h.process = nil
	return nil
}

// Close ends all hospitals.
func (c *Consortium) Close() error {
	var errs []error
	for _, h := range c.Hospitals {
		if h.process != nil {
			h.process.Process.Signal(syscall.SIGTERM) //nolint:errcheck // as in StopOne
		}
	}
	for _, h := range c.Hospitals {
		errs = append(errs, c.StopOne(h))
	}
	return errors.Join(errs...)
}

// PID returns the process id of a running hospital.
func (h *Hospital) PID() int { return h.process.Process.Pid }

// LogFile returns the path of what the hospital's process prints.
func (h *Hospital) LogFile() string { return filepath.Join(h.Dir, "node.log") }

// lastWords returns the end of what the process printed.
func (h *Hospital) lastWords() string {
	data, err := os.ReadFile(h.LogFile())
	if err != nil {
		return "it printed nothing"
	}
	return strings.TrimSpace(string(data[max(0, len(data)-600):]))
}

// Genesis returns the path of the consortium's founding file.
func (h *Hospital) Genesis() string { return filepath.Join(h.Dir, "genesis.json") }

// Trust returns the path of the consortium's trust file.
func (h *Hospital) Trust() string { return filepath.Join(h.Dir, "network.json") }

// Wipe removes the consortium's directory.
func (c *Consortium) Wipe() error { return os.RemoveAll(c.Dir) }

// Kill ends the hospital's process at once, as a power cut would.
func (h *Hospital) Kill() {
	h.process.Process.Kill() //nolint:errcheck // it may have ended by itself
	<-h.exited
}
