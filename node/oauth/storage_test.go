package oauth

import (
	"testing"
	"time"

	"cairn/node/store"
)

// TestLivesUntil: use keeps a sign-in of an app alive, but not for ever.
func TestLivesUntil(t *testing.T) {
	begun := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct{ after, want time.Duration }{
		{0, offlineIdle}, {100 * 24 * time.Hour, 100*24*time.Hour + offlineIdle}, {familyLife - offlineIdle, familyLife}, {familyLife - time.Hour, familyLife}, {familyLife + time.Hour, familyLife},
	} {
		if got := livesUntil(store.Family{Begun: millis(begun)}, offlineIdle, begun.Add(c.after)); got != millis(begun.Add(c.want)) {
			t.Errorf("used %v after it began: ends %v after", c.after, time.UnixMilli(got).Sub(begun))
		}
	}
}
