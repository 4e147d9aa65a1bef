package record

import (
	"context"

	"cairn/node/identity"
)

// Create stores a new record under an id of its own (FHIR R4 3.1.0.8). An id
// in the body is ignored.
func (d *Desk) Create(ctx context.Context, actor identity.Actor, typ string, body []byte) (Version, error) {
	return d.create(ctx, actor, typ, body, nil, nil)
}

// CreateOnce is Create under a key: the same bytes under the same key, by the
// same client, create one record. It is the answer to a repeat as well, as far as
// it is there and may be seen; then it is not Created.
func (d *Desk) CreateOnce(ctx context.Context, actor identity.Actor, typ string, body []byte, key string) (Version, error) {
	return d.create(ctx, actor, typ, body, nil, createdOnce(actor, typ, body, key))
}

// CreateUnless is Create if the condition finds nothing. If it finds one, that
// one is the answer and nothing is stored; if it finds several, it fails with
// Precondition (FHIR R4 3.1.0.8.1, conditional create). Of any number of
// calls at once with the same condition, which what they store meets, exactly
// one creates.
func (d *Desk) CreateUnless(ctx context.Context, actor identity.Actor, typ string, body []byte, c Condition) (Version, error) {
	return d.create(ctx, actor, typ, body, &c, nil)
}

func (d *Desk) create(ctx context.Context, actor identity.Actor, typ string, body []byte, c *Condition, once *onlyOnce) (out Version, err error) {
	if err := d.mayWrite(ctx, actor, "create", typ); err != nil {
		return Version{}, err
	}
	doc, err := parse(typ, body)
	if err != nil {
		return Version{}, err
	}
	id := freshID()
	var w *draft
	err = d.repeat(ctx, func() (*batch, error) {
		var holds []hold
		if once != nil {
			before, err := once.before(ctx, d)
			if err != nil || before != "" {
				if err == nil {
					out, err = d.now(ctx, actor, typ, before)
				}
				return nil, err
			}
			holds = append(holds, once.note(id))
		}
		if c != nil {
			m, err := d.meet(ctx, actor, *c)
			if err != nil {
				return nil, err
			}
			if len(m.hits) > 0 {
				out, err = d.show(ctx, m)
				return nil, err
			}
			holds = append(holds, m.still)
		}
		if w == nil {
			if w, err = d.prepare(ctx, actor, doc, id, 1, nil); err != nil {
				return nil, err
			}
		}
		return single(w, holds...), nil
	})
	if err == nil && out.ID == "" {
		out = w.version
	}
	return out, err
}
