package portal

import (
	"encoding/hex"

	"cairn/node/fault"
)

func hexOf(h [32]byte) string { return hex.EncodeToString(h[:]) }

func hash(text string) (h [32]byte, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(h) {
		return h, fault.New(fault.Invalid, "hash", "a hash is 64 hexadecimal digits")
	}
	return [32]byte(raw), nil
}
