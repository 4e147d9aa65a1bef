package register

const (
	chunkBits = 12
	chunkSize = 1 << chunkBits
)

// arena is a list that grows by chunks of a fixed size, so that it never copies what it holds and its items keep their
// addresses.
type arena[T any] struct {
	chunks [][]T
	count  int
}

func (a *arena[T]) len() int { return a.count }

func (a *arena[T]) at(i uint32) *T { return &a.chunks[i>>chunkBits][i&(chunkSize-1)] }

// add appends an item and returns its index.
func (a *arena[T]) add(item T) uint32 {
	i := uint32(a.count) //nolint:gosec // the owner keeps the count below 2^31
	if int(i>>chunkBits) == len(a.chunks) {
		a.chunks = append(a.chunks, make([]T, chunkSize))
	}
	*a.at(i) = item
	a.count++
	return i
}
