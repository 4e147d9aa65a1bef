package proof

import (
	"fmt"

	"cairn/ledger/register"
	"cairn/ledger/seal"
)

// Encode returns the one encoding of b. It refuses a bundle whose parts do not
// fit together; whether they prove anything is [Verify]'s to say.
func (b *Bundle) Encode() ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	out := b.append(make([]byte, 0, 8<<10))
	if len(out) > MaxBundleBytes {
		return nil, fmt.Errorf("%w: too large", errBundle)
	}
	return out, nil
}

func (b *Bundle) append(out []byte) []byte {
	out = quote(append(out, `{"format":"`+bundleFormat+`","statement":`...), b.Statement)
	out = appendItems(append(out, `,"sentences":`...), len(b.Sentences), func(out []byte, i int) []byte {
		return quote(out, b.Sentences[i])
	})
	out = b.Network.append(append(out, `,"network":`...))
	out = b.Event.append(append(out, `,"event":`...))
	out = appendItems(append(out, `,"records":`...), len(b.Records), func(out []byte, i int) []byte {
		return b.Records[i].append(out)
	})
	out = b.Log.append(append(out, `,"log":`...))
	out = b.Seal.append(append(out, `,"seal":`...))
	out = appendItems(append(out, `,"marks":`...), len(b.Marks), func(out []byte, i int) []byte {
		return b.Marks[i].append(out)
	})
	out = b.Books.append(append(out, `,"books":`...))
	out = b.Calendar.append(append(out, `,"calendar":`...))
	out = quote(append(out, `,"checkpoint":`...), string(b.Checkpoint.Encode()))
	return append(out, '}')
}

func appendItems(out []byte, n int, item func(out []byte, i int) []byte) []byte {
	out = append(out, '[')
	for i := range n {
		if i > 0 {
			out = append(out, ',')
		}
		out = item(out, i)
	}
	return append(out, ']')
}

func (n *Network) append(out []byte) []byte {
	out = quote(append(out, `{"name":`...), n.Name)
	out = appendHash(append(out, `,"id":`...), n.ID)
	out = appendHash(append(out, `,"trust":`...), n.Trust)
	return append(out, '}')
}

func (e *OpenedEvent) append(out []byte) []byte {
	if e == nil {
		return append(out, "null"...)
	}
	out = appendHash(append(out, `{"salt":`...), e.Salt)
	out = e.Content.append(append(out, `,"content":`...))
	return append(out, '}')
}

func (r *OpenedRecord) append(out []byte) []byte {
	out = appendUint(append(out, `{"at":`...), r.At)
	out = appendHash(append(out, `,"salt":`...), r.Salt)
	out = appendBase64(append(out, `,"content":`...), r.Content)
	return append(out, '}')
}

func (l *LogPath) append(out []byte) []byte {
	if l == nil {
		return append(out, "null"...)
	}
	out = appendUint(append(out, `{"index":`...), l.Index)
	out = appendHash(append(out, `,"leaf":`...), l.Leaf)
	out = appendHashes(append(out, `,"path":`...), l.Path)
	return append(out, '}')
}

func (s *SealPath) append(out []byte) []byte {
	if s == nil {
		return append(out, "null"...)
	}
	out = quote(append(out, `{"member":`...), s.Entry.Member)
	out = appendUint(append(out, `,"size":`...), s.Entry.Size)
	out = appendHash(append(out, `,"root":`...), s.Entry.Root)
	out = appendUint(append(out, `,"height":`...), s.Entry.Height)
	out = appendBase64(append(out, `,"proof":`...), s.Proof.Encode())
	return append(out, '}')
}

func (m *MarkPath) append(out []byte) []byte {
	out = appendHash(append(out, `{"image":`...), m.Image)
	out = appendBool(append(out, `,"present":`...), m.Present)
	out = appendUint(append(out, `,"height":`...), m.Height)
	out = appendBase64(append(out, `,"proof":`...), m.Proof.Encode())
	return append(out, '}')
}

func (b *Books) append(out []byte) []byte {
	out = appendHash(append(out, `{"members":`...), b.Members)
	out = appendHash(append(out, `,"register":`...), b.Register)
	out = appendHash(append(out, `,"seals":`...), b.Seals)
	return append(out, '}')
}

func (c *CalendarPath) append(out []byte) []byte {
	out = appendUint(append(out, `{"height":`...), c.Height)
	out = appendUint(append(out, `,"time":`...), uint64(c.Time)) //nolint:gosec // check refuses a negative time
	out = appendUint(append(out, `,"index":`...), c.Index)
	out = appendHashes(append(out, `,"path":`...), c.Path)
	return append(out, '}')
}

