package identity

import (
	"fmt"
	"slices"
	"time"

	"cairn/node/fault"
)

// Level says how strongly somebody proved who she is: a higher one is stronger.
type Level uint8

// The levels.
const (
	LevelNone     Level = iota // she did not: the actor is a program, or nobody
	LevelVouched               // an organisation's software says so
	LevelProvider              // she signed in at the hospital's OpenID provider
	LevelSynced                // a passkey, user verified; it may be copied between devices
	LevelBound                 // a passkey, user verified, that does not leave its device
)

var levelNames = [...]string{"none", "vouched", "provider", "synced-passkey", "bound-passkey"}

// String returns the level in words joined by hyphens.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return levelNames[LevelNone]
}

// LevelNamed returns the level with a name, LevelNone if there is none.
func LevelNamed(name string) Level {
	return Level(max(0, slices.Index(levelNames[:], name))) //nolint:gosec // a small index
}

// Assurance says how strongly somebody proved who she is, and when.
type Assurance struct {
	Level  Level
	At     time.Time // when she proved it last, by the hospital's clock; zero if vouched for
	Method string    // acr and amr of an OpenID provider, "" otherwise
}

// Assurance returns how strongly and when the person behind the actor proved who
// she is.
func (a Actor) Assurance() Assurance { return a.assurance }

// Personal tells whether the person signed in here herself: nobody vouches.
func (a Actor) Personal() bool { return a.assurance.Level > LevelVouched }

// Assured fails with Refused and the code step-up unless the person proved who
// she is at least so strongly, and not longer ago than that. A client that gets
// the code signs her in once more and tries again.
func (a Actor) Assured(level Level, within time.Duration) error {
	ago := time.Since(a.assurance.At)
	if a.assurance.Level >= level && ago <= within && ago >= -skew {
		return nil
	}
	return fault.New(fault.Refused, "step-up", "this needs a fresh sign-in").
		WithHint(fmt.Sprintf("sign in again with %s and repeat this within %d minutes", levelHints[level], int(within.Minutes())))
}

var levelHints = map[Level]string{
	LevelNone: "any means", LevelVouched: "any means", LevelProvider: "a passkey or the hospital's account",
	LevelSynced: "a passkey", LevelBound: "a passkey that is bound to its device, such as a security key",
}
