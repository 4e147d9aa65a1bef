package identity

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"cairn/node/fault"
	"cairn/node/identity/claim"
)

// assertionLife is the longest that a client assertion may live (SMART
// Backend Services 2.0, 4.1.3: exp no more than five minutes in the future).
const assertionLife = 5 * time.Minute

// skew is how far a client's clock may be off.
const skew = 30 * time.Second

// purposes are the v3-PurposeOfUse codes that software may vouch for. Breaking the
// glass and legal orders need the person herself (OpenMatter). Another member says
// of one of its people that she broke the glass there; here that counts as far as
// the patient's consent reaches.
var purposes = []string{"TREAT", "ETREAT", "HPAYMT", "HOPERAT", "HRESCH", "PUBHLTH", "PATRQT"}

// B2B is the hl7-b2b extension: whom the client vouches for (HL7 UDAP
// Security 1.0, 5.2.1.1).
type B2B struct {
	Version          string   `json:"version"`
	SubjectName      string   `json:"subject_name,omitempty"`
	SubjectID        string   `json:"subject_id,omitempty"`
	SubjectRole      string   `json:"subject_role,omitempty"`
	OrganizationID   string   `json:"organization_id"`
	OrganizationName string   `json:"organization_name,omitempty"`
	Unit             string   `json:"unit,omitempty"`
	Groups           []string `json:"groups,omitzero"` // of the organisation to which the person belongs: CareTeam/3, Group/7
	PurposeOfUse     []string `json:"purpose_of_use"`
	ConsentReference []string `json:"consent_reference,omitempty"` // SlipURL of the slip that the client believes to act under
}

// Claims are what a client assertion says (RFC 7523 section 3).
type Claims struct {
	Issuer     string           `json:"iss"`
	Subject    string           `json:"sub"`
	Audience   jwt.Audience     `json:"aud"`
	Expiry     *jwt.NumericDate `json:"exp"`
	IssuedAt   *jwt.NumericDate `json:"iat"`
	ID         string           `json:"jti"`
	Extensions Extensions       `json:"extensions,omitempty"`
}

// Extensions holds the UDAP extension objects of an assertion.
type Extensions struct {
	B2B *B2B `json:"hl7-b2b,omitempty"`
}

// SignAssertion makes a client assertion, signed with an ES384 key.
func SignAssertion(key crypto.Signer, c Claims) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(c).Serialize()
}

// signIn checks a client assertion and returns the actor it vouches for. The
// key is that of a registered client or, for a member's id, the one in the
// member book.
//
// The table of used assertions does not survive a restart, so one that may have
// been used before must not work after. Three things see to that with no write:
// nothing is accepted before its iat has come, so what was used before a
// restart has an iat that had passed by then; New waits for the next full
// second, since iat has no fraction; and nothing with an earlier iat is
// accepted. It relies on a clock that a restart does not set back. Where several
// processes share a database, the table is there as well, and so it is for
// assertions without an iat.
func (d *Door) signIn(ctx context.Context, assertion string, now time.Time) (Actor, error) {
	s, err := d.verified(ctx, assertion, now)
	if err != nil {
		return Actor{}, err
	}
	if s.software != nil {
		return s.alone(d.member)
	}
	return d.vouched(s.client, s.claims)
}

// signed is a client assertion that was checked, and whose it is: software of the
// configuration, software of the register, or with neither another member.
type signed struct {
	claims   Claims
	client   *registered
	software *Software
}

// verified checks a client assertion: its signature, its times, that it is for
// this node, and that it was not used before.
func (d *Door) verified(ctx context.Context, assertion string, now time.Time) (s signed, err error) {
	token, err := jose.ParseSignedCompact(assertion, []jose.SignatureAlgorithm{jose.ES384, jose.RS384})
	if err != nil || len(token.Signatures) != 1 {
		return s, denied("malformed", err)
	}
	var peek Claims
	if err := claim.Decode(token.UnsafePayloadWithoutVerification(), &peek); err != nil {
		return s, denied("malformed", err)
	}
	keys, err := d.keysOf(ctx, peek.Issuer, token.Signatures[0].Header, &s)
	if err != nil {
		return s, err
	}
	if err := signedBy(token, keys, &s.claims); err != nil {
		return s, err
	}
	if err := d.timely(s.claims, now); err != nil {
		return s, err
	}
	c := &s.claims
	first, err := d.first(ctx, &d.seen, "assertion "+c.Issuer+" "+c.ID, c.Expiry.Time().Add(skew), now)
	if err == nil && first && c.IssuedAt == nil && !d.store.Shared() {
		first, err = d.firstEver(ctx, "assertion "+c.Issuer+" "+c.ID, c.Expiry.Time().Add(skew), now)
	}
	switch {
	case err != nil:
		return s, err
	case !first:
		return s, denied("replayed", nil)
	case c.IssuedAt == nil:
		return s, nil
	}
	if err := until(ctx, c.IssuedAt.Time()); err != nil {
		return s, fault.As(err)
	}
	return s, nil
}

// signedBy reads the claims of a token that one of some keys signed. They are read
// strictly.
func signedBy(token *jose.JSONWebSignature, keys []crypto.PublicKey, c *Claims) error {
	errs := []error{errors.New("no key signed it")}
	for _, key := range keys {
		payload, err := token.Verify(key)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if err := claim.Decode(payload, c); err != nil {
			return denied("malformed", err)
		}
		return nil
	}
	return denied("signature", errors.Join(errs...))
}

