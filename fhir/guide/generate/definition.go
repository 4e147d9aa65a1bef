//go:build definitions

package main

// The definitions come with this module. Nothing of its code is used; the import keeps its version in go.mod.
import _ "github.com/gofhir/validator/specs"
