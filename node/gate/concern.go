package gate

import (
	"strings"

	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/store"
)

// concerns tells whether everybody lets a record be shown that is of a type about
// patients and yet about no one of them: an appointment of two, the provenance of
// a result. It concerns each patient whom it refers to, and a Provenance those
// whom its targets are about; it is shown only if all of them show it, and a
// Provenance only if they show its targets. An older version is judged by what
// the record refers to at present.
func (v *verdicts) concerns(view *store.View, c Candidate) bool {
	if c.subject != "" || c.load == nil || !search.Protected(c.facets.Type) {
		return true
	}
	x, err := c.load()
	if err != nil {
		v.err = err
		return false
	}
	for _, r := range x.References {
		typ, id, local := strings.Cut(r.Target, "/")
		switch {
		case !local || strings.Contains(id, "/"): // elsewhere
		case typ == "Patient":
			if !v.shownBy(view, id, &c.facets) {
				return false
			}
		case c.facets.Type == "Provenance" && r.Param == "target":
			if !v.targetShown(view, typ, id) {
				return false
			}
		}
	}
	return true
}

// shownBy tells whether a patient shows a record with these facets.
func (v *verdicts) shownBy(view *store.View, subject string, f *search.Facets) bool {
	d, err := v.decision(view, subject)
	if err != nil {
		v.err = err
	}
	return err == nil && d.Allowed && shows(d.Filter, f)
}

// targetShown tells whether what a Provenance is of is shown by whom it is about.
func (v *verdicts) targetShown(view *store.View, typ, id string) bool {
	name := typ + "/" + id
	if shown, known := v.targets[name]; known {
		return shown
	}
	var head store.Hit
	err := within(v.ctx, v.gate.store.Once, view, func(view *store.View) (err error) {
		head, err = view.Current(typ, id)
		return err
	})
	shown := fault.Is(err, fault.NotFound)
	switch {
	case err != nil && !shown:
		v.err = err
		return false
	case err == nil:
		shown = head.Subject == "" || v.shownBy(view, head.Subject, &head.Facets)
	}
	if v.targets == nil {
		v.targets = make(map[string]bool)
	}
	v.targets[name] = shown
	return shown
}
