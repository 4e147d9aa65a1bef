package face

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"cairn/consent/slip"
	"cairn/node/fault"
)

// Credential is a PublicKeyCredential that signed a challenge, as JSON (WebAuthn
// Level 3, 5.1 toJSON); binary members are base64url without padding.
type Credential struct {
	ID         string `json:"id"`
	RawID      string `json:"rawId"`
	Type       string `json:"type"`
	Attachment string `json:"authenticatorAttachment,omitempty"`
	Response   struct {
		AuthenticatorData string `json:"authenticatorData"`
		ClientDataJSON    string `json:"clientDataJSON"`
		Signature         string `json:"signature"`
		UserHandle        string `json:"userHandle,omitempty"`
		AttestationObject string `json:"attestationObject,omitempty"`
	} `json:"response"`
	Extensions json.RawMessage `json:"clientExtensionResults,omitempty"`
}

// Assertion returns what is in the credential.
func (c Credential) Assertion() (a slip.Assertion, err error) {
	for _, part := range []struct {
		text string
		to   *[]byte
	}{
		{c.RawID, &a.CredentialID}, {c.Response.AuthenticatorData, &a.AuthenticatorData},
		{c.Response.ClientDataJSON, &a.ClientDataJSON}, {c.Response.Signature, &a.Signature},
	} {
		if *part.to, err = base64.RawURLEncoding.DecodeString(part.text); err != nil {
			return a, fault.Wrap(fault.Invalid, "credential", "a part of the credential is not base64url", err)
		}
	}
	if c.ID != c.RawID {
		return a, fault.New(fault.Invalid, "credential", "the credential's id is not its rawId")
	}
	if c.Type != "public-key" {
		return a, fault.New(fault.Invalid, "credential", "the credential's type is not public-key")
	}
	return a, nil
}

// Nonce reads a nonce as it was given out.
func Nonce(text string) ([]byte, error) {
	nonce, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "nonce", "the nonce is not base64url", err)
	}
	return nonce, nil
}

// names of browsers and systems in a User-Agent, the more special ones first:
// most name others beside themselves.
var (
	browsers = [][2]string{{"Edg", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"}, {"CriOS/", "Chrome"}, {"Chrome/", "Chrome"},
		{"Safari/", "Safari"}}
	systems = [][2]string{{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"Mac OS X", "Mac"}, {"CrOS", "ChromeOS"},
		{"Linux", "Linux"}}
)

// Device returns what a request's browser calls itself, for its owner's eyes:
// "Firefox on Linux". It is the browser's word and decides nothing.
func Device(r *http.Request) string {
	agent := r.UserAgent()
	browser, system := first(browsers, agent), first(systems, agent)
	switch {
	case browser != "" && system != "":
		return browser + " on " + system
	case browser+system != "":
		return browser + system
	}
	return "another device"
}

func first(names [][2]string, agent string) string {
	for _, n := range names {
		if strings.Contains(agent, n[0]) {
			return n[1]
		}
	}
	return ""
}

// SameOrigin refuses requests that change something and that a browser sends from
// another site's page (Sec-Fetch-Site, or Origin beside Host). What comes from no
// browser has neither.
func SameOrigin(next http.Handler) http.Handler {
	p := http.NewCrossOriginProtection()
	p.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Problem(w, r, fault.New(fault.Refused, "cross-origin", "this was sent from another site's page"))
	}))
	return Routed(p.Handler(next), Routes(next))
}
