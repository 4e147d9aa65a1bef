package browser_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"cairn/consent/recovery"
	"cairn/consent/slip"
	"cairn/wallet/kit"
)

// asks has the page call the portal as its scripts do, and returns status and body.
func asks(t *testing.T, ctx context.Context, path string) string {
	t.Helper()
	return see(t, ctx, chromedp.Evaluate[string](fmt.Sprintf(`fetch(%q).then(async r => r.status + " " + await r.text())`, path), chromedp.EvalAwaitPromise))
}

// sees waits until a part of the page says something.
func sees(t *testing.T, ctx context.Context, part, text string) {
	t.Helper()
	through(t, ctx, chromedp.Poll[chromedp.Void](fmt.Sprintf(`[...document.querySelectorAll(%q)].some((e) => e.checkVisibility() && e.textContent.includes(%q))`, part, text)))
}

// picks sets a field of a page as its user would.
func picks(field, value string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`(() => { const f = document.querySelector(%q); f.value = %q; f.dispatchEvent(new Event("change", { bubbles: true })); })()`, field, value))
}

// reads tells whether a physician for whom the hospital's software vouches reads a
// patient's results: the status of the answer and how many.
func reads(t *testing.T, patient string) (n int) {
	t.Helper()
	who := hospital.ehr.As("p-1", "Dr. Reader", "physician", "", "TREAT")
	a, err := who.Do(t.Context(), http.MethodGet, "/fhir/Observation?patient="+patient, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b struct{ Total int }
	if a.Status != http.StatusOK {
		return -1
	}
	if err := json.Unmarshal(a.Body, &b); err != nil {
		t.Fatal(err)
	}
	return b.Total
}

// makesKit makes a recovery kit on the page and returns what stands on the paper.
func makesKit(t *testing.T, ctx context.Context) (stop, paper kit.Code) {
	t.Helper()
	do(t, ctx, chromedp.Navigate(hospital.url+"/home/kit"), chromedp.WaitVisible("form[data-make] button"))
	through(t, ctx, chromedp.Poll[chromedp.Void](`document.querySelectorAll("#delay option").length > 1`))
	picture(t, ctx, "kit")
	do(t, ctx, chromedp.Click("form[data-make] button"), chromedp.WaitVisible("#group"))
	picture(t, ctx, "kit-paper")
	for name, code := range map[string]*kit.Code{"stop": &stop, "recovery": &paper} {
		text := see(t, ctx, chromedp.Text("[data-"+name+"-code]"))
		var err error
		if *code, err = kit.Parse(text); err != nil || code.String() != text {
			t.Fatalf("the page prints %q: %v", text, err)
		}
	}
	text := paper.String()
	do(t, ctx, picks("#delay", fmt.Sprint(recoveryWaits.Milliseconds())), chromedp.SendKeys("#group", strings.ToLower(text[len(text)-5:])), chromedp.Click("form[data-keep] button"))
	sees(t, ctx, "[data-ready]", "You have a kit")
	return stop, paper
}

// decides says yes or no to this hospital on the page, and signs it.
func decides(t *testing.T, ctx context.Context, says string) {
	t.Helper()
	do(t, ctx, chromedp.Navigate(hospital.url+"/home/consents"), chromedp.WaitVisible("form[data-wish] button"))
	through(t, ctx, chromedp.Poll[chromedp.Void](`document.querySelector("[data-list]").textContent.trim() !== "Looking …"`))
	picture(t, ctx, "decide-"+says)
	before := see(t, ctx, chromedp.Evaluate[int](`document.querySelectorAll("article").length`))
	do(t, ctx, chromedp.Click("[name=says][value="+says+"]"), chromedp.Click("form[data-wish] button"))
	sees(t, ctx, "[data-text]", map[string]string{"yes": "You say YES", "no": "You say NO"}[says])
	picture(t, ctx, "review-"+says)
	do(t, ctx, chromedp.Click("form[data-sign] button"))
	through(t, ctx, chromedp.Poll[chromedp.Void](fmt.Sprintf(`document.querySelectorAll("article").length === %d`, before+1)))
	sees(t, ctx, "article:first-child", map[string]string{"yes": "Yes to North Hospital", "no": "No to North Hospital"}[says])
	deskPicture(t, ctx, "decided-"+says+"-desk")
}

// kept returns the newest consent of who is signed in, as the hospital keeps it.
func kept(t *testing.T, ctx context.Context) (commitment string, s *slip.Slip) {
	t.Helper()
	body := func(path string, into any) {
		_, text, _ := strings.Cut(asks(t, ctx, path), " ")
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	var list struct{ Consents []struct{ Commitment string } }
	body("/portal/consents", &list)
	if len(list.Consents) == 0 {
		t.Fatal("nothing is kept")
	}
	commitment = list.Consents[len(list.Consents)-1].Commitment
	var one struct{ Slip []byte }
	body("/portal/consents/"+commitment, &one)
	s, err := slip.Decode(one.Slip)
	if err != nil {
		t.Fatal(err)
	}
	return commitment, s
}

// loses takes the device away, and what the browser remembers.
func loses(t *testing.T, ctx context.Context, id webauthn.AuthenticatorID) (gone []*webauthn.Credential) {
	t.Helper()
	do(t, ctx, func(ctx context.Context, target *chromedp.Target) (none chromedp.Void, err error) {
		had, err := cdp.Call(ctx, target, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: id})
		if err == nil {
			gone = had.Credentials
			_, err = cdp.Call(ctx, target, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: id})
		}
		if err == nil {
			_, err = cdp.Call(ctx, target, network.ClearBrowserCookies, cdp.Empty{})
		}
		return none, err
	})
	return gone
}

