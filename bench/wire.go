package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"time"
)

// line is one kept-alive HTTP/1.1 connection that sends requests built before.
// net/http's client takes as much of a core as some answers cost the server,
// and both share the machine here. It is for one goroutine.
type line struct {
	conn net.Conn
	in   *bufio.Reader
	body []byte
}

// answerTime bounds how long one answer may take.
const answerTime = 30 * time.Second

func dial(root string) (*line, error) {
	u, err := url.Parse(root)
	if err != nil {
		return nil, err
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	return &line{conn: conn, in: bufio.NewReaderSize(conn, 32<<10)}, nil
}

// lines opens connections for so many clients.
func lines(root string, clients int) ([]*line, error) {
	out := make([]*line, clients)
	for i := range out {
		var err error
		if out[i], err = dial(root); err != nil {
			return nil, errors.Join(err, hangUp(out[:i]))
		}
	}
	return out, nil
}

func hangUp(all []*line) error {
	var errs []error
	for _, l := range all {
		errs = append(errs, l.conn.Close())
	}
	return errors.Join(errs...)
}

// request returns the bytes of an HTTP request.
func request(method, root, path, token, contentType string, body []byte) []byte {
	host := root
	if u, err := url.Parse(root); err == nil {
		host = u.Host
	}
	out := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, host)
	if token != "" {
		out = fmt.Appendf(out, "Authorization: Bearer %s\r\n", token)
	}
	if body != nil {
		out = fmt.Appendf(out, "Content-Type: %s\r\nContent-Length: %d\r\n", contentType, len(body))
	}
	return append(append(out, "\r\n"...), body...)
}

// ask sends a request and returns the answer's status and body. The body is
// valid until the next call.
func (l *line) ask(request []byte) (status int, body []byte, err error) {
	if err := l.conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return 0, nil, err
	}
	if _, err := l.conn.Write(request); err != nil {
		return 0, nil, fmt.Errorf("sending a request: %w", err)
	}
	status, length, err := l.head()
	if err != nil {
		return 0, nil, fmt.Errorf("reading an answer: %w", err)
	}
	if cap(l.body) < length {
		l.body = make([]byte, length)
	}
	l.body = l.body[:length]
	if _, err := io.ReadFull(l.in, l.body); err != nil {
		return 0, nil, fmt.Errorf("reading an answer: %w", err)
	}
	return status, l.body, nil
}

var (
	contentLength = []byte("content-length:")
	chunked       = []byte("transfer-encoding:")
)

// head reads the status line and the headers (RFC 9112 section 4 and 5).
func (l *line) head() (status, length int, err error) {
	text, err := l.in.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	if len(text) < 12 {
		return 0, 0, errors.New("this is not a status line")
	}
	if status, err = strconv.Atoi(string(text[9:12])); err != nil {
		return 0, 0, err
	}
	for {
		if text, err = l.in.ReadSlice('\n'); err != nil {
			return 0, 0, err
		}
		text = bytes.TrimRight(text, "\r\n")
		switch {
		case len(text) == 0:
			return status, length, nil
		case begins(text, contentLength):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(text[len(contentLength):]))); err != nil || length < 0 {
				return 0, 0, fmt.Errorf("the length of the body is not a number: %w", err)
			}
		case begins(text, chunked):
			return 0, 0, errors.New("the body has no length")
		}
	}
}

func begins(text, lower []byte) bool {
	return len(text) >= len(lower) && bytes.EqualFold(text[:len(lower)], lower)
}

// expect is ask with an error for any other status.
func (l *line) expect(want int, request []byte) ([]byte, error) {
	status, body, err := l.ask(request)
	if err == nil && status != want {
		err = fmt.Errorf("status %d instead of %d: %s", status, want, body[:min(len(body), 400)])
	}
	return body, err
}
