package face

import (
	"net/http"
	"slices"
)

// Mux is a ServeMux that can say which routes it has: the patterns that were
// registered with it, and those of the faces within it. What it does not say it
// does not serve.
type Mux struct {
	mux    http.ServeMux
	routes []string
}

// NewMux returns a Mux without routes.
func NewMux() *Mux { return new(Mux) }

// Handle registers a handler. If the handler itself can say its routes, these
// count in the place of the pattern.
func (m *Mux) Handle(pattern string, h http.Handler) {
	m.mux.Handle(pattern, h)
	if within := Routes(h); within != nil {
		m.routes = append(m.routes, within...)
		return
	}
	m.routes = append(m.routes, pattern)
}

// HandleFunc registers a function.
func (m *Mux) HandleFunc(pattern string, f func(http.ResponseWriter, *http.Request)) {
	m.Handle(pattern, http.HandlerFunc(f))
}

// ServeHTTP serves a request by its route.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// Routes returns the routes as patterns of http.ServeMux, sorted, each once.
func (m *Mux) Routes() []string { return slices.Compact(slices.Sorted(slices.Values(m.routes))) }

// Routes returns the routes of a handler that can say them, nil for any other.
func Routes(h http.Handler) []string {
	if r, ok := h.(interface{ Routes() []string }); ok {
		return r.Routes()
	}
	return nil
}

// Routed is a handler that has the routes given, for one that is no Mux or
// stands before one.
func Routed(h http.Handler, routes []string) http.Handler { return routed{h, routes} }

type routed struct {
	http.Handler
	routes []string
}

func (r routed) Routes() []string { return r.routes }
