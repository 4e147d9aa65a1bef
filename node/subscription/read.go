package subscription

import (
	"context"
	"net/url"
	"slices"
	"time"

	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/fhir/topic"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/store"
)

// Subscriptions are no records of patients: their owner reads what its own
// software asked for and how far it was told. So reading one passes no gate and
// leaves no entry; that it was made, and each event that it was told of, does.

func missing() error {
	return fault.New(fault.NotFound, "not-found", "there is no such subscription, or none of yours")
}

// own returns a subscription of the actor's software. Those of others are not
// there.
func (d *Desk) own(ctx context.Context, actor identity.Actor, id string) (s *store.Subscription, err error) {
	if actor.Client() == "" {
		return nil, missing()
	}
	err = d.store.View(ctx, func(v *store.View) error {
		s, err = v.Subscription(id)
		return err
	})
	switch {
	case fault.Is(err, fault.NotFound) || err == nil && s.Owner != ownerOf(actor):
		return nil, missing()
	case err == nil && s.Status == "":
		return nil, fault.New(fault.Gone, "deleted", "this subscription was deleted")
	}
	return s, err
}

// Read returns a subscription as its owner sees it.
func (d *Desk) Read(ctx context.Context, actor identity.Actor, id string) (Resource, error) {
	s, err := d.own(ctx, actor, id)
	if err != nil {
		return Resource{}, err
	}
	return d.show(ctx, s)
}

// mine returns all subscriptions of the actor's software, by id.
func (d *Desk) mine(ctx context.Context, actor identity.Actor) (list []*store.Subscription, err error) {
	if actor.Client() == "" {
		return nil, nil
	}
	err = d.store.View(ctx, func(v *store.View) error {
		list, err = v.Subscriptions(ownerOf(actor))
		return err
	})
	return list, err
}

// Page is one page of a search.
type Page struct {
	List  []Resource
	Total int
	Next  string // cursor of the next page, "" at the end
}

// Search finds the actor's subscriptions, by id.
func (d *Desk) Search(ctx context.Context, actor identity.Actor, values url.Values) (Page, error) {
	q, err := search.ParseQuery("Subscription", values, search.Options{})
	if err != nil {
		return Page{}, fault.Wrap(fault.Invalid, "invalid", err.Error(), err)
	}
	if len(q.Chains) > 0 || len(q.Includes) > 0 || len(q.Sort) > 0 {
		return Page{}, fault.New(fault.Unsupported, "not-supported", "subscriptions are searched without chains, includes and sorting")
	}
	rows, err := d.mine(ctx, actor)
	if err != nil {
		return Page{}, err
	}
	var page Page
	for _, s := range rows {
		one, err := d.show(ctx, s)
		if err != nil {
			return Page{}, err
		}
		ok, err := found(&q, one)
		if err != nil {
			return Page{}, err
		}
		if !ok {
			continue
		}
		page.Total++
		switch {
		case q.CountOnly || q.Cursor != "" && one.ID <= q.Cursor:
		case q.Count > 0 && len(page.List) == q.Count:
			page.Next = page.List[q.Count-1].ID
		default:
			page.List = append(page.List, one)
		}
	}
	return page, nil
}

func found(q *search.Query, r Resource) (bool, error) {
	doc, err := resource.Parse(r.Raw, resource.Limits{})
	if err != nil {
		return false, malformed(err)
	}
	x, err := search.Extract(doc)
	if err != nil {
		return false, malformed(err)
	}
	x.Updated = r.Updated
	return q.Match(&x), nil
}

