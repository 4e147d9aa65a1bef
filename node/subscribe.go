package node

import (
	"fmt"
	"strings"
	"time"

	"cairn/node/fault"
	"cairn/node/hook"
	"cairn/node/subscription"
)

// subscriptionProblems returns what is wrong with how subscriptions are sent.
func (c Config) subscriptionProblems() (out []problem) {
	for _, list := range []struct {
		key string
		cfg hook.Config
	}{{"subscription_allow", hook.Config{Allow: c.SubscriptionAllow}}, {"subscription_deny", hook.Config{Deny: c.SubscriptionDeny}}} {
		if _, err := hook.New(list.cfg); err != nil {
			f := fault.As(err)
			out = append(out, problem{key: list.key, text: f.Text + ": " + f.Hint})
		}
	}
	if c.SubscriptionRetryMS < 0 || c.SubscriptionRetryMS > maxRetryMS {
		out = append(out, problem{key: "subscription_retry_ms", text: fmt.Sprintf("%d is not from 0 to %d", c.SubscriptionRetryMS, maxRetryMS)})
	}
	if c.SubscriptionTries < 0 || c.SubscriptionTries > maxTries {
		out = append(out, problem{key: "subscription_tries", text: fmt.Sprintf("%d is not from 0 to %d", c.SubscriptionTries, maxTries)})
	}
	return out
}

const (
	maxRetryMS = 300_000
	maxTries   = 1000
)

// subscriptions is what the desk of that name has to know.
func (c Config) subscriptions() subscription.Config {
	return subscription.Config{
		Base:  strings.TrimSuffix(c.URL, "/") + "/fhir",
		First: time.Duration(c.SubscriptionRetryMS) * time.Millisecond, Failures: uint64(c.SubscriptionTries), //nolint:gosec // bounded by Validate
	}
}

func (n *Node) openSubscriptions() error {
	post, err := hook.New(hook.Config{Allow: n.Config.SubscriptionAllow, Deny: n.Config.SubscriptionDeny})
	if err != nil {
		return err
	}
	n.Subscriptions = subscription.New(n.Config.subscriptions(), n.Config.Member, n.Door, n.gate, n.vault, n.journal, n.store, n.chest, post, n.Log)
	return nil
}
