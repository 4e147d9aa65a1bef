package record

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/store"
)

// once refuses a transaction that was carried out before under the same key, by
// the same client and with the same bytes. It returns what notes, together with
// the transaction, that it was carried out; nil without a key.
func (d *Desk) once(ctx context.Context, actor identity.Actor, b Bundle) ([]hold, error) {
	if b.Once == "" {
		return nil, nil
	}
	id := sha256.Sum256(fmt.Appendf(nil, "transaction\x00%s\x00%s\x00%x", actor.Client(), b.Once, b.sum))
	var before []byte
	err := d.store.View(ctx, func(v *store.View) (err error) {
		before, err = v.WasDone(id)
		return err
	})
	if err == nil && before != nil {
		err = repeated()
	}
	return []hold{func(tx *store.Tx) error {
		if before, err := tx.WasDone(id); err != nil || before != nil {
			return cmp.Or(err, repeated())
		}
		return tx.Done(id, time.Now().UnixMilli(), []byte{1})
	}}, err
}

func repeated() error {
	return fault.New(fault.Conflict, "duplicate", "this transaction was carried out before, under the same Idempotency-Key").
		WithHint("it is stored; send another key to have it carried out again")
}

// onlyOnce is a create under a key.
type onlyOnce struct{ id [sha256.Size]byte }

func createdOnce(actor identity.Actor, typ string, body []byte, key string) *onlyOnce {
	return &onlyOnce{sha256.Sum256(fmt.Appendf(nil, "create\x00%s\x00%s\x00%s\x00%x", actor.Client(), key, typ, sha256.Sum256(body)))}
}

// before is the id of the record that was created under the key, "" if none was.
func (o *onlyOnce) before(ctx context.Context, d *Desk) (id string, err error) {
	err = d.store.View(ctx, func(v *store.View) error {
		was, err := v.WasDone(o.id)
		id = string(was)
		return err
	})
	return id, err
}

// note notes the record that is created, unless somebody else was faster.
func (o *onlyOnce) note(id string) hold {
	return func(tx *store.Tx) error {
		was, err := tx.WasDone(o.id)
		if err == nil && was != nil {
			err = fasterElsewhere()
		}
		if err != nil {
			return err
		}
		return tx.Done(o.id, time.Now().UnixMilli(), []byte(id))
	}
}

// now is the current version of a record.
func (d *Desk) now(ctx context.Context, actor identity.Actor, typ, id string) (Version, error) {
	m, err := d.current(ctx, actor, typ, id)
	if err != nil {
		return Version{}, err
	}
	return d.show(ctx, m)
}
