package node

import (
	"context"
	"net/url"
	"strings"

	"cairn/fhir/search"
	"cairn/fhir/term"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/judge"
	"cairn/node/store"

	shelf "cairn/fhir/judge"
)

// openJudge reads the folder of profiles and ties the desk for validation to
// those that know what is stored.
func (n *Node) openJudge() error {
	library := shelf.NewLibrary()
	if n.Config.Profiles != "" {
		loaded, passed, err := judge.Load(n.Config.Profiles)
		if err != nil {
			return fault.Wrap(fault.Invalid, "config", "the folder of profiles cannot be read", err).
				WithHint("check profiles in the configuration: " + n.Config.Profiles)
		}
		for _, p := range passed {
			n.Log.Warn("a definition in the folder of profiles was passed over", "file", p.File, "reason", p.Err)
		}
		library = loaded
	}
	codes := func(ctx context.Context, actor identity.Actor) term.Source { return n.Terms.For(ctx, actor) }
	n.Judge = judge.New(library, n.definition, codes)
	if n.Config.Claims {
		n.Records.Enforce(n.Judge.Claims)
	}
	return nil
}

// definition finds the newest stored resource with a canonical URL, as an
// ordinary search by the actor; nil if there is none. That there is none is
// looked up first, without opening anything: a validation asks for each of the
// many profiles that are built in.
func (n *Node) definition(ctx context.Context, actor identity.Actor, typ, canonical, version string) ([]byte, error) {
	values := url.Values{"url": {escaped(canonical)}}
	if version != "" {
		values.Set("version", escaped(version))
	}
	q, err := search.ParseQuery(typ, values, search.Options{})
	if err != nil {
		return nil, err
	}
	if any, err := n.holds(ctx, q); err != nil || !any {
		return nil, err
	}
	page, err := n.Records.Search(ctx, actor, q, typ+"?"+values.Encode())
	if err != nil || len(page.Versions) == 0 {
		return nil, err
	}
	newest := page.Versions[0]
	for _, v := range page.Versions {
		if v.Updated > newest.Updated {
			newest = v
		}
	}
	return newest.Raw, nil
}

// holds reports whether a search finds anything here, whoever may see it.
func (n *Node) holds(ctx context.Context, q search.Query) (any bool, err error) {
	err = n.store.View(ctx, func(v *store.View) error {
		page, err := v.Search(q, nil)
		any = len(page.Hits) > 0
		return err
	})
	return any, err
}

// escaped keeps a value whole that a search would take apart (FHIR R4
// 3.1.1.4.11).
var escaped = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `|`, `\|`, `$`, `\$`).Replace
