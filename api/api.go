// Package api puts the faces of a node together: what the outside reaches, and
// nothing else.
package api

import (
	"net/http"
	"strings"

	"cairn/api/admin"
	"cairn/api/auth"
	"cairn/api/face"
	"cairn/api/fhir"
	"cairn/api/home"
	"cairn/api/portal"
	"cairn/api/public"
	"cairn/api/signin"
	"cairn/api/staff"
	"cairn/node"
	"cairn/web"
)

// Handler returns all faces of a node. version is that of the program.
func Handler(n *node.Node, version string) http.Handler {
	return face.Log(n.Log, secure(n.Config.URL, faces(n, version)))
}

// Routes returns everything that Handler serves, as patterns of http.ServeMux:
// "DELETE /portal/sessions/{id}".
func Routes(n *node.Node) []string { return faces(n, "").Routes() }

func faces(n *node.Node, version string) *face.Mux {
	root := n.Config.URL
	records := &fhir.Server{Door: n.Door, Records: n.Records, Exchange: n.Exchange, Bundles: n.Bundles, Terms: n.Terms, Bulk: n.Bulk, Judge: n.Judge, Grants: n.Grants, Subscriptions: n.Subscriptions, Disclosures: n.Disclosures, Root: root, Software: version}
	people := &portal.Server{Door: n.Door, Grants: n.Grants, Patients: n.Patients, Accounts: n.Accounts, Staff: n.Staff, Bundles: n.Bundles, Recovery: n.Recovery, Disclosures: n.Disclosures, Trust: n.Trust, Acting: n.Acting, Apps: n.Apps, Emergencies: n.Emergencies, Orders: n.Orders, Erasures: n.Erasures}
	software := (&auth.Server{Door: n.Door, Apps: n.Apps, Records: n.Records, Root: n.Apps.Root}).Handler()
	doorstep := (&signin.Server{Door: n.Door, Accounts: n.Accounts}).Handler()
	own := (&home.Server{Door: n.Door, Home: n.Config.Member, Network: n.Genesis.ID(), Members: members(n)}).Handler()
	everyone := (&public.Server{Node: n}).Handler()

	mux := face.NewMux()
	interactions := face.AnyOrigin(records.Handler())
	mux.Handle("/fhir", interactions)
	mux.Handle("/fhir/", interactions)
	for _, at := range []string{"/fhir/.well-known/smart-configuration", "/.well-known/smart-configuration", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		mux.Handle("GET "+at, software)
	}
	mux.Handle("/auth/", software)
	mux.Handle("/portal/", people.Handler())
	mux.Handle("/signin", doorstep)
	mux.Handle("/signin/", doorstep)
	mux.Handle("/signout", doorstep)
	mux.Handle("/home/", own)
	mux.Handle("/recover", own)
	mux.Handle("GET "+web.Root, signin.Assets())
	mux.Handle("/staff/", (&staff.Server{Door: n.Door, Staff: n.Staff, Emergencies: n.Emergencies, Orders: n.Orders}).Handler())
	mux.Handle("/admin/", (&admin.Server{Node: n}).Handler())
	mux.Handle("/", everyone)
	return mux
}

// members are the hospitals of a node's network, as pages name them.
func members(n *node.Node) func() []home.Member {
	return func() (out []home.Member) {
		for _, m := range n.Chain.Members() {
			out = append(out, home.Member{ID: m.ID, Name: m.Name})
		}
		return out
	}
}

// transport tells browsers to come by TLS only, for a year (RFC 6797), below this
// host as well.
const transport = "max-age=31536000; includeSubDomains"

// secure sets the headers that every answer of the node at a root URL carries.
// Where the node is reached by plain http, on loopback, nothing is said of TLS:
// browsers must not heed it there (RFC 6797, 8.1).
func secure(root string, next http.Handler) http.Handler {
	encrypted := strings.HasPrefix(root, "https:")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		if encrypted {
			h.Set("Strict-Transport-Security", transport)
		}
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		if !strings.HasPrefix(r.URL.Path, "/log/") { // tiles, which are public and never change
			h.Set("Cache-Control", "no-store")
		}
		next.ServeHTTP(w, r)
	})
}
