package chain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/cometbft/cometbft/libs/log"
)

const consensusFailure = "CONSENSUS FAILURE"

// logger hands CometBFT's warnings and errors to slog and leaves out the rest. It also hears when consensus has failed:
// CometBFT says so in its log and nowhere else.
type logger struct {
	to     *slog.Logger
	fail   func(error)
	done   <-chan struct{} // closed when the node stops on purpose: what ends then is no trouble
	parent *logger
	keys   []any
}

func newLogger(to *slog.Logger, done <-chan struct{}, fail func(error)) *logger {
	return &logger{to: to, done: done, fail: fail}
}

// With keeps the attributes until something is really logged: CometBFT asks for loggers far more often than it logs.
func (l *logger) With(keys ...any) log.Logger {
	return &logger{to: l.to, fail: l.fail, done: l.done, parent: l, keys: keys}
}

func (l *logger) Debug(string, ...any) {}
func (l *logger) Info(string, ...any)  {}

func (l *logger) Warn(text string, keys ...any) { l.write(slog.LevelWarn, text, keys) }

func (l *logger) Error(text string, keys ...any) {
	if strings.Contains(text, consensusFailure) {
		l.fail(fmt.Errorf("consensus failed: %w", cause(keys)))
	}
	level := slog.LevelError
	if peerTrouble(l.value("module")) {
		level = slog.LevelWarn // a member that is away is no error of this node
	}
	l.write(level, text, keys)
}

func peerTrouble(module any) bool { return module == "p2p" || module == "pex" || module == "blocksync" }

// cause returns what the log line gives as the reason.
func cause(keys []any) error {
	for i := 0; i+1 < len(keys); i += 2 {
		if keys[i] != "err" {
			continue
		}
		if err, ok := keys[i+1].(error); ok {
			return err
		}
		return errors.New(short(fmt.Sprint(keys[i+1])))
	}
	return errors.New("no reason was given")
}

func (l *logger) value(key string) any {
	for at := l; at != nil; at = at.parent {
		for i := 0; i+1 < len(at.keys); i += 2 {
			if at.keys[i] == key {
				return at.keys[i+1]
			}
		}
	}
	return nil
}

func (l *logger) write(level slog.Level, text string, keys []any) {
	select {
	case <-l.done:
		return
	default:
	}
	attributes := []any{slog.String("room", "chain")}
	if module := l.value("module"); module != nil {
		attributes = append(attributes, slog.String("module", fmt.Sprint(module)))
	}
	for i := 0; i+1 < len(keys); i += 2 {
		attributes = append(attributes, slog.String(fmt.Sprint(keys[i]), short(fmt.Sprint(keys[i+1]))))
	}
	l.to.Log(context.Background(), level, text, attributes...)
}

// short keeps a state dump from filling the log.
func short(s string) string {
	const most = 2000
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}
