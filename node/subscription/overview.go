package subscription

import (
	"context"

	"cairn/node/store"
)

// Overview is how a subscription stands, as the operator sees it: nothing of
// whom it is about.
type Overview struct {
	ID       string `json:"id"`
	Owner    string `json:"owner"` // organisation and software
	Status   string `json:"status"`
	Topic    string `json:"topic,omitempty"`
	Content  string `json:"content,omitempty"`
	Origin   string `json:"origin,omitempty"` // where it is sent, without path
	Events   uint64 `json:"events"`
	Behind   uint64 `json:"behind"` // entries of the log that it has yet to be told of, at most
	Failures uint64 `json:"failures"`
	Due      int64  `json:"due,omitempty"`  // of the next try, Unix milliseconds
	Sent     int64  `json:"sent,omitempty"` // when something was last delivered
	Error    string `json:"error,omitempty"`
	Ends     int64  `json:"ends,omitempty"`
}

// Overview returns how every subscription of this hospital stands, by id.
func (d *Desk) Overview(ctx context.Context) ([]Overview, error) {
	var rows []*store.Subscription
	var size uint64
	err := d.store.View(ctx, func(v *store.View) (err error) {
		if rows, err = v.AllSubscriptions(); err == nil {
			size, err = v.Size()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	list := make([]Overview, 0, len(rows))
	for _, s := range rows {
		o := Overview{ID: s.ID, Owner: s.Owner, Status: s.Status, Events: s.Number, Failures: s.Failures, Due: s.Due, Sent: s.Sent}
		if s.Status != off {
			o.Behind = size - min(size, s.Next)
		}
		if s.Error != "" {
			o.Error = errorText(s.Error)
		}
		if _, w, err := d.open(ctx, s); err == nil { // how a damaged one stands is told too
			o.Topic, o.Content, o.Origin, o.Ends = w.criteria.Topic().URL, w.content, w.origin(), w.end
		}
		list = append(list, o)
	}
	return list, nil
}
