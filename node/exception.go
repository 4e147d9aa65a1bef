package node

import (
	"cmp"
	"fmt"
	"time"

	"cairn/node/emergency"
)

// EmergencyConfig is this hospital's policy for break-the-glass.
type EmergencyConfig struct {
	Window   int64 `toml:"window_seconds,omitempty" comment:"how long the glass stays broken; 14400, four hours, if left out, and no longer"`
	Review   int64 `toml:"review_hours,omitempty" comment:"until when a privacy officer must have reviewed it; 72 if left out"`
	Delay    int64 `toml:"delay_hours,omitempty" comment:"by how much the patient may be told later, for a reason of safety; 0 if left out: never"`
	Override bool  `toml:"override,omitempty" comment:"true where the law opens in an emergency what the patient closed or refused"`
}

// LegalConfig is this hospital's policy for orders of courts and other authorities.
type LegalConfig struct {
	Secret int64 `toml:"secret_days,omitempty" comment:"for how long the patient may at most not be told of an order; 365 if left out"`
}

func (c LegalConfig) secret() time.Duration {
	return time.Duration(cmp.Or(c.Secret, 365)) * 24 * time.Hour
}

// Bounds of the policy.
const (
	mostSecret = 10 * 365    // days
	mostWindow = 4 * 60 * 60 // seconds
	mostReview = 30 * 24     // hours
	mostDelay  = 30 * 24
)

// rules returns the policy in force.
func (c EmergencyConfig) rules() emergency.Rules {
	return emergency.Rules{Window: time.Duration(cmp.Or(c.Window, mostWindow)) * time.Second, Review: time.Duration(cmp.Or(c.Review, 72)) * time.Hour,
		Delay: time.Duration(c.Delay) * time.Hour, Overrides: c.Override}
}

func (c EmergencyConfig) problems() (out []problem) {
	for _, v := range []struct {
		key      string
		have, to int64
	}{{"window_seconds", c.Window, mostWindow}, {"review_hours", c.Review, mostReview}, {"delay_hours", c.Delay, mostDelay}} {
		if v.have < 0 || v.have > v.to {
			out = append(out, problem{key: "emergency: " + v.key, text: fmt.Sprintf("%d is not from 0 to %d", v.have, v.to)})
		}
	}
	return out
}
