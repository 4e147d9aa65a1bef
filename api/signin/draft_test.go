package signin_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestDraft: a wish becomes terms and a text, for her alone, and what is not offered
// is refused.
func TestDraft(t *testing.T) {
	b, id := person(t)
	const yes = `{"says":"yes","grantee":"north","what":"laboratory","purposes":["TREAT"],"days":30}`
	a := b.send(http.MethodPost, "/portal/drafts", yes)
	if text := value(t, a.body, "text"); a.status != http.StatusOK || !strings.Contains(text, "You say YES") || !strings.Contains(text, "laboratory results") ||
		value(t, a.body, "subject") != id || value(t, a.body, "custodian") != "north" {
		t.Errorf("%d %s", a.status, a.body)
	}
	a = b.send(http.MethodPost, "/portal/drafts", `{"says":"no","grantee":"north","what":"everything","purposes":[],"days":0}`)
	if text := value(t, a.body, "text"); a.status != http.StatusOK || !strings.Contains(text, "You say NO") {
		t.Errorf("%d %s", a.status, a.body)
	}
	for _, change := range [][2]string{
		{`"yes"`, `"maybe"`}, {`"north"`, `"nowhere"`}, {`"north"`, `""`}, {`"laboratory"`, `"secrets"`}, {`["TREAT"]`, `[]`}, {`["TREAT"]`, `["TREAT","HMARKT"]`}, {`30`, `-1`}, {`30`, `100000`},
	} {
		if a := b.send(http.MethodPost, "/portal/drafts", strings.Replace(yes, change[0], change[1], 1)); a.status != http.StatusBadRequest {
			t.Errorf("%s for %s: %d %s", change[1], change[0], a.status, a.body)
		}
	}
	if a := employ(t, "drafter", `["physician"]`, true).send(http.MethodPost, "/portal/drafts", yes); a.status != http.StatusForbidden {
		t.Errorf("staff: %d %s", a.status, a.body)
	}
	for path, title := range map[string]string{"/home/consents": "What you allow", "/home/kit": "Your recovery kit", "/recover": "Lost your device?"} {
		a := b.send(http.MethodGet, path, "")
		policy := a.header.Get("Content-Security-Policy")
		if a.status != http.StatusOK || !strings.Contains(string(a.body), "<h1") || !strings.Contains(string(a.body), title) || strings.Contains(policy, "unsafe") ||
			strings.Contains(string(a.body), "data-signout") != strings.HasPrefix(path, "/home/") || !strings.Contains(policy, "script-src 'self';") || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v %s", path, a.status, a.header, a.body)
		}
		if n := newBrowser(t, true).send(http.MethodGet, path, ""); (n.status == http.StatusOK) != (path == "/recover") || strings.Contains(string(n.body), id) {
			t.Errorf("%s, nobody: %d", path, n.status)
		}
	}
}
