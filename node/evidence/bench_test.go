package evidence_test

import "testing"

const benchSize = 200_000

func BenchmarkExtend(b *testing.B) {
	st := openStore(b, b.TempDir())
	l := openLog(b, st)
	hashed := 0
	for b.Loop() {
		b.StopTimer()
		appendTo(b, st, st.Size()+1000) // what one busy second brings
		b.StartTimer()
		if _, _, err := l.Extend(bg); err != nil {
			b.Fatal(err)
		}
		hashed += 1000
	}
	b.ReportMetric(float64(hashed)/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkInclusion(b *testing.B) {
	st := openStore(b, b.TempDir())
	appendTo(b, st, benchSize)
	l := openLog(b, st)
	for i := uint64(0); b.Loop(); i += 7919 {
		if _, err := l.Inclusion(i%benchSize, benchSize); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkConsistency(b *testing.B) {
	st := openStore(b, b.TempDir())
	appendTo(b, st, benchSize)
	l := openLog(b, st)
	for i := uint64(0); b.Loop(); i += 7919 {
		if _, err := l.Consistency(1+i%benchSize, benchSize); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	st := openStore(b, b.TempDir())
	appendTo(b, st, benchSize)
	openLog(b, st)
	for b.Loop() {
		openLog(b, st)
	}
}
