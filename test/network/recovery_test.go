package network_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cairn/demo"
	"cairn/wallet"
	"cairn/wallet/circle"
	"cairn/wallet/kit"
	"cairn/wallet/safe"
)

// lock is how long a recovery waits in these tests; the network allows it.
const lock = demo.RecoveryWaits

// protect prepares a wallet with a printed kit and a circle of an aunt, a friend
// and the hospital west, of whom two are needed.
func protect(ctx context.Context, t *testing.T, w *wallet.Wallet) (code kit.Code, aunt circle.Key) {
	t.Helper()
	code = kit.New(kit.Recovery)
	aunt, err := circle.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	friend, _ := circle.NewKey()
	guardians := []safe.Guardian{
		{Name: "aunt", Public: aunt.Public()}, {Name: "friend", Public: friend.Public()}, {Name: "west", Public: guardianKey(ctx, t, town.Find("west"))},
	}
	if err := w.Protect(ctx, wallet.Protection{Recovery: code, Need: 2, Guardians: guardians, Delay: lock}); err != nil {
		t.Fatal(err)
	}
	return code, aunt
}

func guardianKey(ctx context.Context, t *testing.T, h *demo.Hospital) []byte {
	t.Helper()
	var out struct{ Key []byte }
	a, err := h.EHR.Expect(ctx, http.StatusOK, http.MethodGet, "/portal/guardian", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(a.Body, &out); err != nil {
		t.Fatal(err)
	}
	return out.Key
}

// blocks has the ledger make blocks until ctx ends, since time there stands still
// while nothing happens.
func blocks(ctx context.Context, t *testing.T, w *wallet.Wallet) {
	t.Helper()
	go func() {
		for ctx.Err() == nil {
			var mark [32]byte
			rand.Read(mark[:])
			w.HandIn(ctx, town.Find("east").URL, [][32]byte{mark})
			time.Sleep(300 * time.Millisecond)
		}
	}()
}

// signsIn tells whether a wallet's passkey is taken at a hospital.
func signsIn(ctx context.Context, t *testing.T, w *wallet.Wallet, at string) bool {
	t.Helper()
	w.Forget(at)
	_, err := w.Recoveries(ctx, at)
	var refused *wallet.Refused
	if err != nil && (!errors.As(err, &refused) || refused.Status != http.StatusUnauthorized) {
		t.Fatal(err)
	}
	return err == nil
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatal("this did not come to pass: " + what)
}

// TestLostDevice: all devices are lost; the printed kit brings the wallet back,
// and after the time lock every relationship works as before, and no old key.
func TestLostDevice(t *testing.T) {
	t.Parallel()
	ctx := within(t, 2*time.Minute)
	s := newScene(ctx, t)
	g, err := s.wallet.Grant(ctx, labsFor(s.grantee), s.custodian.ID, s.second.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.wallet.Locate(ctx, s.grantee.ID, g); err != nil {
		t.Fatal(err)
	}
	code, _ := protect(ctx, t, s.wallet)
	typed := strings.ToLower(strings.ReplaceAll(code.String(), "-", " "))
	if code, err = kit.Parse(typed); err != nil {
		t.Fatal(err)
	}
	back, err := wallet.FromKit(ctx, http.DefaultClient, code, s.custodian.ID, s.custodian.URL)
	if err != nil {
		t.Fatal(err)
	}
	if len(back.Granted()) != 1 || back.StopCode() != s.wallet.StopCode() {
		t.Fatalf("the wallet came back with %d grants", len(back.Granted()))
	}
	if signsIn(ctx, t, back, s.custodian.ID) {
		t.Fatal("a passkey that nobody registered signs in")
	}
	for h := range s.ids {
		if _, err := back.Recover(ctx, h.ID); err != nil {
			t.Fatal(err)
		}
	}
	old, fresh := signsIn(ctx, t, s.wallet, s.custodian.ID), signsIn(ctx, t, back, s.custodian.ID)
	list, err := s.wallet.Recoveries(ctx, s.custodian.ID)
	if err != nil || len(list) != 1 || list[0].State != "waiting" || list[0].Until == 0 || list[0].Device != "wallet" {
		t.Errorf("the patient is shown %+v, %v", list, err)
	}
	if !old || fresh {
		t.Error("while the recovery waits, the old passkey counts and the fresh one does not")
	}
	if !logged(ctx, t, s.wallet, s.custodian.ID, "recovery.begun") {
		t.Error("nothing in her log says that somebody recovers her sign-in")
	}
	due, err := s.custodian.EHR.Expect(ctx, http.StatusOK, http.MethodGet, "/portal/recovery/due", nil)
	if err != nil || !strings.Contains(string(due.Body), `"`+s.ids[s.custodian]+`"`) {
		t.Errorf("the hospital does not learn whom to tell: %s %v", due.Body, err)
	}
	blocks(ctx, t, s.wallet)
	for h := range s.ids {
		eventually(t, "the fresh passkey signs in at "+h.ID, func() bool { return signsIn(ctx, t, back, h.ID) })
		if _, err := s.wallet.Recoveries(ctx, h.ID); err == nil {
			t.Errorf("a token of the lost device still works at %s", h.ID)
		}
		if signsIn(ctx, t, s.wallet, h.ID) {
			t.Errorf("the lost device still signs in at %s", h.ID)
		}
	}
	if !logged(ctx, t, back, s.custodian.ID, "recovery.effective") {
		t.Error("her log does not say that the recovery took effect")
	}
	who := physician(s.grantee)
	if n, codes := s.gather(ctx, t, who, "_type=Observation"); n != 1 || len(codes) != 0 {
		t.Errorf("what she allowed before does not work any more: %d records, %v", n, codes)
	}
	if _, err := back.Stop(ctx, s.second.URL, back.Granted()[0]); err != nil {
		t.Fatal(err)
	}
	// The custodian stops when its own replica has the block, which the second has.
	eventually(t, "the recovered wallet stops what was allowed before", func() bool {
		n, codes := s.gather(ctx, t, who, "_type=Observation")
		return n == 0 && len(codes) == 2
	})
	if _, err := back.Grant(ctx, labsFor(s.grantee), s.custodian.ID); err != nil {
		t.Errorf("the fresh passkey signs no consent: %v", err)
	}
	if _, err := s.wallet.Grant(ctx, labsFor(s.grantee), s.custodian.ID); err == nil {
		t.Error("the lost device still signs consents")
	}
}

func logged(ctx context.Context, t *testing.T, w *wallet.Wallet, at, kind string) bool {
	t.Helper()
	entries, _, err := w.Log(ctx, at, 50)
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(entries, func(e wallet.Entry) bool { return strings.Contains(string(e.Event), `"kind":"`+kind+`"`) })
}

// TestThiefOfTheKit: somebody else has the recovery code. Any old passkey cancels
// at its hospital, and the wallet cancels everywhere with marks at any node.
func TestThiefOfTheKit(t *testing.T) {
	t.Parallel()
	ctx := within(t, 2*time.Minute)
	s := newScene(ctx, t)
	code, _ := protect(ctx, t, s.wallet)
	thief, err := wallet.FromKit(ctx, http.DefaultClient, code, s.second.ID, s.second.URL)
	if err != nil {
		t.Fatal(err)
	}
	for h := range s.ids {
		if _, err := thief.Recover(ctx, h.ID); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.wallet.Cancel(ctx, s.custodian.ID); err != nil || n != 1 {
		t.Errorf("an old passkey cancelled %d: %v", n, err)
	}
	if _, err := s.wallet.HandIn(ctx, town.Find("west").URL, s.wallet.CancelMarks()); err != nil {
		t.Fatal(err)
	}
	blocks(ctx, t, s.wallet)
	time.Sleep(lock + 2*time.Second)
	for h := range s.ids {
		if signsIn(ctx, t, thief, h.ID) || !signsIn(ctx, t, s.wallet, h.ID) {
			t.Errorf("a cancelled recovery took effect at %s", h.ID)
		}
		list, err := s.wallet.Recoveries(ctx, h.ID)
		if err != nil || len(list) != 1 || list[0].State != "cancelled" {
			t.Errorf("at %s she is shown %+v, %v", h.ID, list, err)
		}
		if _, err := thief.Recover(ctx, h.ID); err == nil {
			t.Errorf("the secret opens a second time at %s", h.ID)
		}
	}
	code, _ = protect(ctx, t, s.wallet)
	if _, err := wallet.FromKit(ctx, http.DefaultClient, code, s.second.ID, s.second.URL); err != nil {
		t.Errorf("after a cancelled recovery she cannot prepare another: %v", err)
	}
}

// TestRecoveryCircle: two of three guardians, one of them a hospital, give the
// wallet back; one does not.
func TestRecoveryCircle(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	_, aunt := protect(ctx, t, s.wallet)
	letter, ok := s.wallet.Letter(s.custodian.ID)
	if !ok {
		t.Fatal("there is no letter for the guardians")
	}
	appeal, err := wallet.NewAppeal(ctx, http.DefaultClient, s.second.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := wallet.Help(ctx, http.DefaultClient, letter, aunt, appeal.URL, appeal.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := wallet.FromCircle(ctx, http.DefaultClient, appeal, letter); !errors.Is(err, circle.ErrFew) {
		t.Fatalf("one guardian of two: %v", err)
	}
	stranger, _ := circle.NewKey()
	if err := wallet.Help(ctx, http.DefaultClient, letter, stranger, appeal.URL, appeal.ID); !errors.Is(err, wallet.ErrNoShare) {
		t.Errorf("a stranger released a share: %v", err)
	}
	shares, err := wallet.Shares(ctx, http.DefaultClient, letter)
	if err != nil {
		t.Fatal(err)
	}
	west := town.Find("west")
	here, _ := post(ctx, t, west, "Patient", `{"resourceType":"Patient"}`)
	body, _ := json.Marshal(map[string]any{"patient": here, "share": shares["west"], "device": appeal.Device()})
	a, err := west.EHR.Expect(ctx, http.StatusOK, http.MethodPost, "/portal/guardian/releases", body)
	if err != nil {
		t.Fatal(err)
	}
	var released struct{ Share []byte }
	if err := json.Unmarshal(a.Body, &released); err != nil {
		t.Fatal(err)
	}
	if err := appeal.Leave(ctx, http.DefaultClient, released.Share); err != nil {
		t.Fatal(err)
	}
	back, err := wallet.FromCircle(ctx, http.DefaultClient, appeal, letter)
	if err != nil {
		t.Fatal(err)
	}
	if back.StopCode() != s.wallet.StopCode() {
		t.Error("another wallet came back")
	}
	wrong, _ := json.Marshal(map[string]any{"patient": here, "share": shares["aunt"], "device": appeal.Device()})
	if _, err := west.EHR.Expect(ctx, http.StatusBadRequest, http.MethodPost, "/portal/guardian/releases", wrong); err != nil {
		t.Error(err)
	}
}

// TestStopCode: the stop code of the printed kit, handed to any node without a
// sign-in, stops everything everywhere.
func TestStopCode(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	var all []*wallet.Granted
	for range 2 {
		g, err := s.wallet.Grant(ctx, labsFor(s.grantee), s.custodian.ID, s.second.ID)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, g)
	}
	if err := s.wallet.Locate(ctx, s.grantee.ID, all[1]); err != nil {
		t.Fatal(err)
	}
	who := physician(s.grantee)
	if n, codes := s.gather(ctx, t, who, "_type=Observation"); n != 1 || len(codes) != 0 {
		t.Fatalf("before the stop: %d records, %v", n, codes)
	}
	code, err := kit.Parse(s.wallet.StopCode().String())
	if err != nil {
		t.Fatal(err)
	}
	trust, err := s.custodian.EHR.Expect(ctx, http.StatusOK, http.MethodGet, "/network.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	network, members := networkOf(t, trust.Body)
	if _, err := wallet.StopAll(ctx, http.DefaultClient, town.Find("west").URL, code, network, members); err != nil {
		t.Fatal(err)
	}
	if n, codes := s.gather(ctx, t, who, "_type=Observation"); n != 0 || len(codes) != 2 {
		t.Errorf("after the stop code: %d records, %v", n, codes)
	}
}

// networkOf reads the network's id and its members from the trust file.
func networkOf(t *testing.T, raw []byte) (id [32]byte, members []string) {
	t.Helper()
	var trust struct {
		ID      string
		Members []struct{ ID string }
	}
	if err := json.Unmarshal(raw, &trust); err != nil {
		t.Fatal(err)
	}
	if n, err := hex.Decode(id[:], []byte(trust.ID)); err != nil || n != len(id) {
		t.Fatalf("the trust file names no network: %.200s", raw)
	}
	for _, m := range trust.Members {
		members = append(members, m.ID)
	}
	return id, members
}

// TestRecoverySecretIsGoodOnce: who reads the opening secret on the ledger cannot
// bring a passkey of his own in.
func TestRecoverySecretIsGoodOnce(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	code, _ := protect(ctx, t, s.wallet)
	first, err := wallet.FromKit(ctx, http.DefaultClient, code, s.custodian.ID, s.custodian.URL)
	if err != nil {
		t.Fatal(err)
	}
	second, err := wallet.FromKit(ctx, http.DefaultClient, code, s.custodian.ID, s.custodian.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Recover(ctx, s.custodian.ID); err != nil {
		t.Fatal(err)
	}
	var refused *wallet.Refused
	if _, err := second.Recover(ctx, s.custodian.ID); !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized {
		t.Errorf("a second passkey with the secret: %v", err)
	}
	var guess [32]byte
	rand.Read(guess[:])
	a, err := s.custodian.EHR.Do(ctx, http.MethodPost, "/portal/recovery/options", []byte(`{"secret":"`+hex.EncodeToString(guess[:])+`"}`))
	if err != nil || a.Status != http.StatusUnauthorized {
		t.Errorf("a guess is answered with %d, %v", a.Status, err)
	}
}
