package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"cairn/node/fault"
	"cairn/proof"
)

type verifyCommand struct {
	Bundle string `arg:"" help:"The bundle file, such as cairn evidence writes."`
	Trust  string `placeholder:"FILE" help:"The network's trust file, network.json. Without it nothing is believed: INCONCLUSIVE."`
	Quiet  bool   `short:"q" help:"Print the verdict only."`
}

// Help is shown below the flags.
func (verifyCommand) Help() string {
	return `Needs no network and no secret. The verdict is OK, INCONCLUSIVE or FAIL, with a code; the exit
code is 0 only for OK. A verdict is worth as much as the trust file: compare its fingerprint, which
is printed, with one that you got in another way.`
}

func (c verifyCommand) Run(e *env) error {
	bundle, err := readFile(c.Bundle, "the bundle")
	if err != nil {
		return err
	}
	var trust *proof.Trust
	if c.Trust != "" {
		raw, err := readFile(c.Trust, "the trust file")
		if err != nil {
			return err
		}
		if trust, err = proof.DecodeTrust(raw); err != nil {
			return fault.Wrap(fault.Invalid, "trust", "the trust file is not valid", err).
				WithHint("take network.json from a member's node (GET /network.json) and compare its fingerprint")
		}
	}
	v := proof.Verify(bundle, trust)
	c.print(e, bundle, v, trust)
	if v.Status != proof.OK {
		return errSilent
	}
	return nil
}

func (c verifyCommand) print(e *env, raw []byte, v proof.Verdict, trust *proof.Trust) {
	fmt.Fprintf(e.out, "%s (%s): %s\n", v.Status, v.Code, v.Sentence)
	if c.Quiet {
		return
	}
	for _, s := range v.Steps {
		mark := "✗"
		switch {
		case s.OK:
			mark = "✓"
		case !s.Checked:
			mark = "·"
		}
		fmt.Fprintf(e.out, "  %s %-12s %s\n", mark, s.Name, s.Text)
	}
	if v.Status == proof.OK {
		if b, err := proof.Decode(raw); err == nil {
			fmt.Fprintln(e.out)
			for _, s := range b.Sentences {
				fmt.Fprintf(e.out, "%s\n", s)
			}
		}
	}
	if trust != nil {
		fmt.Fprintf(e.out, "Believed on the word of the trust file with the fingerprint\n  %s\n", proof.Grouped(trust.Fingerprint()))
	}
}

func readFile(path, what string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "file", fmt.Sprintf("%s %s does not exist", what, path))
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "file", fmt.Sprintf("%s %s cannot be read", what, path), err)
	}
	return data, nil
}
