// Package api puts the faces of a node together: what the outside reaches, and
// nothing else.
package api

import (
	"net/http"

	"cairn/api/admin"
	"cairn/api/auth"
	"cairn/api/face"
	"cairn/api/fhir"
	"cairn/api/portal"
	"cairn/api/public"
	"cairn/api/signin"
	"cairn/api/staff"
	"cairn/node"
	"cairn/web"
)

// Handler returns all faces of a node. version is that of the program.
func Handler(n *node.Node, version string) http.Handler {
	return face.Log(n.Log, secure(faces(n, version)))
}

// Routes returns everything that Handler serves, as patterns of http.ServeMux:
// "DELETE /portal/sessions/{id}".
func Routes(n *node.Node) []string { return faces(n, "").Routes() }

func faces(n *node.Node, version string) *face.Mux {
	root := n.Config.URL
	records := &fhir.Server{Door: n.Door, Records: n.Records, Exchange: n.Exchange, Bundles: n.Bundles, Terms: n.Terms, Bulk: n.Bulk, Judge: n.Judge, Subscriptions: n.Subscriptions, Disclosures: n.Disclosures, Root: root, Software: version}
	people := &portal.Server{Door: n.Door, Grants: n.Grants, Patients: n.Patients, Accounts: n.Accounts, Staff: n.Staff, Bundles: n.Bundles, Recovery: n.Recovery, Disclosures: n.Disclosures, Acting: n.Acting, Apps: n.Apps}
	software := (&auth.Server{Door: n.Door, Apps: n.Apps, Records: n.Records, Root: n.Apps.Root}).Handler()
	doorstep := (&signin.Server{Door: n.Door, Accounts: n.Accounts}).Handler()
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
	mux.Handle("GET "+web.Root, signin.Assets())
	mux.Handle("/staff/", (&staff.Server{Door: n.Door, Staff: n.Staff}).Handler())
	mux.Handle("/admin/", (&admin.Server{Node: n}).Handler())
	mux.Handle("/", everyone)
	return mux
}

// secure sets the headers that every answer carries.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}
