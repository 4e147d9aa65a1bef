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
