package path

import (
	"fmt"
	"strconv"
	"strings"

	"cairn/fhir/resource"
)

// dataTypes is what follows the name of an element with a choice of types (FHIR R4 2.24.0.3), its first letter in
// upper case.
var dataTypes = func() map[string]bool {
	m := map[string]bool{}
	for _, name := range strings.Fields(`Base64Binary Boolean Canonical Code Date DateTime Decimal Id Instant Integer
		Markdown Oid PositiveInt String Time UnsignedInt Uri Url Uuid Address Age Annotation Attachment CodeableConcept
		Coding ContactPoint Count Distance Duration HumanName Identifier Money Period Quantity Range Ratio Reference
		SampledData Signature Timing ContactDetail Contributor DataRequirement Expression ParameterDefinition
		RelatedArtifact TriggerDefinition UsageContext Dosage Meta`) {
		m[name] = true
	}
	return m
}()

// Compile reads an expression. Its error names the part that this package does not know.
func Compile(expression string) (Program, error) {
	p := Program{text: expression}
	for _, part := range split(expression, "|") {
		if err := p.add(strings.TrimSpace(part)); err != nil {
			return Program{}, fmt.Errorf("compiling %q: %w", expression, err)
		}
	}
	if len(p.all) > 0 && len(p.ways) > 0 {
		return Program{}, fmt.Errorf("compiling %q: a condition cannot be part of a union", expression)
	}
	return p, nil
}

// add reads one alternative, which is the whole expression if it is a condition.
func (p *Program) add(part string) error {
	if len(part) > maxLength {
		return fmt.Errorf("it has more than %d characters", maxLength)
	}
	if isCondition(part) && len(p.all) == 0 {
		all, err := compileConditions(part)
		p.all = all
		return err
	}
	w, err := compileWay(part)
	if err != nil {
		return err
	}
	p.ways = append(p.ways, w)
	return nil
}

// maxLength bounds an alternative, and with it how deep parentheses nest.
const maxLength = 1000

// MustCompile is Compile for expressions that are constants of the program; it panics on an error.
func MustCompile(expression string) Program {
	p, err := Compile(expression)
	if err != nil {
		panic(err)
	}
	return p
}

// split cuts at a separator that stands outside of parentheses and quotes.
func split(s, separator string) []string {
	var parts []string
	depth, start, quoted := 0, 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case depth == 0 && i >= start && strings.HasPrefix(s[i:], separator):
			parts = append(parts, s[start:i])
			start = i + len(separator)
		}
	}
	return append(parts, s[start:])
}

func compileWay(text string) (way, error) {
	for enclosed(text) {
		text = strings.TrimSpace(text[1 : len(text)-1])
	}
	if element, typ, ok := strings.Cut(text, " as "); ok && !strings.ContainsAny(typ, "()' ") {
		text = strings.TrimSpace(element) + ".ofType(" + strings.TrimSpace(typ) + ")"
	}
	w, rest, err := compileFirst(split(text, "."))
	if err != nil {
		return way{}, err
	}
	last := &w
	for last.tail != nil {
		last = last.tail
	}
	for _, part := range rest {
		if last, err = last.add(part); err != nil {
			return way{}, err
		}
	}
	return w, nil
}

// compileFirst reads a leading $this, resource type or expression in parentheses, and answers with what follows.
func compileFirst(parts []string) (w way, rest []string, err error) {
	switch first := parts[0]; {
	case first == "$this":
		return way{}, parts[1:], nil
	case resource.IsType(first):
		return way{typ: first}, parts[1:], nil
	case enclosed(first) && len(parts) > 1:
		w, err = compileWay(first)
		return w, parts[1:], err
	}
	return way{}, parts, nil
}

// enclosed reports whether the first parenthesis of s closes with its last.
func enclosed(s string) bool {
	if len(s) < 2 || s[0] != '(' {
		return false
	}
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			return i == len(s)-1
		}
	}
	return false
}

