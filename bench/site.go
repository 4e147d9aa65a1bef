package bench

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"cairn/client"
	"cairn/demo"
	"cairn/fhir/resource"
	"cairn/ledger/member"
	"cairn/node"
	"cairn/node/identity"
	"cairn/node/keys"
	"cairn/node/peer"
	"cairn/sample"
)

// site is the consortium that is measured, and what was loaded into it.
type site struct {
	*demo.Consortium
	loaded *demo.Loaded // as `cairn demo` loads it

	stocked  bool
	patients []string // of the first hospital: those that stock loaded
	reads    []string // "Observation/ID" of theirs
	bodies   [][]byte // Observations of theirs, as an EHR would send them anew
	searches []string // for the results that one of them has under the code of one of those
}

// found founds four hospitals, starts them, and loads the patients of `cairn
// demo`.
func found(ctx context.Context, o Options) (*site, error) {
	c, err := demo.Found(demo.Options{Binary: o.Binary, Dir: filepath.Join(o.Dir, "hospitals"), Store: o.Store})
	if err != nil {
		return nil, err
	}
	s := &site{Consortium: c}
	if err := c.Start(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if s.loaded, err = c.Load(ctx, demo.Synthetic(1, demoPatients), func(int, int) {}); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return s, nil
}

// up starts hospitals and waits until each answers. Tokens do not survive a
// restart, so their software signs in anew.
func (s *site) up(ctx context.Context, hospitals ...*demo.Hospital) error {
	for _, h := range hospitals {
		if err := s.StartOne(h); err != nil {
			return err
		}
	}
	for _, h := range hospitals {
		if err := s.Ready(ctx, h); err != nil {
			return err
		}
		if err := s.equip(h); err != nil {
			return err
		}
	}
	return nil
}

// equip gives a hospital's software fresh clients.
func (s *site) equip(h *demo.Hospital) (err error) {
	for id, to := range map[string]**client.Client{"ehr": &h.EHR, "operator": &h.Operator} {
		if *to, err = client.New(h.URL, h.ID, id, filepath.Join(h.Dir, "keys", id+".pem"), s.Client()); err != nil {
			return err
		}
	}
	return nil
}

// restart ends a hospital's process and starts it again.
func (s *site) restart(ctx context.Context, h *demo.Hospital) error {
	if err := s.StopOne(h); err != nil {
		return err
	}
	return s.up(ctx, h)
}

// demoPatients is how many `cairn demo` loads.
const demoPatients = 8

// first is the hospital that takes the load where one does.
func (s *site) first() *demo.Hospital { return s.Hospitals[0] }

// others returns the processes of the hospitals but the first.
func (s *site) others() (pids []int) {
	for _, h := range s.Hospitals[1:] {
		pids = append(pids, h.PID())
	}
	return pids
}

const fhirJSON = "application/fhir+json"

// physician is whom the EHR vouches for when records are read.
var physician = identity.B2B{Version: "1", SubjectID: "staff-1", SubjectName: "Dr. Bench", SubjectRole: "physician", Unit: "measurement", PurposeOfUse: []string{"TREAT"}}

// ehr signs a hospital's EHR in, for a physician if she is given.
func (s *site) ehr(ctx context.Context, h *demo.Hospital, who *identity.B2B) (token string, err error) {
	key, err := keys.ReadClient(filepath.Join(h.Dir, "keys", "ehr.pem"))
	if err != nil {
		return "", err
	}
	if who != nil {
		person := *who
		person.OrganizationID = h.ID
		who = &person
	}
	return s.signIn(ctx, h, key, "ehr", who)
}

// asking is a hospital as a client of the others, for whom it asks there, and
// where.
type asking struct {
	client *peer.Client
	who    peer.Person
	at     member.Member
}

// peer returns a physician of one hospital who asks at another.
func (s *site) peer(from, at *demo.Hospital) (*asking, error) {
	cfg, err := node.ReadConfig(from.Config)
	if err != nil {
		return nil, err
	}
	key, err := keys.ReadClient(filepath.Join(cfg.Keys, "client.pem"))
	if err != nil {
		return nil, err
	}
	genesis, err := node.ReadGenesis(cfg.Genesis)
	if err != nil {
		return nil, err
	}
	client, err := peer.New(from.ID, genesis.ID(), &pen{key: key, site: s, at: from}, s.Client())
	if err != nil {
		return nil, err
	}
	p := physician
	who := peer.Person{ID: p.SubjectID, Name: p.SubjectName, Role: p.SubjectRole, Unit: p.Unit, Purpose: p.PurposeOfUse[0]}
	return &asking{client, who, member.Member{ID: at.ID, URL: at.URL}}, nil
}

// pen is a hospital's key for what it signs to others, with the height of its
// ledger, asked for now and then.
type pen struct {
	key  *ecdsa.PrivateKey
	site *site
	at   *demo.Hospital

	mu     sync.Mutex
	height uint64
	asked  time.Time
}

// Client returns the key and the height.
func (p *pen) Client() (*ecdsa.PrivateKey, uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.asked) < time.Second {
		return p.key, p.height, nil
	}
	st, err := p.site.status(context.Background(), p.at)
	if err != nil {
		return nil, 0, err
	}
	p.height, p.asked = st.Height, time.Now()
	return p.key, max(1, p.height), nil
}