// Status returns the statuses of the actor's subscriptions as a searchset of
// Parameters (operation $status): of those with the ids that are named, and in
// the statuses that are named; all where none is.
func (d *Desk) Status(ctx context.Context, actor identity.Actor, ids, statuses []string) ([]byte, error) {
	rows, err := d.mine(ctx, actor)
	if err != nil {
		return nil, err
	}
	out := []byte(`{"resourceType":"Bundle","type":"searchset","entry":[`)
	n := 0
	for _, s := range rows {
		if len(ids) > 0 && !slices.Contains(ids, s.ID) || len(statuses) > 0 && !slices.Contains(statuses, s.Status) {
			continue
		}
		_, w, err := d.open(ctx, s)
		if err != nil {
			return nil, err
		}
		if n++; n > 1 {
			out = append(out, ',')
		}
		status := notificationOf(kindStatus, s, w)
		out = append(append(append(out, `{"fullUrl":`...), quote(d.cfg.Base+"/Subscription/"+s.ID+"/$status")...), `,"resource":`...)
		out = append(status.parameters(out, s.ID, d.cfg.Base), `,"search":{"mode":"match"}}`...)
	}
	if n == 0 {
		return []byte(`{"resourceType":"Bundle","type":"searchset","total":0}`), nil
	}
	return append(out, `]}`...), nil
}

// StatusOf is Status for one subscription, which must be there.
func (d *Desk) StatusOf(ctx context.Context, actor identity.Actor, id string) ([]byte, error) {
	if _, err := d.own(ctx, actor, id); err != nil {
		return nil, err
	}
	return d.Status(ctx, actor, []string{id}, nil)
}

// Events returns a notification of the events with the numbers from from up to,
// and including, to (operation $events), as far as the actor may be told of them
// at this moment. It holds a hundred at most; content "" is the subscription's
// own. It is a read like any other: through the gate, and in the log first.
func (d *Desk) Events(ctx context.Context, actor identity.Actor, id string, from, to uint64, content string) ([]byte, []evidence.Receipt, error) {
	s, err := d.own(ctx, actor, id)
	if err != nil {
		return nil, nil, err
	}
	_, w, err := d.open(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	if content == "" {
		content = w.content
	}
	var list []event
	err = d.store.View(ctx, func(v *store.View) error {
		notices, err := v.Notices(id, from, to, maxCount)
		if err == nil {
			list, err = d.eventsOf(v, notices)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	n := notificationOf(kindEvents, s, w)
	n.content = content
	var receipts []evidence.Receipt
	if len(list) > 0 {
		a := ask("events", w)
		a.Query = described(w, content)
		told, err := d.through(ctx, actor, a, content, list)
		if err != nil && err != errNothing { //nolint:errorlint // it is returned as it is
			return nil, nil, err
		}
		n.events, receipts = told.events, told.receipts
	}
	return n.bundle(d.cfg.Base, time.Now()), receipts, nil
}

// eventsOf reads what numbered events were about from the log.
func (d *Desk) eventsOf(v *store.View, notices []store.Notice) ([]event, error) {
	list := make([]event, 0, len(notices))
	for _, n := range notices {
		e, err := v.Entry(n.Entry)
		if err != nil {
			return nil, err
		}
		changes, err := d.changesOf(e)
		if err != nil {
			return nil, err
		}
		if n.Item < uint64(len(changes)) {
			list = append(list, event{change: changes[n.Item], number: n.Number})
		}
	}
	return list, nil
}

// Topics returns the topics as a searchset of Basic resources, each a
// SubscriptionTopic of R5 in the R4 form. canonical names one, "" all.
func (d *Desk) Topics(canonical string) ([]byte, error) {
	out := []byte(`{"resourceType":"Bundle","type":"searchset"`)
	n := 0
	for _, t := range topic.All() {
		if canonical != "" && t.URL != canonical {
			continue
		}
		raw, err := t.Describe(filterParameters)
		if err != nil {
			return nil, fault.Wrap(fault.Broken, "topic", "a topic cannot be described", err)
		}
		separator := `,"entry":[`
		if n++; n > 1 {
			separator = ","
		}
		out = append(append(append(out, separator+`{"fullUrl":`...), quote(t.URL)...), `,"resource":`...)
		out = append(append(out, raw...), `,"search":{"mode":"match"}}`...)
	}
	if n == 0 {
		return append(out, `,"total":0}`...), nil
	}
	return append(out, `]}`...), nil
}

// filterParameters are the search parameters that events of a type can be
// filtered by.
func filterParameters(typ string) (names []string) {
	for _, p := range search.Params(typ) {
		names = append(names, p.Name)
	}
	return names
}
