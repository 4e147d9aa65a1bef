package rest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// BenchmarkLevels compresses what answers look like at each level: a
// Synthea bundle.
func BenchmarkLevels(b *testing.B) {
	files, _ := filepath.Glob("../../../shared/data/synthea/*.json")
	if len(files) == 0 {
		b.Fatal("the Synthea bundles are expected in ../shared/data/synthea beside the project")
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		b.Fatal(err)
	}
	data = data[:min(len(data), 1<<20)]
	for _, level := range []int{1, 2, 3, 5, 6, 9} {
		b.Run(fmt.Sprint(level), func(b *testing.B) {
			var out bytes.Buffer
			z, err := gzip.NewWriterLevel(&out, level)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				out.Reset()
				z.Reset(&out)
				z.Write(data) //nolint:errcheck // memory
				z.Close()     //nolint:errcheck // memory
			}
			b.ReportMetric(float64(len(data))/float64(out.Len()), "times-smaller")
		})
	}
}
