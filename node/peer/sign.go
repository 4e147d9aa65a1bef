package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"cairn/ledger/member"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/proof"
)

// heightSlack is by how many blocks the replicas of two hospitals may differ.
const heightSlack = 100

// sign puts on a request what this hospital signs of it.
func (c *Client) sign(req *http.Request, to member.Member, who Person, body []byte) (*proof.Signed[proof.Request], error) {
	key, height, err := c.pen.Client()
	if err != nil {
		return nil, err
	}
	s, err := proof.Request{
		Party:  proof.Party{Network: c.network, From: c.home, To: to.ID, Height: height, Time: time.Now().UnixMilli()},
		ID:     uuid.NewString(),
		Method: req.Method, Target: req.URL.RequestURI(), Body: proof.BodyHash(body),
		Actor:   proof.Actor{Kind: proof.ActorStaff, Organisation: c.home, Person: c.home + "/" + who.ID, Name: who.Name, Role: who.Role, Unit: who.Unit},
		Purpose: who.Purpose, Consent: who.Consent,
	}.Sign(key)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "request-signed", "this request cannot be signed: it is too long", err)
	}
	req.Header.Set(identity.RequestHeader, s.Text)
	return s, nil
}

// signed checks what another hospital signed of its answer to a request.
func (c *Client) signed(to member.Member, request *proof.Signed[proof.Request], res *http.Response, body []byte) (*proof.Signed[proof.Answer], error) {
	texts := res.Header.Values(identity.AnswerHeader)
	if len(texts) != 1 {
		return nil, errors.New("there is no signed answer")
	}
	s, err := proof.ParseAnswer(texts[0])
	if err != nil {
		return nil, err
	}
	_, height, err := c.pen.Client()
	if err != nil {
		return nil, err
	}
	a := &s.Statement
	key, keyed := to.KeyAt(member.UseClient, a.Height)
	switch {
	case a.Network != c.network || a.From != to.ID || a.To != c.home:
		return nil, errors.New("the answer is from, to or in another")
	case a.Request != request.ID:
		return nil, errors.New("the answer is to another request")
	case a.Status != uint64(res.StatusCode) || a.Body != proof.BodyHash(body): //nolint:gosec // three digits
		return nil, errors.New("the answer is not the one that was signed")
	case !keyed || a.Height+heightSlack < height || a.Height > height+heightSlack:
		return nil, errors.New("no key of that height")
	}
	return s, s.Verify(key.Public)
}

// Deliver hands a signed acknowledgement to the member that it is for. A nil
// error says that the member has kept it; Refused that it will not.
func (c *Client) Deliver(ctx context.Context, to member.Member, text string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL+"/acknowledgements", strings.NewReader(text))
	if err != nil {
		return fmt.Errorf("acknowledging to %s: %w", to.ID, WithoutURL(err))
	}
	req.Header.Set("Content-Type", "application/jose")
	res, err := c.http.Do(req)
	if err != nil {
		return fault.Wrap(fault.Busy, "peer-silent", "the hospital "+to.ID+" does not answer", WithoutURL(err))
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection is used again
	switch {
	case res.StatusCode == http.StatusNoContent:
		return nil
	case res.StatusCode >= 400 && res.StatusCode < 500 && res.StatusCode != http.StatusTooManyRequests:
		return fault.New(fault.Refused, "peer-refused", fmt.Sprintf("the hospital %s refused the acknowledgement with status %d", to.ID, res.StatusCode))
	}
	return fault.New(fault.Busy, "peer-silent", fmt.Sprintf("the hospital %s answered an acknowledgement with status %d", to.ID, res.StatusCode))
}
