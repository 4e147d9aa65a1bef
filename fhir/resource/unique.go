package resource

import (
	"bytes"
	"cmp"
	"slices"
)

const fewMembers = 32

// unique refuses a member name that occurs twice in the object at node at. Few names are compared with each other,
// many are sorted, so that an object of 100,000 members costs n log n.
func (s *scanner) unique(at int) bool {
	o := &s.nodes[at]
	if o.count < 2 {
		return true
	}
	if o.count > fewMembers {
		return s.uniqueSorted(at)
	}
	var seen [fewMembers]*node
	have := seen[:0]
	for i := at + 1; i < len(s.nodes); i = int(s.nodes[i].next) {
		n := &s.nodes[i]
		for _, other := range have {
			if s.sameName(n, other) {
				return s.repeated(n)
			}
		}
		have = append(have, n)
	}
	return true
}

func (s *scanner) sameName(a, b *node) bool {
	if (a.flags|b.flags)&escapedKey != 0 {
		return bytes.Equal(a.name(s.raw), b.name(s.raw))
	}
	return a.keyEnd-a.key == b.keyEnd-b.key && bytes.Equal(s.raw[a.key:a.keyEnd], s.raw[b.key:b.keyEnd])
}

func (s *scanner) uniqueSorted(at int) bool {
	type named struct {
		name []byte
		at   int
	}
	members := make([]named, 0, s.nodes[at].count)
	for i := at + 1; i < len(s.nodes); i = int(s.nodes[i].next) {
		n := &s.nodes[i]
		members = append(members, named{n.name(s.raw), i})
	}
	slices.SortFunc(members, func(a, b named) int {
		return cmp.Or(bytes.Compare(a.name, b.name), cmp.Compare(a.at, b.at))
	})
	for i := 1; i < len(members); i++ {
		if bytes.Equal(members[i-1].name, members[i].name) {
			return s.repeated(&s.nodes[members[i].at])
		}
	}
	return true
}

func (s *scanner) repeated(n *node) bool {
	s.at = int(n.key)
	return s.fail(CodeStructure, "This member name occurs twice in its object. Keep one, or send the values as an array.")
}