// get returns the bytes of a FHIR request, good for one sending.
func (a *asking) get(ctx context.Context, path string) ([]byte, error) {
	req, err := a.client.Prepare(ctx, a.at, a.who, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	out := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n", req.URL.RequestURI(), req.URL.Host)
	for name, values := range req.Header {
		out = fmt.Appendf(out, "%s: %s\r\n", name, values[0])
	}
	return append(out, "\r\n"...), nil
}

func (s *site) signIn(ctx context.Context, at *demo.Hospital, key *ecdsa.PrivateKey, id string, who *identity.B2B) (string, error) {
	now := time.Now()
	assertion, err := identity.SignAssertion(key, identity.Claims{
		Issuer: id, Subject: id, Audience: jwt.Audience{at.URL + "/auth/token"}, ID: uuid.NewString(),
		Expiry: jwt.NewNumericDate(now.Add(time.Minute)), IssuedAt: jwt.NewNumericDate(now), Extensions: identity.Extensions{B2B: who},
	})
	if err != nil {
		return "", fmt.Errorf("signing an assertion: %w", err)
	}
	token, err := peer.SignIn(ctx, s.Client(), at.URL, assertion, nil)
	return token.Access, err
}

// status returns a hospital's state: its log, its seals, its ledger.
func (s *site) status(ctx context.Context, h *demo.Hospital) (st node.Status, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL+"/healthz", nil)
	if err != nil {
		return st, err
	}
	res, err := s.Client().Do(req)
	if err != nil {
		return st, fmt.Errorf("asking %s for its state: %w", h.ID, err)
	}
	defer res.Body.Close() //nolint:errcheck // only read
	return st, json.NewDecoder(res.Body).Decode(&st)
}

const (
	stockSeed     = 7
	stockPatients = 24
)

// stock loads patients with all their records into the first hospital, once,
// for the scenarios that read and add to them.
func (s *site) stock(ctx context.Context) error {
	if s.stocked {
		return nil
	}
	for bundle := range sample.New(stockSeed).All(stockPatients) {
		answer, err := s.first().EHR.Expect(ctx, http.StatusOK, http.MethodPost, "/fhir", bundle)
		if err != nil {
			return fmt.Errorf("loading a patient: %w", err)
		}
		if err := s.take(bundle, answer.Body); err != nil {
			return fmt.Errorf("reading what was loaded: %w", err)
		}
	}
	s.stocked = true
	return nil
}

// take notes what a transaction stored. References in the bodies are made those
// of the stored records, as they are when an EHR sends a single record.
func (s *site) take(bundle, answer []byte) error {
	sent, err := resource.Parse(bundle, resource.Limits{Nodes: bundleNodes})
	if err != nil {
		return err
	}
	var got struct {
		Entry []struct{ Response struct{ Location string } }
	}
	if err := json.Unmarshal(answer, &got); err != nil {
		return err
	}
	entries := sent.Root().Get("entry")
	if entries.Len() != len(got.Entry) {
		return fmt.Errorf("%d entries were sent and %d answered", entries.Len(), len(got.Entry))
	}
	stored := make(map[string]string, len(got.Entry)) // fullUrl -> Type/id
	for i, e := range got.Entry {
		full, _ := entries.At(i).Get("fullUrl").Text()
		stored[full], _, _ = strings.Cut(e.Response.Location, "/_history/")
	}
	for i := range got.Entry {
		entry := entries.At(i)
		full, _ := entry.Get("fullUrl").Text()
		switch typ, id, _ := strings.Cut(stored[full], "/"); typ {
		case "Patient":
			s.patients = append(s.patients, id)
		case "Observation":
			doc, err := resource.Parse(entry.Get("resource").Raw(), resource.Limits{})
			if err != nil {
				return err
			}
			s.reads = append(s.reads, stored[full])
			s.bodies = append(s.bodies, resource.Rewrite(doc, func(ref string) (string, bool) { to, ok := stored[ref]; return to, ok }))
			s.searches = append(s.searches, searchLike(doc, stored))
		}
	}
	return nil
}

// searchLike returns the search for a patient's results that finds this one.
func searchLike(doc *resource.Doc, stored map[string]string) string {
	coding := doc.Root().Get("code").Get("coding").At(0)
	system, _ := coding.Get("system").Text()
	code, _ := coding.Get("code").Text()
	subject, _ := doc.Root().Get("subject").Get("reference").Text()
	if to, ok := stored[subject]; ok {
		subject = to
	}
	return "/fhir/Observation?patient=" + strings.TrimPrefix(subject, "Patient/") + "&code=" + url.QueryEscape(system+"|"+code)
}

// bundleNodes is how many JSON nodes a transaction bundle may have.
const bundleNodes = 1_000_000

// idOf returns the id of a resource.
func idOf(raw []byte) (string, error) {
	doc, err := resource.Parse(raw, resource.Limits{})
	if err != nil {
		return "", err
	}
	return doc.ID(), nil
}