// add reads one part of a path and answers with the way that the next one belongs to.
func (w *way) add(part string) (*way, error) {
	if element, index, ok := indexed(part); ok {
		if element != "" {
			if err := w.addElement(element); err != nil {
				return nil, err
			}
		}
		w.nth, w.tail = index, &way{}
		return w.tail, nil
	}
	name, argument, call := strings.Cut(part, "(")
	if !call {
		return w, w.addElement(part)
	}
	argument, closed := strings.CutSuffix(argument, ")")
	argument = strings.TrimSpace(argument)
	switch {
	case !closed:
	case name == "ofType" || name == "as":
		return w, w.narrow(argument)
	case name == "where":
		return w, w.addWhere(argument)
	case name == "extension":
		if url, ok := literal(argument); ok {
			w.steps = append(w.steps, step{op: member, name: "extension"}, step{op: equals, name: "url", text: url})
			return w, nil
		}
	}
	return nil, fmt.Errorf("the function %q with this argument is not known here", name)
}

// indexed takes "name[2]" or "first()" apart.
func indexed(part string) (element string, index int, ok bool) {
	if part == "first()" {
		return "", 0, true
	}
	element, number, ok := strings.Cut(part, "[")
	if !ok || element == "" {
		return "", 0, false
	}
	number, ok = strings.CutSuffix(number, "]")
	if len(number) == 0 || len(number) > 3 || strings.Trim(number, "0123456789") != "" {
		return "", 0, false
	}
	index, err := strconv.Atoi(number)
	return element, index, ok && err == nil
}

func (w *way) addElement(part string) error {
	op := member
	name, isChoice := strings.CutSuffix(part, "[x]")
	if isChoice {
		op = choice
	}
	if !identifier(name) {
		return fmt.Errorf("%q is not an element name", part)
	}
	w.steps = append(w.steps, step{op: op, name: name})
	return nil
}

// narrow turns the element before ofType(typ) into the member that carries that type.
func (w *way) narrow(typ string) error {
	if resource.IsType(typ) {
		w.steps = append(w.steps, step{op: equals, name: "resourceType", text: typ})
		return nil
	}
	if typ == "" || len(w.steps) == 0 {
		return fmt.Errorf("ofType follows an element and names a type")
	}
	last := &w.steps[len(w.steps)-1]
	suffix := strings.ToUpper(typ[:1]) + typ[1:]
	if !dataTypes[suffix] || last.op != member && last.op != choice {
		return fmt.Errorf("%q is not a data type that an element can have by choice", typ)
	}
	*last = step{op: member, name: last.name + suffix}
	return nil
}

func (w *way) addWhere(condition string) error {
	if typ, ok := strings.CutPrefix(condition, "resolve() is "); ok && resource.IsType(strings.TrimSpace(typ)) {
		w.steps = append(w.steps, step{op: points, name: strings.TrimSpace(typ)})
		return nil
	}
	name, value, _ := strings.Cut(condition, "=")
	text, ok := literal(strings.TrimSpace(value))
	if name = strings.TrimSpace(name); !ok || !identifier(name) {
		return fmt.Errorf("where takes element='text' or resolve() is Type")
	}
	w.steps = append(w.steps, step{op: equals, name: name, text: text})
	return nil
}

// isCondition reports whether an expression is one or several comparisons joined by "and".
func isCondition(text string) bool {
	return strings.HasSuffix(text, existence) || len(split(text, " and ")) > 1 || len(split(text, "=")) > 1
}

const existence = ".exists()"

func compileConditions(text string) ([]condition, error) {
	var all []condition
	for _, part := range split(text, " and ") {
		c, err := compileCondition(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func compileCondition(text string) (c condition, err error) {
	if of, ok := strings.CutSuffix(text, existence); ok {
		c.of, err = compileWay(of)
		return c, err
	}
	of, value, _ := strings.Cut(text, "=")
	c.compare = is
	if element, ok := strings.CutSuffix(of, "!"); ok {
		of, c.compare = element, differs
	}
	value = strings.TrimSpace(value)
	if c.literal, c.quoted = literal(value); c.quoted {
		c.of, err = compileWay(strings.TrimSpace(of))
		return c, err
	}
	if value != "true" && value != "false" {
		return c, fmt.Errorf("a condition compares with true, false or 'text', or asks for exists()")
	}
	c.literal = value
	c.of, err = compileWay(strings.TrimSpace(of))
	return c, err
}

func literal(s string) (string, bool) {
	if len(s) < 2 || s[0] != '\'' || s[len(s)-1] != '\'' || strings.ContainsAny(s[1:len(s)-1], `'\`) {
		return "", false
	}
	return s[1 : len(s)-1], true
}

func identifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
