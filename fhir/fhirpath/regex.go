package fhirpath

import (
	"regexp"
	"regexp/syntax"

	"github.com/gofhir/fhirpath/eval"
	"github.com/gofhir/fhirpath/funcs"
	"github.com/gofhir/fhirpath/types"
)

// pattern is a regular expression and the number of its instructions: matching takes that many steps for each byte at worst.
type pattern struct {
	re    *regexp.Regexp
	insts int
}

var patterns cache[pattern]

// compilePattern reads a regular expression in the mode of FHIRPath (5.6.9): a dot stands for a line feed too.
func compilePattern(source string) (pattern, error) {
	if p, ok := patterns.get(source); ok {
		return p, nil
	}
	if len(source) > maxLength {
		return pattern{}, errCostly
	}
	tree, err := syntax.Parse("(?s)"+source, syntax.Perl)
	if err != nil {
		return pattern{}, eval.NewEvalError(eval.ErrInvalidArguments, "no regular expression")
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil || len(prog.Inst) > maxInsts {
		return pattern{}, errCostly
	}
	re, err := regexp.Compile("(?s)" + source)
	if err != nil {
		return pattern{}, eval.NewEvalError(eval.ErrInvalidArguments, "no regular expression")
	}
	p := pattern{re, len(prog.Inst)}
	patterns.put(source, p)
	return p, nil
}

// prepare is the pattern of a call, made of its first argument and the flags, and the text that it is for; false where
// the answer is empty.
func prepare(m *meter, c call, flags int, before, after string) (p pattern, input string, ok bool, err error) {
	input, hasInput := text(c.input)
	source, hasSource := text(c.arg(0))
	if len(c.input) > 1 {
		return p, "", false, eval.SingletonError(len(c.input))
	}
	if !hasInput || !hasSource {
		return p, "", false, nil
	}
	letters, _ := text(c.arg(flags))
	modes, err := funcs.InlineFlags(letters)
	if err != nil {
		return p, "", false, err
	}
	if p, err = compilePattern(modes + before + source + after); err != nil {
		return p, "", false, err
	}
	if !m.spend((len(input) + 1) * p.insts / 64) {
		return p, "", false, errCostly
	}
	return p, input, true, nil
}

func matches(m *meter, c call) (types.Collection, error) {
	return match(m, c, "", "")
}

func matchesFull(m *meter, c call) (types.Collection, error) {
	return match(m, c, `\A(?:`, `)\z`)
}

func match(m *meter, c call, before, after string) (types.Collection, error) {
	p, input, ok, err := prepare(m, c, 1, before, after)
	if !ok {
		return types.Collection{}, err
	}
	return types.Collection{types.NewBoolean(p.re.MatchString(input))}, nil
}

func replaceMatches(m *meter, c call) (types.Collection, error) {
	p, input, ok, err := prepare(m, c, 2, "", "")
	substitution, given := text(c.arg(1))
	if !ok || !given {
		return types.Collection{}, err
	}
	// A reference in the substitution can stand for the whole input.
	if !fits(m, len(input), len(input)+1, len(substitution)) || !fits(m, 0, len(substitution)/2, len(input)) {
		return nil, errCostly
	}
	return types.Collection{types.NewString(p.re.ReplaceAllString(input, substitution))}, nil
}
