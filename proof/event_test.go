package proof

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"
)

// sampleEvent uses every field, with texts that need every kind of escape.
func sampleEvent() Event {
	return Event{
		ID: "6f1c0f5e-8a45-4d0e-9c6e-0d6f0a7b1c2d", Member: "north", Kind: KindAccessAllowed, Time: 1790000000123,
		Actor:   Actor{ActorStaff, "south", "south/Practitioner/17", "Dr. Ana \"Ani\" Müller\u2028\u200e\u202e\u2066\u0085", "physician", "cardiology\\2"},
		Subject: "Patient/17", Purpose: "TREAT", Action: "search", Allowed: true,
		Rule: "consent.permit", Explanation: "line one\nline two\ttab\b\f\r\x00\x1f\x7f", Grant: "Consent/9",
		Query: "Observation?category=laboratory&_count=10<>",
		Records: []Record{
			{"Observation", "o-1", 1, [32]byte{1, 2, 3}},
			{"Observation", "o-2", 9, [32]byte{0xff, 0xab}},
		},
		Counterpart: "south", Detail: "",
	}
}

func TestEventHasOneEncoding(t *testing.T) {
	for _, e := range []Event{sampleEvent(), {ID: "1", Member: "m", Kind: "admin"}} {
		raw, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(raw) {
			t.Fatalf("not JSON: %s", raw)
		}
		back, err := DecodeEvent(raw)
		if err != nil {
			t.Fatal(err)
		}
		again, err := back.Encode()
		if err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("encodes again as\n%s\nnot\n%s (%v)", again, raw, err)
		}
	}
}

// TestEventTextsSurvive holds our reader against the standard library's.
func TestEventTextsSurvive(t *testing.T) {
	e := sampleEvent()
	raw, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var other struct {
		Explanation string `json:"explanation"`
		Actor       struct {
			Name string `json:"name"`
			Unit string `json:"unit"`
		} `json:"actor"`
	}
	if err := json.Unmarshal(raw, &other); err != nil {
		t.Fatal(err)
	}
	if other.Explanation != e.Explanation || other.Actor.Name != e.Actor.Name || other.Actor.Unit != e.Actor.Unit {
		t.Fatalf("read back as %+v", other)
	}
}

func TestEventRefusesOtherTexts(t *testing.T) {
	e := sampleEvent()
	raw, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	cases := map[string]string{
		"white space":      strings.Replace(text, `,"member"`, `, "member"`, 1),
		"line break after": text + "\n",
		"another case":     strings.Replace(text, `"member"`, `"Member"`, 1),
		"duplicate field":  strings.Replace(text, `,"kind"`, `,"member":"north","kind"`, 1),
		"omitted field":    strings.Replace(text, `,"detail":""`, ``, 1),
		"extra field":      strings.Replace(text, `,"detail":""`, `,"detail":"","x":""`, 1),
		"needless escape":  strings.Replace(text, `TREAT`, `\u0054REAT`, 1),
		"escaped solidus":  strings.Replace(text, `Patient/17`, `Patient\/17`, 1),
		"long escape":      strings.Replace(text, `\n`, `\u000a`, 1),
		"upper escape":     strings.Replace(text, `\u001f`, `\u001F`, 1),
		"upper hash":       strings.Replace(text, `ffab`, `FFAB`, 1),
		"leading zero":     strings.Replace(text, `"version":9`, `"version":09`, 1),
		"negative time":    strings.Replace(text, `"time":1`, `"time":-1`, 1),
		"fraction":         strings.Replace(text, `"version":9`, `"version":9.0`, 1),
		"large integer":    strings.Replace(text, `"version":9`, `"version":9007199254740992`, 1),
		"null":             strings.Replace(text, `"detail":""`, `"detail":null`, 1),
		"invalid UTF-8":    strings.Replace(text, `TREAT`, "TR\xffAT", 1),
		"raw control":      strings.Replace(text, `TREAT`, "TR\x01AT", 1),
		"other format":     strings.Replace(text, `event/v1`, `event/v2`, 1),
		"bad member":       strings.Replace(text, `"member":"north"`, `"member":"North"`, 1),
		"trailing comma":   strings.Replace(text, `],"counterpart"`, `,],"counterpart"`, 1),
		"empty":            "",
		"reordered":        strings.Replace(text, `"rule":"consent.permit","explanation"`, `"explanation":"x","rule"`, 1),
	}
	for name, altered := range cases {
		if altered == text {
			t.Errorf("%s: the case alters nothing", name)
		}
		if _, err := DecodeEvent([]byte(altered)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestEncodeRefusesWhatDecodeWould(t *testing.T) {
	spoil := map[string]func(*Event){
		"id":      func(e *Event) { e.ID = "a b" },
		"no id":   func(e *Event) { e.ID = "" },
		"member":  func(e *Event) { e.Member = "1north" },
		"kind":    func(e *Event) { e.Kind = "Record" },
		"time":    func(e *Event) { e.Time = -1 },
		"late":    func(e *Event) { e.Time = maxMillis + 1 },
		"text":    func(e *Event) { e.Detail = "\xff" },
		"length":  func(e *Event) { e.Detail = strings.Repeat("x", MaxEventText+1) },
		"type":    func(e *Event) { e.Records[0].Type = "observation" },
		"rid":     func(e *Event) { e.Records[0].ID = "" },
		"version": func(e *Event) { e.Records[0].Version = 1 << 53 },
	}
	for name, f := range spoil {
		e := sampleEvent()
		f(&e)
		if _, err := e.Encode(); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
}

func TestLeafAndCommitmentAreWhatTheySay(t *testing.T) {
	salt := [32]byte{7}
	raw := []byte("raw bytes")
	sum := sha256.Sum256(raw)

	mac := hmac.New(sha256.New, salt[:])
	mac.Write([]byte("cairn/leaf/v1\x00\x00\x00\x00\x05admin\x00\x00\x00\x02e1"))
	mac.Write(sum[:])
	if got := Leaf(salt, "admin", "e1", raw); !bytes.Equal(got[:], mac.Sum(nil)) {
		t.Errorf("leaf %x", got)
	}

	mac = hmac.New(sha256.New, salt[:])
	mac.Write([]byte("cairn/record/v1\x00\x00\x00\x00\x07Patient\x00\x00\x00\x01p"))
	mac.Write(binary.BigEndian.AppendUint64(nil, 3))
	mac.Write(sum[:])
	if got := Commitment(salt, "Patient", "p", 3, raw); !bytes.Equal(got[:], mac.Sum(nil)) {
		t.Errorf("commitment %x", got)
	}
}

func FuzzEvent(f *testing.F) {
	e := sampleEvent()
	raw, err := e.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"format":"cairn/event/v1","id":"`))
	f.Fuzz(func(t *testing.T, in []byte) {
		e, err := DecodeEvent(in)
		if err != nil {
			return
		}
		out, err := e.Encode()
		if err != nil || !bytes.Equal(in, out) {
			t.Fatalf("taken but encodes as %q (%v)", out, err)
		}
	})
}
