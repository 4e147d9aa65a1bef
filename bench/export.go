package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// orders is what the blocks of an exported ledger hold.
type orders struct {
	blocks, seals     int
	bytes, sealsBytes int // of the blocks with their seals, of the seals alone
}

var errExport = errors.New("this is not an exported ledger")

// readExport adds up the blocks above a height in the format of
// chain.Chain.Export: a line, then parts of one byte, height, length and
// content.
func readExport(data []byte, above uint64) (o orders, err error) {
	line := bytes.IndexByte(data, '\n')
	if line < 0 || !bytes.HasPrefix(data, []byte("cairn/chain/export/v1\n")) {
		return o, errExport
	}
	for data = data[line+1:]; len(data) > 0; {
		if len(data) < 17 {
			return o, errExport
		}
		kind, height, size := data[0], binary.BigEndian.Uint64(data[1:]), binary.BigEndian.Uint64(data[9:])
		if data = data[17:]; size > uint64(len(data)) {
			return o, errExport
		}
		if kind == 'B' && height > above {
			if err := o.block(data[:size]); err != nil {
				return o, err
			}
		}
		data = data[size:]
	}
	return o, nil
}

// block adds one block: protobuf tendermint.types.Block, whose field 2 is Data,
// whose field 1 is the transactions.
func (o *orders) block(raw []byte) error {
	o.blocks++
	o.bytes += len(raw)
	return fields(raw, 2, func(data []byte) error {
		return fields(data, 1, func(tx []byte) error {
			o.seals++
			o.sealsBytes += len(tx)
			return nil
		})
	})
}

// fields calls f with each field of this number in a protobuf message; the
// field must be length-delimited.
func fields(message []byte, number uint64, f func([]byte) error) error {
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		if n <= 0 {
			return errExport
		}
		message = message[n:]
		value, n := binary.Uvarint(message)
		if n <= 0 {
			return errExport
		}
		message = message[n:]
		switch tag & 7 {
		case 0: // a number
			continue
		case 2:
		default:
			return errExport
		}
		if value > uint64(len(message)) {
			return errExport
		}
		if tag>>3 == number {
			if err := f(message[:value]); err != nil {
				return err
			}
		}
		message = message[value:]
	}
	return nil
}
