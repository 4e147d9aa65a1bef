package er7

import (
	"errors"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzParse: whatever comes in, nothing panics; what is read can be walked
// through; what is not has an *Error; the answer is a message itself.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{head, head + "||||||8859/1\rPID|1||\xfc^^^A&1.2&ISO~b\rOBX|1|ED|x^y||a^b^c^Base64^QUJD|\\X41\\\\.br\\", "MSH|^~\\&#|", "FHS|", "MSH$!?*%$a$b$c$d$e$f$g$h$i$2.3"} {
		f.Add([]byte(seed), uint8(2))
	}
	f.Fuzz(func(t *testing.T, raw []byte, charset uint8) {
		if len(raw) > 4096 {
			return // to keep the walk below short
		}
		h, err := ReadHeader(raw)
		checkError(t, err)
		answer := Acknowledge(h, Fault, []*Error{wrong(Position{Segment: "PID", Field: 3}, TooLong, "x|y")}, "1", time.Unix(0, 0))
		if back, err := ReadHeader(answer); err != nil || back.Type != "ACK" {
			t.Fatalf("the answer %q is no message: %v", answer, err)
		}
		m, err := Parse(raw, Charset(charset%4))
		checkError(t, err)
		if err != nil {
			return
		}
		for _, s := range m.Segments() {
			for n := range 30 {
				walk(t, s.Field(n), 0)
			}
		}
	})
}

func checkError(t *testing.T, err error) {
	var e *Error
	if err != nil && (!errors.As(err, &e) || e.Code < 100 || e.Text == "") {
		t.Fatalf("an error of another kind: %v", err)
	}
}

func walk(t *testing.T, v Value, depth int) {
	text, err := v.Text()
	checkError(t, err)
	if !utf8.ValidString(text) || control(text) >= 0 && !okControl(text) {
		t.Fatalf("text %q", text)
	}
	moment, err := v.Moment()
	checkError(t, err)
	_ = moment.DateTime(time.UTC)
	_, err = v.Clock()
	checkError(t, err)
	if depth == 0 {
		for _, one := range v.Repetitions() {
			walk(t, one, 1)
		}
		return
	}
	if depth < 3 {
		for n := 1; n < 6; n++ {
			walk(t, v.Component(n), depth+1)
		}
	}
}

// okControl tells whether the only control characters are line ends.
func okControl(s string) bool {
	for _, r := range s {
		if r != '\n' && control(string(r)) >= 0 {
			return false
		}
	}
	return true
}
