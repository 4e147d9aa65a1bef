package node

import (
	"context"
	"strings"

	"cairn/node/hook"
	"cairn/node/oauth"
)

// openApps sets up the desk that lets apps in.
func (n *Node) openApps() error {
	fetch, err := hook.New(hook.Config{Allow: n.Config.SubscriptionAllow, Deny: n.Config.SubscriptionDeny})
	if err != nil {
		return err
	}
	n.Apps = oauth.New(oauth.Config{
		Root: strings.TrimSuffix(n.Config.URL, "/"), Door: n.Door, Journal: n.journal, Store: n.store, Keys: n.chest, Book: n.Chain, Fetch: fetch,
		Signers: n.tokenSigners,
	})
	return nil
}

// tokenSigners are the keys by which this hospital signs ID tokens for apps.
func (n *Node) tokenSigners(ctx context.Context) ([]oauth.Signer, error) {
	all, err := n.chest.TokenKeys(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]oauth.Signer, len(all))
	for i, k := range all {
		out[i] = oauth.Signer{ID: k.ID, Algorithm: k.Algorithm, Made: k.Made, Key: k.Key}
	}
	return out, nil
}
