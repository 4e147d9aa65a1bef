package mllp

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"cairn/fhir/er7"
	"cairn/node"
	"cairn/node/fault"
	"cairn/node/feed"
)

// Bounds of one connection.
const (
	idleTime      = time.Hour        // between frames
	frameTime     = 30 * time.Second // from the beginning of a frame to its end
	writeTime     = 30 * time.Second // for an acknowledgement
	handshakeTime = 10 * time.Second
	finishWithin  = 3 * time.Second // for what is being taken when the node is told to stop
	bufferSize    = 16 << 10
)

// Listen opens the address of a configuration, with TLS if it names a
// certificate.
func Listen(cfg node.MLLPConfig) (net.Listener, error) {
	secure, err := tlsConfig(cfg)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fault.New(fault.Conflict, "mllp.listen", "another process listens on "+cfg.Listen+" already").
			WithHint("end it, or choose another port: listen in [mllp]")
	}
	if err != nil {
		return nil, fault.Wrap(fault.Conflict, "mllp.listen", "the address "+cfg.Listen+" cannot be listened on", err).
			WithHint("choose another: listen in [mllp]")
	}
	if secure != nil {
		return tls.NewListener(l, secure), nil
	}
	return l, nil
}

func tlsConfig(cfg node.MLLPConfig) (*tls.Config, error) {
	if cfg.TLSCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(cfg.TLSCert, cfg.TLSKey)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "mllp.tls", "the certificate of the listener for HL7 v2 does not load", err).
			WithHint("tls_cert and tls_key in [mllp] name a PEM certificate and its private key")
	}
	out := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if cfg.ClientCA == "" {
		return out, nil
	}
	pem, err := os.ReadFile(cfg.ClientCA)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		return nil, fault.Wrap(fault.Invalid, "mllp.tls", "the authorities of senders' certificates do not load", err).
			WithHint("client_ca in [mllp] names a PEM file with their certificates")
	}
	out.ClientCAs, out.ClientAuth = pool, tls.RequireAndVerifyClientCert
	return out, nil
}

// Server answers senders.
type Server struct {
	Feed        *feed.Desk
	Log         *slog.Logger
	Connections int64 // how many there may be at once
}

// Serve answers until ctx ends; then what is being taken is finished and
// acknowledged. It closes the listener.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var running sync.WaitGroup
	free := make(chan struct{}, s.Connections)
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			wait(&running)
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // out of descriptors, or broken off already
			time.Sleep(10 * time.Millisecond)
			continue
		}
		select {
		case free <- struct{}{}:
			running.Go(func() {
				defer func() { <-free }()
				s.connection(ctx, conn)
			})
		default:
			s.Log.Warn("a sender was turned away: too many are connected")
			conn.Close()
		}
	}
}

func wait(running *sync.WaitGroup) {
	done := make(chan struct{})
	go func() { running.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(finishWithin):
	}
}

// connection serves one sender.
func (s *Server) connection(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	defer func() {
		if recover() != nil {
			s.Log.Error("a connection of a sender panicked", "stack", string(debug.Stack()))
		}
	}()
	// When the node is told to stop, nothing more is read.
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) }) //nolint:errcheck // it is closed anyway
	defer stop()
	from, err := source(ctx, conn)
	if err != nil {
		s.Log.Warn("a sender was turned away", "cause", err)
		return
	}
	f := frames{bufio.NewReaderSize(conn, bufferSize)}
	for ctx.Err() == nil {
		if err := s.message(ctx, conn, &f, from); err != nil {
			s.Log.Debug("a connection of a sender ended", "cause", err)
			return
		}
	}
}

// source finishes the handshake and reads who the sender proved to be.
func source(ctx context.Context, conn net.Conn) (feed.Source, error) {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return feed.Source{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		return feed.Source{}, err
	}
	var from feed.Source
	if chains := secure.ConnectionState().VerifiedChains; len(chains) > 0 {
		leaf := chains[0][0]
		from.Certificates = append([]string{leaf.Subject.CommonName}, leaf.DNSNames...)
	}
	return from, nil
}

// message takes one message and acknowledges it.
func (s *Server) message(ctx context.Context, conn net.Conn, f *frames, from feed.Source) error {
	if err := deadline(ctx, conn, idleTime); err != nil {
		return err
	}
	if err := f.start(); err != nil {
		return err
	}
	if err := deadline(ctx, conn, frameTime); err != nil {
		return err
	}
	raw, err := f.rest()
	if errors.Is(err, errTooLong) {
		h, _ := er7.ReadHeader(raw) // what it says is only repeated
		a := feed.Answer{Header: h, Code: er7.Reject, Errors: []*er7.Error{{Code: er7.TooLong, Text: errTooLong.Error()}}}
		return errors.Join(errTooLong, acknowledge(conn, &a))
	}
	if err != nil {
		return err
	}
	a := s.Feed.Receive(context.WithoutCancel(ctx), from, raw)
	return acknowledge(conn, &a)
}

// deadline bounds the next read, unless the node is told to stop.
func deadline(ctx context.Context, conn net.Conn, d time.Duration) error {
	if err := conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		return err
	}
	return ctx.Err() // it may have ended before the deadline was set
}

// acknowledge writes the acknowledgements that a message wants.
func acknowledge(conn net.Conn, a *feed.Answer) error {
	if err := conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	for _, code := range codes(a) {
		var random [10]byte
		rand.Read(random[:]) // never fails: crypto/rand, Go 1.24
		errs := a.Errors
		if code == er7.CommitAccept {
			errs = nil // custody is fine, whatever the content
		}
		answer := er7.Acknowledge(a.Header, code, errs, hex.EncodeToString(random[:]), time.Now())
		if _, err := conn.Write(frame(answer)); err != nil {
			return err
		}
	}
	return nil
}

// codes returns which acknowledgements are due. In original mode it is one; in
// enhanced mode the sender says when it wants one of custody (MSH-15) and one
// of content (MSH-16), by table HL70155.
func codes(a *feed.Answer) (out []er7.Ack) {
	if !a.Header.Enhanced() {
		return []er7.Ack{a.Code}
	}
	custody := er7.CommitAccept
	if !a.Kept {
		custody = er7.CommitReject
	}
	if wants(a.Header.AcceptAck, a.Kept) {
		out = append(out, custody)
	}
	if (a.Kept || len(out) == 0) && wants(a.Header.AppAck, a.Code == er7.Accept) {
		out = append(out, a.Code)
	}
	return out
}

// wants tells whether an acknowledgement is wanted: always, never, of errors,
// of success.
func wants(condition string, success bool) bool {
	switch condition {
	case "AL":
		return true
	case "ER":
		return !success
	case "SU":
		return success
	}
	return false
}
