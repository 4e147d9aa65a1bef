package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"cairn/client"
	"cairn/ledger/machine"
	"cairn/node"
	"cairn/proof"
	"cairn/wallet"
)

// local returns a hospital's own physician, for treatment.
func local(h *Hospital) *client.Client {
	return h.EHR.As("staff-17", "Dr. Demo", "physician", "internal medicine", "TREAT")
}

// found is a searchset.
type found struct {
	Total int
	Entry []struct {
		FullURL  string          `json:"fullUrl"`
		Resource json.RawMessage `json:"resource"`
		Search   struct{ Mode string }
		Link     []struct{ Relation, URL string }
	}
	Link []struct{ Relation, URL string }
}

// search runs a search to its end.
func search(ctx context.Context, who *client.Client, query string) (found, error) {
	var all found
	for next := "/fhir/" + query; next != ""; {
		a, err := who.Expect(ctx, http.StatusOK, http.MethodGet, next, nil)
		if err != nil {
			return all, err
		}
		var page found
		if err := json.Unmarshal(a.Body, &page); err != nil {
			return all, err
		}
		all.Total, next = page.Total, ""
		all.Entry = append(all.Entry, page.Entry...)
		for _, l := range page.Link {
			if l.Relation == "next" {
				next = strings.TrimPrefix(l.URL, who.Root)
			}
		}
	}
	return all, nil
}

// admit makes a patient without records at a hospital.
func admit(ctx context.Context, h *Hospital) (id string, err error) {
	a, err := h.EHR.Expect(ctx, http.StatusCreated, http.MethodPost, "/fhir/Patient", []byte(`{"resourceType":"Patient","active":true}`))
	if err != nil {
		return "", err
	}
	var p struct{ ID string }
	return p.ID, json.Unmarshal(a.Body, &p)
}

