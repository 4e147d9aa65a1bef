package browser_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// BenchmarkSignIn signs a patient in with a passkey, in a browser that has the page's
// files. "page-ms" is from asking for the page to its button, "signin-ms" from the
// button to the page that says that she is signed in; the authenticator answers at
// once, so that a person's touch is not in it.
func BenchmarkSignIn(b *testing.B) {
	_, code := invite(b)
	ctx := browser(b)
	device(b, ctx, false)
	enter(b, ctx, code)
	var page, signIn time.Duration
	for b.Loop() {
		do(b, ctx, chromedp.Click("form[data-signout] button"))
		through(b, ctx, chromedp.WaitVisible("form[data-signin] button"))
		start := time.Now()
		do(b, ctx, chromedp.Navigate(hospital.url+"/signin"), chromedp.WaitVisible("form[data-signin] button"))
		shown := time.Now()
		do(b, ctx, chromedp.Click("form[data-signin] button"))
		through(b, ctx, chromedp.WaitVisible("form[data-signout]"))
		page, signIn = page+shown.Sub(start), signIn+time.Since(shown)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(page.Milliseconds())/float64(b.N), "page-ms")
	b.ReportMetric(float64(signIn.Milliseconds())/float64(b.N), "signin-ms")
}
