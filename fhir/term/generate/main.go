// Command generate writes ../builtin.bin from the R4 definitions: the code systems and value sets of R4, HL7 v3 and the
// HL7 v2 tables, with what package term reads of them and nothing else. It is a module of its own, so that the
// definitions are no dependency of Cairn.
//
//	cd fhir/term/generate && go run .
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"

	"github.com/gofhir/validator/specs"
	"github.com/klauspost/compress/zstd"
)

type concept struct {
	Code        string          `json:"code"`
	Display     string          `json:"display,omitempty"`
	Designation json.RawMessage `json:"designation,omitempty"`
	Property    []property      `json:"property,omitempty"`
	Concept     []concept       `json:"concept,omitempty"`
}

type property struct {
	Code          string `json:"code"`
	ValueCode     string `json:"valueCode,omitempty"`
	ValueBoolean  *bool  `json:"valueBoolean,omitempty"`
	ValueString   string `json:"valueString,omitempty"`
	ValueDateTime string `json:"valueDateTime,omitempty"`
}

type part struct {
	System  string `json:"system,omitempty"`
	Version string `json:"version,omitempty"`
	Concept []struct {
		Code    string `json:"code"`
		Display string `json:"display,omitempty"`
	} `json:"concept,omitempty"`
	Filter   []map[string]string `json:"filter,omitempty"`
	ValueSet []string            `json:"valueSet,omitempty"`
}

type compose struct {
	Include []part `json:"include"`
	Exclude []part `json:"exclude,omitempty"`
}

// definition is a CodeSystem or a ValueSet as far as term reads it.
type definition struct {
	ResourceType  string    `json:"resourceType"`
	URL           string    `json:"url"`
	Version       string    `json:"version,omitempty"`
	Name          string    `json:"name,omitempty"`
	Title         string    `json:"title,omitempty"`
	CaseSensitive *bool     `json:"caseSensitive,omitempty"`
	Content       string    `json:"content,omitempty"`
	Concept       []concept `json:"concept,omitempty"`
	Compose       *compose  `json:"compose,omitempty"`
}

// blockBytes is about how much stands in one block.
const blockBytes = 256 << 10

func main() {
	var all []definition
	for _, name := range []string{"valuesets.json", "v3-codesystems.json", "v2-tables.json"} {
		all = append(all, read(name)...)
	}
	slices.SortFunc(all, func(a, b definition) int { return strings.Compare(a.ResourceType+a.URL, b.ResourceType+b.URL) })
	all = slices.CompactFunc(all, func(a, b definition) bool { return a.ResourceType == b.ResourceType && a.URL == b.URL })
	if err := os.WriteFile("../builtin.bin", pack(all), 0o644); err != nil {
		log.Fatal(err)
	}
}

func read(name string) (out []definition) {
	data, err := specs.R4Specs.ReadFile("r4/" + name)
	if err != nil {
		log.Fatal(err)
	}
	var bundle struct {
		Entry []struct{ Resource definition }
	}
	if err := json.Unmarshal(data, &bundle); err != nil {
		log.Fatal(err)
	}
	for _, e := range bundle.Entry {
		d := e.Resource
		keep := d.ResourceType == "CodeSystem" || d.ResourceType == "ValueSet" && d.Compose != nil && len(d.Compose.Include) > 0
		if keep && !strings.Contains(d.URL, "example") {
			out = append(out, d)
		}
	}
	return out
}

func pack(all []definition) []byte {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		log.Fatal(err)
	}
	var list, block, blocks bytes.Buffer
	n := 1
	flush := func() {
		if block.Len() > 0 {
			frame(&blocks, enc.EncodeAll(block.Bytes(), nil))
			block.Reset()
			n++
		}
	}
	for _, d := range all {
		line, err := json.Marshal(d)
		if err != nil {
			log.Fatal(err)
		}
		version := d.Version
		if version == "" {
			version = "-"
		}
		fmt.Fprintf(&list, "%s%s\t%s\t%d\t%d\t%d\n", d.ResourceType[:1], d.URL, version, n, block.Len(), block.Len()+len(line))
		block.Write(line)
		if block.Len() > blockBytes {
			flush()
		}
	}
	flush()
	var out bytes.Buffer
	frame(&out, enc.EncodeAll(list.Bytes(), nil))
	out.Write(blocks.Bytes())
	return out.Bytes()
}

func frame(w io.Writer, block []byte) {
	var size [4]byte
	binary.BigEndian.PutUint32(size[:], uint32(len(block)))
	for _, part := range [][]byte{size[:], block} {
		if _, err := w.Write(part); err != nil {
			log.Fatal(err)
		}
	}
}
