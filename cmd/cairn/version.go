package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is set by the linker for a release build.
var release = "0.1.0-dev"

type versionCommand struct{}

// Help is shown below the flags.
func (versionCommand) Help() string {
	return `The release, what it was built with and for and, where the build knows it, the commit.`
}

func (versionCommand) Run(e *env) error {
	_, err := fmt.Fprintln(e.out, version())
	return err
}

func version() string {
	return fmt.Sprintf("cairn %s (%s, %s/%s%s)", release, runtime.Version(), runtime.GOOS, runtime.GOARCH, revision())
}

// revision returns ", commit abcdef012345" where the build knows it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return ", commit " + s.Value[:12]
		}
	}
	return ""
}
