package main

import (
	"fmt"

	"cairn/node/fault"
	"cairn/proof"
)

type verifyCommand struct {
	Bundle string `arg:"" help:"The bundle file, such as cairn evidence writes, or the file of an exchange between hospitals; - for standard input."`
	Trust  string `placeholder:"FILE" help:"The network's trust file, network.json. Without it nothing is believed: INCONCLUSIVE."`
	Quiet  bool   `short:"q" help:"Print the verdict only."`
}

// Help is shown below the flags.
func (verifyCommand) Help() string {
	return `Needs no network and no secret:

  cairn verify proof.json --trust network.json

The verdict is one of

  OK            everything verifies, and enough trusted members vouch for it
  INCONCLUSIVE  nothing is wrong, but something that is needed is missing
  FAIL          something was altered or is false

with a code in parentheses that says why. The exit code is 0 only for OK. A verdict is worth as much
as the trust file: compare its fingerprint, which is printed, with one that you got in another way.`
}

func (c verifyCommand) Run(e *env) error {
	bundle, err := readFile(c.Bundle, "the bundle", proof.MaxBundleBytes)
	if err != nil {
		return err
	}
	trust, err := c.trust()
	if err != nil {
		return err
	}
	v := proof.Verify(bundle, trust)
	c.print(e, bundle, v, trust)
	if v.Status != proof.OK {
		return errSilent
	}
	return nil
}

func (c verifyCommand) trust() (*proof.Trust, error) {
	if c.Trust == "" {
		return nil, nil //nolint:nilnil // no trust is a way to ask, and has a verdict of its own
	}
	raw, err := readFile(c.Trust, "the trust file", proof.MaxTrustBytes)
	if err != nil {
		return nil, err
	}
	trust, err := proof.DecodeTrust(raw)
	if err != nil {
		return nil, fault.New(fault.Invalid, "trust", c.Trust+" is not a trust file, or was changed").
			WithHint("take network.json from a member's node (GET /network.json) and compare its fingerprint")
	}
	return trust, nil
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
		fmt.Fprintln(e.out)
		for _, s := range proof.Sentences(raw) {
			fmt.Fprintf(e.out, "%s\n", s)
		}
	}
	if trust != nil {
		fmt.Fprintf(e.out, "\nBelieved on the word of the trust file with the fingerprint\n  %s\n", proof.Grouped(trust.Fingerprint()))
	}
	if v.Code == proof.CodeNoTrust {
		fmt.Fprintln(e.err, "cairn: hint: say whom you trust with --trust network.json")
	}
}
