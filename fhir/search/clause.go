package search

import (
	"strings"

	"cairn/fhir/resource"
)

// split cuts at separators that no backslash stands before (FHIR R4 3.1.1.4.1.1).
func split(s string, separator byte) []string {
	var parts []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case separator:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// unescape resolves the escapes of a value; any other backslash stands for itself.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return strings.NewReplacer(`\\`, `\`, `\,`, `,`, `\|`, `|`, `\$`, `$`).Replace(s)
}

// add reads one alternative. An id alone is of the implied type.
func (c *Clause) add(part, implied, modifier string) error {
	if part == "" {
		return mistake(c.Param, "There is an empty value between commas. Leave it out.")
	}
	switch c.Kind {
	case ByToken:
		return c.addToken(part)
	case ByDate:
		return c.addDate(unescape(part))
	case ByReference:
		return c.addReference(unescape(part), implied, modifier)
	case ByText:
		return c.addText(unescape(part))
	}
	return nil
}

func (c *Clause) addToken(part string) error {
	pieces := split(part, '|')
	v := TokenValue{Code: unescape(pieces[len(pieces)-1])}
	switch len(pieces) {
	case 1:
		v.AnySystem = true
	case 2:
		v.System = unescape(pieces[0])
		v.AnyCode = v.Code == ""
	}
	if len(pieces) > 2 || v.System == "" && v.Code == "" {
		return mistake(c.Param, "Send code, system|code, |code or system|.")
	}
	c.Tokens = append(c.Tokens, v)
	return nil
}

var prefixes = map[Prefix]bool{
	Equal: true, NotEqual: true, Greater: true, Less: true, GreaterOrEqual: true, LessOrEqual: true,
	StartsAfter: true, EndsBefore: true, Approximately: true,
}

func (c *Clause) addDate(part string) error {
	v := DateValue{Prefix: Equal}
	if len(part) > 2 && prefixes[Prefix(part[:2])] {
		v.Prefix, part = Prefix(part[:2]), part[2:]
	}
	var ok bool
	if v.Lo, v.Hi, ok = resource.ParseDate(part); !ok {
		return mistake(c.Param, "Send a date of the form YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz (a plus is %2B in a URL), after an optional prefix: eq ne gt lt ge le sa eb ap.")
	}
	if v.Prefix == Approximately {
		tenth := (v.Hi - v.Lo) / 10
		v.Lo, v.Hi = v.Lo-tenth, v.Hi+tenth
	}
	c.Dates = append(c.Dates, v)
	return nil
}

func (c *Clause) addReference(part, implied, modifier string) error {
	if resource.ValidID(part) {
		part = implied + "/" + part
	}
	target := normalTarget(part)
	if target == "" {
		return mistake(c.Param, "Send Type/id, an absolute URL, or an id.")
	}
	if typ, _, _, _ := resource.Target(target); modifier != "" && typ != modifier {
		return mistake(c.Param, "The modifier and the value name different types.")
	}
	c.References = append(c.References, ReferenceValue{Target: target})
	return nil
}

func (c *Clause) addText(part string) error {
	folded := Fold(part)
	if folded == "" {
		return mistake(c.Param, "Send at least one letter or digit.")
	}
	c.Texts = append(c.Texts, folded)
	return nil
}
