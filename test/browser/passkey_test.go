package browser_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestPasskey: a patient with a code makes a passkey, signs in with it, sees her
// log, signs out, and is nobody afterwards.
func TestPasskey(t *testing.T) {
	_, code := invite(t)
	ctx := tab(t, false)
	do(t, ctx, chromedp.Navigate(hospital.url+"/signin/register"), chromedp.WaitVisible("#code"))
	picture(t, ctx, "register")
	do(t, ctx,
		chromedp.SendKeys("#code", strings.ToLower(strings.ReplaceAll(code, "-", " "))), chromedp.SendKeys("#name", "My phone"),
		chromedp.Click("form[data-register] button"), chromedp.WaitVisible("form[data-signin] button"))
	picture(t, ctx, "signin")
	do(t, ctx, chromedp.Click("form[data-signin] button"), chromedp.WaitVisible("form[data-signout]"))
	picture(t, ctx, "signedin")
	if title := see(t, ctx, chromedp.Text("h1")); title != "You are signed in" {
		t.Errorf("after signing in the page says %q", title)
	}
	log := chromedp.Evaluate[string](`fetch("/portal/log").then(async r => r.status + " " + await r.text())`, chromedp.EvalAwaitPromise)
	if text := see(t, ctx, log); !strings.HasPrefix(text, "200 ") || !strings.Contains(text, "passkey.registered") {
		t.Errorf("her log: %.300s", text)
	}
	if cookie := see(t, ctx, chromedp.Evaluate[string](`document.cookie`)); cookie != "" {
		t.Errorf("scripts read the cookie: %s", cookie)
	}
	do(t, ctx, chromedp.Click("form[data-signout] button"), chromedp.WaitVisible("form[data-signin] button"))
	if text := see(t, ctx, log); !strings.HasPrefix(text, "401 ") {
		t.Errorf("after signing out: %.100s", text)
	}
}

// TestWrongCode: the page says what to do, in words.
func TestWrongCode(t *testing.T) {
	ctx := tab(t, true)
	do(t, ctx, chromedp.Navigate(hospital.url+"/signin/register"), chromedp.WaitVisible("#code"), chromedp.SendKeys("#code", "0000-0000-0000-0000"),
		chromedp.Click("form[data-register] button"), chromedp.WaitVisible("[data-message]:not([hidden])"))
	picture(t, ctx, "wrong-code")
	if text := see(t, ctx, chromedp.Text("[data-message]")); text == "" || strings.Contains(text, "{") {
		t.Errorf("the page says %q", text)
	}
}

// TestNoPasskey: who has no passkey here is not let in and told what to do.
func TestNoPasskey(t *testing.T) {
	ctx := tab(t, true)
	do(t, ctx, chromedp.Navigate(hospital.url+"/signin"), chromedp.WaitVisible("form[data-signin] button"), chromedp.Click("form[data-signin] button"),
		chromedp.WaitVisible("[data-message]:not([hidden])"))
	picture(t, ctx, "no-passkey")
	if text := see(t, ctx, chromedp.Text("[data-message]")); text == "" || strings.Contains(text, "NotAllowedError") {
		t.Errorf("the page says %q", text)
	}
}
