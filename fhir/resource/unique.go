package resource

import (
	"bytes"
	"fmt"
)

// maxMembers bounds the members of one object, so that looking for a name, and for a name that occurs twice, costs
// little however the object was made. No FHIR type has half as many elements.
const maxMembers = 256

func (s *scanner) crowded(at int) bool {
	if s.nodes[at].count < maxMembers {
		return false
	}
	s.fail(CodeTooCostly, fmt.Sprintf("This object has more than %d members. No FHIR element has so many.", maxMembers))
	return true
}

// unique refuses a member name that occurs twice in the object at node at.
func (s *scanner) unique(at int) bool {
	for i := at + 1; i < len(s.nodes); i = int(s.nodes[i].next) {
		n := &s.nodes[i]
		for j := at + 1; j < i; j = int(s.nodes[j].next) {
			if s.sameName(n, &s.nodes[j]) {
				s.at = int(n.start)
				return s.fail(CodeStructure, "This member name occurs twice in its object. Keep one, or send the values as an array.")
			}
		}
	}
	return true
}

func (s *scanner) sameName(a, b *node) bool {
	return a.keyEnd-a.key == b.keyEnd-b.key && bytes.Equal(a.name(&s.Doc), b.name(&s.Doc))
}
