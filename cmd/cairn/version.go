package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is set by the linker for a release build.
var release = "0.1.0-dev"

type versionCommand struct{}

func (versionCommand) Run(e *env) error {
	fmt.Fprintf(e.out, "cairn %s (%s, %s/%s%s)\n", release, runtime.Version(), runtime.GOOS, runtime.GOARCH, revision())
	return nil
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
