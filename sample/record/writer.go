package record

import (
	"cairn/sample/figure"
	"cairn/sample/life"
)

// writer appends JSON in the order in which it is told. Every object and list that was opened is closed by end.
type writer struct {
	out  []byte
	open []byte // the closing bytes of what is open, innermost last
}

// next writes the comma that the next value needs, and its key unless it is an item of a list.
func (w *writer) next(key string) {
	if n := len(w.out); n > 0 && w.out[n-1] != '{' && w.out[n-1] != '[' {
		w.out = append(w.out, ',')
	}
	if key != "" {
		w.out = append(append(append(w.out, '"'), key...), '"', ':')
	}
}

func (w *writer) object(key string) {
	w.next(key)
	w.out, w.open = append(w.out, '{'), append(w.open, '}')
}

func (w *writer) list(key string) {
	w.next(key)
	w.out, w.open = append(w.out, '['), append(w.open, ']')
}

// item opens an object in a list.
func (w *writer) item() {
	w.object("")
}

func (w *writer) end() {
	last := len(w.open) - 1
	w.out, w.open = append(w.out, w.open[last]), w.open[:last]
}

// ends closes the n innermost objects and lists.
func (w *writer) ends(n int) {
	for range n {
		w.end()
	}
}

func (w *writer) text(key, value string) {
	w.next(key)
	w.out = appendText(w.out, value)
}

// words writes a list of texts.
func (w *writer) words(key string, all ...string) {
	w.list(key)
	for _, s := range all {
		w.text("", s)
	}
	w.end()
}

// number writes a fixed-point number.
func (w *writer) number(key string, value, places int) {
	w.next(key)
	w.out = figure.Append(w.out, value, places)
}

func (w *writer) truth(key string, value bool) {
	w.next(key)
	if value {
		w.out = append(w.out, "true"...)
	} else {
		w.out = append(w.out, "false"...)
	}
}

func (w *writer) moment(key string, at life.Moment) {
	w.next(key)
	w.out = append(at.AppendTo(append(w.out, '"')), '"')
}

// appendText writes a JSON string (RFC 8259 7); the value is valid UTF-8.
func appendText(to []byte, value string) []byte {
	const hex = "0123456789abcdef"
	to = append(to, '"')
	plain := 0 // where what is not yet copied begins
	for i := range len(value) {
		b := value[i]
		if b >= 0x20 && b != '"' && b != '\\' {
			continue
		}
		to = append(to, value[plain:i]...)
		to = append(to, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
		plain = i + 1
	}
	return append(append(to, value[plain:]...), '"')
}
