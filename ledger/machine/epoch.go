package machine

import (
	"errors"

	"cairn/ledger/member"
)

// Between the block that announces a key and the first at which it counts lie at least MinNotice blocks, so that every
// hospital knows it by then, and at most MaxNotice.
const (
	MinNotice = 10
	MaxNotice = 1 << 20
)

func isEpoch(tx []byte) bool { return len(tx) > 0 && len(tx) <= MaxTx && tx[0] == KindEpoch }

func (m *Machine) applyEpoch(tx []byte, delta *Delta) Code {
	e, code := m.openEpoch(tx, m.height)
	if code != CodeOK {
		return code
	}
	next, err := m.members.Follow(e, m.height)
	if err != nil {
		return refusal(err)
	}
	delta.Members = append(delta.Members, next)
	return CodeOK
}

// openEpoch decodes an announcement and says whether the book takes it in the block of a height.
func (m *Machine) openEpoch(tx []byte, height uint64) (*member.Epoch, Code) {
	e, err := member.DecodeEpoch(tx[1:])
	if err != nil {
		return nil, CodeMalformed
	}
	if !m.members.Active(e.Member) {
		return nil, CodeUnknownMember
	}
	key, found := m.members.KeyAt(e.Member, e.Use, height)
	if !found {
		return nil, CodeNoEpoch
	}
	if !member.Signed(e.Use, key.Public, e.SigningBytes(m.network), e.Signature) {
		return nil, CodeBadSignature
	}
	if e.From < height+MinNotice || e.From > height+MaxNotice {
		return nil, CodeBadHeight
	}
	if err := m.members.Judge(e, height); err != nil {
		return nil, refusal(err)
	}
	if !member.Signed(e.Use, e.Public, e.PossessionBytes(m.network), e.Possession) {
		return nil, CodeNoPossession
	}
	return e, CodeOK
}

// refusal returns the code of what the member book says of an announcement.
func refusal(err error) Code {
	switch {
	case errors.Is(err, member.ErrNoKey):
		return CodeNoEpoch
	case errors.Is(err, member.ErrPending):
		return CodePending
	case errors.Is(err, member.ErrGap):
		return CodeBadHeight
	case errors.Is(err, member.ErrCount):
		return CodeFull
	}
	return CodeBadKey
}
