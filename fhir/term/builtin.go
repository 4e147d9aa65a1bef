package term

import (
	"bytes"
	_ "embed" // the table below
	"encoding/binary"
	"fmt"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"

	"cairn/fhir/guide"
	"cairn/fhir/resource"
)

// table is what generate wrote: a block that lists the resources, then blocks of resources, each block compressed and
// led by its length in four bytes, big endian. A line of the list is "C or V and the url, version or -, block, start,
// end", with tabs.
//
//go:embed builtin.bin
var table []byte

// Builtin is the source of the code systems and value sets of R4 4.0.1, HL7 v3, the HL7 v2 tables, and US Core 6.1.0. A
// system is read when it is first asked for and kept.
func Builtin() Source { return builtinSource() }

var builtinSource = sync.OnceValue(func() *builtin {
	b := &builtin{places: make(map[string]line), systems: make(map[string]*System), sets: make(map[string]*Set)}
	if err := b.open(); err != nil {
		panic("term: the table of built-in code systems is damaged: " + err.Error()) // it is part of the program
	}
	return b
})

// line says where a resource stands.
type line struct {
	version           string
	block, start, end int
}

type builtin struct {
	blocks [][]byte
	places map[string]line // by the first letter of the type, and the url

	mu      sync.Mutex
	systems map[string]*System
	sets    map[string]*Set
}

func (b *builtin) open() error {
	for rest := table; len(rest) > 0; {
		if len(rest) < 4 || uint64(len(rest)-4) < uint64(binary.BigEndian.Uint32(rest)) {
			return fmt.Errorf("block %d is cut off", len(b.blocks))
		}
		n := int(binary.BigEndian.Uint32(rest))
		b.blocks, rest = append(b.blocks, rest[4:4+n]), rest[4+n:]
	}
	list, err := unpack(b.blocks[0])
	if err != nil {
		return err
	}
	for text := range strings.Lines(string(list)) {
		var l line
		var url string
		if _, err := fmt.Sscanf(text, "%s\t%s\t%d\t%d\t%d\n", &url, &l.version, &l.block, &l.start, &l.end); err != nil {
			return err
		}
		b.places[url] = l
	}
	return nil
}

func unpack(block []byte) ([]byte, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	return dec.DecodeAll(block, nil)
}

// kinds is the types of resources by their letters.
var kinds = map[string]string{"C": "CodeSystem", "V": "ValueSet"}

// find returns the document of a resource, nil where there is none of that version. kind is "C" or "V".
func (b *builtin) find(kind, url, version string) (*resource.Doc, error) {
	l, ok := b.places[kind+url]
	if !ok {
		return guide.Find(kinds[kind], url, version), nil
	}
	if version != "" && version != l.version {
		return nil, nil
	}
	block, err := unpack(b.blocks[l.block])
	if err != nil {
		return nil, err
	}
	return resource.Parse(bytes.Clone(block[l.start:l.end]), resource.Limits{})
}

func (b *builtin) System(url, version string) (*System, error) {
	return kept(b, b.systems, "C", url, version, ReadSystem, func(s *System) string { return s.Version })
}

func (b *builtin) Set(url, version string) (*Set, error) {
	return kept(b, b.sets, "V", url, version, ReadSet, func(s *Set) string { return s.Version })
}

// kept reads one of the table's resources, once.
func kept[T any](b *builtin, have map[string]*T, kind, url, version string, read func(*resource.Doc) (*T, error), is func(*T) string) (*T, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if one := have[url]; one != nil {
		if version != "" && version != is(one) {
			return nil, nil
		}
		return one, nil
	}
	doc, err := b.find(kind, url, version)
	if doc == nil || err != nil {
		return nil, err
	}
	one, err := read(doc)
	if err == nil {
		have[url] = one
	}
	return one, err
}

// Known lists the canonical URLs that are built in: of code systems, and of value sets.
func Known() (systems, sets []string) {
	for key := range builtinSource().places {
		if url, ok := strings.CutPrefix(key, "C"); ok {
			systems = append(systems, url)
		} else {
			sets = append(sets, key[1:])
		}
	}
	return append(systems, guide.URLs("CodeSystem")...), append(sets, guide.URLs("ValueSet")...)
}
