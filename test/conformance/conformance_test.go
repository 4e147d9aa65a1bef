// Package conformance_test lets the clients that hospitals and apps use drive a
// running hospital: fhir-kit-client, fhirclient, @medplum/core and openid-client, as
// they are published.
package conformance_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/client"
	"cairn/demo"
)

var (
	town     *demo.Consortium
	hospital *demo.Hospital
)

// modules is the folder with the clients and their stories.
var modules string

func TestMain(m *testing.M) {
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "setting up:", err)
		code = 1
	}
	os.Exit(code)
}

func setUp(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "cairn-conformance-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "cairn")
	build := exec.Command("go", "build", "-o", binary, "cairn/cmd/cairn")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return 1, fmt.Errorf("building cairn: %w", err)
	}
	if modules, err = install(); err != nil {
		return 1, err
	}
	if town, err = demo.Found(demo.Options{Binary: binary, Dir: filepath.Join(dir, "town")}); err != nil {
		return 1, err
	}
	defer town.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := town.Start(ctx); err != nil {
		return 1, err
	}
	hospital = town.Hospitals[0]
	return m.Run(), nil
}

// install puts the clients at their pinned versions into the user's cache,
// once, and links this folder's stories beside them.
func install() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "cairn-test", "clients")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	want, err := os.ReadFile("clients/package.json")
	if err != nil {
		return "", err
	}
	stamp := filepath.Join(dir, "installed.json")
	if have, err := os.ReadFile(stamp); err != nil || string(have) != string(want) {
		if err := os.WriteFile(filepath.Join(dir, "package.json"), want, 0o644); err != nil {
			return "", err
		}
		npm := exec.Command("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--legacy-peer-deps", "--omit=optional")
		npm.Dir = dir
		if out, err := npm.CombinedOutput(); err != nil {
			return "", fmt.Errorf("installing the clients with npm: %w\n%s", err, out)
		}
		if err := os.WriteFile(stamp, want, 0o644); err != nil {
			return "", err
		}
	}
	stories, err := filepath.Glob("clients/*.mjs")
	if err != nil || len(stories) == 0 {
		return "", fmt.Errorf("no stories in clients: %w", err)
	}
	for _, s := range stories {
		text, err := os.ReadFile(s)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(s)), text, 0o644); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func TestFhirKitClient(t *testing.T) { story(t, "fhir-kit-client.mjs", 15) }
func TestFhirclient(t *testing.T)    { story(t, "fhirclient.mjs", 10) }
func TestMedplum(t *testing.T)       { story(t, "medplum.mjs", 13) }

// clinician is who reads.
func clinician() *client.Client {
	return hospital.EHR.As("dr-probe", "Dr Probe", "doctor", "ward", "TREAT")
}

// story runs one script against the hospital and counts its steps, so that a
// story that ends early is no success.
func story(t *testing.T, name string, steps int, environment ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	token, err := clinician().Token(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// Node 20 has WebSocket, which @medplum/core names, behind a flag.
	cmd := exec.CommandContext(ctx, "node", "--experimental-websocket", name)
	cmd.Dir = modules
	cmd.Env = append(os.Environ(), "CAIRN_FHIR="+hospital.URL+"/fhir", "CAIRN_TOKEN="+token)
	cmd.Env = append(cmd.Env, environment...)
	out, err := cmd.CombinedOutput()
	done := 0
	for in := bufio.NewScanner(strings.NewReader(string(out))); in.Scan(); {
		if strings.HasPrefix(in.Text(), "ok ") {
			done++
		}
	}
	if err != nil || done != steps {
		t.Fatalf("%d of %d steps, %v\n%s", done, steps, err, out)
	}
}
