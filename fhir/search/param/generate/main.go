// Command generate writes the tables of package param from the R4 definitions: for each resource type its search
// parameters, with their expressions in the form that package path compiles. It is a module of its own, so that the
// definitions are no dependency of Cairn.
//
//	cd fhir/search/param/generate && go run .
package main

import (
	"cmp"
	"fmt"
	"log"
	"os"
	"regexp"
	"slices"
	"strings"
)

func main() {
	log.SetFlags(0)
	if err := run(".."); err != nil {
		log.Fatal("generate: ", err)
	}
}

func run(dir string) error {
	d, err := readDefinitions()
	if err != nil {
		return err
	}
	d.params = append(d.params, extras...)
	b := builder{definitions: d, byURL: map[string]searchParameter{}, rows: map[string][]row{}}
	for _, p := range d.params {
		b.byURL[p.URL] = p
	}
	for _, p := range d.params {
		for _, base := range p.Base {
			if err := b.add(p, base); err != nil {
				return fmt.Errorf("%s of %s: %w", p.ID, base, err)
			}
		}
	}
	for typ := range b.rows {
		slices.SortFunc(b.rows[typ], func(x, y row) int { return cmp.Compare(x.name, y.name) })
		b.cover(typ)
		if err := b.checkParts(typ); err != nil {
			return err
		}
	}
	fmt.Printf("%d search parameters, %d rows in %d types\n", len(d.params), b.count(), len(b.rows))
	if err := b.writeCompartments(dir); err != nil {
		return err
	}
	return b.write(dir)
}

// row is one search parameter of one resource type.
type row struct {
	name, kind, id string
	paths          []string
	types          []string // of the elements that the paths end in
	targets        string
	system         string
	cover          []string
	parts          []part
}

type part struct {
	param string
	paths []string
}

type builder struct {
	*definitions
	byURL map[string]searchParameter
	rows  map[string][]row
}

func (b *builder) count() (n int) {
	for _, rows := range b.rows {
		n += len(rows)
	}
	return n
}

const base = "http://hl7.org/fhir/SearchParameter/"

func (b *builder) add(p searchParameter, typ string) error {
	if typ == "DomainResource" {
		typ = "Resource" // _text
	}
	r := row{name: p.Code, kind: p.Type, id: strings.TrimPrefix(p.URL, base)}
	if strings.Contains(p.Expression, "exists()") {
		r.paths = []string{strings.ReplaceAll(strings.ReplaceAll(p.Expression, typ+".", ""), "deceased", "deceased[x]")}
		b.rows[typ] = append(b.rows[typ], r)
		return nil
	}
	all := alternatives(p.Expression, typ)
	if len(all) == 0 && p.Expression != "" {
		return fmt.Errorf("no part of the expression is about this type")
	}
	for _, alternative := range all {
		f, err := b.resolve(typ, alternative, p.Type)
		if err != nil {
			return err
		}
		if alternative == "" {
			f.paths[0] = "$this"
		}
		r.join(f)
		r.addTargets(p.Target, alternative, f.last)
		if slices.Equal(f.types, []string{"code"}) {
			r.system = b.system(f.last)
		}
	}
	if err := b.addParts(&r, p, typ, all); err != nil {
		return err
	}
	b.rows[typ] = append(b.rows[typ], r)
	return nil
}

func (r *row) join(f found) {
	for _, path := range f.paths {
		if !slices.Contains(r.paths, path) {
			r.paths = append(r.paths, path)
		}
	}
	for _, t := range f.types {
		if !slices.Contains(r.types, t) {
			r.types = append(r.types, t)
		}
	}
}

var resolved = regexp.MustCompile(`\.where\(resolve\(\) is (\w+)\)$`)

// addTargets adds the types that references at one alternative may point to: those of the parameter that the element
// may point to, too. "*" is any.
func (r *row) addTargets(targets []string, alternative string, e element) {
	if r.kind != "reference" || r.targets == "*" {
		return
	}
	if m := resolved.FindStringSubmatch(alternative); m != nil {
		targets = m[1:]
	} else if own := e.targets(); len(own) > 0 {
		targets = slices.DeleteFunc(slices.Clone(targets), func(t string) bool { return !slices.Contains(own, t) })
	}
	if len(targets) > 100 || len(targets) == 0 {
		r.targets = "*"
		return
	}
	for _, t := range targets {
		if !slices.Contains(strings.Fields(r.targets), t) {
			r.targets = strings.TrimSpace(r.targets + " " + t)
		}
	}
}

