package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/kong"

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
		fmt.Fprintln(w, "cairn: stopped before it was done")
		return 1
	}
	fmt.Fprintln(w, "cairn: error:", words(err))
	var f *fault.Error
	if errors.As(err, &f) && f.Hint != "" {
		fmt.Fprintln(w, "cairn: hint:", sentence(f.Hint))
	}
	return 1
}

// words says an error without what Go adds for programmers: which system call
// it was, which address was dialled, that a file was opened.
func words(err error) string {
	text := err.Error()
	each(err, func(e error) {
		if short := reason(e, text); short != "" {
			text = strings.Replace(text, e.Error(), short, 1)
		}
	})
	text = strings.ReplaceAll(text, ".: ", ": ")
	return sentence(strings.TrimSuffix(text, ": "+syscall.EWOULDBLOCK.Error())) // of a lock: the text says it
}

// each visits err and all that it wraps, from the outside in.
func each(err error, visit func(error)) {
	visit(err)
	switch u := err.(type) { //nolint:errorlint // the tree is walked step by step
	case interface{ Unwrap() error }:
		if inner := u.Unwrap(); inner != nil {
			each(inner, visit)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range u.Unwrap() {
			each(inner, visit)
		}
	}
}

// reason returns the short form of an error of Go's libraries, "" for any
// other. text is the whole message.
func reason(err error, text string) string {
	if errors.Is(err, context.DeadlineExceeded) && !strings.Contains(err.Error(), ": ") {
		return "there was no answer in time"
	}
	switch e := err.(type) { //nolint:errorlint // the tree is walked step by step
	case *url.Error:
		return e.Err.Error()
	case *net.OpError:
		return e.Err.Error()
	case *os.SyscallError:
		return e.Err.Error()
	case *fs.PathError:
		if strings.Count(text, e.Path) > 1 { // it is named already
			return e.Err.Error()
		}
		return e.Path + ": " + e.Err.Error()
	}
	return ""
}

// sentence makes texts of different rooms look alike behind a colon: they
// begin small, unless with a name, and end without a full stop.
func sentence(text string) string {
	text = strings.TrimSuffix(strings.TrimSpace(text), ".")
	first, rest, _ := strings.Cut(text, " ")
	initial, size := utf8.DecodeRuneInString(first)
	next, _ := utf8.DecodeRuneInString(rest)
	if !unicode.IsUpper(initial) || strings.ContainsFunc(first[size:], unicode.IsUpper) || !unicode.IsLower(next) {
		return text
	}
	return string(unicode.ToLower(initial)) + text[size:]
}

// usage prints what is wrong with a command line.
func usage(w io.Writer, err error) int {
	command, group := "cairn", true
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		for _, at := range parse.Context.Path {
			if node := at.Node(); node != nil {
				command, group = node.FullPath(), len(node.Children) > 0
			}
		}
	}
	fmt.Fprintln(w, "cairn: error:", misuse(command, group, err.Error()))
	if command == "cairn" {
		fmt.Fprintln(w, "cairn: hint: `cairn --help` lists the commands, `cairn COMMAND --help` says how to use one")
		return 2
	}
	fmt.Fprintf(w, "cairn: hint: `%s --help` says how to use it\n", command)
	return 2
}

var (
	integer = regexp.MustCompile(`expected a valid \d+ bit u?int but got`)
	noValue = regexp.MustCompile(`expected \w+ value but got "EOL".*`)
)

// misuse says in words what the parser says in its terms. A group is a command
// that has commands of its own.
func misuse(command string, group bool, text string) string {
	for _, prefix := range []string{"missing flags: ", "expected one of ", "expected "} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			return fmt.Sprintf("`%s` needs %s", command, strings.ReplaceAll(rest, `"`, ""))
		}
	}
	if group {
		text = strings.Replace(text, "unexpected argument", "no such command:", 1)
	}
	return integer.ReplaceAllString(noValue.ReplaceAllString(text, "needs a value"), "needs a whole number, not")
}
