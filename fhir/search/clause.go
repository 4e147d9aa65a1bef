package search

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cairn/fhir/resource"
	"cairn/fhir/search/index"
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

// modifiers is what may follow a parameter's name, by its kind. A reference may also have a resource type there.
var modifiers = map[Kind][]string{
	ByToken:     {"missing", "not", "text", "of-type", "in", "not-in", "above", "below"},
	ByText:      {"missing", "exact", "contains"},
	ByReference: {"missing", "identifier"},
	ByURI:       {"missing", "above", "below"},
	ByDate:      {"missing"},
	ByNumber:    {"missing"},
	ByQuantity:  {"missing"},
	ByComposite: {"missing"},
	BySpecial:   {"missing"},
}

// clause reads one condition and adds it to the query.
func (r *parser) clause(p *index.Param, modifier, value string) error {
	if p.Name == "_id" && modifier == "" {
		return r.ids(value)
	}
	if err := checkModifier(p, modifier); err != nil {
		return err
	}
	c := Clause{Param: p.Name, Kind: p.Kind}
	if modifier == string(Missing) {
		return r.missing(c, value)
	}
	parts := split(value, ',')
	if err := r.spend(p.Name, 1, len(parts)); err != nil {
		return err
	}
	w := clauseReader{parser: r, program: p, modifier: modifier}
	for _, part := range parts {
		switch {
		case part == "":
			return mistake(p.Name, "There is an empty value between commas. Leave it out.")
		case len(part) > maxAlternative:
			return costly(p.Name, "A value has at most %d characters.", maxAlternative)
		}
		if err := w.add(&c, part); err != nil {
			return err
		}
	}
	if r.isSubject(&c) {
		_, r.query.Subject, _ = strings.Cut(c.References[0].Target, "/")
		return nil
	}
	r.addOwn(&c)
	r.query.Clauses = append(r.query.Clauses, c)
	return nil
}

// addOwn adds, for each local record that is asked for, its absolute URL on this server, which references to it may have.
func (r *parser) addOwn(c *Clause) {
	if r.options.Base == "" {
		return
	}
	for _, v := range c.References {
		if _, _, local, ok := resource.Target(v.Target); ok && local {
			c.References = append(c.References, ReferenceValue{Target: r.options.Base + "/" + v.Target})
		}
	}
}

func checkModifier(p *index.Param, modifier string) error {
	switch {
	case modifier == "":
		return nil
	case index.AnsweredElsewhere(p.Name):
		return unsupported(p.Name, "This parameter has no modifiers.")
	case slices.Contains(modifiers[p.Kind], modifier):
		return nil
	case p.Kind == ByReference && resource.IsType(modifier):
		if p.CanTarget(modifier) {
			return nil
		}
		return mistake(p.Name, "References under this parameter do not point to that type.")
	}
	known := ":" + strings.Join(modifiers[p.Kind], " :")
	if p.Kind == ByReference {
		known += " and a colon with a resource type"
	}
	return unsupported(p.Name, fmt.Sprintf("This modifier is not implemented here. There are: %s.", known))
}

// missing reads :missing (FHIR R4 3.1.1.4.4).
func (r *parser) missing(c Clause, value string) error {
	if value != "true" && value != "false" {
		return mistake(c.Param, "With :missing send true or false.")
	}
	c.Modifier, c.Present = Missing, value == "false"
	r.query.Clauses = append(r.query.Clauses, c)
	return r.spend(c.Param, 1, 1)
}

// isSubject reports whether a clause says no more than whom the records are about.
func (r *parser) isSubject(c *Clause) bool {
	if !index.AboutPatient(c.Param) || c.Modifier != Plain || len(c.References) != 1 || r.query.Type == "Patient" || !Protected(r.query.Type) {
		return false
	}
	typ, id, local, ok := resource.Target(c.References[0].Target)
	return ok && local && typ == "Patient" && (r.query.Subject == "" || r.query.Subject == id)
}

// clauseReader reads the alternatives of one condition.
type clauseReader struct {
	*parser
	program  *index.Param
	modifier string
}

// Escape writes a value so that a search takes it whole (FHIR R4 3.1.1.4.1.1).
func Escape(value string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `|`, `\|`, `$`, `\$`).Replace(value)
}

// add reads one alternative, in which escapes still stand.
func (w *clauseReader) add(c *Clause, part string) error {
	switch w.program.Kind {
	case ByToken:
		return w.addToken(c, part)
	case ByDate:
		return addDate(c, unescape(part))
	case ByReference:
		return w.addReference(c, part)
	case ByText:
		return w.addText(c, unescape(part))
	case ByNumber:
		return addNumber(c, part)
	case ByQuantity:
		return addQuantity(c, part)
	case ByURI:
		c.Modifier = Modifier(w.modifier)
		c.URIs = append(c.URIs, unescape(part))
	case BySpecial:
		return addPlace(c, part)
	case ByComposite:
		return w.addComposite(c, part)
	}
	return nil
}

func (w *clauseReader) addToken(c *Clause, part string) error {
	switch w.modifier {
	case "text":
		c.Modifier = ByWords
		return addFolded(c, unescape(part))
	case "of-type":
		c.Modifier = OfType
		return addType(c, part)
	case "in", "not-in":
		return w.addSet(c, unescape(part))
	}
	v, err := tokenValue(c.Param, part)
	if err != nil {
		return err
	}
	if w.program.Contact {
		v.Code = index.Contact(v.Code)
	}
	switch w.modifier {
	case "above", "below":
		return w.addHierarchy(c, v)
	case "not":
		c.Modifier = Not
	}
	c.Tokens = append(c.Tokens, v)
	return nil
}

