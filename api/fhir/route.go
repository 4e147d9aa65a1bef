package fhir

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"cairn/api/rest"
	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/record"
)

// level is where in the tree of URLs something stands.
type level uint8

// The levels, which an operation may join: onType|onInstance.
const (
	onSystem   level = 1 << iota // [base]
	onType                       // [base]/[type]
	onInstance                   // [base]/[type]/[id]
	onVersion                    // [base]/[type]/[id]/_history/[vid]
)

// interaction is one route of the face. A shape is the path below the service
// base; a segment in braces stands for a value.
type interaction struct {
	method string
	shape  string
	code   string // of http://hl7.org/fhir/restful-interaction; "" for another way to one that has a row
	asks   string // as what the gate knows it; "" for what shows and writes no record itself
	level  level
	public bool // needs no sign-in
	serve  serve
}

// interactions are the routes in the order in which they are tried; of a GET
// there is HEAD too. A type that stands in a shape has routes of its own.
var interactions = []interaction{
	{"GET", "metadata", "capabilities", "", onSystem, true, (*Server).metadata},
	{"GET", "$export-status/{id}", "", "", onSystem, false, (*Server).exportStatus},
	{"DELETE", "$export-status/{id}", "", "", onSystem, false, (*Server).exportCancel},
	{"GET", "$export-file/{id}/{version}", "", "", onSystem, false, (*Server).exportedFile},
	{"POST", "", "transaction", "", onSystem, false, (*Server).bundle},
	{"POST", "", "batch", "", onSystem, false, (*Server).bundle},
	{"GET", "_history", "history-system", "history-system", onSystem, false, (*Server).history},
	{"GET", "{type}/_history", "history-type", "history-type", onType, false, (*Server).history},
	{"GET", "{type}/{id}/_history", "history-instance", "history-instance", onInstance, false, (*Server).history},
	{"POST", "Subscription", "create", "create", onType, false, (*Server).subscribe},
	{"GET", "Subscription", "search-type", "search-type", onType, false, (*Server).searchSubscriptions},
	{"POST", "Subscription/_search", "", "search-type", onType, false, (*Server).searchSubscriptionsByPost},
	{"GET", "Subscription/{id}", "read", "read", onInstance, false, (*Server).readSubscription},
	{"PUT", "Subscription/{id}", "update", "update", onInstance, false, (*Server).putSubscription},
	{"DELETE", "Subscription/{id}", "delete", "delete", onInstance, false, (*Server).deleteSubscription},
	{"POST", "{type}", "create", "create", onType, false, (*Server).create},
	{"GET", "{type}", "search-type", "search-type", onType, false, (*Server).search},
	{"POST", "{type}/_search", "", "search-type", onType, false, (*Server).searchByPost},
	{"PUT", "{type}", "", "update", onType, false, (*Server).updateWhere},
	{"PATCH", "{type}", "", "patch", onType, false, (*Server).patchWhere},
	{"DELETE", "{type}", "", "delete", onType, false, (*Server).deleteWhere},
	{"GET", "{type}/{id}", "read", "read", onInstance, false, (*Server).read},
	{"PUT", "{type}/{id}", "update", "update", onInstance, false, (*Server).update},
	{"PATCH", "{type}/{id}", "patch", "patch", onInstance, false, (*Server).patch},
	{"DELETE", "{type}/{id}", "delete", "delete", onInstance, false, (*Server).delete},
	{"GET", "{type}/{id}/_history/{version}", "vread", "vread", onVersion, false, (*Server).vread},
	{"GET", "{type}/{id}/{within}", "", "search-type", onInstance, false, (*Server).compartment},
	{"POST", "{type}/{id}/{within}/_search", "", "search-type", onInstance, false, (*Server).compartmentByPost},
	{"GET", "", "search-system", "search-system", onSystem, false, (*Server).searchSystem},
	{"POST", "_search", "", "search-system", onSystem, false, (*Server).searchSystemByPost},
}

// routes are all interactions, and all operations at each of their places, as
// patterns of http.ServeMux. What is for some types stands there for each.
func (s *Server) routes() (out []string) {
	for _, i := range s.interactions {
		out = append(out, strings.TrimSuffix(i.method+" /fhir/"+i.shape, "/"))
	}
	for _, o := range s.operations {
		for _, at := range places {
			if o.on&at.level == 0 {
				continue
			}
			types := o.types
			if len(types) == 0 || at.level == onSystem {
				types = []string{"{type}"}
			}
			for _, typ := range types {
				shape := strings.Trim(strings.Replace(at.shape, "{type}", typ, 1)+"/$"+o.name, "/")
				for _, method := range o.methods() {
					out = append(out, method+" /fhir/"+shape)
				}
			}
		}
	}
	return out
}

// target is what a request was found to ask for.
type target struct {
	shape  string // with the operation's name
	public bool
	serve  serve
}

