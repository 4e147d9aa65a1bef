// Command cairn is a hospital's node of a health-records network that patients
// control, and the tools to found, check and measure one.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// commands is the command line.
type commands struct {
	Demo     demoCommand     `cmd:"" help:"Run a consortium of four hospitals on this machine."`
	Init     initCommand     `cmd:"" help:"Found a consortium: directories, keys, configuration, genesis."`
	Beside   besideCommand   `cmd:"" help:"Make a further process of a hospital whose records are in PostgreSQL."`
	Serve    serveCommand    `cmd:"" help:"Run a hospital's node."`
	Config   configCommand   `cmd:"" help:"Look at a configuration file."`
	Verify   verifyCommand   `cmd:"" help:"Check a proof bundle, without any network."`
	Evidence evidenceCommand `cmd:"" help:"Get the proof bundle of an event or a record version."`
	Reindex  reindexCommand  `cmd:"" help:"Take what records are found by from them anew."`
	Scrub    scrubCommand    `cmd:"" help:"Re-read and re-hash everything a node keeps; name what was altered."`
	Import   importCommand   `cmd:"" help:"Import a folder of FHIR bundles or NDJSON into a running node."`
	Feed     feedCommand     `cmd:"" help:"Deal with the HL7 v2 messages of a running node: those that were refused, and a test sender."`
	Staff    staffCommand    `cmd:"" help:"Accounts of the hospital's staff, at its running node: who may sign in, as what."`
	App      appCommand      `cmd:"" help:"Register the apps that people may let act for them."`
	Keys     keysCommand     `cmd:"" help:"The hospital's keys on the ledger: list, rotate, export."`
	Export   exportCommand   `cmd:"" help:"Write out the ledger as a node holds it."`
	Bench    benchCommand    `cmd:"" help:"Measure this machine, on a consortium of its own."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
}
