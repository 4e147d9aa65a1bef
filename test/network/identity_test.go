package network_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"cairn/demo"
	"cairn/node/identity"
	"cairn/node/keys"
	"cairn/node/peer"
)

// claims are those of a good assertion of north's EHR at north.
func claims(h *demo.Hospital) identity.Claims {
	now := time.Now()
	return identity.Claims{
		Issuer: "ehr", Subject: "ehr", Audience: jwt.Audience{h.URL + "/auth/token"},
		Expiry: jwt.NewNumericDate(now.Add(time.Minute)), IssuedAt: jwt.NewNumericDate(now), ID: uuid.NewString(),
	}
}

// TestAssertions alters a good client assertion in every way that matters.
func TestAssertions(t *testing.T) {
	ctx := within(t, time.Minute)
	h, other := town.Find("north"), town.Find("east")
	key, err := keys.ReadClient(filepath.Join(h.Dir, "keys", "ehr.pem"))
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	try := func(k *ecdsa.PrivateKey, c identity.Claims, root string) error {
		signed, err := identity.SignAssertion(k, c)
		if err != nil {
			t.Fatal(err)
		}
		_, err = peer.SignIn(ctx, town.Client(), root, signed)
		return err
	}
	good := claims(h)
	if err := try(key, good, h.URL); err != nil {
		t.Fatalf("a good assertion: %v", err)
	}
	if err := try(key, good, h.URL); err == nil {
		t.Error("an assertion was taken twice")
	}
	for name, alter := range map[string]func(c *identity.Claims){
		"other audience":  func(c *identity.Claims) { c.Audience = jwt.Audience{other.URL + "/auth/token"} },
		"two audiences":   func(c *identity.Claims) { c.Audience = append(c.Audience, "x") },
		"expired":         func(c *identity.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(-time.Hour)) },
		"lives too long":  func(c *identity.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(time.Hour)) },
		"no expiry":       func(c *identity.Claims) { c.Expiry = nil },
		"no jti":          func(c *identity.Claims) { c.ID = "" },
		"signed tomorrow": func(c *identity.Claims) { c.IssuedAt = jwt.NewNumericDate(time.Now().Add(24 * time.Hour)) },
		"before start":    func(c *identity.Claims) { c.IssuedAt = jwt.NewNumericDate(time.Now().Add(-24 * time.Hour)) },
		"other subject":   func(c *identity.Claims) { c.Subject = "operator" },
		"other client":    func(c *identity.Claims) { c.Issuer, c.Subject = "operator", "operator" },
		"a member":        func(c *identity.Claims) { c.Issuer, c.Subject = "east", "east" },
		"itself":          func(c *identity.Claims) { c.Issuer, c.Subject = "north", "north" },
		"other organisation": func(c *identity.Claims) {
			c.Extensions.B2B = &identity.B2B{Version: "1", OrganizationID: "east", PurposeOfUse: []string{"TREAT"}}
		},
		"unknown purpose": func(c *identity.Claims) {
			c.Extensions.B2B = &identity.B2B{Version: "1", OrganizationID: "north", PurposeOfUse: []string{"CURIOSITY"}}
		},
	} {
		c := claims(h)
		alter(&c)
		if err := try(key, c, h.URL); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := try(stranger, claims(h), h.URL); err == nil {
		t.Error("another key was accepted")
	}
}

// TestTokensStayAtHome tries each hospital's token at each hospital: only the
// diagonal works.
func TestTokensStayAtHome(t *testing.T) {
	ctx := within(t, time.Minute)
	for _, from := range town.Hospitals {
		key, err := keys.ReadClient(filepath.Join(from.Dir, "keys", "ehr.pem"))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := identity.SignAssertion(key, claims(from))
		if err != nil {
			t.Fatal(err)
		}
		token, err := peer.SignIn(ctx, town.Client(), from.URL, signed)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range town.Hospitals {
			status := get(ctx, t, at.URL+"/fhir/Patient/x", token.Access)
			if at == from && status == http.StatusUnauthorized || at != from && status != http.StatusUnauthorized {
				t.Errorf("a token of %s at %s: status %d", from.ID, at.ID, status)
			}
		}
	}
}

func get(ctx context.Context, t *testing.T, url, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := town.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// TestNobodyUnnamed asks every route without a token; none of the guarded ones
// answers.
func TestNobodyUnnamed(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("south")
	for _, route := range []string{
		"GET /fhir/Patient", "GET /fhir/Patient/1", "GET /fhir/Patient/1/_history/1", "POST /fhir/Patient", "PUT /fhir/Patient/1", "DELETE /fhir/Patient/1",
		"POST /fhir", "POST /fhir/Patient/_search", "GET /fhir/Patient/1/$gather", "GET /fhir/Patient/1/_history/1/$evidence",
		"GET /admin/status", "POST /admin/scrub", "GET /admin/export", "GET /admin/evidence/1",
		"POST /portal/invitations", "GET /portal/consents", "POST /portal/locators", "GET /portal/log", "GET /portal/evidence/1",
	} {
		method, path, _ := strings.Cut(route, " ")
		req, err := http.NewRequestWithContext(ctx, method, h.URL+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := town.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: status %d", route, res.StatusCode)
		}
	}
}

// TestRightsOfClients: the operator sees no record, the EHR operates nothing,
// a physician writes through the EHR only.
func TestRightsOfClients(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("south")
	patient, lab, _ := newPatient(ctx, t, h)
	nosy := h.Operator.As("op-1", "Operator", "operator", "", "TREAT")
	for _, path := range []string{"/fhir/Patient/" + patient, "/fhir/Observation/" + lab, "/fhir/Observation?patient=" + patient} {
		a, err := nosy.Do(ctx, http.MethodGet, path, nil)
		if err != nil || a.Status == http.StatusOK {
			t.Errorf("the operator reads %s: %d %v", path, a.Status, err)
		}
	}
	if a, err := h.EHR.Do(ctx, http.MethodPost, "/admin/scrub", nil); err != nil || a.Status != http.StatusForbidden {
		t.Errorf("the EHR scrubs: %d %v", a.Status, err)
	}
	if a, err := h.Operator.Do(ctx, http.MethodPost, "/fhir/Patient", []byte(`{"resourceType":"Patient"}`)); err != nil || a.Status != http.StatusForbidden {
		t.Errorf("the operator writes: %d %v", a.Status, err)
	}
	if a, err := h.Operator.Do(ctx, http.MethodPost, "/portal/invitations", []byte(`{"patient":"`+patient+`"}`)); err != nil || a.Status != http.StatusForbidden {
		t.Errorf("the operator invites: %d %v", a.Status, err)
	}
}