func tokenValue(param, part string) (TokenValue, error) {
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
		return v, mistake(param, "Send code, system|code, |code or system|.")
	}
	return v, nil
}

func addType(c *Clause, part string) error {
	pieces := split(part, '|')
	if len(pieces) != 3 || pieces[0] == "" || pieces[1] == "" || pieces[2] == "" {
		return mistake(c.Param, "With :of-type send system|code|value: the system and code of the identifier's type, and the value of the identifier.")
	}
	c.Types = append(c.Types, TypeValue{unescape(pieces[0]), unescape(pieces[1]), unescape(pieces[2])})
	return nil
}

// addSet reads :in and :not-in: the codes of a value set.
func (w *clauseReader) addSet(c *Clause, url string) error {
	if w.options.Terms == nil {
		return unsupported(c.Param, "Modifiers that need a terminology are not implemented here.")
	}
	if w.modifier == "not-in" {
		c.Modifier = Not
	}
	codes, err := w.options.Terms.Expand(url)
	return w.addCodes(c, codes, err)
}

// addHierarchy reads :above and :below: codes that subsume one, or that it subsumes.
func (w *clauseReader) addHierarchy(c *Clause, v TokenValue) (err error) {
	var codes []Coding
	switch {
	case w.options.Terms == nil:
		return unsupported(c.Param, "Modifiers that need a terminology are not implemented here.")
	case v.AnySystem || v.AnyCode || v.System == "":
		return mistake(c.Param, "With this modifier send system|code.")
	case w.modifier == "above":
		codes, err = w.options.Terms.Above(v.System, v.Code)
	default:
		codes, err = w.options.Terms.Below(v.System, v.Code)
	}
	return w.addCodes(c, codes, err)
}

func (w *clauseReader) addCodes(c *Clause, codes []Coding, err error) error {
	var refused *Error
	switch {
	case errors.As(err, &refused):
		return &Error{Code: refused.Code, Param: c.Param, Text: refused.Text}
	case err != nil:
		return fmt.Errorf("asking the terminology: %w", err)
	case len(codes) > maxTerms:
		return costly(c.Param, "This means more than %d codes. Ask for fewer.", maxTerms)
	}
	if c.codes == nil {
		c.codes = make(map[Coding]bool, len(codes))
	}
	for _, code := range codes {
		c.codes[code] = true
	}
	return nil
}

// addReference reads an id, Type/id, an absolute URL or a canonical; or with :identifier a token.
func (w *clauseReader) addReference(c *Clause, part string) error {
	if w.modifier == string(ByIdentifier) {
		c.Modifier = ByIdentifier
		v, err := tokenValue(c.Param, part)
		c.Tokens = append(c.Tokens, v)
		return err
	}
	part = unescape(part)
	if base := w.options.Base; base != "" {
		part = strings.TrimPrefix(part, base+"/")
	}
	if resource.ValidID(part) {
		c.References = append(c.References, w.byID(part))
		return nil
	}
	target := index.NormalTarget(part)
	if target == "" {
		return mistake(c.Param, "Send Type/id, an absolute URL, or an id.")
	}
	if typ, _, _, ok := resource.Target(target); w.modifier != "" && (!ok || typ != w.modifier) {
		return mistake(c.Param, "The modifier and the value name different types.")
	}
	c.References = append(c.References, ReferenceValue{Target: target})
	return nil
}

// byID is what an id alone means: a record of the type that the modifier names, a patient where the parameter says whom
// a record is about, a record of the one type that the parameter can point to, else one of any type.
func (w *clauseReader) byID(id string) ReferenceValue {
	typ := w.modifier
	targets := strings.Fields(w.program.Targets)
	switch {
	case typ != "":
	case index.AboutPatient(w.program.Name) && w.program.CanTarget("Patient"):
		typ = "Patient"
	case len(targets) == 1 && targets[0] != "*":
		typ = targets[0]
	default:
		return ReferenceValue{ID: id}
	}
	return ReferenceValue{Target: typ + "/" + id}
}

func (w *clauseReader) addText(c *Clause, part string) error {
	c.Modifier = Modifier(w.modifier)
	switch {
	case c.Modifier == Exact:
		c.Texts = append(c.Texts, part)
		return nil
	case w.program.Name == index.Phonetic:
		return addSound(c, part)
	}
	return addFolded(c, part)
}

// addSound reads a word that is compared by its sound.
func addSound(c *Clause, part string) error {
	all := index.Words(index.Fold(part))
	if len(all) != 1 || index.Soundex(all[0]) == "" || c.Modifier != Plain {
		return mistake(c.Param, "Send one word that begins with a letter from a to z, without a modifier.")
	}
	c.Texts = append(c.Texts, index.Soundex(all[0]))
	return nil
}

func addFolded(c *Clause, part string) error {
	folded := index.Fold(part)
	if folded == "" {
		return mistake(c.Param, "Send at least one letter or digit.")
	}
	c.Texts = append(c.Texts, folded)
	return nil
}

// addComposite reads one value for each component, with $ between them (FHIR R4 3.1.1.4.11).
func (w *clauseReader) addComposite(c *Clause, part string) error {
	values := split(part, '$')
	if len(values) != len(w.program.Components) {
		return mistake(c.Param, fmt.Sprintf("Send %d values with $ between them.", len(w.program.Components)))
	}
	var v CompositeValue
	for i, value := range values {
		of := w.program.Components[i].Of
		one := clauseReader{parser: w.parser, program: of}
		clause := Clause{Param: of.Name, Kind: of.Kind}
		if value == "" {
			return mistake(c.Param, "There is an empty value beside a $.")
		}
		if err := one.add(&clause, value); err != nil {
			return err
		}
		v.Parts = append(v.Parts, clause)
	}
	c.Composites = append(c.Composites, v)
	return nil
}
