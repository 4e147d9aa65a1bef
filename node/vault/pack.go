package vault

import (
	_ "embed" // the dictionary
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// Formats of a sealed body: how what is sealed is compressed. A body says its
// format in its first byte.
const (
	formatZstd       = 1
	formatDictionary = 2 // S2 with the dictionary
)

// dictionary is text of synthetic patients' records, compact and indented. Most
// of a record is names, systems and displays that are in others too: with this
// text in front of it, a small one takes two thirds of the room that Zstandard
// needs, in a fifth of the time. It is part of format 2 and never changes.
//
//go:embed dictionary.txt
var dictionary []byte

var shared = sync.OnceValue(func() *s2.Dict { return s2.MakeDict(dictionary, nil) })

// dictionaryMost is the length from which on a record gains more from what
// Zstandard finds within it: the dictionary reaches no further.
const dictionaryMost = 64 << 10

// packer compresses. Its methods are safe for concurrent use.
type packer struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newPacker() (p packer, err error) {
	p.enc, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2),
		zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(128<<10), zstd.WithEncoderCRC(false))
	if err != nil {
		return p, fmt.Errorf("starting compression: %w", err)
	}
	p.dec, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(plainLimit))
	if err != nil {
		return p, fmt.Errorf("starting decompression: %w", err)
	}
	return p, nil
}

// pack returns head with the compressed form of raw behind it, and its format.
func (p packer) pack(head, raw []byte) (out []byte, format byte) {
	if len(raw) > dictionaryMost {
		return p.enc.EncodeAll(raw, append(make([]byte, 0, len(head)+len(raw)/2), head...)), formatZstd
	}
	room := make([]byte, len(head)+s2.MaxEncodedLen(len(raw)))
	n := copy(room, head)
	return room[:n+len(shared().Encode(room[n:], raw))], formatDictionary
}

// unpack returns what was packed. It takes no more than plainLimit.
func (p packer) unpack(format byte, packed []byte) ([]byte, error) {
	switch format {
	case formatZstd:
		return p.dec.DecodeAll(packed, nil)
	case formatDictionary:
		if n, err := s2.DecodedLen(packed); err != nil || n > dictionaryMost {
			return nil, errors.Join(errors.New("it would unpack to more than was packed"), err)
		}
		return shared().Decode(nil, packed)
	}
	return nil, fmt.Errorf("format %d of a sealed body is not known", format)
}
