package resource

import (
	"encoding/json"
	"testing"
)

func bodies(b *testing.B) [][]byte {
	b.Helper()
	var all [][]byte
	size := 0
	eachResource(b, func(raw []byte) { all, size = append(all, raw), size+len(raw) })
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	return all
}

// BenchmarkParse reads every Synthea resource into a Doc of its own.
func BenchmarkParse(b *testing.B) {
	all := bodies(b)
	for b.Loop() {
		for _, raw := range all {
			if _, err := Parse(raw, Limits{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkReparse reads them into one Doc.
func BenchmarkReparse(b *testing.B) {
	all := bodies(b)
	var d Doc
	for b.Loop() {
		for _, raw := range all {
			if err := d.Reparse(raw, Limits{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkEncodingJSON reads them with the standard library into maps, which checks less.
func BenchmarkEncodingJSON(b *testing.B) {
	all := bodies(b)
	for b.Loop() {
		for _, raw := range all {
			var v any
			if err := json.Unmarshal(raw, &v); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkStamp sets id and meta of each.
func BenchmarkStamp(b *testing.B) {
	var docs []*Doc
	for _, raw := range bodies(b) {
		d, err := Parse(raw, Limits{})
		if err != nil {
			b.Fatal(err)
		}
		docs = append(docs, d)
	}
	b.ResetTimer()
	for b.Loop() {
		for _, d := range docs {
			Stamp(d, "an-id", "7", "2021-03-04T05:06:07.008Z")
		}
	}
}
