package bulk

import (
	"fmt"
	"net/url"

	"cairn/fhir/search"
	"cairn/node/fault"
)

// ParseFilter reads one search of _typeFilter. It has no chains, includes or
// order: it selects records one by one.
func ParseFilter(typ, text string) (search.Query, error) {
	q, err := parseQuery(typ, text)
	if err != nil {
		return q, fault.Wrap(fault.Invalid, "invalid", err.Error(), err).At("_typeFilter")
	}
	if len(q.Chains)+len(q.Includes)+len(q.Sort) > 0 || q.Cursor != "" || q.CountOnly {
		return q, fault.New(fault.Invalid, "not-supported", fmt.Sprintf("_typeFilter on %s takes plain conditions only", typ)).
			WithHint("leave out chains, _include, _sort, _count and _summary").At("_typeFilter")
	}
	return q, nil
}

func parseQuery(typ, text string) (search.Query, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return search.Query{}, err
	}
	return search.ParseQuery(typ, values, search.Options{})
}
