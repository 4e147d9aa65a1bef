package fhir

// Row is a route of the face, for the tests outside: what there is, and what the
// CapabilityStatement must say of it.
type Row struct {
	Method, Shape, Code string
	System              bool
	Types               []string // of an operation; none: all
	Affects             bool
}

// Rows returns all routes and, with "$" and the name as the last segment of the
// shape, all operations at each of their places.
func Rows() (out []Row) {
	for _, i := range interactions {
		out = append(out, Row{Method: i.method, Shape: i.shape, Code: i.code, System: i.level == onSystem})
	}
	for _, o := range operations {
		for _, at := range places {
			if o.on&at.level == 0 {
				continue
			}
			shape := at.shape + "/$" + o.name
			if at.shape == "" {
				shape = "$" + o.name
			}
			out = append(out, Row{Shape: shape, Code: "$" + o.name, System: at.level == onSystem, Types: o.types, Affects: o.affects})
		}
	}
	return out
}
