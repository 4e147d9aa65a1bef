package fhir

import (
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"strings"

	"cairn/api/rest"
	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/record"
)

// The content of a Binary can be read and written as it is (FHIR R4 2.23.4). It
// is somebody's bytes, of a type that somebody chose: a browser that is led to it
// must neither run nor show it as a page of this hospital.
var nativeHeaders = http.Header{
	"Content-Security-Policy": {"sandbox; default-src 'none'; frame-ancestors 'none'"},
	"Content-Disposition":     {"attachment"},
	"X-Content-Type-Options":  {"nosniff"},
}

// nativeRead tells whether a call reads a Binary as it is: it names no format of
// resources.
func nativeRead(c *rest.Call) bool {
	path := split(c.Path)
	reads := c.Method == http.MethodGet || c.Method == http.MethodHead
	return c.Form.Native && reads && (match("{type}/{id}", path) || match("{type}/{id}/_history/{version}", path)) && path[0] == "Binary"
}

// native gives the content of a Binary in place of the resource, where that is
// asked for.
func native(c *rest.Call, a *rest.Answer) (*rest.Answer, error) {
	if a.Body == nil || !nativeRead(c) {
		return a, nil
	}
	doc, err := resource.Parse(a.Body, resource.Limits{})
	if err != nil {
		return nil, record.Invalid(err)
	}
	media, _ := doc.Root().Get("contentType").Text()
	if _, _, err := mime.ParseMediaType(media); err != nil {
		media = "application/octet-stream"
	}
	data, _ := doc.Root().Get("data").Text()
	content, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(data), ""))
	if err != nil {
		return nil, fault.Wrap(fault.Unsupported, "not-supported", "the content of this Binary is not sound base64", err).
			WithHint("send Accept: application/fhir+json")
	}
	a.Body, a.Media, a.Header = content, media, nativeHeaders.Clone()
	return a, nil
}

// sent is the resource that a call brings. A Binary may come as it is: then its
// media type is that of the request, and X-Security-Context says whom it is
// about.
func sent(c *rest.Call) ([]byte, error) {
	media := c.Header.Get("Content-Type")
	kind, _, err := mime.ParseMediaType(media)
	if c.Type != "Binary" || err != nil || rest.IsFormat(kind) {
		return c.Resource()
	}
	data, err := c.Read()
	if err != nil {
		return nil, err
	}
	type reference struct {
		Reference string `json:"reference"`
	}
	b := struct {
		ResourceType    string     `json:"resourceType"`
		ID              string     `json:"id,omitempty"`
		ContentType     string     `json:"contentType"`
		SecurityContext *reference `json:"securityContext,omitempty"`
		Data            []byte     `json:"data,omitempty"`
	}{ResourceType: "Binary", ID: c.ID, ContentType: media, Data: data}
	if about := c.Header.Get("X-Security-Context"); about != "" {
		b.SecurityContext = &reference{about}
	}
	return json.Marshal(b)
}
