package path

import (
	"cairn/fhir/resource"
)

// Set is programs that run over the same resource. It looks through the members of the resource once, however many
// programs there are. It is immutable and safe for concurrent use.
type Set struct {
	programs []Program
	heads    [][]int8         // for each way of each program the place of its first member, or -1
	places   map[string]uint8 // by the name of the member
}

// maxPlaces is how many members a Run keeps; R4 has no type with more in its search parameters.
const maxPlaces = 64

// NewSet makes a set of programs; their places in the list are their numbers.
func NewSet(programs []Program) *Set {
	s := &Set{programs: programs, places: map[string]uint8{}}
	for i := range programs {
		heads := make([]int8, len(programs[i].ways))
		for j := range programs[i].ways {
			heads[j] = s.place(&programs[i].ways[j])
		}
		s.heads = append(s.heads, heads)
	}
	return s
}

// place is where a Run keeps the member that a way begins with, or -1.
func (s *Set) place(w *way) int8 {
	if len(w.steps) == 0 || w.steps[0].op != member {
		return -1
	}
	name := w.steps[0].name
	at, ok := s.places[name]
	if !ok {
		if len(s.places) == maxPlaces {
			return -1
		}
		at = uint8(len(s.places)) //nolint:gosec // below maxPlaces
		s.places[name] = at
	}
	return int8(at) //nolint:gosec // below maxPlaces
}

// Run is a set over one resource.
type Run struct {
	set     *Set
	root    resource.Node
	members [maxPlaces]resource.Node
}

// Begin looks through the resource.
func (s *Set) Begin(root resource.Node) *Run {
	r := &Run{set: s, root: root}
	for n := range root.Children() {
		if at, ok := s.places[string(n.Name())]; ok {
			r.members[at] = n
		}
	}
	return r
}

// Idle reports whether the resource has none of the members that the program of a number begins with, so that it selects
// nothing.
func (r *Run) Idle(program int) bool {
	for _, head := range r.set.heads[program] {
		if head < 0 || r.members[head].Exists() {
			return false
		}
	}
	return true
}

// Each is Program.Each for the program of a number.
func (r *Run) Each(program int, yield func(resource.Node) bool) {
	p := &r.set.programs[program]
	heads := r.set.heads[program]
	for i := range p.ways {
		if !r.way(&p.ways[i], heads[i], yield) {
			return
		}
	}
}

func (r *Run) way(w *way, head int8, yield func(resource.Node) bool) bool {
	switch {
	case head < 0:
		return w.each(r.root, yield)
	case !r.members[head].Exists():
		return true
	case w.typ != "" && !r.root.Get("resourceType").Is(w.typ):
		return true
	}
	return w.walk(r.members[head], w.steps[1:], yield)
}

// Holds is Program.Holds for the program of a number.
func (r *Run) Holds(program int) bool { return r.set.programs[program].Holds(r.root) }