// keysOf finds who an issuer is: registered software of this hospital, another
// member, whose key may be changing, or an app of the register; and the keys that
// its assertion may be signed with. What the header of the assertion says of keys is
// never fetched or believed.
func (d *Door) keysOf(ctx context.Context, issuer string, h jose.Header, s *signed) ([]crypto.PublicKey, error) {
	if h.JSONWebKey != nil {
		return nil, denied("key", errors.New("the header brings a key"))
	}
	if c, ok := d.clients[issuer]; ok {
		s.client = &c
		return []crypto.PublicKey{c.key}, nil
	}
	var out []crypto.PublicKey
	for _, k := range d.memberKeys(issuer) {
		pub, err := x509.ParsePKIXPublicKey(k.Public)
		if err != nil {
			return nil, fault.Wrap(fault.Broken, "member-key", "a key in the member book does not parse", err)
		}
		out = append(out, pub)
	}
	if len(out) == 0 {
		return d.softwareKeys(ctx, issuer, h, s)
	}
	return out, nil
}

func (d *Door) timely(c Claims, now time.Time) error {
	switch {
	case c.Subject != c.Issuer:
		return denied("subject", errors.New("sub is not iss"))
	case len(c.Audience) != 1 || c.Audience[0] != d.url+"/auth/token" && c.Audience[0] != d.url: // SMART App Launch names the one, RFC 7523bis the other
		return denied("audience", errors.New("aud is neither this node's token endpoint nor this node"))
	case c.Expiry == nil || c.ID == "" || len(c.ID) > 128:
		return denied("incomplete", errors.New("exp and jti are required"))
	case now.After(c.Expiry.Time().Add(skew)) || c.Expiry.Time().After(now.Add(assertionLife+skew)):
		return denied("expired", nil)
	case c.IssuedAt == nil: // SMART App Launch 2.2, 3.1.2 does not ask for it
		return nil
	case c.IssuedAt.Time().After(now.Add(skew)):
		return denied("future", nil)
	case c.IssuedAt.Time().Before(d.started):
		// It cannot be told from a replay: see signIn.
		return denied("before-start", nil)
	}
	return nil
}

// vouched builds the actor from verified claims.
func (d *Door) vouched(client *registered, c Claims) (Actor, error) {
	a := Actor{kind: System, organisation: d.member, client: c.Issuer, name: c.Issuer}
	if client != nil {
		a.name, a.rights = client.Name, client.Rights
		if len(client.Rights) == 1 && client.Rights[0] == RightOperate {
			a.kind = Operator
		}
	} else {
		a.kind, a.organisation = Peer, c.Issuer
	}
	b := c.Extensions.B2B
	if b == nil {
		if client == nil {
			return Actor{}, denied("no-person", errors.New("a member's assertion needs the hl7-b2b extension"))
		}
		return a, nil
	}
	if b.Version != "1" || b.OrganizationID != a.organisation {
		return Actor{}, denied("organisation", errors.New("hl7-b2b vouches for another organisation"))
	}
	broken := a.kind == Peer && slices.Equal(b.PurposeOfUse, []string{matterPurposes[Emergency]})
	if !broken && (len(b.PurposeOfUse) != 1 || !slices.Contains(purposes, b.PurposeOfUse[0])) {
		return Actor{}, denied("purpose", errors.New("hl7-b2b needs one known purpose_of_use"))
	}
	a.purpose = b.PurposeOfUse[0]
	if a.kind == Peer {
		var err error
		if a.consent, err = d.slipOf(b.ConsentReference); err != nil {
			return Actor{}, err
		}
	}
	return a.withPerson(b)
}

func (a Actor) withPerson(b *B2B) (Actor, error) {
	for _, s := range []string{b.SubjectID, b.SubjectName, b.SubjectRole, b.Unit} {
		if len(s) > 200 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) {
			return Actor{}, denied("person", errors.New("a field of hl7-b2b is too long or holds control characters"))
		}
	}
	if b.SubjectID == "" || b.SubjectName == "" || b.SubjectRole == "" {
		if a.kind == Peer {
			return Actor{}, denied("person", errors.New("hl7-b2b needs subject_id, subject_name and subject_role"))
		}
		return a, nil
	}
	if a.kind == System {
		a.kind = Staff
	}
	if len(b.Groups) > maxAccountList || slices.ContainsFunc(b.Groups, func(ref string) bool { return !isReference(ref, "CareTeam", "Group") }) {
		return Actor{}, denied("groups", errors.New("hl7-b2b names groups by reference, CareTeam/3 or Group/7, at most 64"))
	}
	a.groups = b.Groups
	a.person, a.name, a.role, a.unit = a.organisation+"/"+b.SubjectID, b.SubjectName, b.SubjectRole, b.Unit
	return a, nil
}

func denied(code string, cause error) error {
	return fault.Wrap(fault.Unauthenticated, "assertion-"+code, "the client assertion was not accepted: "+code, cause).
		WithHint("sign a fresh assertion: iss = sub = client_id, aud = this node's /auth/token, exp within five minutes, a new jti")
}