// find finds what a call asks for by its method and path, and fills in what
// the path names. Nothing there is NotFound; another method is refused with
// those that are allowed.
func (s *Server) find(c *rest.Call) (target, error) {
	path := split(c.Path)
	if n := len(path); n > 0 && strings.HasPrefix(path[n-1], "$") {
		return s.findOperation(c, path)
	}
	own := len(path) > 0 && s.hasOwn(path[0])
	var allow []string
	for _, i := range s.interactions {
		if !match(i.shape, path) || own && strings.HasPrefix(i.shape, "{type}") {
			continue
		}
		if i.method == c.Method || i.method == http.MethodGet && c.Method == http.MethodHead {
			fill(c, i.shape, path)
			return target{i.shape, i.public, reaching(i.asks, i.serve)}, nil
		}
		allow = append(allow, i.method)
		if i.method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	if len(allow) > 0 {
		return target{}, rest.NotAllowed("this cannot be done with that method", allow...)
	}
	return target{}, fault.New(fault.NotFound, "not-found", "there is nothing under this address").
		WithHint("GET [base]/metadata lists what is")
}

// hasOwn tells whether a type has routes of its own: those of every type are
// then not for it.
func (s *Server) hasOwn(typ string) bool {
	return slices.ContainsFunc(s.interactions, func(i interaction) bool { return ownRoute(i.shape, typ) })
}

// ownRoute tells whether a route is one of a type's own.
func ownRoute(shape, typ string) bool {
	first, _, _ := strings.Cut(shape, "/")
	return typ != "" && first == typ && resource.IsType(typ)
}

// serves tells whether there is a route for a method and a path.
func (s *Server) serves(method, path string) bool {
	_, err := s.find(&rest.Call{Method: method, Path: path})
	return err == nil
}

// split cuts a path; a slash at its end says nothing.
func split(path string) []string {
	path = strings.TrimSuffix(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// match tells whether a path has a shape. A name that begins like one of
// FHIR's own stands for no value.
func match(shape string, path []string) bool {
	parts := split(shape)
	if len(parts) != len(path) {
		return false
	}
	for i, part := range parts {
		if part == path[i] {
			continue
		}
		if part[0] != '{' || path[i] == "" || path[i][0] == '_' || path[i][0] == '$' || path[i] == "metadata" {
			return false
		}
	}
	return true
}

// fill takes the values out of a path.
func fill(c *rest.Call, shape string, path []string) {
	for i, part := range split(shape) {
		switch part {
		case "{type}":
			c.Type = path[i]
		case "{id}":
			c.ID = path[i]
		case "{version}":
			c.Version = path[i]
		case "{within}":
			c.Within = path[i]
		}
	}
}

// known refuses a type that R4 does not have and an id that it does not allow,
// before anything else looks at them.
func known(c *rest.Call) error {
	for _, typ := range []string{c.Type, c.Within} {
		if typ != "" && typ != "*" && !resource.IsType(typ) {
			return fault.New(fault.NotFound, "not-supported", "FHIR R4 has no such resource type").WithHint("types are spelled as in http://hl7.org/fhir/R4/resourcelist.html")
		}
	}
	if c.ID != "" && !resource.ValidID(c.ID) {
		return fault.New(fault.Invalid, "value", "an id has 1 to 64 letters, digits, hyphens and dots")
	}
	return nil
}

// findOperation finds the operation that a path ends with.
func (s *Server) findOperation(c *rest.Call, path []string) (target, error) {
	name, path := path[len(path)-1][1:], path[:len(path)-1]
	for _, l := range places {
		if !match(l.shape, path) {
			continue
		}
		fill(c, l.shape, path)
		for _, o := range s.operations {
			if o.name != name || o.on&l.level == 0 || l.level != onSystem && !o.of(c.Type) {
				continue
			}
			if !slices.Contains(o.methods(), c.Method) {
				return target{}, rest.NotAllowed("this operation cannot be called with that method", o.methods()...)
			}
			return target{strings.TrimPrefix(l.shape+"/$"+name, "/"), false, reaching(o.asks, o.serve)}, nil
		}
	}
	return target{}, fault.New(fault.Unsupported, "not-supported", "there is no such operation here").
		WithHint("GET [base]/metadata lists those that are")
}

// places are where operations stand.
var places = []struct {
	level level
	shape string
}{
	{onSystem, ""}, {onType, "{type}"}, {onInstance, "{type}/{id}"}, {onVersion, "{type}/{id}/_history/{version}"},
}

// reaching is an interaction that is done only for whose scopes let it be done
// with such records at all. That is settled before anything is looked up: the
// answer to who may not know says nothing of what there is.
func reaching(asks string, do serve) serve {
	if asks == "" {
		return do
	}
	return func(s *Server, ctx context.Context, c *rest.Call) (*rest.Answer, error) {
		if err := s.Records.Reach(ctx, c.Actor, wanted(asks, c)); err != nil {
			return nil, err
		}
		return do(s, ctx, c)
	}
}

// wanted is what a call asks for, as far as its URL says it.
func wanted(asks string, c *rest.Call) record.Wanted {
	w := record.Wanted{Interaction: asks, Type: c.Type, ID: c.ID, Asked: strings.TrimSuffix(c.Path, "/")}
	own, _, _ := strings.Cut(c.Path, "/")
	patient := strings.TrimPrefix(c.Query.Get("patient"), "Patient/")
	switch {
	case c.Type == "Patient" && c.ID != "":
		w.Subject = c.ID
	case resource.ValidID(patient):
		w.Subject = patient
	}
	switch {
	case c.Within != "":
		w.Type, w.ID = strings.Trim(c.Within, "*"), ""
	case c.Type == "" && ownRoute(own, own):
		w.Type = own
	case asks == "everything" || asks == "gather" || asks == "export":
		w.Type, w.ID = "", ""
	}
	return w
}