// targets is the resource types that a Reference may point to, none if it may point to any.
func (e *element) targets() (all []string) {
	for _, t := range e.Type {
		for _, profile := range t.TargetProfile {
			typ := strings.TrimPrefix(profile, "http://hl7.org/fhir/StructureDefinition/")
			if typ == "Resource" || t.Code != "Reference" {
				return nil
			}
			all = append(all, typ)
		}
	}
	return all
}

// addParts adds the components of a composite parameter.
func (b *builder) addParts(r *row, p searchParameter, typ string, bases []string) error {
	for i, c := range p.Component {
		definition := c.Definition
		if p.ID == "DocumentReference-relationship" {
			definition = p.Component[1-i].Definition // R4 names the definitions of its two components the wrong way round
		}
		of, ok := b.byURL[definition]
		if !ok {
			return fmt.Errorf("the component %s is not defined", c.Definition)
		}
		one := row{}
		if expression, ok := strings.CutPrefix(c.Expression, "%resource."); ok {
			f, err := b.resolve(typ, expression, of.Type)
			if err != nil {
				return err
			}
			one.paths = append(one.paths, "%resource."+f.paths[0])
		} else if err := b.resolveBelow(&one, typ, bases, c.Expression, of.Type); err != nil {
			return err
		}
		r.parts = append(r.parts, part{of.Code, one.paths})
	}
	return nil
}

// resolveBelow follows the expression of a component from each of the elements that its parameter is about.
func (b *builder) resolveBelow(r *row, typ string, bases []string, expression, kind string) error {
	for _, from := range bases {
		at := typ
		if from != "" {
			f, err := b.resolve(typ, from, "composite")
			if err != nil {
				return err
			}
			at = f.last.Path
			if t := f.types[0]; t != "BackboneElement" {
				at = t
			}
		}
		for _, alternative := range alternatives(expression, "?") {
			f, err := b.resolve(at, alternative, kind)
			if err != nil {
				return err
			}
			r.join(f)
		}
	}
	return nil
}

// checkParts makes sure that every value of a component is also one of the parameter that it names, so that an index
// has to keep it once only.
func (b *builder) checkParts(typ string) error {
	for _, r := range b.rows[typ] {
		for _, p := range r.parts {
			of := slices.IndexFunc(b.rows[typ], func(x row) bool { return x.name == p.param })
			if of < 0 {
				return fmt.Errorf("%s of %s: %s has no component %s", r.name, typ, typ, p.param)
			}
			for _, from := range r.paths {
				for _, path := range p.paths {
					whole := strings.TrimPrefix(from+"."+path, "$this.")
					if rest, ok := strings.CutPrefix(path, "%resource."); ok {
						whole = rest
					}
					if !slices.Contains(b.rows[typ][of].paths, whole) {
						return fmt.Errorf("%s of %s: %s does not hold %s", r.name, typ, p.param, whole)
					}
				}
			}
		}
	}
	return nil
}

// cover finds parameters all of whose values are values of others too, so that what those are found by is enough.
// Parameters of many alternatives and of long paths are given up for others first.
func (b *builder) cover(typ string) {
	rows := b.rows[typ]
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int {
		return cmp.Or(cmp.Compare(len(rows[y].paths), len(rows[x].paths)),
			cmp.Compare(len(strings.Join(rows[y].paths, "")), len(strings.Join(rows[x].paths, ""))), cmp.Compare(rows[y].name, rows[x].name))
	})
	needed := map[string]bool{}
	for _, i := range order {
		if needed[rows[i].name] {
			continue
		}
		rows[i].cover = coverOf(rows, i)
		for _, name := range rows[i].cover {
			needed[name] = true
		}
	}
}

// coverOf is the parameters that cover row i together, nil if there are none.
func coverOf(rows []row, i int) []string {
	if rows[i].kind == "composite" || rows[i].kind == "special" || rows[i].name == "phonetic" || slices.Contains(rows[i].types, "Resource") {
		return nil // what they take depends on more than the path
	}
	var names []string
	for _, path := range rows[i].paths {
		at := slices.IndexFunc(rows, func(r row) bool {
			return r.name != rows[i].name && r.name != "phonetic" && r.kind == rows[i].kind && len(r.cover) == 0 && covers(r, path)
		})
		if at < 0 {
			return nil
		}
		if !slices.Contains(names, rows[at].name) {
			names = append(names, rows[at].name)
		}
	}
	slices.Sort(names)
	return names
}

