package fhirpath

import (
	"strings"
	"time"

	"github.com/gofhir/fhirpath/eval"
	"github.com/gofhir/fhirpath/funcs"
	"github.com/gofhir/fhirpath/types"
)

// function is what this package adds to a function of the engine.
type function struct {
	def  eval.FuncDef
	fair func(m *meter, c call) bool                      // pays for one call, before it; nil where the items of its input are all it costs
	own  func(m *meter, c call) (types.Collection, error) // takes the engine's place
}

// call is one call of a function.
type call struct {
	input types.Collection
	args  []any
}

// arg is an argument, empty where it is not given.
func (c call) arg(i int) types.Collection {
	if i >= len(c.args) {
		return nil
	}
	items, _ := c.args[i].(types.Collection)
	return items
}

// text is the one string in a collection.
func text(items types.Collection) (string, bool) {
	if len(items) != 1 {
		return "", false
	}
	s, ok := items[0].(types.String)
	return s.Value(), ok
}

// plainFunctions are the engine's functions that cost no more than to go over their input.
const plainFunctions = `abs all allFalse allTrue anyFalse anyTrue as avg ceiling coalesce combine comparable conformsTo contains
	convertsToBoolean convertsToDate convertsToDateTime convertsToDecimal convertsToInteger convertsToQuantity convertsToString
	convertsToTime count dateOf day dayOf decode defineVariable difference duration empty encode endsWith escape exists exp
	extension first floor getExtensionValue getReferenceKey getValue hasExtension hasValue hour hourOf iif indexOf is last
	lastIndexOf length ln log lower max memberOf millisecond millisecondOf min minute minuteOf month monthOf not ofType power
	precision repeat repeatAll second secondOf select single skip sort sqrt startsWith substring sum tail take timeOf
	timezoneOffsetOf toBoolean toDate toDateTime toDecimal toInteger toQuantity toString toTime trim truncate type unescape
	upper where year yearOf aggregate`

var functions = func() map[string]function {
	all := map[string]function{}
	for _, name := range strings.Fields(plainFunctions) {
		all[name] = function{}
	}
	for _, name := range []string{"intersect", "exclude", "subsetOf", "supersetOf"} {
		all[name] = function{fair: eachWithEach}
	}
	for _, name := range []string{"children", "descendants"} {
		all[name] = function{fair: everyByte}
	}
	for _, name := range []string{"round", "lowBoundary", "highBoundary"} {
		all[name] = function{fair: fewDigits}
	}
	for _, name := range []string{"toChars", "split", "join"} {
		all[name] = function{fair: everyCharacter}
	}
	all["replace"] = function{fair: growth}
	all["distinct"] = function{own: distinct}
	all["isDistinct"] = function{own: isDistinct}
	all["union"] = function{own: union}
	all["trace"] = function{own: func(_ *meter, c call) (types.Collection, error) { return c.input, nil }}
	all["resolve"] = function{own: resolve}
	all["now"] = function{own: func(m *meter, _ call) (types.Collection, error) { return m.clock("2006-01-02T15:04:05.000-07:00") }}
	all["today"] = function{own: func(m *meter, _ call) (types.Collection, error) { return m.clock("2006-01-02") }}
	all["timeOfDay"] = function{own: func(m *meter, _ call) (types.Collection, error) { return m.clock("15:04:05.000") }}
	all["matches"] = function{own: matches}
	all["matchesFull"] = function{own: matchesFull}
	all["replaceMatches"] = function{own: replaceMatches}
	for name, f := range all {
		def, ok := funcs.Get(name)
		if !ok {
			panic("fhirpath: the engine has no function " + name)
		}
		f.def = def
		all[name] = f
	}
	return all
}()

// Get finds a function for the engine, which asks at each call.
func (m *meter) Get(name string) (eval.FuncDef, bool) {
	f, ok := functions[name]
	if !ok || !m.spend(4) {
		return eval.FuncDef{}, false
	}
	def := f.def
	def.Fn = func(ctx *eval.Context, input types.Collection, args []any) (types.Collection, error) {
		c := call{input, args}
		if f.fair != nil && !f.fair(m, c) {
			return nil, errCostly
		}
		if f.own != nil {
			return f.own(m, c)
		}
		return f.def.Fn(ctx, input, args)
	}
	return def, true
}

func eachWithEach(m *meter, c call) bool {
	other := c.input
	if len(c.args) > 0 {
		other = c.arg(0)
	}
	n, _, _ := sizeOf(c.input)
	k, _, _ := sizeOf(other)
	return m.spend(compared(len(c.input)+len(other), len(c.input)+len(other), max(n, k)))
}

// everyByte pays for going over each byte once for each level of nesting.
func everyByte(m *meter, c call) bool { return m.spend(bytesOf(c.input) / 4) }

// fewDigits refuses a precision that no number has.
func fewDigits(m *meter, c call) bool {
	for _, item := range c.arg(0) {
		if n, ok := item.(types.Integer); ok && (n.Value() > maxDigits || n.Value() < -maxDigits) {
			return m.spend(-1)
		}
	}
	return true
}

func everyCharacter(m *meter, c call) bool {
	size, _, ok := sizeOf(c.input)
	separator, _ := text(c.arg(0))
	return ok && m.spend(size/4+len(c.input)*(1+len(separator)/64)) && len(c.input)*len(separator) <= maxText
}

// growth is what replace(pattern, substitution) may come to.
func growth(m *meter, c call) bool {
	input, _ := text(c.input)
	pattern, _ := text(c.arg(0))
	substitution, _ := text(c.arg(1))
	return fits(m, len(input), len(input)/max(1, len(pattern))+1, len(substitution))
}

// fits pays for a text of so many bytes with something of size put in at so many places.
func fits(m *meter, bytes, places, size int) bool {
	if size > 0 && places > maxText/size {
		return m.spend(-1)
	}
	return m.spend((bytes + places*size) / 64)
}

// clock is the time of the evaluation in one of the forms of FHIRPath.
func (m *meter) clock(form string) (types.Collection, error) {
	if m.started.IsZero() {
		m.started = time.Now()
	}
	s := m.started.Format(form)
	var v types.Value
	var err error
	switch form[0] {
	case '1':
		v, err = types.NewTime(s)
	default:
		if v, err = types.NewDateTime(s); len(form) == len("2006-01-02") {
			v, err = types.NewDate(s)
		}
	}
	return types.Collection{v}, err
}
