// Package face is what all faces share: limits in front of every body, faults
// rendered once for each kind of reader, one wide log line for each request.
package face

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"cairn/node/fault"
	"cairn/node/identity/dpop"
)

// MaxBody is the largest request body that a face reads, in bytes.
const MaxBody = 10 << 20

// Body reads a request body up to MaxBody. It fails with TooLarge beyond, and
// with Unsupported for a content type that is not among those given (RFC 9110
// 8.3; none given: any).
func Body(w http.ResponseWriter, r *http.Request, types ...string) ([]byte, error) {
	return body(w, r, MaxBody, types...)
}

// BodyUpTo is Body with a bound of its own.
func BodyUpTo(w http.ResponseWriter, r *http.Request, limit int64, types ...string) ([]byte, error) {
	return body(w, r, limit, types...)
}

func body(w http.ResponseWriter, r *http.Request, limit int64, types ...string) ([]byte, error) {
	if len(types) > 0 {
		have, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || !slices.Contains(types, have) {
			return nil, fault.New(fault.Unsupported, "content-type", "the content type of the request is not supported here").
				WithHint("send Content-Type: " + types[0])
		}
	}
	raw := http.MaxBytesReader(w, r.Body, limit)
	var data []byte
	var err error
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
		data, err = io.ReadAll(raw)
	case "gzip", "x-gzip":
		data, err = unzip(raw, limit)
	default:
		return nil, fault.New(fault.Unsupported, "content-encoding", "the request body is compressed in a way that is not known here").
			WithHint("send it with Content-Encoding: gzip, or without")
	}
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return nil, tooLarge(limit)
	}
	var known *fault.Error
	if err != nil && !errors.As(err, &known) {
		err = fault.Wrap(fault.Invalid, "body", "the request body broke off", err)
	}
	return data, err
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "too-large", "the request body is larger than "+size(limit)).WithHint("send it in several parts")
}

// MaxJSON is the largest JSON request body in bytes where nothing larger is
// said; it is read before anyone knows who asks.
const MaxJSON = 64 << 10

// JSON reads a JSON request body of at most limit bytes into v. Unknown members
// are errors.
func JSON(w http.ResponseWriter, r *http.Request, limit int64, v any) error {
	data, err := body(w, r, limit, "application/json")
	if err != nil {
		return err
	}
	if err := Strict(data, v); err != nil {
		return fault.Wrap(fault.Invalid, "json", "the request body is not the JSON that this expects: "+err.Error(), err)
	}
	return nil
}

// Status returns the HTTP status of a kind of fault (FHIR R4 3.1.0.1.5 and the
// interactions' own sections).
func Status(k fault.Kind) int {
	switch k {
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Refused:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Gone:
		return http.StatusGone
	case fault.Conflict:
		return http.StatusConflict
	case fault.Precondition:
		return http.StatusPreconditionFailed
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.Unsupported:
		return http.StatusUnsupportedMediaType
	case fault.Unprocessable:
		return http.StatusUnprocessableEntity
	case fault.Busy:
		return http.StatusServiceUnavailable
	case fault.Throttled:
		return http.StatusTooManyRequests
	case fault.Full:
		return http.StatusInsufficientStorage
	}
	return http.StatusInternalServerError
}

// Write answers with a JSON value. What is JSON already keeps its bytes.
func Write(w http.ResponseWriter, status int, v any) {
	var data bytes.Buffer
	enc := json.NewEncoder(&data)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		http.Error(w, `{"error":"broken"}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(data.Bytes()) //nolint:errcheck // the client has gone
}

// Problem answers with a fault as an RFC 9457 problem document. The faces that
// speak FHIR have their own rendering.
func Problem(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.As(err)
	Note(r, f)
	Headers(w, f)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(Status(f.Kind))
	json.NewEncoder(w).Encode(map[string]any{ //nolint:errcheck // the client has gone
		"title": f.Text, "status": Status(f.Kind), "code": f.Code, "hint": f.Hint,
	})
}

// Headers sets the headers that go with a kind of fault.
func Headers(w http.ResponseWriter, f *fault.Error) {
	switch f.Kind {
	case fault.Unauthenticated:
		if !dpop.Challenge(w.Header(), f) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="cairn"`)
		}
	case fault.Refused:
		if f.Scope != "" { // RFC 6750 3.1
			w.Header().Set("WWW-Authenticate", `Bearer realm="cairn", error="insufficient_scope", scope="`+f.Scope+`"`)
		}
	case fault.Busy, fault.Throttled:
		w.Header().Set("Retry-After", strconv.Itoa(max(1, f.Retry)))
	}
}

// wide collects what one log line says of a request.
type wide struct {
	http.ResponseWriter
	status int
	bytes  int
	fault  *fault.Error
}

func (w *wide) WriteHeader(status int) { w.status = status; w.ResponseWriter.WriteHeader(status) }
func (w *wide) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.bytes += n
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *wide) Unwrap() http.ResponseWriter { return w.ResponseWriter }

type noteKey struct{}

// Note keeps a fault for the request's log line, causes and all.
func Note(r *http.Request, f *fault.Error) {
	if w, ok := r.Context().Value(noteKey{}).(*wide); ok {
		w.fault = f
	}
}

// answerTime bounds how long a client may take to read an answer; a face whose
// answers take longer sets its own deadline.
const answerTime = 2 * time.Minute

// recovered answers 500 for a handler that panicked. Its stack is logged, never
// the value, which may hold anything.
func recovered(log *slog.Logger, w *wide, r *http.Request) {
	if recover() == nil {
		return
	}
	log.Error("a handler panicked", "route", r.Pattern, "method", r.Method, "stack", string(debug.Stack()))
	if w.bytes == 0 {
		http.Error(w, `{"error":"broken"}`, http.StatusInternalServerError)
	}
}

// Log writes one line a request: the route's pattern, never its path or query,
// since those may name a person.
func Log(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		ww := &wide{ResponseWriter: w, status: http.StatusOK}
		r = r.WithContext(withNote(r.Context(), ww))
		http.NewResponseController(w).SetWriteDeadline(start.Add(answerTime)) //nolint:errcheck // a test's recorder has none
		defer recovered(log, ww, r)
		next.ServeHTTP(ww, r)
		level := slog.LevelDebug
		if ww.status == http.StatusInternalServerError || ww.status == http.StatusInsufficientStorage {
			level = slog.LevelError
		}
		if !log.Enabled(r.Context(), level) {
			return
		}
		attrs := []slog.Attr{slog.String("route", r.Pattern), slog.String("method", r.Method), slog.Int("status", ww.status),
			slog.Int("bytes", ww.bytes), slog.Duration("took", time.Since(start))}
		if ww.fault != nil {
			attrs = append(attrs, slog.String("code", ww.fault.Code), slog.Any("cause", ww.fault.Cause))
		}
		log.LogAttrs(r.Context(), level, "request", attrs...)
	})
}

// File answers with a JSON file to keep.
func File(w http.ResponseWriter, name string, data []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	w.Header().Set("Cache-Control", "no-store")
	w.Write(data) //nolint:errcheck // the client has gone
}

// size writes a limit as people read it.
func size(bytes int64) string {
	if bytes >= 1<<20 {
		return strconv.FormatInt(bytes>>20, 10) + " MB"
	}
	return strconv.FormatInt(bytes>>10, 10) + " KB"
}