// finds gives the browser a device that has passkeys.
func finds(t *testing.T, ctx context.Context, list []*webauthn.Credential) webauthn.AuthenticatorID {
	t.Helper()
	id := device(t, ctx, false)
	do(t, ctx, func(ctx context.Context, target *chromedp.Target) (none chromedp.Void, err error) {
		for _, c := range list {
			if _, err = cdp.Call(ctx, target, webauthn.AddCredential, webauthn.AddCredentialParams{AuthenticatorID: id, Credential: c}); err != nil {
				break
			}
		}
		return none, err
	})
	return id
}

// tries signs in on the page and returns what it says where that fails, "" where
// it does not.
func tries(t *testing.T, ctx context.Context) string {
	t.Helper()
	do(t, ctx, chromedp.Navigate(hospital.url+"/signin"), chromedp.WaitVisible("form[data-signin] button"), chromedp.Click("form[data-signin] button"))
	through(t, ctx, chromedp.WaitVisible("form[data-signin] + p[data-message]:not([hidden]), form[data-signout]"))
	return see(t, ctx, chromedp.Evaluate[string](`document.querySelector("form[data-signout]") ? "" : document.querySelector("[data-message]").textContent`))
}

// recovers types the code on the page for lost devices, wrongly first.
func recovers(t *testing.T, ctx context.Context, code kit.Code) {
	t.Helper()
	text := code.String()
	wrong := []byte(text)
	wrong[13] = map[bool]byte{true: '7', false: '8'}[wrong[13] == '8']
	do(t, ctx, chromedp.Navigate(hospital.url+"/recover"), chromedp.WaitVisible("#code"), chromedp.SendKeys("#code", string(wrong)), chromedp.Click("form[data-recover] button"))
	sees(t, ctx, "form[data-recover] [data-message]", "Look at group 3 again")
	picture(t, ctx, "recover")
	do(t, ctx, picks("#code", strings.ToLower(strings.ReplaceAll(text, "-", " "))), chromedp.SendKeys("#name", "My new phone"), chromedp.Click("form[data-recover] button"))
	sees(t, ctx, "[data-left]", "Still")
	picture(t, ctx, "recover-waits")
}

