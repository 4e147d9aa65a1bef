package topic

import (
	"net/url"

	"cairn/fhir/resource"
	"cairn/fhir/search"
)

// parse reads conditions of a search that can be judged on one record alone:
// no chains, and nothing about how an answer looks.
func parse(typ string, values url.Values) (search.Query, error) {
	q, err := search.ParseQuery(typ, values, search.Options{})
	if err != nil {
		return q, err
	}
	switch {
	case len(q.Chains) > 0:
		return q, &search.Error{Code: search.CodeNotSupported, Text: "Chains and _has cannot be judged on one record. Leave them out."}
	case len(q.Includes) > 0 || len(q.Sort) > 0 || q.Count != 0 || q.Cursor != "" || q.CountOnly || q.Total != "" || q.Summary != "" || len(q.Elements) > 0:
		return q, &search.Error{Code: resource.CodeValue, Text: "What says how an answer looks is no condition. Leave it out."}
	}
	return q, nil
}

func empty(q *search.Query) bool { return len(q.IDs) == 0 && q.Subject == "" && len(q.Clauses) == 0 }
