package record

import (
	"net/url"
	"strings"

	"cairn/node/fault"
	"cairn/node/identity"
)

// Link makes one opaque text of the parameters with which a search goes on,
// cursor and all. Only who was given it can use it, and only below the path that
// it is of.
func (d *Desk) Link(actor identity.Actor, path string, values url.Values) (string, error) {
	return d.store.SealLink(linkOf(actor, path), values.Encode())
}

// Follow returns the parameters of a link.
func (d *Desk) Follow(actor identity.Actor, path, link string) (url.Values, error) {
	query, err := d.store.OpenLink(linkOf(actor, path), link)
	if err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "link", "a link to a next page is not what was made", err)
	}
	return values, nil
}

// linkOf says whose a link is and where it leads.
func linkOf(a identity.Actor, path string) string {
	return strings.Join([]string{string(a.Kind()), a.Organisation(), a.Client(), a.Person(), a.Patient(), path}, "\x00")
}
