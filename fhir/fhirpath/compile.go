package fhirpath

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/antlr4-go/antlr/v4"
	"github.com/gofhir/fhirpath/eval"
	"github.com/gofhir/fhirpath/parser/grammar"
)

// Program is a compiled expression. The zero Program selects nothing.
type Program struct {
	text string
	node eval.Node
}

// String is the expression as it was given to Compile.
func (p Program) String() string { return p.text }

// Compile reads an expression. It fails with an *Error where the expression is not FHIRPath or over a limit; a function that
// nobody knows is found out by evaluating. Programs are kept, so that compiling the same again costs little.
func Compile(expression string) (Program, error) {
	if p, ok := kept.get(expression); ok {
		return p, nil
	}
	if err := measure(expression); err != nil {
		return Program{}, err
	}
	tree, err := parse(expression)
	if err != nil {
		return Program{}, err
	}
	if err := wrap(tree); err != nil {
		return Program{}, err
	}
	p := Program{expression, eval.Compile(tree)}
	kept.put(expression, p)
	return p, nil
}

// measure applies the limits that can be seen without parsing.
func measure(s string) *Error {
	if len(s) > maxLength {
		return refuse("too-long", "The expression has more than 4,096 bytes.")
	}
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return refuse("invalid", "The expression is not UTF-8 text.")
	}
	depth, deepest := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\'', '`':
			i = closing(s, i)
		case '(', '[', '{':
			depth++
			deepest = max(deepest, depth)
		case ')', ']', '}':
			depth--
		}
	}
	if deepest > maxNesting {
		return refuse("too-costly", "The expression is nested more than 24 deep.")
	}
	return nil
}

// closing is where the quote that opens at i closes, else the end.
func closing(s string, i int) int {
	for j := i + 1; j < len(s); j++ {
		switch s[j] {
		case '\\':
			j++
		case s[i]:
			return j
		}
	}
	return len(s)
}

// listener keeps where the first mistake is.
type listener struct {
	*antlr.DefaultErrorListener
	column int
}

func (l *listener) SyntaxError(_ antlr.Recognizer, _ any, _, column int, _ string, _ antlr.RecognitionException) {
	if l.column < 0 {
		l.column = column
	}
}

func parse(expression string) (tree *grammar.EntireExpressionContext, err error) {
	defer func() {
		if recover() != nil {
			err = refuse("invalid", "The expression is not FHIRPath.")
		}
	}()
	found := &listener{column: -1}
	lexer := grammar.NewfhirpathLexer(antlr.NewInputStream(expression))
	lexer.RemoveErrorListeners()
	lexer.AddErrorListener(found)
	parser := grammar.NewfhirpathParser(antlr.NewCommonTokenStream(lexer, antlr.TokenDefaultChannel))
	parser.RemoveErrorListeners()
	parser.AddErrorListener(found)
	tree, ok := parser.EntireExpression().(*grammar.EntireExpressionContext)
	if found.column >= 0 || !ok {
		return nil, &Error{Code: "invalid", Offset: max(found.column, 0), Text: "The expression is not FHIRPath."}
	}
	return tree, nil
}

// cache keeps what was used of late, up to maxCached; when it is full the half that was not is dropped.
type cache[T any] struct {
	mutex    sync.Mutex
	hot, old map[string]T
}

var kept cache[Program]

func (c *cache[T]) get(key string) (T, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if v, ok := c.hot[key]; ok {
		return v, true
	}
	v, ok := c.old[key]
	if ok {
		c.keep(key, v)
	}
	return v, ok
}

func (c *cache[T]) put(key string, v T) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.keep(strings.Clone(key), v)
}

func (c *cache[T]) keep(key string, v T) {
	if c.hot == nil || len(c.hot) >= maxCached/2 {
		c.hot, c.old = make(map[string]T), c.hot
	}
	c.hot[key] = v
}
