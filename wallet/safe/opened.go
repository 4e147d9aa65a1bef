package safe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"cairn/wallet/circle"
)

// Opened is a wallet's state with what it is sealed for. It is not safe for
// concurrent use.
type Opened struct {
	State   []byte
	version uint64
	ways    []way
}

// inner is what is sealed.
type inner struct {
	State []byte `json:"state"`
	Ways  []way  `json:"ways"`
}

// New makes an opened safe without a lock.
func New(state []byte) *Opened { return &Opened{State: state} }

func open(padded []byte, version uint64) (*Opened, error) {
	raw, err := strip(padded)
	if err != nil {
		return nil, err
	}
	var in inner
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, ErrForm
	}
	return &Opened{State: in.State, version: version, ways: in.Ways}, nil
}

// Version returns the version of the safe that this was opened from or last
// sealed to.
func (o *Opened) Version() uint64 { return o.version }

// LockDevice lets a device open the safe that is kept at a member: prf is the
// output of its passkey there, evaluated at salt.
func (o *Opened) LockDevice(member string, credential, salt []byte, prf [32]byte) error {
	o.Unlock(credential)
	own, err := opening(prf)
	if err != nil {
		return err
	}
	return o.add(way{Kind: Device, At: member, About: credential, Salt: salt, Public: own.Public()})
}

// LockKit lets the key of a kit's recovery code open the safe. An older kit opens
// nothing that is sealed from here on.
func (o *Opened) LockKit(key [32]byte) error {
	own, err := opening(key)
	if err != nil {
		return err
	}
	o.ways = slices.DeleteFunc(o.ways, func(w way) bool { return w.Kind == Kit })
	return o.add(way{Kind: Kit, Public: own.Public()})
}

// LockCircle lets `need` of the guardians together open the safe. It takes the
// place of an older circle. It fails with circle.ErrSize.
func (o *Opened) LockCircle(need int, guardians []Guardian) error {
	if len(guardians) > circle.MaxMembers || need < circle.MinNeed || need > len(guardians) {
		return circle.ErrSize
	}
	o.ways = slices.DeleteFunc(o.ways, func(w way) bool { return w.Kind == Circle })
	return o.add(way{Kind: Circle, Need: need, Circle: slices.Clone(guardians)})
}

func (o *Opened) add(w way) error {
	if len(o.ways) == MaxLocks {
		return ErrLarge
	}
	o.ways = append(o.ways, w)
	return nil
}

// Unlock takes a device's lock away: the device opens nothing that is sealed
// from here on, since every sealing has a fresh key.
func (o *Opened) Unlock(credential []byte) {
	o.ways = slices.DeleteFunc(o.ways, func(w way) bool { return w.Kind == Device && bytes.Equal(w.About, credential) })
}

// Clear takes every lock away.
func (o *Opened) Clear() { o.ways = nil }

// Kept says what can open the safe without a device: a kit, a circle.
func (o *Opened) Kept() (kit bool, guardians []string) {
	for _, w := range o.ways {
		kit = kit || w.Kind == Kit
		for _, g := range w.Circle {
			guardians = append(guardians, g.Name)
		}
	}
	return kit, guardians
}

// Seal seals the state for one member, under a fresh key. It fails with ErrLarge,
// also when nothing could open it.
func (o *Opened) Seal(member string) (*Safe, error) {
	key := fresh()
	s := &Safe{Format: format, Version: o.version + 1}
	for _, w := range o.ways {
		if w.Kind == Device && w.At != member {
			continue
		}
		l, err := w.lock(key)
		if err != nil {
			return nil, err
		}
		s.Locks = append(s.Locks, l)
	}
	if len(o.State) > MaxState || len(s.Locks) == 0 {
		return nil, ErrLarge
	}
	plain, err := json.Marshal(inner{o.State, o.ways})
	if err != nil {
		return nil, fmt.Errorf("safe: writing the state: %w", err)
	}
	s.Sealed, err = sealWith(key, stateInfo, fill(plain), s.bound())
	return s, err
}

// Sealed tells the opened safe that what Seal made is kept at the hospitals, so
// that the next one has a higher version.
func (o *Opened) Sealed() { o.version++ }
