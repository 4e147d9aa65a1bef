package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"cairn/node/fault"
)

// errSilent ends a command with exit code 1 when it has said why itself.
var errSilent = errors.New("said already")

// report prints an error as two lines, what happened and what to do, and
// returns the exit code.
func report(w io.Writer, err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errSilent):
		return 1
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(w, "cairn: stopped")
		return 1
	}
	fmt.Fprintln(w, "cairn: error:", strings.TrimSpace(err.Error()))
	var f *fault.Error
	if errors.As(err, &f) && f.Hint != "" {
		fmt.Fprintln(w, "cairn: hint:", f.Hint)
	}
	return 1
}

// usage prints what is wrong with a command line.
func usage(w io.Writer, err error) int {
	fmt.Fprintln(w, "cairn: error:", err)
	fmt.Fprintln(w, "cairn: hint: `cairn --help` lists the commands, `cairn COMMAND --help` their flags")
	return 2
}
