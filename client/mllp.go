package client

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"cairn/fhir/er7"
)

// MLLP is a connection over which a hospital's software sends HL7 version 2
// messages, each in a frame: VT message FS CR. One goroutine at a time.
type MLLP struct {
	conn net.Conn
	in   *bufio.Reader
}

// Ack is what was answered to a message.
type Ack struct {
	Code   string   // MSA-1: AA, AE, AR; CA, CE, CR in enhanced mode
	Faults []string // of each ERR: where, which code, why
	Raw    []byte
}

// DialMLLP connects to host:port; secure may be nil for no TLS.
func DialMLLP(ctx context.Context, address string, secure *tls.Config) (*MLLP, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	var conn net.Conn
	var err error
	if secure == nil {
		conn, err = dialer.DialContext(ctx, "tcp", address)
	} else {
		conn, err = (&tls.Dialer{NetDialer: dialer, Config: secure}).DialContext(ctx, "tcp", address)
	}
	if err != nil {
		return nil, err
	}
	return &MLLP{conn: conn, in: bufio.NewReader(conn)}, nil
}

// Close ends the connection.
func (m *MLLP) Close() error { return m.conn.Close() }

// Send sends one message and waits for its acknowledgement. Line feeds at the
// ends of its segments are sent as the carriage returns that they should be.
func (m *MLLP) Send(ctx context.Context, message []byte) (Ack, error) {
	if err := m.Write(ctx, message); err != nil {
		return Ack{}, err
	}
	return m.Read(ctx)
}

// Write sends one message and waits for nothing.
func (m *MLLP) Write(ctx context.Context, message []byte) error {
	if err := m.conn.SetDeadline(deadline(ctx)); err != nil {
		return err
	}
	text := bytes.ReplaceAll(bytes.ReplaceAll(message, []byte("\r\n"), []byte("\r")), []byte("\n"), []byte("\r"))
	frame := append(append([]byte{0x0b}, text...), 0x1c, 0x0d)
	if _, err := m.conn.Write(frame); err != nil {
		return fmt.Errorf("sending a message: %w", err)
	}
	return nil
}

// Read waits for the next acknowledgement.
func (m *MLLP) Read(ctx context.Context) (Ack, error) {
	if err := m.conn.SetDeadline(deadline(ctx)); err != nil {
		return Ack{}, err
	}
	raw, err := m.in.ReadBytes(0x1c)
	if err != nil {
		return Ack{}, fmt.Errorf("waiting for an acknowledgement: %w", err)
	}
	at := bytes.IndexByte(raw, 0x0b)
	if at < 0 {
		return Ack{}, errors.New("what answers does not speak MLLP")
	}
	return readAck(raw[at+1 : len(raw)-1])
}

func deadline(ctx context.Context) time.Time {
	if end, ok := ctx.Deadline(); ok {
		return end
	}
	return time.Now().Add(time.Minute)
}

func readAck(raw []byte) (Ack, error) {
	m, err := er7.Parse(raw, er7.UTF8)
	if err != nil {
		return Ack{}, fmt.Errorf("what answers sends no HL7 v2: %w", err)
	}
	msa := m.Find("MSA")
	code, err := msa.Field(1).Text()
	if err != nil || code == "" {
		return Ack{}, errors.New("what answers sends no acknowledgement")
	}
	out := Ack{Code: code, Raw: raw}
	for _, s := range m.Segments() {
		if s.Name == "ERR" {
			out.Faults = append(out.Faults, readFault(s, msa))
		}
	}
	return out, nil
}

// readFault writes an ERR segment on one line: "OBX[3]-5.1: text (102)".
func readFault(s, msa er7.Segment) string {
	place, code, text := s.Field(2).First(), s.Field(3).Component(1), s.Field(8)
	if s.Field(1).Valued() { // before version 2.5
		place, code, text = s.Field(1).First(), s.Field(1).Component(4).Component(1), msa.Field(3)
	}
	number := func(v er7.Value) int {
		t, _ := v.Text()
		n := 0
		fmt.Sscan(t, &n) //nolint:errcheck // then it is 0
		return n
	}
	at := er7.Position{Sequence: number(place.Component(2)), Field: number(place.Component(3))}
	at.Segment, _ = place.Component(1).Text()
	if s.Field(2).Valued() {
		at.Repetition, at.Component, at.Subcomponent = number(place.Component(4)), number(place.Component(5)), number(place.Component(6))
	}
	why, _ := text.Text()
	return fmt.Sprintf("%s: %s (%d)", at, why, number(code))
}
