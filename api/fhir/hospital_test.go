package fhir_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/api"
	"cairn/client"
	"cairn/node"
)

// hospital is one that the tests of this package share: a consortium of its
// own, on disk, behind its front door.
var hospital struct {
	url  string
	node *node.Node
	dir  string
	http *http.Client
}

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := open(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "opening the hospital:", err)
		code = 1
	}
	os.Exit(code)
}

// open founds the hospital and keeps it running for the tests.
func open(tests func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "cairn-fhir-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	founder := node.Founder{ID: "north", Name: "North Hospital", Dir: filepath.Join(dir, "north"), Listen: free(), P2P: free()}
	if err := node.Found("test", []node.Founder{founder}); err != nil {
		return 1, err
	}
	cfg, err := node.ReadConfig(filepath.Join(founder.Dir, "cairn.toml"))
	if err != nil {
		return 1, err
	}
	cfg.SubscriptionAllow = []string{"127.0.0.0/8"}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	n, err := node.Open(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return 1, err
	}
	defer n.Close()
	hospital.url, hospital.node, hospital.dir = cfg.URL, n, founder.Dir
	hospital.http = &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}}
	err = n.Run(ctx, func(context.Context) error {
		defer cancel()
		l, err := net.Listen("tcp", cfg.Listen)
		if err != nil {
			return err
		}
		server := &http.Server{Handler: api.Handler(n, "test")}
		go server.Serve(l) //nolint:errcheck // ends with Close
		defer server.Close()
		code = tests()
		return nil
	})
	return code, err
}

func free() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// ehr is the hospital's software, nobody behind it.
func ehr(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.New(hospital.url, "north", "ehr", filepath.Join(hospital.dir, "keys", "ehr.pem"), hospital.http)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// physician is a person whom the software vouches for.
func physician(t *testing.T) *client.Client {
	t.Helper()
	return ehr(t).As("p-1", "Dr. Test", "physician", "ward 3", "TREAT")
}

// answer is what came back for one request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask sends one request to the FHIR base as a physician. headers are
// "Name: value".
func ask(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	return send(t, token(t, physician(t)), method, path, body, headers...)
}

// token returns an access token of a client.
func token(t *testing.T, c *client.Client) string {
	t.Helper()
	access, err := c.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return access
}

func send(t *testing.T, access, method, path, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, hospital.url+"/fhir/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/fhir+json")
	}
	if access != "" {
		r.Header.Set("Authorization", "Bearer "+access)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		r.Header.Set(name, strings.TrimSpace(value))
	}
	res, err := hospital.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, data}
}

// get reads a value out of the answer's JSON: "entry.0.resource.id".
func (a answer) get(t *testing.T, path string) string {
	t.Helper()
	var v any
	dec := json.NewDecoder(bytes.NewReader(a.body))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("status %d: the answer is not JSON: %.200s", a.status, a.body)
	}
	for _, step := range strings.Split(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(at) {
				return ""
			}
			v = at[i]
		default:
			return ""
		}
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}
