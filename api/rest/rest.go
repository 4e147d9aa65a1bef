// Package rest is what every FHIR interaction of a face shares: what is asked
// for (Call), in which form the answer is wanted (Form), what is answered
// (Answer), and the one place where answers are written (Write). It knows HTTP
// and FHIR's rules for it (FHIR R4 3.1.0.1), and no interaction.
//
// An interaction takes a Call and gives an Answer or a fault. So the same
// interaction serves an HTTP request and an entry of a batch.
package rest

import (
	"net/http"
	"net/url"

	"cairn/node/fault"
	"cairn/node/identity"
)

// Call is one interaction that somebody asks for: an HTTP request, or an entry
// of a batch.
type Call struct {
	Actor  identity.Actor
	Method string
	Path   string // below the service base, without a slash in front: "Observation/7"

	// Of the path; "" where it has none. Type and ID are those of the
	// compartment where Within is set, which is then the type that is searched
	// in it, or "*".
	Type, ID, Version, Within string

	Query  url.Values // of the URL, without _format and _pretty
	Link   string     // that led to this page of a search, "" to the first one
	Header http.Header
	Form   Form

	Media string                 // media type of the body, "" if none is named
	Read  func() ([]byte, error) // reads the body, once, up to face.MaxBody
}

// Resource reads the body as one resource in JSON, whatever format it was sent
// in (FHIR R4 3.1.0.1.9). It fails with Unsupported for a media type that is
// not one of FHIR's.
func (c *Call) Resource() ([]byte, error) {
	f := formatOf(c.Media)
	if f == nil {
		return nil, fault.New(fault.Unsupported, "content-type", "the content type of the request is not supported here").
			WithHint("send Content-Type: " + formats[0].media[0])
	}
	data, err := c.Read()
	if err != nil || f.decode == nil {
		return data, err
	}
	return f.decode(data)
}

// Body reads the body in one of the media types that are named and says which
// it is.
func (c *Call) Body(media ...string) ([]byte, string, error) {
	for _, m := range media {
		if m == c.Media {
			data, err := c.Read()
			return data, m, err
		}
	}
	return nil, "", fault.New(fault.Unsupported, "content-type", "the content type of the request is not supported here").
		WithHint("send Content-Type: " + list(media))
}

// list joins words for people: "a, b or c".
func list(words []string) string {
	out := ""
	for i, w := range words {
		switch {
		case i > 0 && i == len(words)-1:
			out += " or "
		case i > 0:
			out += ", "
		}
		out += w
	}
	return out
}