// NewWallet makes a wallet for a person and registers it at hospitals, each by
// a one-time invitation of that hospital's EHR.
func NewWallet(c *Consortium, p Person, at ...*Hospital) (*wallet.Wallet, error) {
	ctx := context.Background()
	g, err := node.ReadGenesis(at[0].Genesis())
	if err != nil {
		return nil, err
	}
	w := wallet.New(networkID(g), c.client)
	for _, h := range at {
		body, err := json.Marshal(map[string]string{"patient": p.IDs[h.ID]})
		if err != nil {
			return nil, err
		}
		a, err := h.EHR.Expect(ctx, http.StatusCreated, http.MethodPost, "/portal/invitations", body)
		if err != nil {
			return nil, err
		}
		var invitation struct{ Code string }
		if err := json.Unmarshal(a.Body, &invitation); err != nil {
			return nil, err
		}
		if err := w.Register(ctx, wallet.Home{ID: h.ID, Name: h.Name, URL: h.URL}, invitation.Code); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func networkID(g machine.Genesis) [32]byte { return g.ID() }

// clinician is a physician of a hospital who asks others.
type clinician struct{ at *Hospital }

// gather asks for laboratory results or another part from everywhere.
func (d clinician) gather(ctx context.Context, patient string, params url.Values) (found, error) {
	return search(ctx, local(d.at), "Patient/"+patient+"/$gather?"+params.Encode())
}

var labs = url.Values{"_type": {"Observation"}, "category": {"laboratory"}}

// refusals returns the codes with which custodians refused a gather.
func refusals(f found) (codes []string) {
	for _, e := range f.Entry {
		if e.Search.Mode != "outcome" {
			continue
		}
		code, _ := client.Answer{Body: e.Resource}.Refusal()
		if code != "gather.answered" {
			codes = append(codes, code)
		}
	}
	return codes
}

// matches returns the records of a gather.
func matches(f found) (records [][]byte) {
	for _, e := range f.Entry {
		if e.Search.Mode == "match" {
			records = append(records, e.Resource)
		}
	}
	return records
}

// readBackLimit bounds how many records a check proves one by one.
const readBackLimit = 200

// readBack reads a share of what was stored again, compares it with its proof's
// bytes and verifies each proof.
func (k *check) readBack() (string, error) {
	trust, err := readTrust(k.c.Hospitals[0])
	if err != nil {
		return "", err
	}
	checked := 0
	for _, h := range k.c.Hospitals {
		stored := k.loaded.Stored[h.ID]
		step := max(1, len(stored)*len(k.c.Hospitals)/readBackLimit)
		for i := 0; i < len(stored); i += step {
			if err := ProveOne(k.ctx, h, stored[i], trust); err != nil {
				return "", err
			}
			checked++
		}
	}
	return fmt.Sprintf("%d of %d records were read, compared with the bytes in their proof bundle, and verified offline", checked, k.loaded.Records), nil
}

// ProveOne reads a stored version ("Type/id/_history/1"), fetches its proof
// bundle, compares their bytes and verifies the bundle.
func ProveOne(ctx context.Context, h *Hospital, location string, trust *proof.Trust) error {
	read, err := local(h).Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/"+location, nil)
	if err != nil {
		return err
	}
	evidence, err := local(h).Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/"+location+"/$evidence", nil)
	if err != nil {
		return err
	}
	if v := proof.Verify(evidence.Body, trust); v.Status != proof.OK {
		return fmt.Errorf("a stored version's proof is %s (%s)", v.Status, v.Code)
	}
	b, err := proof.Decode(evidence.Body)
	if err != nil {
		return err
	}
	if len(b.Records) != 1 || !bytes.Equal(b.Records[0].Content, read.Body) {
		return errors.New("a stored version does not read back as it was acknowledged")
	}
	return nil
}

func (k *check) before() (string, error) {
	if err := k.locateOnly(); err != nil {
		return "", err
	}
	got, err := k.clinician().gather(k.ctx, k.her.IDs[k.asking.ID], labs)
	if err != nil {
		return "", err
	}
	if codes := refusals(got); len(codes) != 2 || len(matches(got)) != 0 {
		return "", fmt.Errorf("%d records came back and %d hospitals refused; want 0 and 2", len(matches(got)), len(codes))
	}
	return fmt.Sprintf("both custodians refused %s (%s)", k.asking.Name, refusals(got)[0]), nil
}

// locateOnly tells the asking hospital where her records are, without any
// consent.
func (k *check) locateOnly() error {
	none := &wallet.Granted{}
	for _, h := range k.custodians {
		none.Slips = append(none.Slips, wallet.Given{Custodian: h.ID})
	}
	return k.wallet.Locate(k.ctx, k.asking.ID, none)
}

func (k *check) exactly() (string, error) {
	want := make(map[string][]byte) // fullUrl -> bytes, as her own hospitals read them
	for _, h := range k.custodians {
		own, err := search(k.ctx, local(h), "Observation?category=laboratory&patient="+k.her.IDs[h.ID])
		if err != nil {
			return "", err
		}
		for _, e := range own.Entry {
			want[e.FullURL] = e.Resource
		}
	}
	start := time.Now()
	got, err := k.clinician().gather(k.ctx, k.her.IDs[k.asking.ID], labs)
	if err != nil {
		return "", err
	}
	took := time.Since(start)
	seen := make(map[string]bool)
	for _, e := range got.Entry {
		if e.Search.Mode != "match" {
			continue
		}
		sources := []string{e.FullURL}
		for _, l := range e.Link {
			if l.Relation == "alternate" {
				sources = append(sources, l.URL)
			}
		}
		if !bytes.Equal(want[e.FullURL], e.Resource) {
			return "", errors.New("a record came back that is not what its custodian holds")
		}
		for _, s := range sources {
			seen[s] = true
		}
	}
	if len(seen) != len(want) || len(refusals(got)) != 0 {
		return "", fmt.Errorf("%d of %d records came back, %d hospitals refused", len(seen), len(want), len(refusals(got)))
	}
	return fmt.Sprintf("%d laboratory results of two hospitals in %d ms, each with its source and its proof; byte for byte", len(want), took.Milliseconds()), nil
}

// nothingElse tries other types, other purposes, another hospital, single
// records and counts.
func (k *check) nothingElse() (string, error) {
	patient := k.her.IDs[k.asking.ID]
	for _, params := range []url.Values{
		{"_type": {"Condition"}}, {"_type": {"MedicationRequest"}}, {"_type": {"Patient"}},
		{"_type": {"Observation"}, "category": {"vital-signs"}}, {"_type": {"Encounter"}, "_summary": {"count"}},
	} {
		got, err := k.clinician().gather(k.ctx, patient, params)
		if err != nil {
			return "", err
		}
		if n := len(matches(got)); n != 0 {
			return "", fmt.Errorf("%d records of %s came back that she did not allow", n, params.Get("_type"))
		}
	}
	research := k.asking.EHR.As("staff-99", "Dr. Curious", "researcher", "statistics", "HRESCH")
	got, err := search(k.ctx, research, "Patient/"+patient+"/$gather?"+labs.Encode())
	if err == nil && len(matches(got)) != 0 {
		return "", errors.New("another purpose was served")
	}
	// The fourth hospital tries with the same locators.
	if err := k.wallet.Locate(k.ctx, k.stranger.ID, k.granted); err != nil {
		return "", err
	}
	got, err = clinician{k.stranger}.gather(k.ctx, k.her.IDs[k.stranger.ID], labs)
	if err != nil {
		return "", err
	}
	if len(matches(got)) != 0 || len(refusals(got)) != 2 {
		return "", errors.New("another hospital was served")
	}
	return "other types, vital signs, counts, another purpose and another hospital got nothing", nil
}

func (k *check) log() (string, error) {
	reads := 0
	for _, h := range k.custodians {
		entries, _, err := k.wallet.Log(k.ctx, h.ID, 500)
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			ev, err := proof.DecodeEvent(e.Event)
			if err != nil {
				return "", err
			}
			if ev.Kind == proof.KindDisclosureSent && ev.Allowed && len(ev.Records) > 0 && ev.Actor.Organisation == k.asking.ID {
				reads++
				k.logged = h.ID + " " + ev.ID
			}
		}
	}
	if reads < 2 {
		return "", fmt.Errorf("%d disclosures are in her log; at least one at each custodian happened", reads)
	}
	refused, err := k.refusedInLog()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d disclosures with person, role, purpose and records, and %d refused tries", reads, refused), nil
}

func (k *check) refusedInLog() (n int, err error) {
	for _, h := range k.custodians {
		entries, _, err := k.wallet.Log(k.ctx, h.ID, 500)
		if err != nil {
			return 0, err
		}
		n += len(slices.DeleteFunc(entries, func(e wallet.Entry) bool {
			ev, err := proof.DecodeEvent(e.Event)
			return err != nil || ev.Kind != proof.KindAccessRefused
		}))
	}
	if n == 0 {
		return 0, errors.New("no refused try is in her log")
	}
	return n, nil
}
