package face

import (
	"bytes"
	"html/template"
	"net/http"
)

// PagePolicy is the Content-Security-Policy of pages with scripts: scripts and
// styles of this origin alone, none within the page, nothing framed.
const PagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'"

// Page answers with a page that has scripts and may use passkeys.
func Page(w http.ResponseWriter, status int, pages *template.Template, name string, data any) error {
	var out bytes.Buffer
	if err := pages.ExecuteTemplate(&out, name, data); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", PagePolicy)
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=()")
	w.WriteHeader(status)
	w.Write(out.Bytes()) //nolint:errcheck // the client has gone
	return nil
}
