package er7

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const head = `MSH|^~\&|LAB|NORTH|CAIRN|NORTH|20240131124500+0100||ORU^R01^ORU_R01|4711|P|2.5.1`

func parse(t *testing.T, text string) *Message {
	t.Helper()
	m, err := Parse([]byte(text), ASCII)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestParse(t *testing.T) {
	m := parse(t, head+"||||||UNICODE UTF-8\r\nPID|1||100^^^NORTH^MR~200^^^&1.2.3&ISO^PI||M\u00fcller^Eva\n\nOBX|1|ST|x||a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f\\X0A\\g\\.br\\h\rZXX|local\rOBX|2")
	h := m.Header
	if h.Application != "LAB" || h.Facility != "NORTH" || h.Type != "ORU" || h.Event != "R01" || h.ControlID != "4711" || h.Version != "2.5.1" || h.Enhanced() {
		t.Errorf("header %+v", h)
	}
	pid := m.Find("PID")
	reps := pid.Field(3).Repetitions()
	if len(reps) != 2 {
		t.Fatalf("%d repetitions", len(reps))
	}
	for _, c := range []struct {
		have Value
		want string
		at   string
	}{
		{reps[0].Component(1), "100", "PID-3.1"},
		{reps[1].Component(4).Component(2), "1.2.3", "PID-3[2].4.2"},
		{pid.Field(5).Component(1), "M\u00fcller", "PID-5.1"},
		{pid.Field(5).Component(9), "", "PID-5.9"},
		{pid.Field(30), "", "PID-30"},
		{m.Find("OBX").Field(5), "a|b^c&d~e\\f\ng\nh", "OBX-5"},
		{m.Segments()[4].Field(1), "2", "OBX[2]-1"},
		{m.Find("MSH").Field(10), "4711", "MSH-10"},
		{m.Find("MSH").Field(2), `^~\&`, "MSH-2"},
	} {
		have, err := c.have.Text()
		if c.at == "MSH-2" {
			have, err = c.have.Raw(), nil
		}
		if err != nil || have != c.want || c.have.At().String() != c.at {
			t.Errorf("%s is %q, want %q at %s (%v)", c.have.At(), have, c.want, c.at, err)
		}
	}
	if z := m.Segments()[3]; !z.Local() || z.Name != "ZXX" {
		t.Errorf("segment %+v", z)
	}
}

func TestNull(t *testing.T) {
	m := parse(t, head+"\rPID|1||\"\"| |^^&^|x")
	pid := m.Find("PID")
	for n, want := range map[int][3]bool{2: {true, false, false}, 3: {false, true, false}, 4: {true, false, false}, 5: {true, false, false}, 6: {false, false, true}} {
		if v := pid.Field(n); v.Empty() != want[0] || v.Null() != want[1] || v.Valued() != want[2] {
			t.Errorf("PID-%d: empty %v null %v valued %v", n, v.Empty(), v.Null(), v.Valued())
		}
	}
	if text, err := pid.Field(3).Text(); text != "" || err != nil {
		t.Errorf("null reads %q %v", text, err)
	}
}

// TestStrayEscapes: what looks like an escape sequence and is none stays.
func TestStrayEscapes(t *testing.T) {
	for in, want := range map[string]string{
		`C:\data\x.pdf`:   `C:\data\x.pdf`,
		`\Xray\ of chest`: `\Xray\ of chest`,
		`\H\bold\N\`:      `bold`,
		`\Z01\`:           `\Z01\`,
		`\.sp2\a`:         "\n\na",
		`\.sk3\a`:         "a", // Text trims
		`\.sp9999\a`:      `\.sp9999\a`,
		`\`:               `\`,
		`\\`:              `\\`,
		`\E\\E\`:          `\\`,
		`\X4142\`:         `AB`,
		`a\F`:             `a\F`,
	} {
		m := parse(t, head+"\rNTE|1||"+in)
		if have, err := m.Find("NTE").Field(3).Text(); err != nil || have != strings.TrimSpace(want) && have != want {
			t.Errorf("%q reads %q, want %q (%v)", in, have, want, err)
		}
	}
}

func TestCharsets(t *testing.T) {
	for name, c := range map[string]struct{ header, text, want string }{
		"ascii":                   {"", "abc", "abc"},
		"latin-1":                 {"8859/1", "M\xfcller", "M\u00fcller"},
		"utf-8":                   {"UNICODE UTF-8", "M\u00fcller", "M\u00fcller"},
		"latin-1 hex":             {"8859/1", `M\XFC\ller`, "M\u00fcller"},
		"utf-8 hex":               {"UNICODE UTF-8", `M\XC3BC\ller`, "M\u00fcller"},
		"ascii with more":         {"", "M\xfcller", "!MSH-18"},
		"not utf-8":               {"UNICODE UTF-8", "M\xfcller", "!MSH-18"},
		"utf-8 hex that is none":  {"UNICODE UTF-8", `M\XFC\ller`, "!NTE-3"},
		"unknown":                 {"UNICODE UTF-16", "abc", "!MSH-18"},
		"two":                     {"ASCII~8859/1", "abc", "!MSH-18"},
		"change within":           {"ASCII", `\C2842\abc`, "!NTE-3"},
		"control by hex":          {"ASCII", `\X00\`, "!NTE-3"},
		"control":                 {"ASCII", "a\x00b", "!NTE-3"},
		"a C1 control in latin-1": {"8859/1", "a\x85b", "!NTE-3"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Parse([]byte(head+"||||||"+c.header+"\rNTE|1||"+c.text), 0)
			var have string
			if err == nil {
				have, err = m.Find("NTE").Field(3).Text()
			}
			if place, refused := strings.CutPrefix(c.want, "!"); refused {
				var e *Error
				if !errors.As(err, &e) || e.At.String() != place {
					t.Fatalf("error %v, want one at %s", err, place)
				}
				return
			}
			if err != nil || have != c.want {
				t.Errorf("%q, %v", have, err)
			}
		})
	}
	if m, err := Parse([]byte(head+"\rNTE|1||M\xfcller"), Latin1); err != nil || m.Charset() != Latin1 {
		t.Errorf("the sender's own character set: %v", err)
	}
}

func TestRefused(t *testing.T) {
	long := strings.Repeat("x", MaxField+1)
	for name, c := range map[string]struct {
		text string
		at   string
		code Code
	}{
		"nothing":              {"", "MSH", SegmentSequence},
		"no header":            {"PID|1", "MSH", SegmentSequence},
		"no separators":        {"MSH", "MSH-1", RequiredMissing},
		"few separators":       {"MSH|^~|x", "MSH-2", DataType},
		"equal separators":     {`MSH|^^\&|x`, "MSH-2", DataType},
		"letters":              {`MSHA^~\&A`, "MSH-1", DataType},
		"no control id":        {strings.Replace(head, "4711", "", 1), "MSH-10", RequiredMissing},
		"no type":              {strings.Replace(head, "ORU^R01^ORU_R01", "", 1), "MSH-9", RequiredMissing},
		"a version too old":    {strings.Replace(head, "2.5.1", "2.2", 1), "MSH-12", UnsupportedVer},
		"a version too new":    {strings.Replace(head, "2.5.1", "2.9", 1), "MSH-12", UnsupportedVer},
		"a batch":              {`FHS|^~\&|x`, "FHS", UnsupportedType},
		"a batch inside":       {head + "\rBTS|1", "BTS", SegmentSequence},
		"two messages":         {head + "\r" + head, "MSH[2]", SegmentSequence},
		"a part":               {head + "\rDSC|1", "DSC", SegmentSequence},
		"no segment":           {head + "\rhello|1", "message", SegmentSequence},
		"a long field":         {head + "\rPID|1||" + long, "PID-3", TooLong},
		"many fields":          {head + "\rPID" + strings.Repeat("|", MaxFields+1), "PID", TooLong},
		"many repetitions":     {head + "\rPID|1||" + strings.Repeat("~", MaxRepetitions), "PID-3", TooLong},
		"many segments":        {head + strings.Repeat("\rZZZ", MaxSegments), "message", TooLong},
		"a long message":       {head + "\rOBX|1|TX|||" + strings.Repeat("x", MaxMessage), "message", TooLong},
		"a control id too odd": {strings.Replace(head, "4711", "47\x0111", 1), "MSH-10", DataType},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.text), ASCII)
			var e *Error
			if !errors.As(err, &e) || e.At.String() != c.at || e.Code != c.code {
				t.Errorf("%v, want %d at %s", err, c.code, c.at)
			}
		})
	}
	if _, err := Parse([]byte(head+"\rOBX|1|TX|||"+long), ASCII); err != nil {
		t.Errorf("a long report: %v", err)
	}
}

func TestMoments(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string][3]string{ // date, dateTime, instant
		"2024":                     {"2024", "2024", ""},
		"202402":                   {"2024-02", "2024-02", ""},
		"20240229":                 {"2024-02-29", "2024-02-29", ""},
		"2024022913":               {"2024-02-29", "2024-02-29T13:00:00+01:00", "2024-02-29T13:00:00+01:00"},
		"202407291345":             {"2024-07-29", "2024-07-29T13:45:00+02:00", "2024-07-29T13:45:00+02:00"},
		"20240729134501.1234-0500": {"2024-07-29", "2024-07-29T13:45:01.1234-05:00", "2024-07-29T13:45:01.1234-05:00"},
		"20240729134501+0000":      {"2024-07-29", "2024-07-29T13:45:01Z", "2024-07-29T13:45:01Z"},
	} {
		m, ok := parseMoment(in)
		if have := [3]string{m.Date(), m.DateTime(zone), m.Instant(zone)}; !ok || have != want {
			t.Errorf("%s: %v, want %v", in, have, want)
		}
	}
	for _, in := range []string{"0000", "00000000", "20240230", "20241301", "202407292460", "20240", "2024072913450", "2024-07-29", "yesterday", "20240729134501.", "20240729134501+1500", "20240729.5", "20240729134560"} {
		if m, ok := parseMoment(in); ok {
			t.Errorf("%s reads as %+v", in, m)
		}
	}
	msg := parse(t, head+"\rOBX|1|TM|||0830|2561|083015.5+0100|x")
	for field, want := range map[int]string{5: "08:30:00", 6: "!", 7: "08:30:15.5", 8: "!"} {
		have, err := msg.Find("OBX").Field(field).Clock()
		if want == "!" != (err != nil) || err == nil && have != want {
			t.Errorf("OBX-%d: %q %v", field, have, err)
		}
	}
}

func TestAcknowledge(t *testing.T) {
	now := time.Date(2024, 1, 31, 12, 0, 0, 0, time.UTC)
	errs := []*Error{wrong(Position{Segment: "OBX", Sequence: 3, Field: 5, Repetition: 2, Component: 1}, DataType, "not a number | odd")}
	m := parse(t, head)
	want := "MSH|^~\\&|CAIRN|NORTH|LAB|NORTH|20240131120000+0000||ACK^R01^ACK|a-1|P|2.5.1||||||ASCII\r" +
		"MSA|AE|4711|not a number \\F\\ odd\r" +
		"ERR||OBX^3^5^2^1|102^Data type error^HL70357|E||||not a number \\F\\ odd\r"
	if have := string(Acknowledge(m.Header, Fault, errs, "a-1", now)); have != want {
		t.Errorf("have %q\nwant %q", have, want)
	}
	old := parse(t, strings.Replace(head, "2.5.1", "2.3", 1))
	if have := string(Acknowledge(old.Header, Fault, errs, "a-1", now)); !strings.Contains(have, "\rERR|OBX^3^5^102&Data type error&HL70357\r") {
		t.Errorf("%q", have)
	}
	none := string(Acknowledge(Header{}, Reject, nil, "a-1", now))
	if _, err := Parse([]byte(none), ASCII); err != nil || !strings.Contains(none, "\rMSA|AR\r") {
		t.Errorf("%q: %v", none, err)
	}
}
