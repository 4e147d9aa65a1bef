package bench

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

// Purpose is what a hospital spent processor time on, as a share of all that it
// spent in a run, from samples of its stacks.
type Purpose struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"` // 0 to 1
}

// purposes tell stacks apart, in this order: a stack belongs to the first
// purpose that has a frame in it.
var purposes = []struct {
	name   string
	frames []string // what the name of a function begins with
}{
	{"sign-in", []string{"cairn/node/identity."}},
	{"log", []string{"cairn/node/evidence.", "cairn/node/store.(*Tx).Append", "cairn/node/gate.(*Gate).write"}},
	{"encryption", []string{"cairn/node/vault.", "cairn/node/keys."}},
	{"consent", []string{"cairn/consent.", "cairn/node/gate.(*verdicts)", "cairn/node/gate.(*Gate).decide", "cairn/node/gate.(*Gate).slips"}},
	{"ledger", []string{"cairn/node/chain", "cairn/ledger/", "github.com/cometbft/"}},
	{"structure", []string{"cairn/fhir/profile."}},
	{"search values", []string{"cairn/fhir/search.", "cairn/fhir/path."}},
	{"reading JSON", []string{"cairn/fhir/resource."}},
	{"database", []string{"cairn/node/store.", "modernc.org/", "github.com/jackc/pgx"}},
	{"HTTP", []string{"net/http.", "cairn/api", "internal/poll.", "net."}},
	{"memory", []string{"runtime.gcBgMarkWorker", "runtime.bgsweep", "runtime.mallocgc", "runtime.bgscavenge"}},
}

const otherPurpose = "the rest"

// divided reads a profile and divides its samples by purpose.
func divided(file string) ([]Purpose, error) {
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return nil, fmt.Errorf("opening a profile: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	p, err := profile.Parse(f)
	if err != nil {
		return nil, fmt.Errorf("reading a profile: %w", err)
	}
	sums, total := make(map[string]int64), int64(0)
	for _, s := range p.Sample {
		value := s.Value[len(s.Value)-1] // nanoseconds
		sums[purposeOf(s)] += value
		total += value
	}
	var out []Purpose
	for name, sum := range sums {
		out = append(out, Purpose{name, float64(sum) / float64(max(total, 1))})
	}
	slices.SortFunc(out, func(a, b Purpose) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), strings.Compare(a.Name, b.Name))
	})
	return out, nil
}

func purposeOf(s *profile.Sample) string {
	for _, p := range purposes {
		for _, l := range s.Location {
			for _, line := range l.Line {
				if line.Function != nil && slices.ContainsFunc(p.frames, func(f string) bool { return strings.HasPrefix(line.Function.Name, f) }) {
					return p.name
				}
			}
		}
	}
	return otherPurpose
}

func purposeWords(list []Purpose) string {
	parts := make([]string, len(list))
	for i, p := range list {
		parts[i] = fmt.Sprintf("%s %s%%", p.Name, number(100*p.Share))
	}
	return "the hospital's processor time by purpose: " + strings.Join(parts, ", ")
}
