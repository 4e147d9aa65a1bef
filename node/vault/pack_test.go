package vault

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"cairn/fhir/resource"
	"cairn/sample"
)

// What was sealed with a dictionary opens with that one only.
func TestDictionaryIsTheOneOfTheFormat(t *testing.T) {
	sum := sha256.Sum256(dictionary)
	if got := hex.EncodeToString(sum[:]); got != "2442128b88f4e6a6d5655c2caf6793b0c4dae3ea770ce3720e131231ca72ac96" {
		t.Errorf("the dictionary is %s: another one needs a format of its own", got)
	}
}

func TestWhatIsPackedUnpacks(t *testing.T) {
	p, err := newPacker()
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 300_000)
	_, _ = rand.Read(noise) // crypto/rand.Read does not return an error
	head := []byte("thirty-two bytes of salt go here")
	small := []byte(`{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"718-7"}]}}`)
	for name, raw := range map[string][]byte{
		"nothing": {}, "small": small, "at the bound": noise[:dictionaryMost], "above it": noise[:dictionaryMost+1], "noise": noise,
		"long": []byte(strings.Repeat(string(small), 5000)),
	} {
		out, format := p.pack(head, raw)
		if want := byte(formatZstd); (len(raw) > dictionaryMost) != (format == want) {
			t.Errorf("%s: %d bytes have format %d", name, len(raw), format)
		}
		if !bytes.HasPrefix(out, head) {
			t.Errorf("%s: the head is gone", name)
		}
		back, err := p.unpack(format, out[len(head):])
		if err != nil || !bytes.Equal(back, raw) {
			t.Errorf("%s: %d bytes come back as %d: %v", name, len(raw), len(back), err)
		}
	}
	if out, _ := p.pack(nil, small); len(out) > len(small)/2 {
		t.Errorf("%d bytes are packed into %d: the dictionary does not help", len(small), len(out))
	}
	// As it was packed before there was a dictionary.
	old := p.enc.EncodeAll(small, nil)
	if back, err := p.unpack(formatZstd, old); err != nil || !bytes.Equal(back, small) {
		t.Errorf("format 1 comes back as %q: %v", back, err)
	}
}

// BenchmarkPack packs and unpacks the records of synthetic patients in both
// formats.
func BenchmarkPack(b *testing.B) {
	p, err := newPacker()
	if err != nil {
		b.Fatal(err)
	}
	var all [][]byte
	for bundle := range sample.New(7).All(24) {
		doc, err := resource.Parse(bundle, resource.Limits{Nodes: 1_000_000})
		if err != nil {
			b.Fatal(err)
		}
		for entry := range doc.Root().Get("entry").Items() {
			all = append(all, entry.Get("resource").Raw())
		}
	}
	formats := map[string]struct {
		format byte
		pack   func(raw []byte) []byte
	}{
		"zstd":       {formatZstd, func(raw []byte) []byte { return p.enc.EncodeAll(raw, nil) }},
		"dictionary": {formatDictionary, func(raw []byte) []byte { out, _ := p.pack(nil, raw); return out }},
	}
	for name, f := range formats {
		packed, plain, size := make([][]byte, len(all)), 0, 0
		for i, raw := range all {
			packed[i] = f.pack(raw)
			plain, size = plain+len(raw), size+len(packed[i])
		}
		b.Run(name+"/pack", func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				f.pack(all[i%len(all)])
			}
			b.ReportMetric(float64(plain)/float64(len(all)), "B/plain")
			b.ReportMetric(float64(size)/float64(len(all)), "B/packed")
		})
		b.Run(name+"/unpack", func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if _, err := p.unpack(f.format, packed[i%len(all)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzUnpack looks for bytes that make unpacking fail otherwise than with an
// error, or take more than it may.
func FuzzUnpack(f *testing.F) {
	p, err := newPacker()
	if err != nil {
		f.Fatal(err)
	}
	packed, _ := p.pack(nil, []byte(`{"resourceType":"Patient","id":"1"}`))
	f.Add(byte(formatDictionary), packed)
	f.Add(byte(formatZstd), p.enc.EncodeAll([]byte("plain"), nil))
	f.Add(byte(9), packed)
	f.Add(byte(formatDictionary), []byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0})
	f.Fuzz(func(t *testing.T, format byte, packed []byte) {
		back, err := p.unpack(format, packed)
		if err == nil && len(back) > plainLimit {
			t.Errorf("%d bytes came back", len(back))
		}
		if again, ok := back, err == nil && format == formatDictionary; ok {
			out, _ := p.pack(nil, again)
			if twice, err := p.unpack(formatDictionary, out); err != nil || !bytes.Equal(twice, again) {
				t.Errorf("what came back does not come back again: %v", err)
			}
		}
	})
}
