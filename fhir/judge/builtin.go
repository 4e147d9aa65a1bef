package judge

import (
	"strings"
	"sync"

	"cairn/fhir/guide"
)

// builtin is the profiles of fhir/guide that were asked for, by URL: *Profile, compiled once.
var builtin sync.Map

// Builtin is the profile that is built in under a canonical reference, "url" or "url|version"; nil if there is none, or
// none of that version. It is compiled when it is first asked for, and kept.
func Builtin(canonical string) *Profile {
	url, version, _ := strings.Cut(canonical, "|")
	if kept, ok := builtin.Load(url); ok {
		if p := kept.(*Profile); version == "" || version == p.Version {
			return p
		}
		return nil
	}
	doc := guide.Find("StructureDefinition", url, version)
	if doc == nil {
		return nil
	}
	p, err := Read(doc)
	if err != nil {
		panic("judge: the built-in profile " + url + ": " + err.Error()) // it is part of the program
	}
	kept, _ := builtin.LoadOrStore(url, p)
	return kept.(*Profile)
}