// busy keeps the hospital at work until ctx ends, since the ledger's time stands
// still while nothing happens.
func busy(ctx context.Context, t *testing.T, patient string) {
	go func() {
		for ctx.Err() == nil {
			hospital.ehr.Do(ctx, http.MethodGet, "/fhir/Patient/"+patient, nil) //nolint:errcheck // the next one comes
			time.Sleep(300 * time.Millisecond)
		}
	}()
}

// TestPatientDecides: with nothing but a browser and a passkey a patient makes a
// recovery kit, says no, which holds, and stops that. She loses her device, comes
// back with the paper, after the time lock and no sooner, and signs again; the old
// passkey is worth nothing.
func TestPatientDecides(t *testing.T) {
	id, code := invite(t)
	observation(t, id, "laboratory")
	ctx := browser(t)
	old := device(t, ctx, false)
	enter(t, ctx, code)
	picture(t, ctx, "home")
	stop, paper := makesKit(t, ctx)

	decides(t, ctx, "no")
	commitment, s := kept(t, ctx)
	image, err := stop.Mark(s.Network, "north")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(); err != nil || s.Commitment() != [32]byte(unhex(t, commitment)) || s.KitImage != slip.Image(image) || s.Subject != id {
		t.Errorf("the slip that the browser made: %v", err)
	}
	if n := reads(t, id); n > 0 {
		t.Errorf("she said no, and a physician reads %d results", n)
	}
	do(t, ctx, chromedp.Click("form[data-stop] button"))
	sees(t, ctx, ".state", "Stopped")
	if n := reads(t, id); n != 1 {
		t.Errorf("she stopped her no, and a physician reads %d results", n)
	}
	decides(t, ctx, "no")

	gone := loses(t, ctx, old)
	fresh := device(t, ctx, false)
	if said := tries(t, ctx); !strings.Contains(said, "No passkey") {
		t.Errorf("a device without a passkey: %q", said)
	}
	recovers(t, ctx, paper)
	if said := tries(t, ctx); !strings.Contains(said, "not accepted") {
		t.Errorf("the new passkey, before its time: %q", said)
	}
	working, end := context.WithCancel(ctx)
	defer end()
	busy(working, t, id)
	for said := "waits"; said != ""; said = tries(t, ctx) {
		time.Sleep(500 * time.Millisecond)
	}
	if text := asks(t, ctx, "/portal/log"); !strings.Contains(text, "recovery.begun") || !strings.Contains(text, "recovery.effective") {
		t.Errorf("her log: %.600s", text)
	}
	decides(t, ctx, "yes")
	// What the lost device signed stops with the paper.
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll("article form")].find((f) => f.closest("article").textContent.includes("No to")).requestSubmit()`))
	sees(t, ctx, "article [data-message]", "signed with another device")
	do(t, ctx, chromedp.Navigate(hospital.url+"/recover"), chromedp.WaitVisible("#stop"), chromedp.SendKeys("#stop", stop.String()), chromedp.Click("form[data-stop] button"))
	sees(t, ctx, "[data-stopped]", "stands on the ledger")
	if n := reads(t, id); n != 1 {
		t.Errorf("the stop code stopped her no, and a physician reads %d results", n)
	}

	loses(t, ctx, fresh)
	finds(t, ctx, gone)
	if said := tries(t, ctx); len(gone) == 0 || !strings.Contains(said, "not accepted") {
		t.Errorf("the lost device was found again, with %d passkeys: %q", len(gone), said)
	}
}

// TestDeviceWithoutSecrets: where nothing could stop a decision, none is signed; a
// kit is enough to have it stopped.
func TestDeviceWithoutSecrets(t *testing.T) {
	_, code := invite(t)
	ctx := browser(t)
	deviceLike(t, ctx, false, false)
	enter(t, ctx, code)
	do(t, ctx, chromedp.Navigate(hospital.url+"/home/consents"), chromedp.WaitVisible("form[data-wish] button"), chromedp.Click("form[data-wish] button"))
	sees(t, ctx, "[data-text]", "You say YES")
	do(t, ctx, chromedp.Click("form[data-sign] button"))
	sees(t, ctx, "form[data-sign] [data-message]", "Make a recovery kit first")
	if text := asks(t, ctx, "/portal/consents"); !strings.Contains(text, `"consents":[]`) {
		t.Errorf("something was signed: %s", text)
	}
	stop, _ := makesKit(t, ctx)
	decides(t, ctx, "yes")
	_, s := kept(t, ctx)
	if mark, err := stop.Mark(s.Network, "north"); err != nil || s.KitImage != slip.Image(mark) {
		t.Errorf("the kit does not stop it: %v", err)
	}
}

// TestThiefOfThePaper: somebody recovers with her code. She is told when she signs
// in, stops it with her old passkey, and the thief is never let in.
func TestThiefOfThePaper(t *testing.T) {
	id, code := invite(t)
	ctx := browser(t)
	hers := device(t, ctx, false)
	enter(t, ctx, code)
	_, paper := makesKit(t, ctx)
	gone := loses(t, ctx, hers)

	thiefs := device(t, ctx, false)
	recovers(t, ctx, paper)
	stolen := loses(t, ctx, thiefs)

	hers = finds(t, ctx, gone)
	if said := tries(t, ctx); said != "" {
		t.Fatalf("while a recovery waits she is not let in: %q", said)
	}
	sees(t, ctx, "[data-waiting]", "My new phone")
	picture(t, ctx, "waiting")
	do(t, ctx, chromedp.Click("[data-waiting] button"))
	through(t, ctx, chromedp.Poll[chromedp.Void](`document.querySelector("[data-waiting]")?.hidden === true`))
	loses(t, ctx, hers)
	finds(t, ctx, stolen)
	working, end := context.WithCancel(ctx)
	defer end()
	busy(working, t, id)
	time.Sleep(recoveryWaits + time.Second)
	if said := tries(t, ctx); !strings.Contains(said, "not accepted") {
		t.Errorf("after its time the thief's passkey: %q", said)
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 32 {
		t.Fatalf("%q: %v", text, err)
	}
	return raw
}

// computed is what a page is given and what it is to compute, in hexadecimal digits.
type computed struct {
	Slip                                                                       map[string]any
	Encoded, Root, Path, Commitment, Printed, Mark, Other, Opening, Cancelling string
	Deposit                                                                    map[string]any
	Left, Challenge                                                            string
}

// vectors are made by this program.
func vectors(t *testing.T) (out []computed) {
	t.Helper()
	h := func(b []byte) string { return hex.EncodeToString(b) }
	for i := range 40 {
		s := slip.Slip{Custodian: "north", Subject: "ünä-" + fmt.Sprint(i), Grantee: []string{"", "south-2"}[i%2], Terms: []byte(strings.Repeat("{ä}", i*37+1)), IssuedAt: int64(i) << 40}
		for _, part := range [][]byte{s.Network[:], s.TextHash[:], s.Salt[:], s.StopImage[:], s.KitImage[:]} {
			rand.Read(part) //nolint:errcheck // never fails
		}
		stop, other := kit.New(kit.Stop), kit.New(kit.Recovery)
		root, commitment := slip.Root([]slip.Leaf{s.Leaf()}), s.Commitment()
		path, err := slip.PathOf([]slip.Leaf{s.Leaf()}, 0)
		mark, err2 := stop.Mark(s.Network, "north")
		opening, err3 := other.Opening("north")
		cancelling, err4 := other.Cancelling("north")
		if err := errors.Join(err, err2, err3, err4); err != nil {
			t.Fatal(err)
		}
		d := recovery.Deposit{Network: s.Network, Custodian: s.Custodian, Subject: s.Subject, Open: slip.Image(opening), Cancel: slip.Image(cancelling), Delay: int64(i) * 1e9, IssuedAt: s.IssuedAt}
		challenge := d.Challenge()
		out = append(out, computed{
			Slip: map[string]any{"network": h(s.Network[:]), "custodian": s.Custodian, "subject": s.Subject, "grantee": s.Grantee, "terms": h(s.Terms),
				"textHash": h(s.TextHash[:]), "salt": h(s.Salt[:]), "stopImage": h(s.StopImage[:]), "kitImage": h(s.KitImage[:]), "issued": s.IssuedAt},
			Encoded: h(s.Encode()), Root: h(root[:]), Path: h(path.Encode()), Commitment: h(commitment[:]), Printed: stop.String(), Other: other.String(), Mark: h(mark[:]),
			Opening: h(opening[:]), Cancelling: h(cancelling[:]),
			Deposit: map[string]any{"network": h(s.Network[:]), "custodian": s.Custodian, "subject": s.Subject, "open": h(d.Open[:]), "cancel": h(d.Cancel[:]), "delay": d.Delay, "issued": d.IssuedAt},
			Left:    h(d.Encode()), Challenge: h(challenge[:]),
		})
	}
	return out
}

// compute runs in a page: it says what the modules give otherwise.
const compute = `(async (list) => {
  const from = document.querySelector("script[type=module]").src.replace(/[^/]*$/, "");
  const [b, slip, code] = await Promise.all(["bytes.js", "slip.js", "code.js"].map((m) => import(from + m)));
  const odd = [];
  const be = (what, got, want) => { if (got !== want) odd.push(what + ": " + got); };
  const bytes = (o, names) => Object.fromEntries(Object.entries(o).map(([k, v]) => [k, names.includes(k) ? b.unhex(v) : v]));
  for (const v of list) {
    const s = bytes(v.Slip, ["network", "terms", "textHash", "salt", "stopImage", "kitImage"]);
    const encoded = slip.encode(s);
    be("encoding", b.hex(encoded), v.Encoded);
    be("root", b.hex(await slip.root(encoded, s.salt)), v.Root);
    be("path", b.hex(slip.path()), v.Path);
    be("commitment", b.hex(await slip.commitment(encoded, s.salt)), v.Commitment);
    for (const name of ["salt", "stopImage", "kitImage"]) be(name, b.hex(slip.secrets(encoded)[name]), v.Slip[name]);
    const stop = code.parse(v.Printed.toLowerCase().replaceAll("-", " ").replaceAll("0", "o").replaceAll("1", "l"), code.stop);
    const recovery = code.parse(v.Other, code.recovery);
    be("printing", code.print(stop) + code.print(recovery), v.Printed + v.Other);
    be("mark", b.hex(await code.mark(stop, s.network, "north")), v.Mark);
    be("opening", b.hex(await code.opening(recovery, "north")), v.Opening);
    be("cancelling", b.hex(await code.cancelling(recovery, "north")), v.Cancelling);
    const left = code.deposit(bytes(v.Deposit, ["network", "open", "cancel"]));
    be("deposit", b.hex(left), v.Left);
    be("challenge", b.hex(await code.challenge(left)), v.Challenge);
    for (const [text, kind] of [[v.Printed, code.recovery], [v.Printed.slice(1), code.stop], [v.Printed + "0", code.stop], [v.Printed.replace(/^./, (c) => (c === "2" ? "3" : "2")), code.stop]]) {
      try { code.parse(text, kind); odd.push("taken: " + text); } catch { /* as it is to be */ }
    }
  }
  return odd.join("\n");
})`

// TestScriptsComputeAsTheProgram: for many slips, codes and deposits the modules of
// the pages give the very bytes that this program gives.
func TestScriptsComputeAsTheProgram(t *testing.T) {
	list, err := json.Marshal(vectors(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx := browser(t)
	do(t, ctx, chromedp.Navigate(hospital.url+"/recover"), chromedp.WaitVisible("#code"))
	if odd := see(t, ctx, chromedp.Evaluate[string](compute+"("+string(list)+")", chromedp.EvalAwaitPromise)); odd != "" {
		t.Error(odd)
	}
}
