package fhir

import (
	"net/http"
	"strings"
)

// Routes returns all that the face can be asked for, as the pages in docs/api
// write it: "GET /fhir/{type}/{id}", "GET, POST /fhir/Patient/$match".
func Routes() (out []string) {
	for _, i := range interactions {
		out = append(out, strings.TrimSuffix(i.method+" /fhir/"+i.shape, "/"))
	}
	for _, o := range operations {
		methods := "GET, POST /fhir/"
		if o.affects {
			methods = http.MethodPost + " /fhir/"
		}
		types := o.types
		if len(types) == 0 {
			types = []string{"{type}"}
		}
		for _, l := range places {
			for _, typ := range types {
				at := strings.TrimPrefix(strings.Replace(l.shape, "{type}", typ, 1)+"/$"+o.name, "/")
				if o.on&l.level != 0 {
					out = append(out, methods+at)
				}
				if l.level == onSystem {
					break
				}
			}
		}
	}
	return out
}
