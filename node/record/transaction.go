package record

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/store"
)

// bundleNodes bounds the JSON nodes of a transaction bundle; each resource in
// it keeps the limit of a single one.
const bundleNodes = 1_000_000

// step is one entry of a transaction, parsed.
type step struct {
	at     string // expression of the entry, for errors
	method string
	typ    string
	id     string
	doc    *resource.Doc
	full   string // fullUrl
}

// Transaction does all of a transaction bundle or nothing of it (FHIR R4
// 3.1.0.11.2): POST creates, PUT updates, DELETE deletes. Conditional entries
// are refused. The answers stand in the order of the entries.
func (d *Desk) Transaction(ctx context.Context, actor identity.Actor, body []byte) ([]Version, error) {
	if err := d.mayWrite(ctx, actor, "transaction", ""); err != nil {
		return nil, err
	}
	steps, err := readBundle(body)
	if err != nil {
		return nil, err
	}
	if steps, err = link(steps); err != nil {
		return nil, err
	}
	for range tries {
		out, err := d.attempt(ctx, actor, steps)
		if !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Precondition) || fault.As(err).Code == "business-rule" {
			return out, err
		}
	}
	return nil, contention()
}

// attempt does the steps as the records stand at this moment. It fails with
// Conflict or Precondition when somebody else changed one of them meanwhile.
func (d *Desk) attempt(ctx context.Context, actor identity.Actor, steps []step) ([]Version, error) {
	drafts, patients, err := d.prepareAll(ctx, actor, steps)
	if err != nil {
		return nil, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		for i, w := range drafts {
			if w == nil {
				continue
			}
			if err := known(tx, w, patients); err != nil {
				return at(err, steps[i].at)
			}
			if err := d.write(tx, w); err != nil {
				return at(err, steps[i].at)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]Version, len(drafts))
	for i, w := range drafts {
		if w == nil { // deleting what is not there
			out[i] = Version{Type: steps[i].typ, ID: steps[i].id, Deleted: true}
			continue
		}
		out[i] = w.version
	}
	return out, nil
}

// at points a fault, or each of several, at the entry that caused it.
func at(err error, where string) error {
	if several, ok := err.(findings); ok { //nolint:errorlint // what structure returned, as it is
		return several.at(where)
	}
	f := fault.As(err)
	if f.Expression == "" {
		return f.At(where)
	}
	return f.At(where + "." + f.Expression)
}

func bad(where, text, hint string) error {
	return fault.New(fault.Invalid, "invalid", text).WithHint(hint).At(where)
}

// readBundle parses the bundle and each entry's request.
func readBundle(body []byte) ([]step, error) {
	bundle, err := resource.Parse(body, resource.Limits{Nodes: bundleNodes})
	if err != nil {
		return nil, Invalid(err)
	}
	root := bundle.Root()
	if bundle.Type() != "Bundle" {
		return nil, bad("resourceType", "a Bundle is expected here", "POST single resources to /fhir/<type>")
	}
	switch kind, _ := root.Get("type").Text(); kind {
	case "transaction":
	case "batch":
		return nil, fault.New(fault.Unsupported, "not-supported", "batch bundles are not supported").
			WithHint("send a transaction").At("Bundle.type")
	default:
		return nil, bad("Bundle.type", "only a transaction bundle can be posted here", "set Bundle.type to transaction")
	}
	var steps []step
	i := 0
	for entry := range root.Get("entry").Items() {
		s, err := readEntry(entry, fmt.Sprintf("Bundle.entry[%d]", i))
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
		i++
	}
	return steps, nil
}

func readEntry(entry resource.Node, where string) (step, error) {
	s := step{at: where}
	request := entry.Get("request")
	s.method, _ = request.Get("method").Text()
	url, _ := request.Get("url").Text()
	s.full, _ = entry.Get("fullUrl").Text()
	for _, conditional := range []string{"ifNoneExist", "ifMatch", "ifNoneMatch", "ifModifiedSince"} {
		if request.Get(conditional).Exists() {
			return s, fault.New(fault.Unsupported, "not-supported", "conditional entries are not supported").At(where + ".request." + conditional)
		}
	}
	if strings.ContainsAny(url, "?$") {
		return s, fault.New(fault.Unsupported, "not-supported", "conditional entries and operations are not supported in a transaction").At(where + ".request.url")
	}
	s.typ, s.id, _ = strings.Cut(url, "/")
	switch s.method {
	case "POST", "PUT":
		return s, s.readResource(entry, where)
	case "DELETE":
		if !resource.IsType(s.typ) || !resource.ValidID(s.id) {
			return s, bad(where+".request.url", "DELETE needs Type/id", "")
		}
		return s, nil
	}
	return s, fault.New(fault.Unsupported, "not-supported", "a transaction here takes POST, PUT and DELETE").At(where + ".request.method")
}

func (s *step) readResource(entry resource.Node, where string) error {
	body := entry.Get("resource")
	if !body.Exists() {
		return bad(where+".resource", "POST and PUT need a resource", "")
	}
	doc, err := resource.Parse(body.Raw(), resource.Limits{})
	if err != nil {
		return at(Invalid(err), where+".resource")
	}
	s.doc = doc
	if doc.Type() != s.typ {
		return bad(where+".request.url", "the url does not name the type of the resource", "")
	}
	if s.method == "POST" {
		if s.id != "" {
			return bad(where+".request.url", "POST takes a type without an id", "use PUT to choose the id")
		}
		s.id = uuid.NewString()
		return nil
	}
	if !resource.ValidID(s.id) || s.id != doc.ID() {
		return bad(where+".request.url", "PUT needs Type/id with the id of the resource", "")
	}
	return nil
}

// link resolves the references between the entries: a fullUrl becomes the
// Type/id that the entry has here.
func link(steps []step) ([]step, error) {
	targets := make(map[string]string, len(steps))
	once := make(map[string]bool, len(steps))
	for _, s := range steps {
		local := s.typ + "/" + s.id
		if once[local] {
			return nil, bad(s.at, "the same record stands in the transaction twice", "")
		}
		once[local] = true
		if s.full == "" || s.doc == nil {
			continue
		}
		if _, twice := targets[s.full]; twice {
			return nil, bad(s.at+".fullUrl", "the same fullUrl stands in the transaction twice", "")
		}
		targets[s.full] = local
		// A reference relative to the entry's own base means the entry too
		// (FHIR R4 2.36.4.1).
		if relative := typed(s.full, s.typ); relative != "" && s.method == "POST" {
			targets[relative] = local
		}
	}
	for i, s := range steps {
		if s.doc == nil {
			continue
		}
		for where, reference := range s.doc.References() {
			if _, ok := targets[reference]; !ok && strings.HasPrefix(reference, "urn:") {
				return nil, bad(s.at+".resource."+where, "this reference names no entry of the transaction", "add the entry, or refer to a stored record as Type/id")
			}
		}
		raw := resource.Rewrite(s.doc, func(reference string) (string, bool) { to, ok := targets[reference]; return to, ok })
		doc, err := resource.Parse(raw, resource.Limits{})
		if err != nil {
			return nil, at(Invalid(err), s.at+".resource")
		}
		steps[i].doc = doc
	}
	return steps, nil
}

// typed returns "Type/id" of a RESTful fullUrl, "" for any other.
func typed(full, typ string) string {
	at := strings.LastIndex(full, "/"+typ+"/")
	if at < 0 || !strings.HasPrefix(full, "http") || !resource.ValidID(full[at+len(typ)+2:]) {
		return ""
	}
	return full[at+1:]
}

// prepareAll drafts every entry. A nil draft is a delete of what is not there.
func (d *Desk) prepareAll(ctx context.Context, actor identity.Actor, steps []step) ([]*draft, map[string]bool, error) {
	drafts := make([]*draft, len(steps))
	patients := make(map[string]bool)
	for _, s := range steps {
		if s.typ == "Patient" && s.method != "DELETE" {
			patients[s.id] = true
		}
	}
	for i, s := range steps {
		w, err := d.prepareStep(ctx, actor, s, patients)
		if err != nil {
			return nil, nil, at(err, s.at)
		}
		drafts[i] = w
	}
	return drafts, patients, nil
}

func (d *Desk) prepareStep(ctx context.Context, actor identity.Actor, s step, also map[string]bool) (*draft, error) {
	switch s.method {
	case "POST":
		return d.prepare(ctx, actor, s.doc, s.id, 1, also)
	case "PUT":
		return d.next(ctx, actor, s.doc, s.id, 0, also)
	}
	return d.nextDeleted(ctx, actor, s.typ, s.id, 0)
}
