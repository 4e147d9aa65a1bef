package element

import (
	"encoding/json"
	"reflect"
)

// Object is a JSON object on its way into a resource. Its members are written
// in the order of their names.
type Object map[string]any

// List is a JSON array.
type List = []any

// Put sets a member that has a value: "", nil and what is empty have none.
func (o Object) Put(name string, v any) {
	if !empty(v) {
		o[name] = v
	}
}

// Push appends to the list in a member what has a value.
func (o Object) Push(name string, v any) {
	if !empty(v) {
		o[name] = append(AsList(o[name]), v)
	}
}

// Inner returns the object in a member, nil if there is none.
func (o Object) Inner(name string) Object { return asObject(o[name]) }

// Text returns the text in a member, "" if there is none.
func (o Object) Text(name string) string {
	s, _ := o[name].(string)
	return s
}

// AsList returns v if it is a list.
func AsList(v any) List {
	l, _ := v.(List)
	return l
}

func asObject(v any) Object {
	switch v := v.(type) {
	case Object:
		return v
	case map[string]any:
		return v
	}
	return nil
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case json.Number:
		return v == ""
	case bool, int:
		return false
	default:
		return reflect.ValueOf(v).Len() == 0
	}
}

// Reference returns a reference to a record of this hospital.
func Reference(typ, id, display string) Object {
	o := Object{"reference": typ + "/" + id}
	o.Put("display", display)
	return o
}