// Decode reads the one encoding of a bundle; for every x that it takes, Encode
// gives x again. It proves nothing: ask [Verify].
func Decode(raw []byte) (*Bundle, error) {
	if len(raw) > MaxBundleBytes {
		return nil, fmt.Errorf("%w: too large", errBundle)
	}
	s := scanner{in: raw}
	b := s.bundle()
	if err := s.done(); err != nil {
		return nil, fmt.Errorf("reading a bundle: %w", err)
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	return b, nil
}

func (s *scanner) bundle() *Bundle {
	b := new(Bundle)
	s.lit(`{"format":"` + bundleFormat + `","statement":`)
	b.Statement = s.str(16)
	s.lit(`,"sentences":`)
	s.list(maxSentences, func() { b.Sentences = append(b.Sentences, s.str(maxSentence)) })
	s.lit(`,"network":`)
	b.Network = s.network()
	s.lit(`,"event":`)
	b.Event = s.openedEvent()
	s.lit(`,"records":`)
	s.list(MaxBundleRecords, func() { b.Records = append(b.Records, s.openedRecord()) })
	s.lit(`,"log":`)
	b.Log = s.logPath()
	s.lit(`,"seal":`)
	b.Seal = s.sealPath()
	s.lit(`,"marks":`)
	s.list(MaxBundleMarks, func() { b.Marks = append(b.Marks, s.markPath()) })
	s.lit(`,"books":`)
	b.Books = s.books()
	s.lit(`,"calendar":`)
	b.Calendar = s.calendarPath()
	s.lit(`,"checkpoint":`)
	b.Checkpoint = s.checkpoint()
	s.lit("}")
	return b
}

func (s *scanner) network() (n Network) {
	s.lit(`{"name":`)
	n.Name = s.str(maxName)
	s.lit(`,"id":`)
	n.ID = s.hash()
	s.lit(`,"trust":`)
	n.Trust = s.hash()
	s.lit("}")
	return n
}

func (s *scanner) openedEvent() *OpenedEvent {
	if s.take("null") {
		return nil
	}
	e := new(OpenedEvent)
	s.lit(`{"salt":`)
	e.Salt = s.hash()
	s.lit(`,"content":`)
	e.Content = *s.event()
	s.lit("}")
	return e
}

func (s *scanner) openedRecord() (r OpenedRecord) {
	s.lit(`{"at":`)
	r.At = s.integer()
	s.lit(`,"salt":`)
	r.Salt = s.hash()
	s.lit(`,"content":`)
	r.Content = s.base64(MaxBundleBytes)
	s.lit("}")
	return r
}

func (s *scanner) logPath() *LogPath {
	if s.take("null") {
		return nil
	}
	l := new(LogPath)
	s.lit(`{"index":`)
	l.Index = s.integer()
	s.lit(`,"leaf":`)
	l.Leaf = s.hash()
	s.lit(`,"path":`)
	l.Path = s.hashes(maxPath)
	s.lit("}")
	return l
}

func (s *scanner) sealPath() *SealPath {
	if s.take("null") {
		return nil
	}
	p := new(SealPath)
	s.lit(`{"member":`)
	p.Entry.Member = s.str(32)
	s.lit(`,"size":`)
	p.Entry.Size = s.integer()
	s.lit(`,"root":`)
	p.Entry.Root = s.hash()
	s.lit(`,"height":`)
	p.Entry.Height = s.integer()
	s.lit(`,"proof":`)
	var err error
	if p.Proof, err = seal.DecodeProof(s.base64(maxWireProof)); err != nil {
		s.fail("a malformed proof of a seal")
	}
	s.lit("}")
	return p
}

func (s *scanner) markPath() (m MarkPath) {
	s.lit(`{"image":`)
	m.Image = s.hash()
	s.lit(`,"present":`)
	m.Present = s.boolean()
	s.lit(`,"height":`)
	m.Height = s.integer()
	s.lit(`,"proof":`)
	var err error
	if m.Proof, err = register.DecodeProof(s.base64(maxWireProof)); err != nil {
		s.fail("a malformed proof of a mark")
	}
	s.lit("}")
	return m
}

func (s *scanner) books() (b Books) {
	s.lit(`{"members":`)
	b.Members = s.hash()
	s.lit(`,"register":`)
	b.Register = s.hash()
	s.lit(`,"seals":`)
	b.Seals = s.hash()
	s.lit("}")
	return b
}

func (s *scanner) calendarPath() (c CalendarPath) {
	s.lit(`{"height":`)
	c.Height = s.integer()
	s.lit(`,"time":`)
	c.Time = int64(s.integer()) //nolint:gosec // at most 2^53-1
	s.lit(`,"index":`)
	c.Index = s.integer()
	s.lit(`,"path":`)
	c.Path = s.hashes(maxPath)
	s.lit("}")
	return c
}

func (s *scanner) checkpoint() *Checkpoint {
	c, err := ParseCheckpoint([]byte(s.str(MaxCheckpointBytes)))
	if err != nil {
		s.fail("a malformed checkpoint")
		return nil
	}
	return c
}
