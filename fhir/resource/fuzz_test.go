package resource

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
)

var errTwice = errors.New("a member name occurs twice")

// strict reads JSON with the standard library and refuses what that lets pass: text after the end and member names
// that occur twice.
func strict(raw []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	value, err := strictValue(decoder)
	if err != nil {
		return nil, err
	}
	if decoder.More() || !json.Valid(raw) {
		return nil, errors.New("not one value")
	}
	return value, nil
}

func strictValue(decoder *json.Decoder) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		return strictObject(decoder)
	case json.Delim('['):
		list := []any{}
		for decoder.More() {
			value, err := strictValue(decoder)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err = decoder.Token()
		return list, err
	}
	return token, nil
}

func strictObject(decoder *json.Decoder) (any, error) {
	object := map[string]any{}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		name := key.(string)
		if _, twice := object[name]; twice {
			return nil, errTwice
		}
		if object[name], err = strictValue(decoder); err != nil {
			return nil, err
		}
	}
	_, err := decoder.Token()
	return object, err
}

// plain is a node as strict would give it.
func plain(n Node) any {
	switch n.Kind() {
	case Object:
		object := map[string]any{}
		for name, member := range n.Fields() {
			object[name] = plain(member)
		}
		return object
	case Array:
		list := []any{}
		for item := range n.Items() {
			list = append(list, plain(item))
		}
		return list
	case String:
		text, _ := n.Text()
		return text
	case Number:
		return json.Number(n.Raw())
	case Bool:
		return string(n.Raw()) == "true"
	}
	return nil
}

func seeds(f *testing.F) {
	for _, file := range []string{"refused.txt", "accepted.txt"} {
		for _, e := range examples(f, file) {
			f.Add([]byte(e.text))
		}
	}
	f.Add([]byte(sampleText))
	f.Add([]byte(nested(66)))
}

// FuzzParse holds Parse against encoding/json: what is accepted is the same tree there, so what is refused there for
// its JSON is refused here.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := Parse(raw, Limits{})
		if err != nil {
			var refusal *Error
			if !errors.As(err, &refusal) || refusal.Code == "" || refusal.Text == "" || refusal.Offset < 0 || refusal.Offset > len(raw) {
				t.Errorf("not a whole error: %#v", err)
			}
			return
		}
		want, err := strict(raw)
		if err != nil {
			t.Fatalf("accepted what encoding/json refuses: %v", err)
		}
		if got := plain(d.Root()); !reflect.DeepEqual(got, want) {
			t.Errorf("read %v, want %v", got, want)
		}
		var floats any
		if err := json.Unmarshal(raw, &floats); err != nil {
			t.Errorf("accepted a number that no float holds: %v", err)
		}
	})
}

// FuzzSplice stamps and rewrites whatever Parse accepts: the results parse, say what was asked, and stamping twice
// is stamping once.
func FuzzSplice(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := Parse(raw, Limits{Depth: 60, Nodes: 90_000})
		if err != nil || d.Root().Len() > 250 || d.Root().Get("meta").Len() > 250 {
			return
		}
		if err := stamped(d, Stamp(d, "an-id", "7", "2021-03-04T05:06:07.008Z")); err != nil {
			t.Error(err)
		}
		rewritten, err := Parse(Rewrite(d, func(string) (string, bool) { return "Patient/1", true }), Limits{})
		if err != nil {
			t.Fatalf("rewritten: %v", err)
		}
		for where, reference := range rewritten.References() {
			if reference != "Patient/1" {
				t.Errorf("%s is %q", where, reference)
			}
		}
		if same := Rewrite(d, func(string) (string, bool) { return "", false }); !bytes.Equal(same, raw) {
			t.Error("rewriting nothing changes bytes")
		}
	})
}

// stamped checks the result of stamping d with id "an-id", version "7" and the instant used above.
func stamped(d *Doc, out []byte) error {
	s, err := Parse(out, Limits{})
	if err != nil {
		return fmt.Errorf("stamped: %w", err)
	}
	meta := s.Root().Get("meta")
	if s.ID() != "an-id" || !meta.Get("versionId").Is("7") || !meta.Get("lastUpdated").Is("2021-03-04T05:06:07.008Z") {
		return errors.New("stamped with something else")
	}
	if again := Stamp(s, "an-id", "7", "2021-03-04T05:06:07.008Z"); !bytes.Equal(again, out) {
		return errors.New("stamping twice is not stamping once")
	}
	for _, pair := range [][2]Node{{d.Root(), s.Root()}, {d.Root().Get("meta"), meta}} {
		if err := keeps(pair[0], pair[1]); err != nil {
			return err
		}
	}
	return nil
}

// keeps reports a member of before, other than those that a stamp sets, that stands in after with other bytes or in
// another order.
func keeps(before, after Node) error {
	was, is := rest(before), rest(after)
	if !reflect.DeepEqual(was, is) {
		return fmt.Errorf("the other members were %q and are %q", was, is)
	}
	return nil
}

func rest(n Node) []string {
	list := []string{}
	for name, member := range n.Fields() {
		switch name {
		case "id", "meta", "versionId", "lastUpdated":
		default:
			list = append(list, name+string(member.Raw()))
		}
	}
	return list
}