// covers reports whether all values at a path are values of a row: the path is one of its own, narrowed by where, or
// leads on into a name or an address.
func covers(r row, path string) bool {
	return slices.ContainsFunc(r.paths, func(own string) bool {
		rest, ok := strings.CutPrefix(path, own)
		if !ok || rest == "" || strings.HasPrefix(rest, ".where(") && strings.HasSuffix(rest, ")") {
			return ok
		}
		whole := slices.Contains(r.types, "HumanName") || slices.Contains(r.types, "Address")
		return r.kind == "string" && whole && slices.Contains(nameParts, strings.TrimPrefix(rest, "."))
	})
}

var nameParts = []string{"text", "family", "given", "prefix", "suffix", "line", "city", "district", "state", "country", "postalCode"}

func (b *builder) write(dir string) error {
	types := make([]string, 0, len(b.rows))
	for typ := range b.rows {
		types = append(types, typ)
	}
	slices.Sort(types)
	files := map[string]*strings.Builder{}
	for _, typ := range types {
		file := fileOf(typ)
		if files[file] == nil {
			files[file] = &strings.Builder{}
			fmt.Fprintf(files[file], "%s\npackage param\n", header)
		}
		b.writeType(files[file], typ)
	}
	var list strings.Builder
	fmt.Fprintf(&list, "%s\npackage param\n\nvar byType = [...]table{\n", header)
	writeLines(&list, types, func(typ string) string { return fmt.Sprintf("{%q, %s},", typ, variable(typ)) })
	list.WriteString("}\n")
	files["type_table.go"] = &list
	names, err := b.names(dir + "/name_table.go")
	if err != nil {
		return err
	}
	files["name_table.go"] = names
	for name, text := range files {
		if err := os.WriteFile(dir+"/"+name, []byte(text.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

const header = "// Code generated by generate from the FHIR R4 (4.0.1) definitions. DO NOT EDIT.\n"

func variable(typ string) string { return "of" + typ }

// fileOf spreads the types over files of a few hundred lines.
func fileOf(typ string) string {
	from := "a"
	for _, letter := range []string{"c", "co", "d", "e", "f", "i", "m", "me", "n", "p", "q", "s", "t"} {
		if strings.ToLower(typ) >= letter {
			from = letter
		}
	}
	return from + "_table.go"
}

func (b *builder) writeType(out *strings.Builder, typ string) {
	fmt.Fprintf(out, "\nvar %s = []Param{\n", variable(typ))
	for _, r := range b.rows[typ] {
		fmt.Fprintf(out, "\t{Name: %q, Kind: %s, ID: %q", r.name, kinds[r.kind], r.id)
		field(out, "Path", strings.Join(r.paths, " | "))
		field(out, "Targets", r.targets)
		field(out, "System", r.system)
		if slices.Equal(r.types, []string{"ContactPoint"}) {
			out.WriteString(", Contact: true")
		}
		if r.kind == "reference" && !slices.Contains(r.types, "Reference") && !slices.Contains(r.types, "Resource") {
			out.WriteString(", Canonical: true")
		}
		field(out, "Cover", strings.Join(r.cover, " "))
		writeParts(out, r.parts)
		out.WriteString("},\n")
	}
	out.WriteString("}\n")
}

func writeParts(out *strings.Builder, parts []part) {
	for i, p := range parts {
		if i == 0 {
			out.WriteString(", Parts: []Part{")
		} else {
			out.WriteString(", ")
		}
		fmt.Fprintf(out, "{%q, %q}", p.param, strings.Join(p.paths, " | "))
	}
	if len(parts) > 0 {
		out.WriteString("}")
	}
}

func field(out *strings.Builder, name, value string) {
	if value != "" {
		fmt.Fprintf(out, ", %s: %q", name, value)
	}
}

var kinds = map[string]string{
	"token": "Token", "date": "Date", "reference": "Reference", "string": "Text", "number": "Number", "quantity": "Quantity",
	"uri": "URI", "composite": "Composite", "special": "Special",
}
