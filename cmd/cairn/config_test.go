package main

import (
	"reflect"
	"strings"
	"testing"

	"cairn/node"
)

// TestConfigHelp: the help of config check names every key of the file.
func TestConfigHelp(t *testing.T) {
	words := strings.FieldsFunc(configCheckCommand{}.Help(), func(r rune) bool { return strings.ContainsRune(" \n,;()[]", r) })
	named := make(map[string]bool, len(words))
	for _, w := range words {
		named[w] = true
	}
	for _, key := range tomlKeys(reflect.TypeFor[node.Config]()) {
		if !named[key] {
			t.Errorf("the key %s is not named", key)
		}
	}
}

func tomlKeys(typ reflect.Type) (keys []string) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		if key == "" || key == "-" {
			continue
		}
		keys = append(keys, key)
		inner := f.Type
		if inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			keys = append(keys, tomlKeys(inner)...)
		}
	}
	return keys
}
