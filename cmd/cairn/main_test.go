package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"cairn/client"
	"cairn/demo"
	"cairn/node"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"cairn": main})
}

// TestCommands runs testdata/*.txt: a script for each subcommand, with the
// program itself in processes of their own. `go test -short` leaves out the
// demo.
func TestCommands(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: false,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"ports":    ports,
			"hold":     hold,
			"ready":    ready,
			"signal":   sendSignal,
			"children": children,
			"gone":     gone,
			"until":    until,
			"sub":      substitute,
			"cut":      cut,
			"store":    storeRecord,
			"listens":  listens,
			"grab":     grab,
			"editrow":  editRow,
			"readable": readRecord,
		},
	})
}

// exits CODE COMMAND ARG...: the command ends with that exit code, and speaks
// to people: a prefix before each error, nothing of Go.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var ended *exec.ExitError
	have := 0
	if errors.As(err, &ended) {
		have = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if have != want {
		ts.Fatalf("exit code %d, want %d", have, want)
	}
	said := ts.ReadFile("stdout") + ts.ReadFile("stderr")
	if soup := goSoup.FindString(said); soup != "" {
		ts.Fatalf("this is for programmers: %q", soup)
	}
	if want != 0 && !verdict.MatchString(said) {
		ts.Fatalf("no error and no verdict was printed")
	}
}

var (
	goSoup  = regexp.MustCompile(`panic|goroutine \d|\.go:\d|0x[0-9a-f]{6}|%!|<nil>|dial tcp|\*[a-z]+\.[A-Z]|map\[|context (canceled|deadline)|unexpected EOF|no such host`)
	verdict = regexp.MustCompile(`(?m)^(cairn: error: |FAIL |INCONCLUSIVE )`)
)

// nextPort is above the ports that need rights and below those that the system
// gives to whoever asks, so that nobody takes one between look and use.
var nextPort = func() *atomic.Int32 {
	var n atomic.Int32
	n.Store(int32(12_000 + os.Getpid()%1500*10)) //nolint:gosec // small
	return &n
}()

// ports NAME...: sets the variables to free ports of this machine; NAME+2 to
// the first of two in a row.
func ports(ts *testscript.TestScript, _ bool, args []string) {
	for _, arg := range args {
		name, count, _ := strings.Cut(arg, "+")
		n := 1
		if count != "" {
			var err error
			n, err = strconv.Atoi(count)
			ts.Check(err)
		}
		first := freePorts(ts, n)
		ts.Setenv(name, strconv.Itoa(first))
		for i := 1; i < n; i++ {
			ts.Setenv(name+strconv.Itoa(i+1), strconv.Itoa(first+i))
		}
	}
}

func freePorts(ts *testscript.TestScript, n int) int {
	for range 1000 {
		first := int(nextPort.Add(int32(n))) - n //nolint:gosec // small
		free := true
		for port := first; port < first+n; port++ {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if free = free && err == nil; err == nil {
				ts.Check(l.Close())
			}
		}
		if free {
			return first
		}
	}
	ts.Fatalf("no ports are free")
	return 0
}

// hold PORT: something else has the port until the script ends.
func hold(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:"+args[0])
	ts.Check(err)
	ts.Defer(func() { l.Close() })
}

