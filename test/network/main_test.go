// Package network_test meets a consortium of real processes from outside,
// through the front door.
package network_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"cairn/demo"
)

// town is the consortium that the tests of this package share: four hospitals,
// each a process.
var town *demo.Consortium

// binary is the cairn program, built from this tree.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "setting the consortium up:", err)
		code = 1
	}
	os.Exit(code)
}

func setUp(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "cairn-network-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "cairn")
	build := exec.Command("go", "build", "-o", binary, "cairn/cmd/cairn")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return 1, fmt.Errorf("building cairn: %w", err)
	}
	if town, err = demo.Found(demo.Options{Binary: binary, Dir: filepath.Join(dir, "town")}); err != nil {
		return 1, err
	}
	defer town.Close()
	if err := shortGlass(town, "west"); err != nil {
		return 1, err
	}
	if err := allowHooks(town); err != nil {
		return 1, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := town.Start(ctx); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// context for one test, ended with it.
func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}
