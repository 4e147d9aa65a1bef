package dpop

import (
	"errors"
	"net/http"
	"strings"
)

// Refusal is why a request that needs a proof is not let in, as the cause in a
// fault. A face renders it with Challenge and Code.
type Refusal struct {
	Cause error  // one of this package's errors, or another; may be nil
	Token bool   // it is the access token that is no good, not the proof
	Nonce string // to be in the next proof; "" if none is asked for
}

// Error says why.
func (r *Refusal) Error() string {
	switch {
	case r.Nonce != "":
		return "the proof needs this node's nonce"
	case r.Cause != nil:
		return r.Cause.Error()
	case r.Token:
		return "the access token is bound to another key, or not bound"
	}
	return "the proof was not accepted"
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Cause }

// Code returns the error code (RFC 9449 12.2): invalid_dpop_proof,
// use_dpop_nonce, or invalid_token (RFC 6750 3.1).
func (r *Refusal) Code() string {
	switch {
	case r.Nonce != "":
		return "use_dpop_nonce"
	case r.Token:
		return "invalid_token"
	}
	return "invalid_dpop_proof"
}

// Challenge sets what an answer says of a refusal in err: WWW-Authenticate (RFC
// 9449 7.1) and the nonce (8.2). It reports whether there was one.
func Challenge(h http.Header, err error) bool {
	var r *Refusal
	if !errors.As(err, &r) {
		return false
	}
	h.Set("WWW-Authenticate", `DPoP error="`+r.Code()+`", algs="`+strings.Join(Algorithms, " ")+`"`)
	if r.Nonce != "" {
		h.Set(nonceHeader, r.Nonce)
	}
	return true
}