// ready PORT: waits until the node there answers that it is well.
func ready(ts *testscript.TestScript, _ bool, args []string) {
	waitFor(ts, "the node at port "+args[0]+" is not ready", func() bool {
		res, err := http.Get("http://127.0.0.1:" + args[0] + "/healthz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

func waitFor(ts *testscript.TestScript, otherwise string, reached func() bool) {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if reached() {
			return
		}
	}
	ts.Fatalf("%s after 30 s", otherwise)
}

// running returns the background process that has word among its arguments.
func running(ts *testscript.TestScript, word string) *os.Process {
	for _, cmd := range ts.BackgroundCmds() {
		if strings.Contains(strings.Join(cmd.Args, " "), word) {
			return cmd.Process
		}
	}
	ts.Fatalf("nothing that runs in the background has %q among its arguments", word)
	return nil
}

// signal NAME WORD: sends INT or TERM to the background process with WORD among
// its arguments, and waits up to six seconds until it has ended.
func sendSignal(ts *testscript.TestScript, _ bool, args []string) {
	process := running(ts, args[1])
	name, ok := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM}[args[0]]
	if !ok {
		ts.Fatalf("signal %s is not INT or TERM", args[0])
	}
	ts.Check(process.Signal(name))
	for end := time.Now().Add(6 * time.Second); alive(process.Pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("still running six seconds after the signal")
		}
	}
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// children WORD N NAME: sets NAME to the ids of the N processes that the
// background process with WORD among its arguments has started.
func children(ts *testscript.TestScript, _ bool, args []string) {
	parent := running(ts, args[0]).Pid
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	var found []string
	waitFor(ts, "there are not "+args[1]+" children", func() bool {
		found = nil
		lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
		ts.Check(err)
		for _, list := range lists {
			if text, err := os.ReadFile(list); err == nil {
				found = append(found, strings.Fields(string(text))...)
			}
		}
		return len(found) == want
	})
	ts.Setenv(args[2], strings.Join(found, ","))
	for i, pid := range found {
		ts.Setenv(args[2]+strconv.Itoa(i), pid)
	}
}

// gone PID,PID...: none of the processes exists any more.
func gone(ts *testscript.TestScript, _ bool, args []string) {
	for _, text := range strings.Split(args[0], ",") {
		pid, err := strconv.Atoi(text)
		ts.Check(err)
		if alive(pid) {
			ts.Fatalf("process %d is still there", pid)
		}
	}
}

// until FILE PATTERN: waits until the file holds text that matches.
func until(ts *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile(args[1])
	var text []byte
	waitFor(ts, args[0]+" does not say "+args[1], func() bool {
		text, _ = os.ReadFile(ts.MkAbs(args[0])) // it may not be there yet
		return pattern.Match(text)
	})
}

// sub FILE OLD NEW: replaces a text that stands in the file.
func substitute(ts *testscript.TestScript, _ bool, args []string) {
	before := ts.ReadFile(args[0])
	after := strings.Replace(before, args[1], args[2], 1)
	if after == before {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(after), 0o600))
}

// cut FILE N: keeps the first N bytes of the file.
func cut(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
}

// ehr signs in as the hospital's EHR, for a physician.
func ehr(ts *testscript.TestScript, config string) *client.Client {
	cfg, err := node.ReadConfig(ts.MkAbs(config))
	ts.Check(err)
	c, err := client.New(cfg.URL, cfg.Member, "ehr", filepath.Join(cfg.Keys, "ehr.pem"), &http.Client{Timeout: 30 * time.Second})
	ts.Check(err)
	return c.As("7", "Dr. Test", "physician", "medicine", "TREAT")
}

// store CONFIG: stores a patient and an observation as the hospital's EHR, and
// sets RECORD to Observation/ID/_history/1 and RECEIPT to that of its log.
func storeRecord(ts *testscript.TestScript, _ bool, args []string) {
	doctor := ehr(ts, args[0])
	created, err := doctor.Expect(context.Background(), http.StatusCreated, http.MethodPost, "/fhir/Patient",
		[]byte(`{"resourceType":"Patient","name":[{"family":"Test"}]}`))
	ts.Check(err)
	var patient struct{ ID string }
	ts.Check(json.Unmarshal(created.Body, &patient))
	stored, err := doctor.Expect(context.Background(), http.StatusCreated, http.MethodPost, "/fhir/Observation",
		[]byte(`{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/`+patient.ID+`"},"valueQuantity":{"value":72}}`))
	ts.Check(err)
	_, name, found := strings.Cut(stored.Header.Get("Location"), "/fhir/")
	if !found {
		ts.Fatalf("no Location but %q", stored.Header.Get("Location"))
	}
	ts.Setenv("RECORD", name)
	ts.Setenv("LOCATION", stored.Header.Get("Location"))
	ts.Setenv("RECEIPT", stored.Header.Get("Cairn-Receipt"))
}

// editrow CONFIG RECORD: a database administrator edits the record's row.
func editRow(ts *testscript.TestScript, _ bool, args []string) {
	cfg, err := node.ReadConfig(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(demo.EditRow(context.Background(), cfg, args[1]))
}

// readable CONFIG RECORD: the hospital's EHR can read the record; with !, it
// cannot, and what it is told instead is in the script's standard output.
func readRecord(ts *testscript.TestScript, neg bool, args []string) {
	name, _, _ := strings.Cut(args[1], "/_history/")
	a, err := ehr(ts, args[0]).Do(context.Background(), http.MethodGet, "/fhir/"+name, nil)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "status %d\n%s\n", a.Status, a.Body)
	switch held := bytes.Contains(a.Body, []byte("valueQuantity")); {
	case neg && (a.Status == http.StatusOK || held):
		ts.Fatalf("status %d: it was read", a.Status)
	case !neg && (a.Status != http.StatusOK || !held):
		ts.Fatalf("status %d: %s", a.Status, a.Body)
	}
}

// listens CONFIG PORT FILE: adds a listener for HL7 v2 messages at the port and
// the senders in the file to the configuration.
func listens(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0]) + "\n[mllp]\nlisten = \"127.0.0.1:" + args[1] + "\"\n\n" + ts.ReadFile(args[2])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// grab NAME FILE PATTERN: sets the variable to what the first group of the
// pattern matches in the file, which may be stdout.
func grab(ts *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile(args[2]).FindStringSubmatch(ts.ReadFile(args[1]))
	if len(found) < 2 {
		ts.Fatalf("%s does not say %s", args[1], args[2])
	}
	ts.Setenv(args[0], found[1])
}
