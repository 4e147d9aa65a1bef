package store

// bounds limit what one search does, with all its chains and includes.
type bounds struct {
	looks    int // candidates that it looks at
	targets  int // records that a chain leads through
	included int // records that a page has beside its matches
	probes   int // look-ups of a reverse include with a wildcard
	outer    int // records up to which chains are followed from the near end
	chunk    int // rows that are read at once
	moved    int // records on their way to a page of a sorted search that were changed since its first one

	// Where a search begins is chosen by counting how many records meet each of
	// its needs.
	few  int // so few that nothing fewer is looked for
	many int // counted up to when a page is wanted
	all  int // and when everything that is found must be looked at

	lag *lag // what cannot be searched by yet; nil in an update
}

var normal = bounds{
	looks: 100_000, targets: 10_000, included: 1000, probes: 50_000, outer: 1000, chunk: 256, moved: 5000,
	few: 64, many: 4096, all: 65_536,
}
