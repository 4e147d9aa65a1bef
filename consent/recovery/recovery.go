// Package recovery is the time lock on a patient's sign-in: how somebody who has
// lost every device gets in again, and how she is kept from being robbed by the
// same way.
//
// While she has a passkey, she signs a Deposit for each hospital: the image of
// a secret that opens the lock and of one that cancels. Both secrets are in her
// wallet. Who has lost all devices gets the wallet back (kit or circle), seals
// the opening secret as a mark on the ledger, and shows it to each hospital with
// a fresh passkey. From the block of that mark on the delay runs, on block time.
// Until it ends every old passkey works, and either the cancelling secret, as a
// mark, or any old passkey at the hospital itself, ends it. When it has ended
// the fresh passkey is the patient's and the old ones are nobody's.
//
// A deposit is good once: opened or cancelled, another is needed.
package recovery

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Bounds of the delay, in milliseconds. Tests and demonstrations on networks that
// say so in their genesis may go below the least one.
const (
	DefaultDelay = 72 * 3600 * 1000
	MaxDelay     = 60 * 24 * 3600 * 1000
)

// Deposit is what a patient leaves at one hospital.
type Deposit struct {
	Network   [32]byte // the ledger that it counts on
	Custodian string   // member id of the hospital
	Subject   string   // the patient as that hospital knows her
	Open      [32]byte // SHA-256 of the secret that opens the lock
	Cancel    [32]byte // SHA-256 of the secret that cancels
	Delay     int64    // milliseconds between the block of the opening and its effect
	IssuedAt  int64    // Unix milliseconds
}

// Errors of Decode, compared with errors.Is.
var ErrForm = errors.New("recovery: this is not a deposit in its one form")

const (
	magic      = "cairn/recovery/deposit/v1\x00"
	domain     = "cairn/recovery/challenge/v1\x00"
	maxMember  = 32
	maxSubject = 128
)

// Encode returns the one encoding: a magic, then the fields in their order;
// texts after a length of one byte, numbers of 8 bytes big-endian.
func (d *Deposit) Encode() []byte {
	out := append([]byte(magic), d.Network[:]...)
	for _, text := range []string{d.Custodian, d.Subject} {
		out = append(out, byte(len(text)))
		out = append(out, text...)
	}
	out = append(out, d.Open[:]...)
	out = append(out, d.Cancel[:]...)
	out = binary.BigEndian.AppendUint64(out, uint64(d.Delay))     //nolint:gosec // the bit pattern is the encoding
	return binary.BigEndian.AppendUint64(out, uint64(d.IssuedAt)) //nolint:gosec // as above
}

// Decode reads an encoding. It takes exactly what Encode gives for a deposit
// that is valid.
func Decode(raw []byte) (*Deposit, error) {
	rest, ok := bytes.CutPrefix(raw, []byte(magic))
	var d Deposit
	take := func(n int) []byte {
		if ok = ok && len(rest) >= n; !ok {
			return make([]byte, n)
		}
		out := rest[:n]
		rest = rest[n:]
		return out
	}
	text := func() string { return string(take(int(take(1)[0]))) }
	d.Network = [32]byte(take(32))
	d.Custodian, d.Subject = text(), text()
	d.Open, d.Cancel = [32]byte(take(32)), [32]byte(take(32))
	d.Delay = int64(binary.BigEndian.Uint64(take(8)))    //nolint:gosec // as in Encode
	d.IssuedAt = int64(binary.BigEndian.Uint64(take(8))) //nolint:gosec // as in Encode
	if !ok || len(rest) > 0 {
		return nil, ErrForm
	}
	return &d, d.Validate()
}

// Validate checks the form of each field.
func (d *Deposit) Validate() error {
	switch {
	case d.Custodian == "" || len(d.Custodian) > maxMember || d.Subject == "" || len(d.Subject) > maxSubject || !utf8.ValidString(d.Custodian+d.Subject):
		return fmt.Errorf("%w: the hospital or the patient is missing or too long", ErrForm)
	case d.Open == d.Cancel || d.Open == [32]byte{} || d.Cancel == [32]byte{}:
		return fmt.Errorf("%w: opening and cancelling need two secrets", ErrForm)
	case d.Delay < 1 || d.Delay > MaxDelay:
		return fmt.Errorf("%w: the delay is out of bounds", ErrForm)
	case d.IssuedAt < 0:
		return fmt.Errorf("%w: the time of issue is negative", ErrForm)
	}
	return nil
}

// Challenge returns what the patient's passkey signs to leave the deposit. It is
// apart from what is signed to sign in and to consent.
func (d *Deposit) Challenge() [32]byte {
	return sha256.Sum256(append([]byte(domain), d.Encode()...))
}

// State of a deposit.
type State string

const (
	Quiet     State = "quiet"     // nobody opened it
	Waiting   State = "waiting"   // opened; the delay runs
	Cancelled State = "cancelled" // it will never take effect
	Effective State = "effective" // the delay has ended: the fresh passkey counts, the old ones do not
)

// Facts are what is known of a deposit, all in block time (Unix milliseconds).
type Facts struct {
	Opened    int64 // of the block with the opening mark; 0 if there is none
	Cancelled int64 // of the block with the cancelling mark, or of the old passkey's cancelling; 0 if there is none
	Now       int64 // of the latest block
}

// State says how a deposit stands, and until when one that waits does so. A
// cancelling counts unless the delay had ended before it. Both in one
// millisecond is a cancelling.
func (d *Deposit) State(f Facts) (s State, until int64) {
	until = f.Opened + d.Delay
	switch {
	case f.Cancelled != 0 && (f.Opened == 0 || f.Cancelled <= until):
		return Cancelled, 0
	case f.Opened == 0:
		return Quiet, 0
	case f.Now < until:
		return Waiting, until
	}
	return Effective, until
}
