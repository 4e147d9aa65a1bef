package subscription

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/store"
)

// bound is what a sealed subscription is tied to, so that none can be put in
// another's place, nor an older one in a newer one's.
func bound(s *store.Subscription) []byte {
	return fmt.Appendf(nil, "cairn/subscription/v1\x00%s\x00%s\x00%d", s.ID, s.Owner, s.Epoch)
}

// thing is what an actor is kept for.
func thing(s *store.Subscription) string {
	return fmt.Sprintf("subscription %s %d", s.ID, s.Epoch)
}

// open unseals what a subscription asks for.
func (d *Desk) open(ctx context.Context, s *store.Subscription) (*resource.Doc, *wish, error) {
	plain, err := d.keys.Open(ctx, sealKey, s.Body, bound(s))
	if err != nil {
		return nil, nil, fault.Wrap(fault.Broken, "subscription-damaged", "this subscription was altered or damaged in the hospital's database", err).
			WithHint("delete it and make it anew")
	}
	doc, err := resource.Parse(plain, resource.Limits{})
	if err != nil {
		return nil, nil, fault.Wrap(fault.Broken, "subscription-damaged", "this subscription was altered or damaged in the hospital's database", err)
	}
	w, err := read(doc)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Broken, "subscription-old", "this subscription asks for what is not offered any more", err).
			WithHint("put it again with a topic and filters that are")
	}
	return doc, w, nil
}

// Scrub opens what every subscription asks for, and on whose behalf, and returns
// the first that was altered.
func (d *Desk) Scrub(ctx context.Context, v *store.View) error {
	rows, err := v.AllSubscriptions()
	for i := 0; err == nil && i < len(rows); i++ {
		s := rows[i]
		if _, _, err = d.open(ctx, s); err == nil {
			_, err = d.door.Standing(s.Standing, thing(s))
		}
		if fault.Is(err, fault.Refused) || err != nil && fault.As(err).Code == "subscription-old" {
			err = nil // it is whole, and not told any more
		}
		if err != nil {
			err = fault.Wrap(fault.Broken, "subscription-altered", "the row of "+s.ID+" in the table `subscription` was altered", err)
		}
	}
	return err
}

// show returns a subscription as its owner sees it.
func (d *Desk) show(ctx context.Context, s *store.Subscription) (Resource, error) {
	doc, _, err := d.open(ctx, s)
	if err != nil {
		return Resource{}, err
	}
	return Resource{ID: s.ID, Version: s.Version, Updated: s.Updated, Raw: render(doc, s)}, nil
}

// render sets the elements that the server answers for: id, meta, status and
// error. Every other element is as it was received.
func render(doc *resource.Doc, s *store.Subscription) []byte {
	raw := resource.Stamp(doc, s.ID, strconv.FormatUint(s.Version, 10), instant(s.Updated))
	stamped, err := resource.Parse(raw, resource.Limits{})
	if err != nil {
		return raw // what Stamp gives parses
	}
	var out bytes.Buffer
	out.WriteByte('{')
	for name, value := range stamped.Root().Fields() {
		switch name {
		case "error":
			continue
		case "status":
			member(&out, "status", quote(s.Status))
			if s.Error != "" {
				member(&out, "error", quote(errorText(s.Error)))
			}
		default:
			member(&out, name, value.Raw())
		}
	}
	out.WriteByte('}')
	return out.Bytes()
}

func member(out *bytes.Buffer, name string, value []byte) {
	if out.Len() > 1 {
		out.WriteByte(',')
	}
	out.Write(quote(name))
	out.WriteByte(':')
	out.Write(value)
}

// withEnd returns the resource with an end where it had none, or a later one
// than it may have.
func withEnd(doc *resource.Doc, w *wish, now time.Time) ([]byte, error) {
	latest := now.Add(longest).UnixMilli()
	if w.end != 0 && w.end <= latest {
		return doc.Raw(), nil
	}
	w.end = latest
	var out bytes.Buffer
	out.WriteByte('{')
	for name, value := range doc.Root().Fields() {
		if name != "end" && name != "_end" {
			member(&out, name, value.Raw())
		}
	}
	member(&out, "end", quote(instant(latest)))
	out.WriteByte('}')
	return out.Bytes(), nil
}

func instant(millis int64) string {
	return time.UnixMilli(millis).UTC().Format("2006-01-02T15:04:05.000Z")
}

// quote returns a JSON string.
func quote(s string) []byte {
	data, err := json.Marshal(s)
	if err != nil {
		return []byte(`""`)
	}
	return data
}
