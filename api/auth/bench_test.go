package auth_test

import "testing"

// BenchmarkRefresh is the exchange of a refresh token for a fresh pair, over HTTP,
// by eight apps at once: each writes what was spent, durably.
func BenchmarkRefresh(b *testing.B) {
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		her, _ := person(b)
		a := newApp(b, "none", "patient/*.rs offline_access")
		g := a.redeem(a.code(her, "patient/Patient.rs offline_access"))
		for pb.Next() {
			fresh, r := a.refresh(g.Refresh)
			if r.status != 200 {
				b.Errorf("%d %s", r.status, r.body)
				return
			}
			g = fresh
		}
	})
}
